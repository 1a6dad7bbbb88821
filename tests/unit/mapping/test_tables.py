"""Look-up tables are said once and used by many lines, both ways, and inside expressions."""

from typing import Any

import pytest

from hub.mapping import ExpressionError, MappingError, RecordError, check_mapping, compile_expression
from tests.unit.mapping.orders import fields, kinds

TABLES = {
    "states": "table: states\nentries: {A: draft, B: approving, Z: draft, 1: closed}\n",
    "units": "table: units\ndescription: what we call them\nunknown: pass\nentries: {台: pcs, 箱: box, 1.50: half}\n",
    "loose": 'table: loose\nunknown: null\nentries: {x: 1, "2": yes, true: no, 007: true}\n',
    "counts": "table: counts\nentries: {x: 1, y: 2}\n",
    "money": "table: money\nentries: {PRE001: CNY, PRE007: USD}\n",
}


def table(name: str) -> str:
    if name not in TABLES:
        raise LookupError(name, TABLES)
    return TABLES[name]


def read(line: str, raw: Any) -> Any:
    return fields(line, table=table).read({"id": 1, "v": raw}).entity.get(line.partition(":")[0])


@pytest.mark.parametrize(
    ("line", "raw", "value"),
    [
        ("status: {in: v, lookup: states}", "B", "approving"),
        ("status: {in: v, lookup: states}", 1, "closed"),
        ("status: {in: v, lookup: states, unknown: null}", "?", None),
        ("remark: {in: v, lookup: units}", "台", "pcs"),
        ("remark: {in: v, lookup: units}", "件", "件"),
        ("copies: {in: v, lookup: counts}", "x", 1),
        ("remark: {in: \"lookup(v, 'units')\"}", "箱", "box"),
        ("remark: {in: \"lookup(v, 'units')\"}", "件", "件"),
        ("remark: {in: \"lookup(v, 'units')\"}", None, None),
        ("remark: {in: \"lookup(v, 'loose')\"}", "y", None),
        ("remark: {in: \"lookup(v, 'states', 'none')\"}", "y", "none"),
        ("remark: {in: \"lookup(v, 'states', 'none')\"}", "A", "draft"),
        ("copies: {in: \"lookup(v, 'loose')\"}", "x", 1),
        ("rush: {in: \"lookup(v, 'loose')\"}", "007", True),
        ("remark: {in: \"lookup(v, 'loose')\"}", True, "no"),
        ("remark: {in: \"concat(v, '-', lookup(lower(v), 'loose'))\"}", "X", "X-1"),
        ("total: {in: '`1`', currency: v, currency_lookup: money}", "PRE007", {"amount": "1", "currency": "USD"}),
    ],
)
def test_inward(line: str, raw: Any, value: Any) -> None:
    assert read(line, raw) == value


def test_outward_the_first_word_is_written_as_it_stands() -> None:
    mapping = fields("status: {path: v, lookup: states}\nremark: {path: w, lookup: units}", table=table)
    assert mapping.write({"status": "draft", "remark": "pcs"}, creating=True) == {"v": "A", "w": "台"}
    assert mapping.write({"status": "closed", "remark": "ton"}, creating=True) == {"v": 1, "w": "ton"}
    with pytest.raises(RecordError, match='"confirmed" has no word of the other side in table states; add one'):
        mapping.write({"status": "confirmed"}, creating=True)


def test_a_word_the_table_lacks_is_told_with_the_table() -> None:
    with pytest.raises(RecordError, match='line 5, status: path v: "Q" is not in table states; add it there'):
        read("status: {in: v, lookup: states}", "Q")
    with pytest.raises(RecordError, match="table states has no 'Q'; add it there"):
        read("status: {in: \"lookup(v, 'states')\"}", "Q")
    with pytest.raises(RecordError, match=r"lookup\(\) takes string"):
        read("status: {in: \"lookup(v, 'states')\"}", [1])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("status: {in: v, lookup: state}", "there is no table state; did you mean states?"),
        ("status: {in: v, lookup: [states]}", "should be text"),
        ("status: {in: v, lookup: states, enum: {A: draft}}", "keep one"),
        ("rate: {in: v, lookup: states}", "lookup means nothing for a decimal field"),
        ("remark: {in: \"lookup(v, 'unit')\"}", "there is no table unit; did you mean units?"),
        ("remark: {in: 'lookup(v, w)'}", "lookup() takes a table's name"),
        ("remark: {in: 'lookup(v)'}", "lookup() takes 2 arguments, not 1"),
        ("remark: {out: {path: v, value: \"lookup(remark, 'unit')\"}}", "did you mean units?"),
        ("total: {in: v, currency: c, currency_lookup: mony}", "did you mean money?"),
    ],
)
def test_what_a_line_can_get_wrong(line: str, said: str) -> None:
    with pytest.raises(MappingError) as caught:
        fields(line, table=table)
    told = {(problem.file, problem.line, problem.sentence_en) for problem in caught.value.problems}
    assert any((file, number) == ("orders.yaml", 5) and said in sentence for file, number, sentence in told), told


def test_a_table_that_does_not_fit_the_field_is_told_at_its_own_line() -> None:
    with pytest.raises(MappingError) as caught:
        fields("status: {in: v, lookup: units}", table=table)
    assert {(problem.file, problem.line) for problem in caught.value.problems} == {("tables/units.yaml", 4)}


def test_a_mapping_that_uses_a_table_changes_with_it() -> None:
    line = "status: {in: v, lookup: states}"
    digest = fields(line, table=table).digest
    other = {"states": TABLES["states"].replace("draft", "closed", 1)}
    assert fields(line, table=other.__getitem__).digest != digest
    described = {"states": TABLES["states"] + "description: words\n# and a note\n"}
    assert fields(line, table=described.__getitem__).digest == digest
    in_text = {"states": TABLES["states"].replace("1:", '"1":')}
    assert fields(line, table=in_text.__getitem__).digest != digest
    assert fields("status: v").digest == fields("status: v", table=table).digest


def test_lookup_has_no_tables_outside_a_mapping() -> None:
    with pytest.raises(ExpressionError, match=r"lookup\(\) works in mapping files only"):
        compile_expression("lookup(v, 'units')")
    with pytest.raises(MappingError, match="there is no table units"):
        fields("remark: {in: \"lookup(v, 'units')\"}")


def test_the_round_trip_knows_tables() -> None:
    text = "mapping: t.t\nkind: order\nkey: id\nfields:\n  status: {path: v, lookup: states}\n"
    assert check_mapping(text, kinds=kinds, file="t.yaml", table=table) == []


@pytest.mark.parametrize(
    ("line", "entity", "record"),
    [
        (
            "remark: {out: {FNote: remark, F_HUB_TAG: \"concat('H', order_no)\"}}",
            {"remark": "x"},
            {"FNote": "x", "F_HUB_TAG": "H"},
        ),
        ("remark: {in: n, out: {a.b: upper(remark)}}", {"remark": "x"}, {"a": {"b": "X"}}),
        ("status: {out: {s: status, t: status}, enum: {A: draft}}", {"status": "draft"}, {"s": "A", "t": "A"}),
        ("rate: {out: {r: rate}, as: text}", {"rate": "1.5"}, {"r": "1.5"}),
    ],
)
def test_out_as_paths_with_expressions(line: str, entity: dict[str, Any], record: dict[str, Any]) -> None:
    assert fields(line).write(entity, creating=True) == record


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("remark: {out: {value: remark}}", "missing"),
        ("remark: {out: {}}", "missing"),
        ("remark: {out: {a: remark, value: remark}}", "missing"),
        ("remark: {out: {a: 'b('}}", "expression_text"),
        ("remark: {out: {a: [b]}}", "not_text"),
        ("remark: {out: {'trim(a)': remark}}", "not_path"),
        ("remark: {out: {a: remark, a.b: remark}}", "same_target"),
    ],
)
def test_out_as_paths_that_cannot_be(line: str, rule: str) -> None:
    with pytest.raises(MappingError) as caught:
        fields(line)
    assert rule in {problem.rule for problem in caught.value.problems}
