"""Run every part of the tests by itself and add up: passed, failed, skipped and the seconds of each."""

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
TIMED = "tests/unit/mapping/test_fuzz.py"
PARTS: dict[str, tuple[str, ...]] = {
    "unit": ("tests/unit", "tests/gate"),
    "timed": (TIMED,),
    "contract": ("tests/contract", "connectors"),
    "engine": ("tests/engine", "tests/integration"),
    "migration": ("tests/migration",),
    "simulation": ("tests/simulation",),
    "demo": ("tests/demo",),
    "deploy": ("tests/deploy",),
    "peers": ("tests/peers",),
}
ALONE = ("timed", "migration", "demo", "deploy", "peers")
"""Their tests measure, or start many processes of their own."""
SIDE_BY_SIDE = ("-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadfile", "--no-loadscope-reorder")
"""The tests of one file stay in one process: some of them add up what they counted."""
NO_TESTS = 5
"""pytest's exit code for a folder without tests."""


@dataclass(frozen=True)
class Outcome:
    part: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    broken: bool

    def line(self) -> str:
        counts = f"{self.passed:6} passed {self.failed:4} failed {self.skipped:4} skipped"
        return f"{self.part:12}{counts} {self.seconds:8.1f} s{'   BROKEN' if self.broken else ''}"


def run(part: str, folders: list[str], options: list[str]) -> Outcome:
    print(f"--- {part}: {' '.join(folders)}", flush=True)
    started = time.monotonic()
    with TemporaryDirectory() as place:
        report = Path(place) / "report.xml"
        processes = () if part in ALONE else (*SIDE_BY_SIDE, f"--ignore={TIMED}")
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *processes, *options, *folders]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        passed, failed, skipped = counts(report)
    seconds = time.monotonic() - started
    return Outcome(part, passed, failed, skipped, seconds, broken=code not in (0, NO_TESTS) and not failed)


def counts(report: Path) -> tuple[int, int, int]:
    if not report.exists():
        return 0, 0, 0
    suites = list(ET.parse(report).getroot().iter("testsuite"))
    tests, failures, errors, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    )
    # An error while tearing down comes on top of the test's own result.
    failed = failures + errors
    return max(0, tests - failed - skipped), failed, skipped


def main(options: list[str]) -> int:
    outcomes = []
    for part, folders in PARTS.items():
        there = [place for place in folders if (ROOT / place).exists()]
        if there:
            outcomes.append(run(part, there, options))
    print("\n".join(["", *(outcome.line() for outcome in outcomes)]))
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed or any(outcome.broken for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
