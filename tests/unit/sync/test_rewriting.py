"""A new version of a mapping: the target is owed what it would be told otherwise, and nothing where all is said already."""

from typing import Any

import pytest

from hub.mapping import CompiledMapping
from hub.sync.rewriting import Rewrite, differs_out
from tests.unit.mapping.orders import compiled

HEAD = "mapping: m\nkind: order\nkey: id\nfields:\n"
PLAIN = HEAD + "  order_no: no\n  remark: note\n"
RENAMED = HEAD + "  order_no: no\n  remark: memo\n"
REFS = HEAD + "  order_no: no\n  customer: {ref: customer, by: number, path: cust}\n"
BY_NAME = REFS.replace("by: number", "by: name")
LINES = HEAD + (
    "  lines: {each: rows, key: row_id, fields: {quantity: qty, product: {ref: product, by: number, path: item}}}\n"
)
FIELDS = {"order_no": "N1", "remark": "x"}


def owed(old: str | None, new: str, after: dict[str, Any], known: dict[str, Any], before: Any = None) -> bool:
    was: CompiledMapping | None = compiled(old) if old else None
    return differs_out(was, compiled(new), Rewrite(before or after, after, known))


@pytest.mark.parametrize(
    ("old", "new", "known", "differs"),
    [
        (PLAIN, PLAIN, {"id": "1", "no": "N1", "note": "x"}, False),
        (PLAIN, RENAMED, {"id": "1", "no": "N1", "note": "x"}, True),
        (PLAIN, RENAMED, {"id": "1", "no": "N1", "note": "x", "memo": "x"}, False),  # its record says so already
        (PLAIN, PLAIN, {"id": "1", "no": "another"}, False),  # somebody changed it there: no work of a new version
        (None, PLAIN, {"id": "1", "no": "N1", "note": "x"}, False),
        (None, PLAIN, {"id": "1", "no": "N1"}, True),  # what it was told before is not known
        (PLAIN, RENAMED, {}, True),
    ],
)
def test_values(old: str | None, new: str, known: dict[str, Any], differs: bool) -> None:
    assert owed(old, new, FIELDS, known) is differs


def test_what_the_new_version_reads_otherwise_is_told() -> None:
    known = {"id": "1", "no": "N1", "note": "x"}
    assert owed(PLAIN, PLAIN, {**FIELDS, "remark": "y"}, known, before=FIELDS)


def test_references_are_compared_by_whom_they_mean() -> None:
    """Their names are not looked up: the same entity by the same name is the same."""
    fields = {"order_no": "N1", "customer": 7}
    assert not owed(REFS, REFS, fields, {"id": "1", "no": "N1", "cust": "C7"})
    assert owed(REFS, REFS, {**fields, "customer": 8}, {"id": "1", "no": "N1", "cust": "C7"}, before=fields)
    assert owed(REFS, BY_NAME, fields, {"id": "1", "no": "N1", "cust": "C7"})


def test_lines_are_compared_one_by_one() -> None:
    lines = [{"_id": 1, "quantity": "2", "product": 5}, {"_id": 2, "quantity": "3", "product": 6}]
    known = {"id": "1", "rows": [{"row_id": "1", "qty": "2", "item": "P5"}, {"row_id": "2", "qty": "3", "item": "P6"}]}
    assert not owed(LINES, LINES, {"lines": lines}, known)
    other = [lines[0], {**lines[1], "product": 9}]
    assert owed(LINES, LINES, {"lines": other}, known, before={"lines": lines})
