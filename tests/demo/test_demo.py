"""`hub demo --once --json`: three stories, and one that is killed twice on its way."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.running import demo, kill_hub, ledger, result, wait_for
from tests.support.database import data_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as path:
        yield path


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_ends_agree(folder: Path, seed: int) -> None:
    code, told = result(demo(folder, seed))
    assert [step for step in told["steps"] if not step["ok"]] == []
    assert [check for check in told["checks"] if not check["ok"]] == []
    assert (code, told["agree"], told["seed"]) == (0, True, seed)


def test_killed_in_the_middle_and_started_again(folder: Path) -> None:
    """The hub dies while orders are made; then the demo itself dies with the first payments under way."""
    first = demo(folder, 4)
    wait_for(lambda: _saved(folder, "SAL_SaleOrder") > 0, first)
    kill_hub(folder)
    wait_for(lambda: any(entry["event"] == "written" for entry in ledger(folder, "bank")), first)
    first.send_signal(signal.SIGKILL)
    first.communicate()

    code, told = result(demo(folder, 4))
    assert [step for step in told["steps"] if not step["ok"]] == []
    assert [check for check in told["checks"] if not check["ok"]] == []
    assert (code, told["agree"]) == (0, True)
    marks = Counter(
        entry["data"]["doc"]["fields"]["F_HUB_REF"]
        for entry in ledger(folder, "erp")
        if entry["event"] == "saved" and entry["data"]["by"] == "api" and entry["data"]["created"]
    )
    assert marks and set(marks.values()) == {1}


def _saved(folder: Path, form: str) -> int:
    return sum(entry["event"] == "saved" and entry["data"]["form"] == form for entry in ledger(folder, "erp"))
