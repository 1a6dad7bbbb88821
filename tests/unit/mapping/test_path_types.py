"""A line that takes a path for what the stream says it is not does not compile; nor does a time without a zone."""

from decimal import Decimal
from typing import Any

import pytest

from hub.mapping import MappingError, compile_expression
from hub.mapping.expression import FUNCTIONS
from tests.unit.mapping.orders import compiled, fields

SCHEMA = {
    "id": "text", "t": "text", "e": "enum", "i": "integer", "d": "decimal", "m": "money", "day": "date",
    "at": "instant", "b": "bool", "l": "list", "o": "object", "rows[].q": "decimal", "rows[].n": "text",
    "rows[].parts[].x": "text", "c.no": "text", "f": "float", "*__c": "text",
}  # fmt: skip
HEAD = "mapping: t.t\nkind: order\nkey: id\n"


def rules(text: str, **options: Any) -> set[str]:
    try:
        compiled(text, **options)
    except MappingError as error:
        assert all(problem.sentence_zh and problem.sentence_en for problem in error.problems)
        return {problem.rule for problem in error.problems}
    return set()


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("remark: t", None),
        ("remark: {in: l}", "path_nested"),
        ("remark: {in: o}", "path_nested"),
        ("remark: c", "path_nested"),
        ("remark: rows", "path_nested"),
        ("remark: {out: rows}", "path_nested"),
        ("remark: {out: {c: remark}}", "path_nested"),
        ("remark: {in: 'l[0]'}", None),
        ("remark: {in: 'join(t, l)'}", None),
        ("remark: b", "path_word"),
        ("remark: {path: b, enum: {true: yes, false: no}}", None),
        ("remark: x__c", None),
        ("total: {in: m, currency: e}", None),
        ("total: {in: t, currency: e}", None),
        ("total: {in: b, currency: e}", "path_type"),
        ("total: {in: day, currency: e}", "path_type"),
        ("total: {in: f, currency: e}", "path_float"),
        ("total: {in: rows, currency: e}", "path_nested"),
        ("rate: f", "path_float"),
        ("rate: b", "path_type"),
        ("rush: b", None),
        ("rush: t", None),
        ("rush: i", "path_word"),
        ("rush: {path: i, enum: {1: true, 0: false}}", None),
        ("copies: b", "path_word"),
        ("ordered_at: day", None),
        ("ordered_at: at", None),
        ("ordered_at: i", "path_epoch"),
        ("ordered_at: {path: i, epoch: ms}", None),
        ("ordered_at: {path: i, format: '%Y%m%d'}", None),
        ("ordered_at: m", "path_type"),
        ("changed_at: {out: {path: i}}", "path_epoch"),
        ("changed_at: {out: {path: i, epoch: s}}", None),
        ("status: {in: b, enum: {true: draft}}", None),
        ("status: at", "path_type"),
        ("customer: {ref: customer, by: no, path: at}", "path_type"),
        ("customer: {ref: customer, by: no, path: i}", None),
        ("lines: {each: rows, fields: {quantity: q, note: n}}", None),
        ("lines: {each: l, fields: {}}", None),
        ("lines: {each: c, fields: {}}", "path_no_list"),
        ("lines: {each: t, fields: {}}", "path_no_list"),
        ("lines: {each: 'rows[?q]', fields: {}}", None),
        ("lines: {each: rows, fields: {note: parts}}", "path_nested"),
        ("lines: {each: rows, fields: {price: {in: q, currency: $.c.no}}}", None),
        ("lines: {each: rows, fields: {note: {in: $.c}}}", "path_nested"),
        ("lines: {each: rows, fields: {quantity: n}}", None),
    ],
)
def test_a_line_against_the_stream(line: str, rule: str | None) -> None:
    assert rules(f"{HEAD}fields:\n  {line}\n", schema=SCHEMA) == ({rule} if rule else set())
    assert "path_" not in str(rules(f"{HEAD}fields:\n  {line}\n"))


def test_the_sentence_says_what_to_do() -> None:
    with pytest.raises(MappingError) as caught:
        fields("rush: i", schema=SCHEMA)
    assert str(caught.value) == (
        "orders.yaml:5: fields.rush.path: path i is integer, not bool; say what its words mean with an enum"
    )


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("changed_at: v", True),
        ("changed_at: {in: v}", True),
        ("changed_at: {out: v}", True),
        ("changed_at: {in: 'trim(v)'}", True),
        ("changed_at: {path: v, format: '%Y-%m-%d %H:%M'}", True),
        ("changed_at: {path: v, format: '%Y-%m-%d %H:%M%z'}", False),
        ("changed_at: {path: v, epoch: ms}", False),
        ("changed_at: {path: v, zone: UTC}", False),
        ("changed_at: {const: '2026-01-31T00:00:00Z'}", False),
        ("changed_at: {path: v, epoch: ms, default: '2026-01-31T00:00:00'}", None),
        ("changed_at: {zone: UTC, out: {path: v, format: '%Y-%m-%d'}}", False),
        ("ordered_at: v", False),
        ("ordered_at: {path: v, epoch: ms}", True),
        ("ordered_at: {path: v, format: '%Y-%m-%dT%H%z'}", True),
        ("remark: {out: {path: v, value: changed_at, type: instant}}", True),
        ("remark: {out: {path: v, value: changed_at, type: instant, zone: UTC}}", False),
        ("lines: {each: l, fields: {due: {path: d, epoch: s}}}", True),
    ],
)
def test_a_time_without_a_zone(line: str, refused: bool | None) -> None:
    expected = {"instant"} if refused is None else {"no_zone"} if refused else set()
    assert rules(f"{HEAD}fields:\n  {line}\n", zone="") == expected
    assert rules(f"{HEAD}fields:\n  {line}\n") == expected - {"no_zone"}


def test_a_version_that_is_a_time_needs_a_zone() -> None:
    text = f"{HEAD}version: at\nfields: {{}}\n"
    assert rules(text, schema=SCHEMA, zone="") == {"no_zone"}
    assert rules(text, schema=SCHEMA) == set()
    assert rules(f"{HEAD}version: o\nfields: {{}}\n", schema=SCHEMA) == {"path_nested"}


def test_a_target_keeps_the_lines_zone_and_form_unless_it_says_its_own() -> None:
    entity = {"changed_at": "2026-07-01T08:00:00Z"}
    line = "changed_at: {in: v, zone: Europe/Berlin, format: '%Y-%m-%d %H:%M', out: [a, {path: b, format: '%m%d%H%y'}]}"
    own = line.replace("format: '%m%d%H%y'", "zone: UTC")
    assert fields(line).write(entity, creating=True) == {"a": "2026-07-01 10:00", "b": "07011026"}
    assert fields(own).write(entity, creating=True) == {"a": "2026-07-01 10:00", "b": "2026-07-01 08:00"}


def test_no_function_and_no_literal_gives_a_float() -> None:
    data = {"n": Decimal("1.5"), "list": [1, 2, Decimal("2.5")], "text": "1.5"}
    for text in ("`1.5`", "avg(list)", "sum(list)", "to_number(text)", "to_number('1e3')", "max(list)", "abs(n)"):
        assert not isinstance(compile_expression(text)(data), float), text
    assert {"divide", "round", "number", "multiply"} <= FUNCTIONS.keys()
    for text in ("divide(n, '3')", "round(n, '0')", "number(text)", "multiply(n, n)", "ceil(n)", "floor(n)"):
        assert not isinstance(compile_expression(text)(data), float), text
