"""The drill: every kept seed ends with nothing lost and nothing twice; the same seed has the same history."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hub.cli.drill.faults import FAULTS, Plan
from hub.cli.drill.hold import hold
from hub.cli.drilling import drill
from tests.support.database import fresh_database
from tests.support.results import FULL, write_result

SEEDS = [line.split() for line in (Path(__file__).parent / "seeds.txt").read_text().splitlines() if line[:1].isdigit()]
MORE = [[str(seed), "30", "all"] for seed in range(100, 130)] if FULL else []


def held(template_url: str, folder: Path, plan: Plan, minutes: int) -> dict[str, Any]:
    folder.mkdir()
    with fresh_database(template_url) as url:
        return asyncio.run(hold(url, folder, plan, minutes, None))


@pytest.mark.parametrize(("seed", "minutes", "faults"), SEEDS + MORE)
def test_a_seed_loses_nothing_and_doubles_nothing(
    template_url: str, tmp_path: Path, seed: str, minutes: str, faults: str
) -> None:
    kinds = list(FAULTS) if faults == "all" else faults.split(",")
    report = held(template_url, tmp_path / "drill", Plan(int(seed), kinds), int(minutes))
    counts = {"seed": int(seed), "deaths": report["deaths"], "faults": sum(report["faults"].values())}
    write_result(f"drill-{seed}", {**counts, "ok": report["ok"], "seconds": report["seconds"]})
    assert [(answer["name"], answer["faults"]) for answer in report["checks"] if not answer["ok"]] == []
    assert report["deaths"] > 0 and sum(report["faults"].values()) > 20


def test_the_same_seed_has_the_same_history(template_url: str, tmp_path: Path) -> None:
    one, two = [held(template_url, tmp_path / name, Plan(2, list(FAULTS), quiet_hours=0), 8) for name in ("one", "two")]
    assert one["digest"] == two["digest"]
    history = [Path(report["history"]).read_text(encoding="utf-8").partition('"happened"')[2] for report in (one, two)]
    assert history[0] == history[1] and len(history[0]) > 100


def test_a_fault_nobody_knows_is_told() -> None:
    answer = CliRunner().invoke(drill, ["--faults", "earthquake"])
    assert answer.exit_code == 2 and "earthquake" in answer.output and "timeout-after" in answer.output
