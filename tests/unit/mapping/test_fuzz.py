"""M2: hostile expressions, records and mapping files end in a value or in an error of ours, soon, and reach nothing."""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, Final

import pytest

from hub.mapping import CompiledMapping, ExpressionError, MappingError, compile_expression, compile_mapping
from hub.mapping.samples import sample_entity
from tests.support.bombs import BOMBS, big_records
from tests.support.expressions import FAILED, with_floats
from tests.support.hostile import PYTHON, expression, mutated_file, odd_record, random_file
from tests.support.results import size, write_result
from tests.support.shipped import NAMES, given, text_of
from tests.unit.mapping.orders import kinds

PAIRS: Final = size(100_000, 10_000_000)
FILES: Final = size(4_000, 100_000)
RECORDS: Final = 400
EACH: Final = size(10, 100)
"""Records per expression."""
SECONDS: Final = 0.05
BYTES: Final = 10_000_000
FILE_SECONDS: Final = 0.5
JSON_TYPES: Final = frozenset({str, int, Decimal, bool, type(None), list, dict})


class Watch:
    """Sees every import, opened file, compiled text and started process while it looks."""

    def __init__(self) -> None:
        self.looking = False
        self.seen: list[str] = []
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: Any) -> None:
        if self.looking and not event.startswith(("object.__", "sys._getframe", "gc.", "code.__new__", "builtins.id")):
            self.seen.append(event)

    def run(self, work: Callable[[], Any]) -> Any:
        self.looking = True
        try:
            return work()
        finally:
            self.looking = False


WATCH: Final = Watch()


def only_json(found: Any) -> bool:
    waiting, seen = [found], 0
    while waiting and seen < 1000:
        one = waiting.pop()
        seen += 1
        if type(one) not in JSON_TYPES:
            return False
        waiting.extend(one.values() if type(one) is dict else one if type(one) is list else ())
    return " at 0x" not in found if type(found) is str else True


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """The seconds of processor it takes; an error of ours is an answer."""
    started = time.thread_time()
    try:
        found = work()
    except ExpressionError:
        found = FAILED
    return time.thread_time() - started, found


def slowest(work: Callable[[], Any], tries: int = 3) -> tuple[float, Any]:
    """The same; what seems slow is tried again, for this machine does other things too, and each time some calls deeper:
    Python 3.11 asks for memory at every call that starts on the last bytes of a piece of its stack."""
    seconds, found = timed(work)
    for levels in range(1, tries + 1):
        if seconds <= SECONDS:
            break
        seconds = min(seconds, _deeper(work, 5 * levels)[0])
    return seconds, found


def _deeper(work: Callable[[], Any], levels: int) -> tuple[float, Any]:
    return _deeper(work, levels - 1) if levels else timed(work)


def weighed(work: Callable[[], Any]) -> int:
    """The bytes it needs at most."""
    tracemalloc.start()
    timed(work)
    size = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return size


@pytest.fixture(autouse=True)
def no_collector() -> Any:
    """Collections of the whole process are not the expression's time."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_expressions_and_records() -> None:
    random, counts, worst, wrong = Random(20261123), Counter[str](), 0.0, dict[str, str]()
    records = [odd_record(random) for _ in range(RECORDS)]
    before = repr(records)
    grown_on = [with_floats(one) for one in records]
    compile_expression("date('2026-01-31', '%Y-%m-%d')")(None)  # imports what strptime needs
    while counts["pairs"] < PAIRS:
        text = expression(random, random.choice(grown_on))
        counts["pairs"] += EACH
        counts["expressions"] += 1
        if counts["expressions"] % 2000 == 0:
            gc.collect()
        seconds, run = slowest(partial(compile_expression, text))
        worst = max(worst, seconds)
        if run is FAILED:
            counts["refused"] += EACH
            continue
        for one in random.sample(records, EACH):
            seconds, found = WATCH.run(partial(slowest, partial(run, one)))
            counts["errors" if found is FAILED else "null" if found is None else "found"] += 1
            worst = max(worst, seconds)
            if seconds > SECONDS or not (found is FAILED or only_json(found)):
                wrong[text] = f"{seconds * 1000:.0f} ms"
    told = {**counts, "slowest_ms": round(worst * 1000, 1), "wrong": len(wrong), "reached": sorted(set(WATCH.seen))}
    write_result("M2", told)
    assert wrong == {}
    assert WATCH.seen == []
    assert worst <= SECONDS
    assert repr(records) == before, "a record has been changed"
    assert counts["found"] > PAIRS / 10
    assert counts["refused"] > PAIRS / 20


def test_bombs() -> None:
    records, figures, doubtful = big_records(), list[tuple[float, int, str]](), list[tuple[Any, Any, str]]()
    answers = Counter[str]()
    gc.freeze()
    for text in BOMBS:
        seconds, run = slowest(partial(compile_expression, text))
        name = f"{text[:30]}…{text[-40:]}"
        figures.append((seconds, 0, name))
        for kind, one in records.items() if run is not FAILED else ():
            seconds, found = slowest(partial(run, one))
            answers["errors" if found is FAILED else "found"] += 1
            del found
            # Ten million bytes are not filled in less.
            most = weighed(partial(run, one)) if seconds > 0.0002 else 0
            figures.append((seconds, most, f"{name} on {kind}"))
            if seconds > SECONDS:
                doubtful.append((run, one, figures.pop()[2]))
        gc.collect()
    for run, one, name in doubtful:
        figures.append((slowest(partial(run, one), tries=8)[0], 0, name))
    gc.unfreeze()
    slow = {name: f"{seconds * 1000:.0f} ms" for seconds, _, name in figures if seconds > SECONDS}
    heavy = {name: f"{most / 1e6:.1f} MB" for _, most, name in figures if most > BYTES}
    worst, most = max(figure[0] for figure in figures), max(figure[1] for figure in figures)
    told = {"bombs": len(BOMBS), **answers, "slowest_ms": round(worst * 1000, 1), "most_mb": round(most / 1e6, 1)}
    write_result("M2-bombs", told)
    assert slow == {}
    assert heavy == {}
    assert answers["found"] and answers["errors"]


class Trap:
    """Stands in a record where it never does; whoever asks it for anything by name is caught."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"reached for {name}")


@pytest.mark.parametrize("name", PYTHON)
def test_names_of_python_find_nothing(name: str) -> None:
    for form in (
        "{0}",
        '"{0}"',
        "@.{0}",
        "a.{0}.{0}",
        "[a][*].{0}",
        "values(@)[].{0}",
        "map(&{0}, [a])",
        "{{x: {0}}}.x",
    ):
        found = compile_expression(form.format(name))({"a": Trap()})
        assert found in (None, []) or found == [None], form
    with pytest.raises(ExpressionError):
        compile_expression(f"{name}(@)")


@pytest.mark.parametrize("text", ["&a", "to_string(&a)", "type(&a)", "[&a]", "to_array(&a)", "not_null(&a)", "a || &b"])
def test_an_expression_is_never_a_value(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(text)({"a": 1})


def used(mapping: CompiledMapping, random: Random) -> bool:
    """Whether it could be used on a record with odd values; errors of ours are no."""
    record = {**odd_record(random), **(mapping.tests[0].record if mapping.tests else {"id": 1})}
    if random.random() < 0.5:
        record[random.choice(list(record))] = random.choice((None, "", "x", [], {}, 1, Decimal("1E+99"), [[]], True))
    try:
        entity = mapping.read(record).entity
        mapping.differences(mapping.write(entity, creating=False), mapping.project(record))
        mapping.write(sample_entity(mapping.lines, random), creating=True)
        mapping.digest_of(record)
    except MappingError:
        return False
    return True


def test_mapping_files() -> None:
    random, counts, worst, slow = Random(20261124), Counter[str](), 0.0, dict[str, float]()
    texts = {name: text_of(name) for name in NAMES}
    for _ in range(FILES):
        counts["files"] += 1
        if counts["files"] % 2000 == 0:
            gc.collect()
        if random.random() < 0.7:
            name = random.choice(NAMES)
            text, options = mutated_file(random, texts[name]), given(name)
        else:
            text, options = random_file(random), {"kinds": kinds, "file": "t.yaml"}
        started = time.thread_time()
        try:
            mapping = compile_mapping(text, **options)
        except MappingError as error:
            counts["refused"] += 1
            assert error.problems, text
            assert all(problem.sentence_zh and problem.sentence_en for problem in error.problems)
        else:
            counts["compiled"] += 1
            counts["used" if used(mapping, random) else "record errors"] += 1
        seconds = time.thread_time() - started
        worst = max(worst, seconds)
        if seconds > FILE_SECONDS:
            slow[text] = seconds
    write_result("M2-files", {**counts, "slowest_ms": round(worst * 1000)})
    assert slow == {}
    assert counts["compiled"] > FILES / 20
    assert counts["refused"] > FILES / 20
    assert counts["used"] > FILES / 50
