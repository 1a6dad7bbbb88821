"""A mapping file is checked as a whole: every problem with its line, a sentence and a hint."""

import re
from typing import Any

import pytest

from hub.mapping import MappingError, Match, Problem, RefLine
from tests.unit.mapping.orders import MAPPING, compiled, fields

HEAD = "mapping: t.t\nkind: order\nkey: id\n"


def problems(text: str, **options: Any) -> list[Problem]:
    with pytest.raises(MappingError) as caught:
        compiled(text, **options)
    return list(caught.value.problems)


def found(text: str, **options: Any) -> set[tuple[int, str, str]]:
    return {(problem.line, problem.path, problem.rule) for problem in problems(text, **options)}


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("ordr_no: a", "unknown_field"),
        ("address: a", "object_field"),
        ("address.town: a", "unknown_field"),
        ("custom.x: a", "custom_type"),
        ("custom.x: {path: a, type: list}", "custom_type"),
        ("order_no: 5", "not_text"),
        ("order_no: [a]", "not_text"),
        ("order_no: 'trim(a)'", "not_path"),
        ("order_no: a..b", "expression_text"),
        ("order_no: $.a", "not_path"),
        ("order_no: {in: $.a || b}", "expression_text"),
        ("order_no: {path: a, colour: red}", "unknown_key"),
        ("order_no: {path: a, epoch: ms}", "not_for_type"),
        ("order_no: {path: a, type: decimal}", "type_differs"),
        ("order_no: {path: a, in: b}", "two_sources"),
        ("order_no: {path: a, const: b}", "const_in"),
        ("order_no: {required: yes}", "no_source"),
        ("order_no: {path: a, required: maybe}", "not_flag"),
        ("order_no: {path: a, only: never}", "unknown_word"),
        ("order_no: {in: a, only: create}", "not_for_way"),
        ("order_no: {out: {value: a}}", "missing"),
        ("order_no: {out: {path: a, valu: b}}", "unknown_key"),
        ("order_no: {out: {path: a, value: 'b('}}", "expression_text"),
        ("order_no: {path: a, when: 'nothing(b)'}", "expression_text"),
        ("total: a", "needs_long_form"),
        ("total: {path: a}", "missing"),
        ("total: {path: a, currency: {cnst: CNY}}", "unknown_key"),
        ("total: {path: a, currency: {const: yuan}}", "currency"),
        ("customer: a", "needs_long_form"),
        ("customer: {ref: customer, path: a}", "missing"),
        ("customer: {ref: product, by: number, path: a}", "ref_differs"),
        ("status: {in: a, enum: {A: drft}}", "enum_value"),
        ("status: {in: a, enum: [A]}", "not_mapping"),
        ("status: {in: a, enum: {A: draft}, unknown: skip}", "unknown_word"),
        ("status: {in: a, default: drft}", "enum"),
        ("rush: {in: a, enum: {Y: maybe}}", "bool"),
        ("copies: {const: many}", "integer"),
        ("ordered_at: {path: a, format: '%B %d'}", "format"),
        ("ordered_at: {path: a, format: 'DD.MM.YYYY'}", "format"),
        ("ordered_at: {path: a, zone: Mars/Base}", "zone_name"),
        ("ordered_at: {path: a, format: '%Y-%m-%d', epoch: ms}", "two_forms"),
        ("lines: a", "needs_long_form"),
        ("lines: {each: a}", "list_field"),
        ("lines: {each: a, fields: b}", "not_mapping"),
        ("lines: {each: a, fields: {nte: b}}", "unknown_field"),
        ("lines: {each: a, key: {as: text}, fields: {note: b}}", "missing"),
        ("order_no: a\n  remark: a", "same_target"),
        ("order_no: a\n  remark: a.b", "same_target"),
        ("order_no: a.b\n  lines: {each: a, fields: {note: n}}", "same_target"),
        ("lines: {each: a, key: k, fields: {note: k.n}}", "same_target"),
        ("order_no: a\n  total: {path: t, currency: a.b}", "same_target"),
        ("order_no: a\n  order_no: b", "duplicate"),
        ("order_no: &x a\n  remark: *x", "yaml"),
        ("order_no: {a", "yaml"),
    ],
)
def test_a_wrong_line(line: str, rule: str) -> None:
    all_found = problems(f"{HEAD}fields:\n  {line}\n")
    assert rule in {problem.rule for problem in all_found}
    for problem in all_found:
        assert problem.file == "orders.yaml"
        assert problem.line >= 4
        assert problem.sentence_zh
        assert not re.search(r"\{[a-z_]+\}", problem.sentence_en + problem.sentence_zh)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "not_mapping"),
        ("- a", "not_mapping"),
        ("a: [", "yaml"),
        ("a: \x01", "yaml"),
        ("x: " + "[" * 40 + "]" * 40, "too_large"),
        ("x: " + "[" * 3000 + "]" * 3000, "too_large"),
        ("x: " + "y" * 300_000, "too_large"),
        ("mapping: t\nkind: order\nfields: {}", "missing"),
        (HEAD.replace("order", "ordr") + "fields: {}", "unknown_kind"),
        (HEAD + "fields: {}\nmatch: [[order_no]]", "match_field"),
        (HEAD + "fields: {}\nmatch: order_no", "not_list"),
        (HEAD + "fields: {}\nnames: FBillNo", "not_mapping"),
        (HEAD + "fields: {}\nversions: a", "unknown_key"),
        (HEAD + "fields: {}\ndeleted: 'a ='", "expression_text"),
        (HEAD + "fields: {}\nreference: 'trim(a)'", "not_path"),
        (HEAD + "fields: {}\nconstants: {a: {value: 1, only: often}}", "unknown_word"),
        (HEAD + "fields: {}\nconstants: {a: {}}", "missing"),
        (HEAD + "fields: {order_no: a}\nconstants: {a: 1}", "same_target"),
        (HEAD + "fields: {}\ntests: [{record: {}}]", "missing"),
        (HEAD + "fields: {}\nextends: base", "extends"),
        ("? [a]\n: b\n" + HEAD + "fields: {}", "not_text"),
    ],
)
def test_a_wrong_file(text: str, rule: str) -> None:
    assert rule in {problem.rule for problem in problems(text)}


def test_all_problems_come_at_once_with_lines_and_hints() -> None:
    text = HEAD + "fields:\n  ordr_no: FBillNo\n  remark: FNte\n  lines:\n    each: E\n    fields:\n      note: FQtty\n"
    schema = {"id": "text", "FBillNo": "text", "FNote": "text", "E[].FQty": "decimal"}
    assert found(text, schema=schema) == {
        (5, "fields.ordr_no", "unknown_field"),
        (6, "fields.remark.path", "unknown_path"),
        (10, "fields.lines.fields.note.path", "unknown_path"),
    }
    first, second, third = problems(text, schema=schema)
    assert str(first) == "orders.yaml:5: fields.ordr_no: kind order has no field ordr_no; did you mean order_no?"
    assert "是不是想写 FNote" in second.sentence_zh
    assert "did you mean E[].FQty?" in third.sentence_en


def test_schema_knows_parents_and_open_objects() -> None:
    schema = {"id": "text", "a.b": "text", "free": "object", "l[].q": "decimal", "c": "text"}
    compiled(HEAD + "fields:\n  order_no: a.b\n  remark: free.anything\n", schema=schema)
    compiled(HEAD + "fields:\n  remark: {in: 'l[0].q || a'}\n  lines: {each: l, fields: {quantity: q}}", schema=schema)
    bad = HEAD + "fields:\n  remark: {in: 'concat(a.b, missing)'}\n  lines: {each: l, fields: {note: $.c, quantity: x}}"
    assert {problem.value for problem in problems(bad.replace("note: $.c", "note: {in: $.c}"), schema=schema)} == {
        "missing",
        "l[].x",
    }


def test_what_a_mapping_says_of_itself() -> None:
    mapping = compiled()
    assert (mapping.name, mapping.kind) == ("kingdee.sales_orders", "order")
    assert mapping.match == (Match(("company", "order_no"), weak=False), Match(("customer", "total"), weak=True))
    assert RefLine("lines[].product", "product", "number") in mapping.refs
    assert {"total", "lines", "custom.region", "address.city"} <= mapping.fields_in
    assert "total" not in mapping.fields_out
    assert "payment_status" not in mapping.fields_in


def test_digest_is_of_what_is_said() -> None:
    digest = compiled().digest
    assert compiled("# a note\n" + MAPPING + "tests: []\n").digest == digest
    assert compiled(MAPPING.replace("{Z: draft, A: draft,", "{A: draft, Z: draft,")).digest != digest
    assert len(digest) == 64


def test_words_are_not_yaml_magic() -> None:
    mapping = fields("order_no: {const: 007}\nremark: {const: 12:30}\nstatus: {in: s, enum: {on: draft, NO: closed}}")
    assert mapping.read({"id": 1, "s": "on"}).entity == {"order_no": "007", "remark": "12:30", "status": "draft"}


BASE = """\
mapping: base
kind: order
key: id
names: {number: no}
constants: {type: A, org: B}
fields:
  order_no: no
  remark: note
  lines: {each: l, key: k, fields: {quantity: q, note: n}}
tests:
  - {record: {id: 1}, entity: {remark: never}}
"""
OVER = """\
mapping: over
extends: base
names: {code: c}
constants: {org: null}
fields:
  remark: null
  copies: n
  lines: {fields: {note: null, due: d}}
"""


def test_extends_lays_one_file_over_another() -> None:
    mapping = compiled(OVER, load={"base": BASE}.__getitem__)
    assert mapping.name == "over"
    assert mapping.fields_in == {"order_no", "copies", "lines"}
    assert mapping.name_paths == {"number": "no", "code": "c"}
    assert mapping.tests == ()
    assert mapping.write({}, creating=True) == {"type": "A"}
    entity = mapping.read({"id": 1, "l": [{"k": 1, "q": 1, "n": "x", "d": "2026-01-31"}]}).entity
    assert entity == {"lines": [{"_key": "1", "quantity": "1", "due": "2026-01-31"}]}
    other = compiled(OVER, load={"base": BASE.replace("order_no: no", "order_no: number")}.__getitem__)
    assert other.digest != mapping.digest


def test_a_problem_of_the_base_names_the_base() -> None:
    (problem,) = problems(OVER, load={"base": BASE.replace("order_no", "ordr_no")}.__getitem__)
    assert (problem.file, problem.line) == ("base", 7)


def test_extending_in_a_circle() -> None:
    assert {p.rule for p in problems(OVER, load=lambda name: OVER)} == {"extends_loop"}
    assert {p.rule for p in problems(OVER, load={}.__getitem__)} == {"extends"}
