"""`hub drill --real`: processes that are killed and a database that restarts, judged as the virtual drill is; nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.cli.drill.campaign import ON_HUB, REAL, timetable
from hub.cli.drill.faults import Plan
from tests.simulation.drill_configs import crm_and_erp, two_shops
from tests.support.database import data_folder
from tests.support.results import size, write_result

LONG_ENOUGH = 400


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as path:
        yield path


def start(folder: Path, directory: Path, minutes: float) -> "subprocess.Popen[str]":
    """As a person types it. Its temporary database lives in our folder, so that we know what is left of it."""
    arguments = ["drill", "--real", "--json", "--seed", "3", "--minutes", str(minutes), "--config", str(directory)]
    return subprocess.Popen(
        [sys.executable, "-m", "hub.cli.main", *arguments, "--out", str(folder / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder), "HUB_LANG": "en"},
        text=True,
    )


def left_over(folder: Path) -> list[str]:
    """The processes that still have to do with this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if str(folder).encode() in told and int(process.name) != os.getpid():
            found.append(told.replace(b"\0", b" ").decode(errors="replace")[:200])
    return found


def test_real_processes_are_killed_and_nothing_is_lost(folder: Path) -> None:
    drill = start(folder, two_shops(folder / "configuration", every="20s"), size(7, 300) / 60)
    out, told = drill.communicate(timeout=LONG_ENOUGH)
    assert out, told
    report = json.loads(out)
    assert [(answer["name"], answer["faults"]) for answer in report["checks"] if not answer["ok"]] == []
    assert drill.returncode == 0
    counts = {name: report[name] for name in ("deaths", "intake_deaths", "restarts", "seconds")}
    write_result("drill-real", {**counts, "faults": sum(report["faults"].values()), "ok": report["ok"]})
    assert min(report["deaths"], report["intake_deaths"], report["restarts"]) >= 1
    assert "the seed says which faults come when" in told and "database: hub" in told
    assert left_over(folder) == []


def test_ctrl_c_ends_every_process(folder: Path) -> None:
    drill = start(folder, crm_and_erp(folder / "configuration"), 5)
    assert drill.stderr is not None
    deadline = time.monotonic() + LONG_ENOUGH
    while "users: " not in (line := drill.stderr.readline()):
        assert line and time.monotonic() < deadline
    running = left_over(folder)
    drill.send_signal(signal.SIGINT)
    _, told = drill.communicate(timeout=LONG_ENOUGH)
    assert drill.returncode == 130 and "all processes are ended" in told
    assert len(running) > 5, "the drill, two sandboxes, the hub's two, and a database"
    assert left_over(folder) == []
    assert list(folder.glob("o2c-drill-*")) == []


def test_the_seed_says_which_faults_come_when() -> None:
    one, two = (timetable(Plan(5, REAL), 60, ["left", "right"]) for _ in range(2))
    assert one == two != timetable(Plan(6, REAL), 60, ["left", "right"])
    assert [blow.at for blow in one] == sorted(blow.at for blow in one) and one[-1].at <= 60
    assert {kind: sum(blow.kind == kind for blow in one) for kind in ON_HUB} == dict.fromkeys(ON_HUB, 3)
    assert {blow.kind for blow in timetable(Plan(5, ["kill"]), 5, ["left"])} == {"kill"}
    assert timetable(Plan(5, []), 60, ["left"]) == []
