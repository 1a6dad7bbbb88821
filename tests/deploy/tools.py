"""Programs that judge what is in deploy/: those of the venv before those of the machine; without one the test is skipped."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def program(name: str, how: str) -> str:
    """Where it is; else the test is skipped, with what to do about it."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} on this machine: {how}")
    return found


def module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        pytest.skip(f"there is no {name} in this environment: pip install -e '.[deploy]'")


def judge(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)


def demand(*command: str | Path, cwd: Path = ROOT) -> str:
    """It must find nothing; what it found is what the test says."""
    judged = judge(*command, cwd=cwd)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    return judged.stdout + judged.stderr
