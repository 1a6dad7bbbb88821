"""Which test reaches which line of `hub`, and in how many seconds: a pytest plugin that writes it down once."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

from tests.mutation.reaching import FOLDER, digest


class Recorder:
    """One context per test; what is imported before the first test belongs to none."""

    def __init__(self, name: str) -> None:
        self.path = FOLDER / f"map-{name}-{os.getpid()}.json"
        # SQLAlchemy switches greenlets in the middle of a statement.
        self.coverage = coverage.Coverage(
            data_file=None, config_file=False, include=["hub/*"], concurrency=["thread", "greenlet"]
        )
        self.digests = {str(path): digest(path) for path in Path("hub").rglob("*.py")}
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.failed: set[str] = set()
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] += report.duration
        if not report.passed:
            self.failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self.coverage.stop()
        data = self.coverage.get_data()
        passed = [test for test in self.seconds if test not in self.failed]
        numbers = {test: number for number, test in enumerate(passed)}
        lines = {
            str(Path(file).relative_to(Path.cwd())): {
                str(line): [numbers[test] for test in contexts if test in numbers]
                for line, contexts in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
        seconds = {test: round(self.seconds[test], 2) for test in passed}
        told = {"seconds": seconds, "failed": sorted(self.failed), "digests": self.digests, "lines": lines}
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(told), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    worker: dict[str, str] | None = getattr(config, "workerinput", None)
    if worker is not None:  # the process that hands out the tests runs none itself
        config.pluginmanager.register(Recorder(worker["workerid"]))
