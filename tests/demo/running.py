"""Running the demo as a person does, and doing harm to it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LONG_ENOUGH = 240


def demo(folder: Path, seed: int, **environment: str) -> subprocess.Popen[bytes]:
    arguments = ["demo", "--once", "--json", "--seed", str(seed), "--data-dir", str(folder)]
    command = [sys.executable, "-m", "hub.cli.main", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment})


def result(process: subprocess.Popen[bytes]) -> tuple[int, dict[str, Any]]:
    out, err = process.communicate(timeout=LONG_ENOUGH)
    assert out, err.decode()
    return process.returncode, json.loads(out)


def ledger(folder: Path, vendor: str) -> list[dict[str, Any]]:
    """The ledger's whole lines; the last may be in the making."""
    path = folder / "sandboxes" / f"{vendor}.jsonl"
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith(b"}")]


def wait_for(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LONG_ENOUGH
    while not holds():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_hub(folder: Path) -> None:
    """kill -9 to `hub serve`, the intake and the engine at once."""
    os.killpg(int((folder / "run" / "hub.lock").read_text()), signal.SIGKILL)
