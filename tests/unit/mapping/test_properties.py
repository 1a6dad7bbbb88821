"""Laws on generated data: numbers, times, whole entities, and that nothing but a RecordError comes out."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mapping import MappingError, RecordError
from hub.mapping.paths import take
from hub.mapping.round_trip import two_way
from hub.mapping.samples import sample_entity
from tests.unit.mapping.orders import RECORD, compiled, fields

EIGHTEEN_SIX = st.decimals(min_value=-(10**18), max_value=10**18, places=6, allow_nan=False, allow_infinity=False)
MAPPED = compiled()
RATE = fields("rate: v")
RATE_TEXT = fields("rate: {path: v, as: text}")
CHANGED = fields("changed_at: v")
MONEY = fields("total: {path: v, currency: c}")


@given(EIGHTEEN_SIX)
def test_every_amount_survives(number: Decimal) -> None:
    for mapping in (RATE, RATE_TEXT):
        text = mapping.read({"id": 1, "v": number}).entity["rate"]
        assert Decimal(text) == number
        assert "E" not in text
        assert not ("." in text and text.endswith("0"))
        back = mapping.write({"rate": text}, creating=True)
        assert mapping.read({"id": 1, **back}).entity["rate"] == text
        assert mapping.differences(back, {"v": number}) == {}
        assert mapping.differences(back, {"v": format(number, "f")}) == {}
    total = MONEY.read({"id": 1, "v": number, "c": "CNY"}).entity["total"]
    assert MONEY.write({"total": total}, creating=True) == {"v": Decimal(str(number)), "c": "CNY"}


@given(st.integers(-2_000_000_000_000_000, 7_000_000_000_000_000))
def test_every_instant_survives(microseconds: int) -> None:
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    text = CHANGED.read({"id": 1, "v": moment.isoformat()}).entity["changed_at"]
    assert datetime.fromisoformat(text) == moment
    back = CHANGED.write({"changed_at": text}, creating=True)
    assert CHANGED.read({"id": 1, **back}).entity["changed_at"] == text


@given(st.integers(0, 10**9))
@settings(max_examples=40)
def test_what_is_written_reads_back(seed: int) -> None:
    entity = sample_entity(MAPPED.lines, Random(seed))
    record = {**MAPPED.write(entity, creating=True), "FID": 1}
    back = MAPPED.read(record).entity
    for line in two_way(MAPPED.lines):
        if line.part is None:
            assert take(back, line.names) == take(entity, line.names)
    for one, other in zip(entity["lines"], back["lines"], strict=True):
        assert one == {"note": one["note"], **other}
    assert MAPPED.differences(MAPPED.write(entity, creating=False), record) == {}
    assert MAPPED.overlay({}, record) == record


JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.decimals(),
        st.text(st.characters(), max_size=8),
        st.sampled_from(["", "2026-01-31", "1E+99", "CNY"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)


@given(st.sampled_from(sorted(RECORD)), JUNK)
@settings(max_examples=300)
def test_junk_is_a_reading_or_a_sentence(field: str, junk: Any) -> None:
    record = {**RECORD, field: junk}
    try:
        entity = MAPPED.read(record).entity
        assert MAPPED.read(MAPPED.project(record)).entity == entity
        MAPPED.differences(MAPPED.write(entity, creating=False), record)
    except RecordError as error:
        assert error.sentence_zh
        assert len(error.value) <= 80


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_any_text_is_a_mapping_or_problems(text: str) -> None:
    try:
        compiled("mapping: t\nkind: order\nkey: id\nfields:\n  remark: " + text)
    except MappingError as error:
        assert error.problems
