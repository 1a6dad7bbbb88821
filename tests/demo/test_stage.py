"""The stage: one demo per folder, one story per folder, nobody left behind."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from hub.cli.demo.process import MODULE, hold
from hub.cli.demo.stage import Stage, StageError


def test_one_demo_per_folder(tmp_path: Path) -> None:
    held = hold(tmp_path / "run" / "demo.lock")
    with held, pytest.raises(StageError, match="running"):
        Stage(tmp_path, 1).open()


def test_one_story_per_folder(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text('{"seed": 1, "ports": {}}')
    stage = Stage(tmp_path, 2)
    with pytest.raises(StageError, match="seed 1"):
        stage.open()
    stage.close()


def test_a_lock_names_its_holder_and_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "one.lock"
    with hold(path):
        assert path.read_text().isdecimal()
        assert hold(path) is None
    again = hold(path)
    assert again is not None
    again.close()


def test_a_sandbox_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    """Its stdin is a pipe from the parent: closing it is what the parent's death does."""
    lock, ledger = tmp_path / "wecom.lock", tmp_path / "wecom.jsonl"
    command = [sys.executable, "-m", MODULE, str(lock), "sandbox", "wecom", str(_port()), str(ledger), "{}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        while not ledger.exists():
            assert process.poll() is None
            time.sleep(0.05)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
    free = hold(lock)
    assert free is not None
    free.close()


def _port() -> int:
    from hub.cli.demo.stage import any_free_port

    return any_free_port()
