"""Entity to record: what is set, what is left alone, what is refused."""

from decimal import Decimal
from typing import Any

import pytest

from hub.mapping import RecordError, Ref
from tests.unit.mapping.orders import RECORD, compiled, fields


def write(line: str, entity: dict[str, Any], creating: bool = False, **options: Any) -> dict[str, Any]:
    return fields(line, **options).write(entity, creating=creating)


def test_a_new_record() -> None:
    mapping = compiled()
    entity = mapping.read(RECORD).entity
    entity["payment_status"] = "part_paid"
    record = mapping.write(entity, creating=True, reference="ord-1")
    assert record == {
        "F_HUB_REF": "ord-1",
        "FBillTypeID": {"FNumber": "XSDD01_SYS"},
        "FSource": "hub",
        "FBillNo": "XSDD000123",
        "FSaleOrgId": {"FNumber": "100"},
        "FCustId": {"FNumber": "CUST001"},
        "FSalerId": 77,
        "F_PAID": Decimal("0"),
        "FSettleCurrId": {"FCODE": "CNY"},
        "F_PAY": 1,
        "FDate": "2026-01-31",
        "FChanged": "2026-01-31 10:00:00",
        "FRush": "Y",
        "FCopies": 2,
        "FRate": "1.1",
        "FAddress": {"City": "上海"},
        "F_REGION": "华东",
        "FSaleOrderEntry": [
            {
                "FEntryID": 1,
                "FMaterialId": {"FNumber": "M1"},
                "FQty": Decimal("10.5"),
                "FPrice": Decimal("100"),
                "FPlan": 1769788800000,
            },
            {
                "FEntryID": 2,
                "FMaterialId": {"FNumber": "M2"},
                "FQty": Decimal("3"),
                "FPrice": Decimal("61.5"),
            },
        ],
    }


def test_a_change_clears_what_is_empty_and_leaves_out_what_only_creating_sets() -> None:
    mapping = compiled()
    record = mapping.write({"customer": Ref("customer", "number", "C1"), "remark": None}, creating=False, reference="x")
    assert record == {"FSource": "hub", "FCustId": {"FNumber": "C1"}, "FNote": None}


@pytest.mark.parametrize(
    ("line", "value", "record"),
    [
        ("rate: {path: v, as: text}", "12.50", {"v": "12.5"}),
        ("rate: v", "12.50", {"v": Decimal("12.5")}),
        ("copies: {path: v, as: text}", 3, {"v": "3"}),
        ("order_no: {path: v, as: number}", "12", {"v": 12}),
        ("ordered_at: {path: v, epoch: ms}", "2026-02-01", {"v": 1769875200000}),
        ("ordered_at: {path: v, epoch: s, as: text}", "2026-02-01", {"v": "1769875200"}),
        ("ordered_at: {path: v, format: '%Y/%m/%d'}", "2026-02-01", {"v": "2026/02/01"}),
        ("ordered_at: {path: v, format: '%Y%m%d'}", "0900-02-01", {"v": "09000201"}),
        ("changed_at: {path: v, zone: UTC, format: '%Y-%m-%dT%H:%MZ'}", "0099-01-31T02:00:00Z", {"v": "0099-01-31T02:00Z"}),
        ("changed_at: v", "2026-01-31T02:00:00Z", {"v": "2026-01-31T10:00:00+08:00"}),
        ("changed_at: {path: v, zone: UTC, format: '%Y-%m-%dT%H:%M:%SZ'}", "2026-01-31T02:00:00Z",
         {"v": "2026-01-31T02:00:00Z"}),
        ("status: {path: v, enum: {Z: draft, A: draft}}", "draft", {"v": "Z"}),
        ("status: {path: v, enum: {1: draft}}", "draft", {"v": 1}),
        ("status: {path: v, enum: {'1': draft}}", "draft", {"v": "1"}),
        ("status: {path: v, enum: {true: draft}}", "draft", {"v": True}),
        ("status: {path: v, enum: {A: draft}, unknown: pass}", "closed", {"v": "closed"}),
        ("rush: v", False, {"v": False}),
        ("copies: v", 0, {"v": 0}),
        ("remark: {out: v, const: fixed}", "anything", {"v": "fixed"}),
        ("remark: {out: [v, {path: w.x, value: 'upper(remark)'}]}", "a", {"v": "a", "w": {"x": "A"}}),
        ("remark: {out: {path: v, value: copies, type: integer}}", "a", {}),
        ("remark: {out: v, only: create}", "a", {}),
        ("remark: {out: v, only: change}", "a", {"v": "a"}),
        ("remark: {out: v, when: remark == 'a'}", "a", {"v": "a"}),
        ("remark: {out: v, when: remark == 'b'}", "a", {}),
        ("remark: {out: v, when: order_no}", "a", {}),
        ("remark: {in: v}", "a", {}),
    ],
)  # fmt: skip
def test_a_value(line: str, value: Any, record: dict[str, Any]) -> None:
    assert write(line, {line.partition(":")[0]: value}) == record


def test_money_outward() -> None:
    line = "total: {path: v, currency: c, currency_enum: {PRE001: CNY, RMB: CNY}, as: text}"
    assert write(line, {"total": {"amount": "12.50", "currency": "CNY"}}) == {"v": "12.5", "c": "PRE001"}
    amount = "total: {out: {path: v, value: total.amount}, currency: {const: CNY}}"
    assert write(amount, {"total": {"amount": "1", "currency": "EUR"}}) == {"v": Decimal("1")}


@pytest.mark.parametrize(
    ("line", "entity", "rule"),
    [
        ("total: {path: v, currency: {const: CNY}}", {"total": {"amount": "1", "currency": "USD"}}, "other_currency"),
        ("total: {path: v, currency: {const: CNY}}", {"total": "many"}, "decimal"),
        ("total: {path: v, currency: {const: CNY}}", {"total": {"amount": "1"}}, "currency"),
        ("rate: v", {"rate": 1.5}, "float"),
        ("status: {path: v, enum: {A: draft}}", {"status": "closed"}, "enum_out"),
        ("status: {path: v, enum: {A: draft}}", {"status": {"x": 1}}, "enum_out"),
        ("customer: {ref: customer, by: number, path: v}", {"customer": "0190"}, "ref"),
        ("customer: {ref: customer, by: number, path: v}", {"customer": Ref("company", "number", "1")}, "ref"),
        ("customer: {ref: customer, by: number, path: v}", {"customer": Ref("customer", "key", "1")}, "ref_by"),
        (
            "customer: {ref: customer, by: number, system: erp, path: v}",
            {"customer": Ref("customer", "number", "1")},
            "ref_by",
        ),
        ("customer: {ref: customer, by: number, path: v, required: yes}", {}, "required_out"),
        ("remark: {out: v, required: yes}", {"remark": None}, "required_out"),
        ("remark: {out: {path: v, value: length(remark)}}", {"remark": None}, "expression"),
        ("ordered_at: v", {"ordered_at": "31.01.2026"}, "date"),
        ("changed_at: v", {"changed_at": "2026-01-31T10:00:00"}, "instant"),
        ("rush: v", {"rush": "yes"}, "bool"),
        ("lines: {each: l, required: yes, fields: {note: n}}", {"lines": []}, "required_out"),
        ("lines: {each: l, fields: {note: n}}", {"lines": "x"}, "list"),
    ],
)
def test_what_cannot_be_written(line: str, entity: dict[str, Any], rule: str) -> None:
    with pytest.raises(RecordError) as caught:
        write(line, entity)
    assert caught.value.rule == rule
    assert caught.value.sentence_zh


def test_two_amounts_of_one_document_share_its_currency() -> None:
    lines = "total: {path: t, currency: c}\npaid: {path: p, currency: c}"
    cny, usd = {"amount": "1", "currency": "CNY"}, {"amount": "1", "currency": "USD"}
    assert write(lines, {"total": cny, "paid": cny})["c"] == "CNY"
    with pytest.raises(RecordError) as caught:
        write(lines, {"total": cny, "paid": usd})
    assert caught.value.rule == "other_currency"
    entity = compiled().read(RECORD).entity
    entity["lines"][1]["price"] = usd
    with pytest.raises(RecordError) as inside:
        compiled().write(entity, creating=True)
    assert inside.value.field == "lines[1].price"
    assert inside.value.rule == "other_currency"


def test_a_line_is_created_when_it_has_no_key() -> None:
    mapping = fields("lines: {each: l, key: k, fields: {note: {path: n, only: create}, quantity: q}}")
    entity = {"lines": [{"_key": "7", "note": "a", "quantity": "1"}, {"note": "b", "quantity": "2"}]}
    record = mapping.write(entity, creating=False)
    assert record == {"l": [{"k": "7", "q": Decimal(1)}, {"n": "b", "q": Decimal(2)}]}


def test_fields_out_names_what_an_expression_looks_at() -> None:
    mapping = fields(
        "remark: {out: {path: v, value: 'concat(order_no, custom.region)'}, when: copies}\n"
        "rate: {in: r}\nlines: {each: l, fields: {note: n}}"
    )
    assert mapping.fields_out == {"order_no", "custom.region", "copies", "lines"}
    assert mapping.fields_in == {"rate", "lines"}
