"""What differs, what is laid over, what is kept and hashed."""

import copy
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.mapping.orders import RECORD, compiled, fields


def test_a_record_as_it_stands_needs_nothing() -> None:
    mapping = compiled()
    wanted = mapping.write(mapping.read(RECORD).entity, creating=False)
    known = {**mapping.project(RECORD), "FSource": "hub"}
    assert mapping.differences(wanted, known) == {}


@pytest.mark.parametrize(
    ("line", "wanted", "known", "differs"),
    [
        ("rate: v", Decimal("100.5"), "100.50", False),
        ("rate: v", Decimal("100.5"), Decimal("100.500"), False),
        ("rate: v", Decimal("100.5"), Decimal("100.51"), True),
        ("rate: v", Decimal("100.5"), "n/a", True),
        ("rate: v", Decimal("0"), None, True),
        ("order_no: v", "12", 12, False),
        ("order_no: v", None, "", False),
        ("order_no: v", "", None, False),
        ("order_no: v", None, "x", True),
        ("status: {path: v, enum: {Z: draft, A: draft, B: closed}}", "Z", "A", False),
        ("status: {path: v, enum: {Z: draft, A: draft, B: closed}}", "Z", "B", True),
        ("status: {path: v, enum: {Z: draft}, unknown: null}", None, "odd", True),
        ("ordered_at: v", "2026-01-31", "2026-01-31T00:00:00", False),
        ("ordered_at: {path: v, epoch: ms}", 1769875200000, "1769875200000", False),
        ("changed_at: v", "2026-01-31T10:00:00+08:00", "2026-01-31 10:00:00", False),
        ("rush: v", True, "true", False),
        ("customer: {ref: customer, by: key, path: v, as: number}", 7, "7", False),
    ],
)
def test_values_are_compared_as_what_they_mean(line: str, wanted: Any, known: Any, differs: bool) -> None:
    found = fields(line).differences({"v": wanted}, {"v": known})
    assert found == ({"v": wanted} if differs else {})


def test_a_path_the_vendor_does_not_have_counts_only_with_a_value() -> None:
    mapping = fields("remark: a.b\norder_no: c")
    assert mapping.differences({"a": {"b": None}, "c": "x"}, {}) == {"c": "x"}
    assert mapping.differences({"a": {"b": "y"}}, {"a": None}) == {"a": {"b": "y"}}
    assert mapping.differences({}, {"c": "x"}) == {}


def test_currency_is_compared_too() -> None:
    mapping = fields("total: {path: t, currency: c}")
    assert mapping.differences({"t": 1, "c": "USD"}, {"t": 1, "c": "CNY"}) == {"c": "USD"}


LINES = "lines: {each: l, key: k, fields: {quantity: q, note: {in: n}, due: d}}"


@pytest.mark.parametrize(
    ("wanted", "known", "differs"),
    [
        ([{"k": "1", "q": 1}, {"k": "2", "q": 2}], [{"k": 2, "q": "2.0"}, {"k": 1, "q": "1", "n": "x"}], False),
        ([{"k": "1", "q": 1}], [{"k": 1, "q": 2}], True),
        ([{"k": "1", "q": 1}], [{"k": 1, "q": 1}, {"k": 2, "q": 1}], True),
        ([{"k": "1", "q": 1}, {"q": 1}], [{"k": 1, "q": 1}, {"k": 2, "q": 1}], True),
        ([{"k": "3", "q": 1}], [{"k": 1, "q": 1}], True),
        ([], None, False),
        ([], [{"k": 1}], True),
    ],
)
def test_a_list_differs_as_a_whole(wanted: list[Any], known: Any, differs: bool) -> None:
    found = fields(LINES).differences({"l": wanted}, {"l": known})
    assert found == ({"l": wanted} if differs else {})


def test_lines_without_keys_are_compared_by_position() -> None:
    mapping = fields("lines: {each: l, fields: {quantity: q}}")
    assert mapping.differences({"l": [{"q": 1}, {"q": 2}]}, {"l": [{"q": "1"}, {"q": "2"}]}) == {}
    assert mapping.differences({"l": [{"q": 1}, {"q": 2}]}, {"l": [{"q": "2"}, {"q": "1"}]}) != {}


def test_overlay() -> None:
    mapping = fields(LINES + "\nremark: a.b\norder_no: o")
    known = {"a": {"b": "x", "z": 1}, "l": [{"k": 1, "q": 1, "n": "vendor's"}, {"k": 2, "q": 2}], "o": "1"}
    before = copy.deepcopy(known)
    pushed = {"a": {"b": None}, "l": [{"k": "1", "q": 5}, {"q": 3}]}
    assert mapping.overlay(known, pushed) == {
        "a": {"b": None, "z": 1},
        "l": [{"k": "1", "q": 5, "n": "vendor's"}, {"q": 3}],
        "o": "1",
    }
    assert known == before
    assert mapping.differences(pushed, mapping.overlay(known, pushed)) == {"l": pushed["l"]}


def test_projection_keeps_what_the_mapping_looks_at() -> None:
    mapping = compiled()
    kept = mapping.project(RECORD)
    assert "FUnmapped" not in kept
    assert "FSeq" not in kept["FSaleOrderEntry"][0]
    assert kept["FCancelStatus"] == "A"
    assert mapping.read(kept) == mapping.read(RECORD)
    assert mapping.project(kept) == kept


def test_digest() -> None:
    mapping = compiled()
    digest = mapping.digest_of(RECORD)
    assert mapping.digest_of({**RECORD, "FUnmapped": "y"}) == digest
    assert mapping.digest_of({**RECORD, "FBillAllAmount": Decimal("1234.500")}) == digest
    assert mapping.digest_of(dict(reversed(RECORD.items()))) == digest
    assert mapping.digest_of({**RECORD, "FBillAllAmount": Decimal("1234.51")}) != digest
    assert mapping.digest_of({**RECORD, "FNote": None}) != digest
    assert mapping.digest_of({**RECORD, "FNote": "\ud800", "FCopies": 10**30})
    with pytest.raises(TypeError):
        mapping.digest_of({**RECORD, "FNote": object()})


def test_explain() -> None:
    mapping = compiled()
    assert mapping.explain("lines[2].quantity")["path"] == "FSaleOrderEntry[].FQty"
    assert mapping.explain("lines")["path"] == "FSaleOrderEntry"
    total = mapping.explain("total")
    assert (total["path"], total["file"]) == ("FBillAllAmount", "orders.yaml")
    assert "FSettleCurrId.FCODE" in total["rule"]
    assert mapping.explain("payment_status")["path"] == "F_PAY"
    assert mapping.explain("nothing") == {}
