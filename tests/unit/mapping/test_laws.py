"""M3: the laws of mappings, over those we ship and over generated ones.

pure: reading and writing change nothing they are given and give the same again.
exact: in(out(entity)) == entity on the fields that are written where they are read.
idempotent: what is read of a record, written over it, leaves every two-way field and owes nothing more."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from random import Random
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hub.mapping import CompiledMapping, RecordError, compile_mapping, round_trip
from hub.mapping.lines import Line
from hub.mapping.paths import put, take
from hub.mapping.reader import Step, compile_step
from hub.mapping.round_trip import two_way, with_currency
from hub.mapping.samples import RAWS, fill_record, sample_entity
from hub.mapping.shape import ABSENT, LINE_KEY
from tests.support import shipped
from tests.support.results import size, write_result
from tests.unit.mapping.orders import fields

CASES: Final = size(10_000, 1_000_000)
EACH: Final = size(10, 50)
"""Entities and records per example of hypothesis."""
EXAMPLES: Final = CASES // EACH // 2
COUNTS: Final = Counter[str]()
SETTINGS: Final = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)

SHIPPED: Final = {name: compile_mapping(shipped.text_of(name), **shipped.given(name)) for name in shipped.NAMES}

LINES: Final[dict[str, tuple[str, ...]]] = {
    "order_no": ("no", "a.no", "{in: trim(no), out: no}", "{path: no, only: create}", "{path: no, as: number}"),
    "company": ("{ref: company, by: number, path: org.no}", "{ref: company, by: key, in: 'owners[0]'}"),
    "customer": ("{ref: customer, by: key, path: cust}", "{ref: customer, by: number, path: c.n, system: erp}"),
    "seller": ("{ref: employee, by: key, path: seller, as: number}",),
    "total": (
        "{path: amount, currency: cur}",
        "{path: amount, currency: {const: CNY}, as: text}",
        "{in: amount, out: amount, currency: h.cur, currency_enum: {PRE001: CNY, PRE007: USD}}",
        "{in: amount, currency: cur}",
    ),
    "status": (
        "{path: st, enum: {Z: draft, A: draft, B: approving, 3: confirmed}}",
        "{path: st, enum: {A: draft}, unknown: pass}",
        "{in: \"x == 'B' && 'closed' || st\", out: st, enum: {Z: draft, C: confirmed, closed: closed}}",
        "st",
    ),
    "payment_status": ("{out: pay, enum: {0: unpaid, 1: part_paid, 2: paid}}", "{in: pay, default: unpaid}"),
    "ordered_at": (
        "day",
        "{path: day, epoch: ms}",
        "{path: day, format: '%d/%m/%Y'}",
        "{path: day, epoch: s, as: text}",
    ),
    "changed_at": (
        "at",
        "{path: at, epoch: s}",
        "{path: at, format: '%Y%m%d%H%M%S'}",
        "{path: at, zone: America/New_York}",
    ),
    "rush": ("rush", "{path: rush, enum: {Y: true, N: false}}", "{path: rush, enum: {1: true, 0: false}}"),
    "copies": ("n", "{path: n, as: text}", "{path: n, default: 1}"),
    "rate": ("r", "{path: r, as: text}", "{path: r, clean: yes}", '{in: "to_number(r)", out: r}'),
    "remark": ("note", "{path: note, when: copies}", "{in: upper(note), out: [note, note2]}", "{const: x, out: note}"),
    "address.city": ("adr.city", "{path: '\"@adr\".city'}"),
    "custom.region": ("{path: region, type: text}", "{path: region, type: decimal}", "{path: region, type: bool}"),
    "lines": (
        "{each: rows, key: id, fields: {product: {ref: product, by: number, path: p}, quantity: q, due: {path: d, epoch: ms}}}",
        "{each: e.rows, fields: {note: {in: trim(t), out: t}, price: {path: pr, currency: $.cur}}}",
        "{each: rows, key: {path: id, as: number}, fields: {quantity: {path: q, as: text}, price: {path: pr, currency: c}}}",
    ),
}


@st.composite
def generated(draw: st.DrawFn) -> CompiledMapping:
    chosen = draw(st.lists(st.sampled_from(sorted(LINES)), min_size=1, unique=True))
    return fields("\n".join(f"{name}: {draw(st.sampled_from(LINES[name]))}" for name in chosen))


def exact(mapping: CompiledMapping, steps: list[tuple[Line, Step]], random: Random) -> None:
    entity = sample_entity(mapping.lines, random)
    before = deepcopy(entity)
    for creating in (True, False):
        try:
            record = mapping.write(entity, creating=creating)
        except RecordError:
            COUNTS["not written"] += 1
            return
        assert mapping.write(entity, creating=creating) == record
        assert entity == before
        for line, step in steps:
            if line.only is None or (line.only == "create") is creating:
                back: dict[str, Any] = {}
                step(record, with_currency(line, record), back)
                assert plain(take(back, line.names), line) == plain(take(entity, line.names), line), line.field
                COUNTS["fields kept"] += 1
        assert mapping.differences(record, mapping.overlay({}, record)) == {}
    COUNTS["entities"] += 1


def idempotent(mapping: CompiledMapping, record: dict[str, Any]) -> None:
    before = deepcopy(record)
    try:
        reading = mapping.read(record)
        again = mapping.read(record)
    except RecordError:
        COUNTS["not read"] += 1
        assert record == before
        return
    assert (reading, record) == (again, before)
    if reading.deleted:
        COUNTS["deleted"] += 1
        return
    try:
        pushed = mapping.write(reading.entity, creating=False)
    except RecordError:
        COUNTS["not written"] += 1
        return
    after = mapping.overlay(record, pushed)
    assert record == before
    assert mapping.differences(pushed, after) == {}
    assert mapping.overlay(after, pushed) == after
    back = mapping.read(after).entity
    for line in two_way(mapping.lines):
        assert plain(take(back, line.names), line) == plain(take(reading.entity, line.names), line), line.field
    assert mapping.write(back, creating=False) == pushed
    COUNTS["records"] += 1


def plain(value: Any, line: Line) -> Any:
    """Of a list the fields that are held to the law."""
    if line.part is None or not isinstance(value, list):
        return value
    kept = [inner.names for inner in line.part.lines] + [(LINE_KEY,)]
    return [[take(item, names) for names in kept] for item in value]


def records(mapping: CompiledMapping, random: Random) -> dict[str, Any]:
    """A record of the file's own tests or one we write, some of it changed, now and then filled up with anything."""
    own = [pair.record for pair in mapping.tests if pair.way != "out"]
    if own and random.random() < 0.5:
        record = deepcopy(random.choice(own))
    else:
        try:
            record = mapping.write(sample_entity(mapping.lines, random), creating=True)
        except RecordError:
            record = {}
    for line in random.sample(mapping.lines, min(2, len(mapping.lines))) if random.random() < 0.5 else ():
        if (
            line.part is None
            and line.source is not None
            and line.source.names
            and take(record, line.source.names) is not ABSENT
        ):
            changed = random.choice((None, "", *(raw(random, 0) for raw in RAWS)))
            put(record, line.source.names, changed)
    if random.random() < 0.2:
        fill_record(record, mapping.lines, random, None)
    key = mapping.head.key.names
    if key and take(record, key) is ABSENT:
        put(record, key, "1")
    return record


def hold(mapping: CompiledMapping, seed: int) -> None:
    random, steps = Random(seed), [(line, compile_step(line)) for line in two_way(mapping.lines)]
    for _ in range(EACH):
        exact(mapping, steps, random)
        idempotent(mapping, records(mapping, random))
        COUNTS["cases"] += 1


@SETTINGS
@given(st.sampled_from(sorted(SHIPPED)), st.integers(0, 2**32))
def test_shipped_mappings(name: str, seed: int) -> None:
    hold(SHIPPED[name], seed)


@SETTINGS
@given(generated(), st.integers(0, 2**32))
def test_generated_mappings(mapping: CompiledMapping, seed: int) -> None:
    assert [str(problem) for problem in round_trip(mapping)] == []
    hold(mapping, seed)


def test_the_counts() -> None:
    """Last: what the two before have really tried."""
    write_result("M3", COUNTS)
    assert COUNTS["cases"] >= CASES * 0.95
    assert COUNTS["entities"] > COUNTS["cases"] / 2
    assert COUNTS["records"] > COUNTS["cases"] / 2
    assert COUNTS["fields kept"] > COUNTS["cases"]
