"""The yardstick of the benchmark does what its mapping does, and the whole mapping does what its lines do one by one."""

import copy
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.canon.kinds import Kinds
from hub.mapping import RecordError, Ref, compile_mapping
from hub.mapping.faults import shown
from hub.mapping.reader import compile_step
from hub.mapping.shape import LINE_KEY
from hub.mapping.writer import compile_write
from tests.bench import by_hand, by_hand_out, material

MAPPING = compile_mapping(
    (Path(by_hand.__file__).parent / "order.yaml").read_text("utf-8"), kinds=Kinds().get, file="order.yaml"
)
JUNK: list[Any] = [None, "", [], {}, [[]], {"a": 1}, [1], 0, 1, -1, True, False, 12.5, 10**31, 2**63, Decimal("1.50")]
JUNK += [Decimal("NaN"), Decimal("1E+40"), Decimal("-0.00"), Decimal("1E-25"), "x", " x ", "12.50", "1,2", " 7 ", "1e5"]
JUNK += [
    "2026-01-31",
    "2026/01/31",
    "2026-02-30",
    "2026-01-31T10:00:00+08:00",
    "2026-01-31 10:00",
    "0001-01-01T00:00:00",
]
JUNK += [
    "2026-01-31T10:00:00.5Z",
    "2026-01-31T10:00:00+99:00",
    "20260131",
    "２０２６-01-31",
    "CNY",
    "cny",
    "USD",
    "true",
    "TRUE",
]
JUNK += [
    "SO",
    "order",
    "agreed",
    "confirmed",
    "\0",
    "a\0b",
    "\ud800",
    "中文",
    "  ",
    Ref("customer", "key", "C"),
    ["", None],
]
JUNK += [
    Ref("company", "key", "C"),
    Ref("product", "number", "\0"),
    Ref("company", "number", ""),
    Ref("customer", "key", "C", "erp"),
    {"amount": "1"},
]
JUNK += [{"amount": "1.50", "currency": "USD"}, {"amount": "x", "currency": "CNY"}, {"amount": "2", "currency": "CNY"}]

Outcome = tuple[str, Any]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(where, key) of everything inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield value, key
        yield from places(one)


def spoilt(good: Any, random: Random) -> Any:
    """A copy in which a few things are missing or something else."""
    value = copy.deepcopy(good)
    for _ in range(random.choice((0, 1, 1, 1, 2, 4, 9))):
        where, key = random.choice(list(places(value)))
        if random.random() < 0.2:
            del where[key]
        else:
            where[key] = copy.deepcopy(random.choice(JUNK))
        if not list(places(value)):
            break
    return random.choice(JUNK) if random.random() < 0.01 else value


def outcome(call: Callable[[], Any]) -> Outcome:
    try:
        return "made", repr(call())
    except RecordError as error:
        return "refused", (error.field, error.path, error.value, error.rule)
    except by_hand.Refused as error:
        return "refused", (error.field, error.path, shown(error.value), error.rule)


@given(st.integers(0, 10**9))
@settings(max_examples=1500, deadline=None)
def test_reading_by_hand_is_the_same(seed: int) -> None:
    random = Random(seed)
    record = spoilt(material.order(random.randrange(10**6)), random)
    assert outcome(lambda: MAPPING.read(record)) == outcome(lambda: by_hand.read(record))


@given(st.integers(0, 10**9), st.booleans())
@settings(max_examples=1500, deadline=None)
def test_writing_by_hand_is_the_same(seed: int, creating: bool) -> None:
    random = Random(seed)
    entity = spoilt(MAPPING.read(material.order(random.randrange(10**6))).entity, random)
    if not isinstance(entity, dict):
        return
    assert outcome(lambda: MAPPING.write(entity, creating=creating)) == outcome(
        lambda: by_hand_out.write(entity, creating=creating)
    )


STEPS = [compile_step(line) for line in MAPPING.lines if line.inward]
WRITES = [compile_write(line) for line in sorted(MAPPING.lines, key=lambda line: line.part is not None) if line.outward]


def _told(call: Callable[[], Any]) -> Any:
    try:
        return repr(call())
    except RecordError as error:
        return error.where, error.field, error.path, error.value, error.rule, error.sentence_zh, error.sentence_en


def _read_whole(record: Any) -> Any:
    """Without key, names and version, which no line reads."""
    entity: dict[str, Any] = {}
    for step in MAPPING.steps:
        step(record, record, entity)
    return entity


def _read_by_lines(record: Any) -> Any:
    entity: dict[str, Any] = {}
    for step in STEPS:
        step(record, record, entity)
    return entity


def _write_by_lines(entity: Any, creating: bool) -> Any:
    record: dict[str, Any] = {}
    for write in WRITES:
        write(entity, record, record, creating)
    return record


@given(st.integers(0, 10**9))
@settings(max_examples=500, deadline=None)
def test_the_whole_reads_as_its_lines(seed: int) -> None:
    random = Random(seed)
    record = spoilt(material.order(random.randrange(10**6)), random)
    if isinstance(record, dict):
        assert _told(lambda: _read_whole(record)) == _told(lambda: _read_by_lines(record))


@given(st.integers(0, 10**9), st.booleans())
@settings(max_examples=500, deadline=None)
def test_the_whole_writes_as_its_lines(seed: int, creating: bool) -> None:
    random = Random(seed)
    entity = spoilt(MAPPING.read(material.order(random.randrange(10**6))).entity, random)
    if not isinstance(entity, dict):
        return
    for line in entity["lines"] if isinstance(entity.get("lines"), list) else ():
        if isinstance(line, dict) and random.random() < 0.3:
            line.pop(LINE_KEY, None)
    assert _told(lambda: MAPPING.write(entity, creating=creating)) == _told(lambda: _write_by_lines(entity, creating))
