"""One worker: tries mutants, each in a process forked off when all is imported, collected and connected.

`python -m tests.mutation.trying URL JOBS ANSWERS`: the server to use, the mutants with their tests (JSON), and where the
answers go, a line each."""

import importlib
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings

from tests.mutation.mutants import Mutant
from tests.mutation.planting import Functions, Planted, exchange, functions
from tests.support import results

Verdict = Literal["killed", "late", "survived", "untested"]
AHEAD = (
    "asyncpg",
    "fastapi",
    "httpx",
    "jmespath",
    "lxml.etree",
    "pydantic",
    "sqlalchemy.ext.asyncio",
    "structlog",
    "yaml",
)
"""What a process that imports `hub` itself need not import again."""
PATIENCE, MOST_SECONDS = 2.0, 10.0
"""Late is a test that takes so many times its usual seconds, and that much more."""
MEMORY = 3 * 2**30


@dataclass
class Job:
    mutant: Mutant
    tests: list[str]
    seconds: dict[str, float]
    tried: list[str]  # without success, in an earlier run

    def limit(self, test: str) -> float:
        return MOST_SECONDS + PATIENCE * self.seconds[test]

    def limits(self, tests: Sequence[str]) -> float:
        return MOST_SECONDS + sum(map(self.limit, tests))


@dataclass
class Answer:
    """`by`: the test that noticed, `why`: what it said."""

    verdict: Verdict
    by: str = ""
    why: str = ""


Attempt = Callable[[Mutant | None, Sequence[str]], Answer]


class Ready:
    """The plugin of each session: the server is there already, nothing is kept from one mutant to the next."""

    def __init__(self, url: str) -> None:
        self.url = url

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> object:
        if fixturedef.argname not in ("server_url", "template_url"):
            return None
        fixturedef.cached_result = (self.url, fixturedef.cache_key(request), None)
        return self.url


@dataclass(eq=False)  # pytest keeps its plugins in a set
class Noted:
    """The plugin of a session in a forked process: the first failure is the answer."""

    answer: Answer = field(default_factory=lambda: Answer("survived"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.answer.verdict == "survived":
            self.answer = Answer("killed", report.nodeid, _reason(report))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and self.answer.verdict == "survived":
            self.answer = Answer("killed", report.nodeid, "it cannot be imported")


def _reason(report: pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr)[:300]


def forked(work: Callable[[], Answer], seconds: float) -> Answer:
    """What `work` answers in a process of its own; one that dies or does not come to an end has noticed too."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        _be_child(work, source, sink)
    os.close(sink)
    told = _heard(source, time.monotonic() + seconds)
    os.close(source)
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if told is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM):
        return Answer("late")
    return Answer(**json.loads(told)) if told else Answer("killed", why="the process died")


def _be_child(work: Callable[[], Answer], source: int, sink: int) -> None:
    os.setsid()
    os.close(source)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    try:
        answer = work()
    except Exception as error:  # ours: what a test raises has become its report
        answer = Answer("untested", why=repr(error))
    except BaseException as error:
        answer = Answer("killed", why=repr(error))
    os.write(sink, json.dumps(asdict(answer)).encode())
    os._exit(0)


def _heard(source: int, until: float) -> bytes | None:
    """All that is said until the other side closes; None where that takes too long."""
    told = b""
    while True:
        if not select.select([source], [], [], max(0.0, until - time.monotonic()))[0]:
            return None
        piece = os.read(source, 65536)
        if not piece:
            return told
        told += piece
        if told.endswith(b"}"):
            return told


class Loop:
    """The plugin of the long session: instead of running the tests it tries the mutants on them."""

    def __init__(self, trial: "Trial", jobs: Sequence[Job]) -> None:
        self.trial, self.jobs = trial, jobs

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        self._warm(session)
        known = functions()
        for job in self.jobs:
            self.trial.judge(job, partial(_try, session, items, known, job))
        return True

    def _warm(self, session: pytest.Session) -> None:
        """The databases that tests share are made once for all."""
        seen: set[int] = set()
        for item in session.items:
            shared = cast(pytest.Function, item)._fixtureinfo.name2fixturedefs.get("shared_url")
            if shared and id(shared[-1]) not in seen:
                seen.add(id(shared[-1]))
                runtestprotocol(item, log=False, nextitem=_nothing_after(session))


def _nothing_after(session: pytest.Session) -> pytest.Item:
    """What is the session's own stays set up."""
    return cast(pytest.Item, session)


def _try(
    session: pytest.Session,
    items: Mapping[str, pytest.Item],
    known: Functions,
    job: Job,
    mutant: Mutant | None,
    tests: Sequence[str],
) -> Answer:
    if mutant is not None:
        importlib.import_module(mutant.file.removesuffix(".py").replace("/", "."))
        if not exchange(mutant, known) and not exchange(mutant, functions()):
            raise LookupError(f"{mutant.scope} of {mutant.file} is not in memory")
    noted = Noted()
    chosen = [items[test] for test in tests]
    for item, after in zip(chosen, [*chosen[1:], _nothing_after(session)], strict=True):
        signal.setitimer(signal.ITIMER_REAL, job.limit(item.nodeid))  # nobody listens: it ends the process
        for report in runtestprotocol(item, log=False, nextitem=after):
            noted.pytest_runtest_logreport(report)
        if noted.answer.verdict == "killed":
            break
    return noted.answer


def _try_anew(url: str, mutant: Mutant | None, tests: Sequence[str]) -> Answer:
    if mutant is not None:
        sys.meta_path.insert(0, Planted(mutant))
    noted = Noted()
    code = pytest.main([*OPTIONS, "-x", *tests], plugins=[Ready(url), noted])
    if noted.answer.verdict == "survived" and code != pytest.ExitCode.OK:
        return Answer("killed", why=f"pytest ended with {code}")
    return noted.answer


OPTIONS = (
    "-q",
    "-s",
    "--tb=short",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
)


@dataclass
class Trial:
    """Judges mutants and writes the answers down. `sound`: does this test pass here when nothing is changed?"""

    sink: Path
    sound: dict[str, bool] = field(default_factory=dict)

    def judge(self, job: Job, attempt: Attempt) -> None:
        started = time.monotonic()
        answer = Answer("untested")
        tests = [test for test in job.tests if self.sound.get(test, True)]
        while tests:
            answer = forked(partial(attempt, job.mutant, tests), job.limits(tests))
            if answer.verdict in ("survived", "untested") or self._is_sound(job, answer.by, tests, attempt):
                break
            tests = [test for test in tests if answer.by in job.tests and test != answer.by]
            answer = Answer("untested", why="its tests fail without it, too")
        took = round(time.monotonic() - started, 1)
        told = {**asdict(job.mutant), **asdict(answer), "tried": [*job.tried, *tests], "took": took, "at": time.time()}
        with self.sink.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told, ensure_ascii=False) + "\n")

    def _is_sound(self, job: Job, by: str, tests: Sequence[str], attempt: Attempt) -> bool:
        """The test that noticed (or all of them, where none had a say) must pass when nothing is changed."""
        asked = [by] if by in job.tests else tests
        if by not in self.sound:
            said = forked(partial(attempt, None, asked), job.limits(asked)).verdict == "survived"
            if by not in job.tests:
                return said
            self.sound[by] = said
        return self.sound[by]


def read_jobs(path: Path) -> Iterator[Job]:
    for told in json.loads(path.read_text(encoding="utf-8")):
        mutant = Mutant(**{**told["mutant"], "names": tuple(told["mutant"]["names"])})
        yield Job(mutant, told["tests"], told["seconds"], told["tried"])


def main(url: str, jobs_path: str, answers_path: str) -> None:
    for name in AHEAD:
        importlib.import_module(name)
    settings.register_profile("mutation", database=None, derandomize=True, deadline=None)
    settings.load_profile("mutation")
    jobs, trial = list(read_jobs(Path(jobs_path))), Trial(Path(answers_path))
    with tempfile.TemporaryDirectory() as folder:
        results.FOLDER = Path(folder)  # what a mutant counts is nobody's figure
        inside = [job for job in jobs if job.mutant.inside]
        for job in jobs:
            if not job.mutant.inside:
                trial.judge(job, lambda mutant, tests: _try_anew(url, mutant, tests))
        files = sorted({test.partition("::")[0] for job in inside for test in job.tests})
        pytest.main([*OPTIONS, *files], plugins=[Ready(url), Loop(trial, inside)])


if __name__ == "__main__":
    main(*sys.argv[1:])
