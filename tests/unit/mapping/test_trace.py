"""Traces: every line is tried, and says where it looked, what it found and what became of it."""

import json
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest

from hub.mapping import RecordError
from hub.mapping.trace import FieldTrace, Trace, trace_read, trace_write
from hub.mapping.traced import ready
from hub.mapping.tryout import try_entity, try_record
from tests.unit.mapping.orders import MAPPING, RECORD, compiled, fields

CANON = compiled()


def by_field(trace: Trace) -> dict[str, FieldTrace]:
    return {each.field: each for each in (*trace.heads, *trace.fields)}


def changed(**values: Any) -> dict[str, Any]:
    return {**RECORD, **values}


def test_a_trace_makes_what_reading_makes() -> None:
    reading = CANON.read(RECORD)
    trace = trace_read(CANON, RECORD)
    assert trace.made == reading.entity
    assert not trace.failed
    heads = by_field(trace)
    assert (heads["key"].result, heads["version"].result) == (reading.key, reading.version)
    assert heads["names.number"].result == reading.names["number"]
    assert (heads["where"].result, heads["deleted"].result, trace.concerns, trace.deleted) == (True, False, True, False)
    assert heads["where"].also == {"FBillTypeID.FNumber": "XSDD01_SYS"}


def test_a_trace_makes_what_writing_makes() -> None:
    entity = CANON.read(RECORD).entity
    for creating in (True, False):
        trace = trace_write(CANON, entity, creating, "order-1")
        assert trace.made == CANON.write(entity, creating=creating, reference="order-1")
    lines = by_field(trace)
    assert lines["constants.FBillTypeID.FNumber"].outcome == "skipped"
    assert (lines["reference"].outcome, lines["constants.FSource"].result) == ("skipped", "hub")
    assert [lines[name].line for name in ("reference", "constants.FBillTypeID.FNumber", "constants.FSource")] == [
        5,
        11,
        12,
    ]
    assert lines["lines[0]._key"].path == "FSaleOrderEntry[0].FEntryID"
    assert (lines["customer"].raw, lines["customer"].result) == ("customer:number:CUST001", "CUST001")
    assert lines["payment_status"].outcome == "silent"


def test_each_line_says_where_it_stands_and_what_it_saw() -> None:
    total = by_field(trace_read(CANON, RECORD))["total"]
    number = MAPPING.splitlines().index("  total: {in: FBillAllAmount, currency: FSettleCurrId.FCODE}") + 1
    assert (total.path, total.raw, total.file, total.line) == (
        "FBillAllAmount",
        Decimal("1234.50"),
        "orders.yaml",
        number,
    )
    assert json.loads(total.rule) == {"in": "FBillAllAmount", "currency": "FSettleCurrId.FCODE"}
    assert (total.outcome, total.result) == ("set", {"amount": "1234.5", "currency": "CNY"})
    assert total.also == {"FSettleCurrId.FCODE": "CNY"}


def test_one_bad_value_hides_no_other() -> None:
    rows = [{**RECORD["FSaleOrderEntry"][0], "FQty": "zz"}, 5, {"FQty": 3}]
    trace = trace_read(CANON, changed(FCopies="x", FDate="gestern", FSaleOrderEntry=rows))
    failed = {each.field: each.error.rule for each in trace.failed if each.error}
    assert failed == {
        "copies": "integer",
        "ordered_at": "date",
        "lines[0].quantity": "decimal",
        "lines[1]": "shape",
        "lines[2]._key": "key",
    }
    lines = by_field(trace)
    assert (lines["lines[2].quantity"].result, lines["order_no"].result) == ("3", "XSDD000123")
    error = lines["lines[0].quantity"].error
    assert error is not None
    assert error.sentence_en.startswith("line 35, lines[0].quantity: path FSaleOrderEntry[0].FQty:")
    assert error.sentence_zh.startswith("第 35 行 lines[0].quantity：路径 FSaleOrderEntry[0].FQty")
    with pytest.raises(RecordError) as raised:
        CANON.read(changed(FSaleOrderEntry=rows[:1]))
    assert error.sentence_en == raised.value.sentence_en


def test_one_value_that_cannot_be_written_hides_no_other() -> None:
    entity = CANON.read(RECORD).entity | {"copies": "many", "customer": None}
    entity["lines"] = [*entity["lines"], "no line"]
    trace = trace_write(CANON, entity, creating=False)
    failed = {each.field: each.error.rule for each in trace.failed if each.error}
    assert failed == {"copies": "integer", "customer": "required_out", "lines[2]": "shape"}
    assert by_field(trace)["lines[1].product"].result == "M2"


@pytest.mark.parametrize(
    ("line", "record", "outcome", "result"),
    [
        ("remark: note", {}, "silent", None),
        ("remark: note", {"note": ""}, "empty", None),
        ("remark: {path: note, default: none}", {}, "set", "none"),
        ("remark: {in: note, when: \"kind == 'x'\"}", {"note": "a", "kind": "y"}, "skipped", None),
        ("remark: {in: note, when: \"kind == 'x'\"}", {"note": "a", "kind": "x"}, "set", "a"),
        ("remark: {const: fixed}", {}, "set", "fixed"),
        ("remark: {in: upper(note)}", {"note": {}}, "failed", None),
        ("address.city: city", {"city": "上海"}, "set", "上海"),
        ("lines: {each: rows, fields: {note: n}}", {"rows": "none"}, "failed", None),
        ("lines: {each: rows, fields: {note: n}}", {}, "silent", None),
    ],
)
def test_what_a_line_did(line: str, record: dict[str, Any], outcome: str, result: Any) -> None:
    told = by_field(trace_read(fields(line), {"id": 1, **record}))[line.partition(":")[0]]
    assert (told.outcome, told.result) == (outcome, result)


def test_heads_fail_for_themselves() -> None:
    trace = trace_read(CANON, changed(FID=None, FModifyDate={}))
    assert {each.field for each in trace.failed} == {"key", "version"}
    assert by_field(trace)["order_no"].result == "XSDD000123"
    assert [each.field for each in trace_read(CANON, []).failed] == ["key"]  # type: ignore[arg-type]


def test_of_a_deleted_record_only_who_it_is() -> None:
    trace = trace_read(CANON, changed(FCancelStatus="B"))
    assert (trace.deleted, trace.fields, trace.made) == (True, (), {})
    assert not trace_read(CANON, changed(FBillTypeID={"FNumber": "other"})).concerns


def test_a_trace_is_ready_for_json_and_short() -> None:
    long = changed(FNote="x" * 5000, FSaleOrderEntry=[{"FEntryID": 1, "FMaterialId": {"FNumber": "M"}}])
    trace = trace_read(CANON, long)
    told = json.dumps([asdict(each) for each in (*trace.heads, *trace.fields)], default=str)
    assert len(told) < 20_000
    assert trace.made["remark"] == "x" * 5000
    deep: Any = {}
    for _ in range(50):
        deep = {"a": [deep] * 30}
    assert len(json.dumps(ready(deep))) < 100_000


def test_trying_both_ways_shows_what_would_be_sent() -> None:
    tried = try_record(CANON, RECORD, "both")
    assert tried.writing is not None
    assert (tried.creating, tried.sends) == (False, {"FSource": "hub"})
    entity = CANON.read(RECORD).entity
    tried = try_entity(CANON, entity | {"remark": "neu"}, RECORD, "both")
    assert tried.reading is not None
    assert tried.sends == {"FSource": "hub", "FNote": "neu"}
    assert try_entity(CANON, entity).creating
    assert try_entity(CANON, entity | {"copies": "x"}, RECORD).sends is None
