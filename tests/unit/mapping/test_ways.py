"""The checker says of every line which way it works, and why not both."""

import pytest

from hub.mapping.ways import Way, ways
from tests.unit.mapping.orders import compiled, fields


def of(line: str) -> Way:
    return ways(fields(line))[-1]


@pytest.mark.parametrize(
    ("line", "way", "word"),
    [
        ("remark: a", "both", ""),
        ("remark: {path: a, default: x, required: yes}", "both", ""),
        ("remark: {in: a, out: a}", "both", ""),
        ("remark: {in: a, out: b}", "both", "two rules"),
        ("remark: {in: a, out: {path: a, value: upper(remark)}}", "both", "two rules"),
        ("remark: {in: a, out: [a, b]}", "both", "two rules"),
        ("remark: {path: a, when: order_no}", "both", "while when holds"),
        ("remark: {path: a, only: create}", "both", "when creating"),
        ("remark: {path: a, only: change}", "both", "when changing"),
        ("status: {path: a, enum: {A: draft, B: closed}}", "both", ""),
        ("status: {path: a, enum: {A: draft, Z: draft}}", "both", "the first is written"),
        ("lines: {each: l, fields: {price: {path: p, currency: $.c}}}", "both", "the document's"),
        ("remark: {in: a}", "in", "says in only"),
        ("remark: {in: trim(a)}", "in", "no inverse"),
        ("remark: {const: a}", "in", "a constant of ours"),
        ("lines: {each: l, fields: {note: {in: $.a}}}", "in", "whole record"),
        ("lines: {each: 'l[?x]', fields: {note: n}}", "in", "the list is read by an expression"),
        ("remark: {out: a}", "out", "says out only"),
        ("remark: {out: {a: upper(remark)}}", "out", "an expression computes"),
        ("remark: {out: a, const: x}", "out", "writes a constant"),
        ("remark: {out: a, only: create}", "out", "when creating"),
    ],
)
def test_a_line(line: str, way: str, word: str) -> None:
    found = of(line)
    assert (found.way, found.file, found.line) == (way, "orders.yaml", 5)
    assert word in found.en
    assert bool(found.zh) == bool(found.en) == bool(word)


def test_a_whole_mapping() -> None:
    found = {way.field: way for way in ways(compiled())}
    assert {field: way.way for field, way in found.items() if way.way != "both"} == {
        "total": "in",
        "status": "in",
        "payment_status": "out",
        "lines[].note": "in",
    }
    assert found["lines[].quantity"].line == 35
    assert [way.field for way in ways(fields("lines: {each: l, fields: {note: {in: n}}}"))] == ["lines", "lines[].note"]
    assert of("lines: {each: l, fields: {note: {in: n}}}").way == "in"
    assert ways(fields("lines: {each: l, fields: {note: {in: n}}}"))[0].en == "every line inside the list is read only"
