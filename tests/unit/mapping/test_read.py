"""Record to entity: types, absence, references, lists, and the sentences of what is wrong."""

import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest

from hub.mapping import MappingError, Reading, RecordError, Ref
from tests.unit.mapping.orders import RECORD, compiled, fields

MONEY = "total: {in: v, currency: {const: CNY}}"


def read(line: str, record: dict[str, Any], **options: Any) -> dict[str, Any]:
    return fields(line, **options).read({"id": "1", **record}).entity


def refusal(line: str, record: dict[str, Any], **options: Any) -> RecordError:
    with pytest.raises(RecordError) as caught:
        read(line, record, **options)
    return caught.value


def test_a_whole_record() -> None:
    before = copy.deepcopy(RECORD)
    reading = compiled().read(RECORD)
    assert before == RECORD
    assert reading == Reading(
        key="100012",
        version="2026-01-31T02:00:00.500000Z",
        names={"number": "XSDD000123"},
        reference=None,
        deleted=False,
        entity={
            "order_no": "XSDD000123",
            "company": Ref("company", "number", "100"),
            "customer": Ref("customer", "number", "CUST001"),
            "seller": Ref("employee", "key", "77"),
            "total": {"amount": "1234.5", "currency": "CNY"},
            "paid": {"amount": "0", "currency": "CNY"},
            "status": "confirmed",
            "ordered_at": "2026-01-31",
            "changed_at": "2026-01-31T02:00:00Z",
            "rush": True,
            "copies": 2,
            "rate": "1.1",
            "remark": None,
            "address": {"city": "上海"},
            "custom": {"region": "华东"},
            "lines": [
                {
                    "_key": "1",
                    "product": Ref("product", "number", "M1"),
                    "quantity": "10.5",
                    "price": {"amount": "100", "currency": "CNY"},
                    "due": "2026-01-31",
                    "note": "急",
                },
                {
                    "_key": "2",
                    "product": Ref("product", "number", "M2"),
                    "quantity": "3",
                    "price": {"amount": "61.5", "currency": "CNY"},
                    "due": None,
                },
            ],
        },
    )


@pytest.mark.parametrize(
    ("line", "raw", "value"),
    [
        ("order_no: v", "x", "x"),
        ("order_no: v", 12, "12"),
        ("order_no: v", Decimal("1.50"), "1.5"),
        ("copies: v", "12", 12),
        ("copies: v", Decimal("12.0"), 12),
        ("rate: v", Decimal("1E+3"), "1000"),
        ("rate: v", "-0.00", "0"),
        ("rate: v", " 1.2345678E7 ", "12345678"),
        ("rate: v", ".5", "0.5"),
        ("rate: v", Decimal("-123456789012345678.123456"), "-123456789012345678.123456"),
        ("rate: {path: v, clean: yes}", "¥1,234.50 元", "1234.5"),
        ("rush: v", True, True),
        ("rush: v", "FALSE", False),
        ("rush: {in: v, enum: {1: true, 0: false}}", "1", True),
        ("rush: {in: v, enum: {1: true, 0: false}}", 0, False),
        ("status: v", "draft", "draft"),
        ("status: {in: v, enum: {NO: draft, yes: closed}}", "NO", "draft"),
        ("status: {in: v, enum: {true: draft, false: closed}}", False, "closed"),
        ("status: {in: v, enum: {A: draft}, unknown: null}", "?", None),
        ("status: {in: v, enum: {A: draft}, unknown: pass}", "closed", "closed"),
        ("status: {in: v, enum: {A: draft}, default: closed}", "", "closed"),
        ("ordered_at: v", "2026-01-31", "2026-01-31"),
        ("ordered_at: v", "2026/01/31", "2026-01-31"),
        ("ordered_at: v", "2026-01-31T23:59:59", "2026-01-31"),
        ("ordered_at: v", "2026-01-31T20:00:00Z", "2026-02-01"),
        ("ordered_at: {path: v, epoch: ms}", 1769875200000, "2026-02-01"),
        ("ordered_at: {path: v, format: '%d.%m.%Y'}", "31.01.2026", "2026-01-31"),
        ("ordered_at: {path: v, format: '%Y%m%d'}", 20260131, "2026-01-31"),
        ("changed_at: v", "2026-01-31 10:00:00", "2026-01-31T02:00:00Z"),
        ("changed_at: v", "2026-01-31T10:00:00.1234567+08:00", "2026-01-31T02:00:00.123456Z"),
        ("changed_at: v", "2026-01-31T10:00:00+0100", "2026-01-31T09:00:00Z"),
        ("changed_at: {path: v, zone: Europe/Berlin}", "2026-07-01T10:00", "2026-07-01T08:00:00Z"),
        ("changed_at: {path: v, epoch: s}", "1769875200", "2026-01-31T16:00:00Z"),
        ("seller: {ref: employee, by: key, path: v}", 77, Ref("employee", "key", "77")),
        ("seller: {ref: employee, by: no, system: erp, path: v}", "x", Ref("employee", "no", "x", "erp")),
        ("custom.x: {path: v, type: decimal}", "1.50", {"x": "1.5"}),
        ("remark: {in: 'trim(v)'}", " x ", "x"),
        ("remark: {in: '\"v\"'}", "x", "x"),
        (MONEY, 0, {"amount": "0", "currency": "CNY"}),
        ("total: {in: v, currency: {path: c, default: USD}}", 1, {"amount": "1", "currency": "USD"}),
        ("total: {in: v, currency: {path: c, default: USD}}", None, None),
    ],
)
def test_a_value(line: str, raw: Any, value: Any) -> None:
    name = line.partition(":")[0].partition(".")[0]
    assert read(line, {"v": raw})[name] == value


def test_currency_words_are_translated() -> None:
    line = "total: {in: v, currency: c.no, currency_enum: {PRE001: CNY, PRE007: USD}}"
    assert read(line, {"v": 1, "c": {"no": "PRE007"}})["total"]["currency"] == "USD"
    assert refusal(line, {"v": 1, "c": {"no": "RMB001"}}).rule == "currency"
    assert refusal(line, {"v": 1, "c": None}).rule == "no_currency"


@pytest.mark.parametrize(
    ("line", "raw", "rule"),
    [
        (MONEY, "1,234.50元", "amount"),
        (MONEY, "abc", "amount"),
        (MONEY, True, "amount"),
        (MONEY, 1.5, "float"),
        (MONEY, [1], "amount"),
        ("rate: v", 1.5, "float"),
        ("rate: v", "１２", "decimal"),
        ("rate: v", Decimal("NaN"), "not_finite"),
        ("rate: v", Decimal("Infinity"), "not_finite"),
        ("rate: v", Decimal("1E+999999999"), "range"),
        ("rate: v", Decimal("1E-99"), "range"),
        ("rate: v", "1e99", "range"),
        ("rate: v", "1_000", "decimal"),
        ("copies: v", "1.5", "integer"),
        ("copies: v", 1.0, "float"),
        ("copies: v", False, "integer"),
        ("copies: v", 10**40, "range"),
        ("order_no: v", {"a": 1}, "text"),
        ("order_no: v", True, "text"),
        ("order_no: v", "a\x00b", "storable"),
        ("order_no: v", "\ud800", "storable"),
        ("rush: v", "Y", "bool"),
        ("status: {in: v, enum: {A: draft}}", "?", "enum"),
        ("status: {in: v, enum: {A: draft}, unknown: pass}", "nowhere", "enum"),
        ("status: v", "nowhere", "enum"),
        ("ordered_at: v", "2026-02-30", "date"),
        ("ordered_at: v", "31.01.2026", "date"),
        ("ordered_at: v", "2026-W05-1", "date"),
        ("ordered_at: v", 1769875200000, "epoch"),
        ("ordered_at: {path: v, epoch: ms}", 10**29, "range"),
        ("ordered_at: {path: v, format: '%d.%m.%Y'}", "2026-01-31", "date"),
        ("changed_at: v", "noon", "instant"),
        ("changed_at: v", "0001-01-01T00:00:00", "range"),
        ("seller: {ref: employee, by: key, path: v}", [], "ref"),
        ("seller: {ref: employee, by: key, path: v}", " ", "ref"),
        ("remark: {in: v.x}", "text", "shape"),
        ("remark: {in: 'uscc(v)'}", "123", "expression"),
        ("order_no: {path: v, required: yes}", "", "required"),
    ],
)
def test_a_wrong_value(line: str, raw: Any, rule: str) -> None:
    error = refusal(line, {"v": raw})
    assert error.rule == rule
    assert error.field == line.partition(":")[0]
    assert error.path
    assert error.where == ("orders.yaml", 5)
    assert error.sentence_zh.startswith(f"第 5 行 {error.field}：路径 {error.path} ")
    assert error.sentence_en.startswith(f"line 5, {error.field}: path {error.path}: ")
    assert "{" not in error.sentence_en.replace(error.value, "")


def test_the_sentence_names_field_path_and_value() -> None:
    error = refusal("total: {in: FBillAllAmount, currency: {const: CNY}}", {"FBillAllAmount": "1,234.50元"})
    assert str(error) == 'line 5, total: path FBillAllAmount: "1,234.50元" is not an amount; send digits only'
    assert error.sentence_zh == '第 5 行 total：路径 FBillAllAmount 的值 "1,234.50元" 不是金额：请只填数字'
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert len(refusal(MONEY, {"v": "x" * 5000}).value) == 80


def test_a_date_without_zone_needs_one_for_an_instant_only() -> None:
    assert refusal("ordered_at: v", {"v": "2026-01-31T10:00:00Z"}, zone="").rule == "zone"
    assert read("ordered_at: v", {"v": "2026-01-31T10:00:00"}, zone="") == {"ordered_at": "2026-01-31"}


@pytest.mark.parametrize(
    ("line", "record", "entity"),
    [
        ("remark: a.b", {}, {}),
        ("remark: a.b", {"a": {}}, {}),
        ("remark: a.b", {"a": None}, {"remark": None}),
        ("remark: a.b", {"a": []}, {"remark": None}),
        ("remark: a.b", {"a": {"b": ""}}, {"remark": None}),
        ("remark: {in: 'trim(a)'}", {}, {}),
        ("remark: {in: 'trim(a)'}", {"a": None}, {"remark": None}),
        ("remark: {in: 'coalesce(a.x, b)'}", {"a": {}}, {}),
        ("remark: {in: a, default: none}", {}, {"remark": "none"}),
        ("remark: 订单.备注-1", {"订单": {"备注-1": "x"}}, {"remark": "x"}),
        ("remark: '\"@odata.etag\"'", {"@odata.etag": "W/1"}, {"remark": "W/1"}),
        ("copies: {const: 3}", {}, {"copies": 3}),
        ("company: {ref: company, by: number, const: 100}", {}, {"company": Ref("company", "number", "100")}),
        ("remark: {in: a, when: b == 'x'}", {"a": "1", "b": "y"}, {}),
        ("remark: {in: a, when: b == 'x'}", {"a": "1", "b": "x"}, {"remark": "1"}),
        ("lines: {each: a, fields: {note: n}}", {}, {}),
        ("lines: {each: a, fields: {note: n}}", {"a": None}, {"lines": []}),
        ("lines: {each: 'a[?n]', fields: {note: n}}", {"a": [{"n": "x"}, {}]}, {"lines": [{"note": "x"}]}),
    ],
)
def test_absent_is_not_empty(line: str, record: dict[str, Any], entity: dict[str, Any]) -> None:
    assert read(line, record) == entity


def test_an_error_in_a_line_says_which() -> None:
    record = copy.deepcopy(RECORD)
    record["FSaleOrderEntry"][1]["FQty"] = "many"
    with pytest.raises(RecordError) as caught:
        compiled().read(record)
    assert caught.value.field == "lines[1].quantity"
    assert caught.value.path == "FSaleOrderEntry[1].FQty"
    record["FSaleOrderEntry"][1] = {"FEntryID": None}
    with pytest.raises(RecordError) as missing:
        compiled().read(record)
    assert missing.value.rule == "key"
    record["FSaleOrderEntry"] = [7]
    with pytest.raises(RecordError) as scalar:
        compiled().read(record)
    assert scalar.value.path == "FSaleOrderEntry[0]"
    record["FSaleOrderEntry"] = {"FEntryID": 1}
    with pytest.raises(RecordError) as single:
        compiled().read(record)
    assert single.value.rule == "list"


HEADS = """\
mapping: t.t
kind: order
key: id
names: {number: no}
version: v
where: trim(w)
deleted: trim(d)
fields:
  total:
    in: t
    currency: {const: CNY}
  lines:
    each: l
    key: k
    fields:
      quantity: q
      note:
        in: trim(n)
        when: upper(m)
"""


@pytest.mark.parametrize(
    ("record", "field", "line", "path"),
    [
        ({"id": None}, "key", 3, "id"),
        ({"no": []}, "number", 4, "no"),
        ({"v": []}, "version", 5, "v"),
        ({"w": 1}, "where", 6, "trim(w)"),
        ({"d": 1}, "deleted", 7, "trim(d)"),
        ({"t": "x"}, "total", 9, "t"),
        ({"l": 5}, "lines", 12, "l"),
        ({"l": [5]}, "lines[0]", 12, "l[0]"),
        ({"l": [{}]}, "lines[0].key", 14, "l[0].k"),
        ({"l": [{"k": 1}, {"k": 2, "q": "x"}]}, "lines[1].quantity", 16, "l[1].q"),
        ({"l": [{"k": 1, "m": 1}]}, "lines[0].note", 17, "l[0].trim(n)"),
    ],
)
def test_every_error_names_its_line(record: dict[str, Any], field: str, line: int, path: str) -> None:
    mapping, whole = compiled(HEADS), {"id": 1, **record}
    with pytest.raises(RecordError) as caught:
        mapping.concerns(whole)
        mapping.read(whole)
    error = caught.value
    assert (error.field, error.where, error.path) == (field, ("orders.yaml", line), path)
    assert str(error).startswith(f"line {line}, {field}: path {path}: ")
    assert (error.problems[0].file, error.problems[0].line) == error.where


def test_an_error_of_a_base_names_the_base() -> None:
    over = "mapping: mine\nextends: base\nfields:\n  remark: {in: r, required: yes}\n"
    mapping = compiled(over, load={"base": HEADS}.__getitem__)
    with pytest.raises(RecordError) as caught:
        mapping.read({"id": 1, "r": "x", "t": "x"})
    assert caught.value.where == ("base", 9)
    assert str(caught.value).startswith("base line 9, total: path t: ")
    assert caught.value.sentence_zh.startswith("base 第 9 行 total：路径 t 的值 ")
    with pytest.raises(RecordError, match=r"^line 4, remark: path r: is empty"):
        mapping.read({"id": 1})
    with pytest.raises(RecordError, match=r"^base line 3, key: path id: "):
        mapping.read({})


@pytest.mark.parametrize("key", [None, "", {}, True])
def test_a_record_without_its_key(key: Any) -> None:
    mapping = fields("remark: a")
    with pytest.raises(MappingError) as caught:
        mapping.key_of({"id": key})
    assert "path id" in str(caught.value)
    with pytest.raises(RecordError):
        mapping.read({"a": "x"})
    with pytest.raises(RecordError):
        mapping.read([1])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2026-01-31T10:00:00", "2026-01-31T10:00:00.5"),
        ("2026-01-31 09:59:59.999", "2026-01-31T10:00:00"),
        ("2026-01-31T11:00:00+09:00", "2026-01-31T10:00:01"),
        (9, 10),
        ("9", "10"),
        (999, 1000),
        (Decimal("9.0"), 10),
        (9, Decimal("9.5")),
        (Decimal("9.5"), Decimal("9.55")),
        (Decimal("1763798400.5"), Decimal("1763798401")),
        (-10, -9),
        (Decimal("-9.5"), -9),
        (Decimal("-9.55"), Decimal("-9.5")),
        (-1, 0),
        ("v1", "v2"),
    ],
)
def test_the_order_of_versions_is_the_order_of_texts(older: Any, newer: Any) -> None:
    mapping = compiled()
    first, second = (mapping.read({**RECORD, "FModifyDate": value}).version for value in (older, newer))
    assert first is not None
    assert second is not None
    assert first < second


@pytest.mark.parametrize("same", [(9, "9"), (9, Decimal("9.0")), (1000, Decimal("1E+3")), (0, Decimal("-0.0"))])
def test_one_version_spelt_in_two_ways(same: tuple[Any, Any]) -> None:
    first, second = (compiled().read({**RECORD, "FModifyDate": value}).version for value in same)
    assert first == second


def test_head() -> None:
    mapping = compiled()
    assert mapping.read({**RECORD, "FModifyDate": ""}).version is None
    assert mapping.read({**RECORD, "F_HUB_REF": "ord-1"}).reference == "ord-1"
    gone = mapping.read({"FID": 1, "FCancelStatus": "B", "FBillNo": "X1"})
    assert (gone.deleted, gone.entity, gone.names) == (True, {}, {"number": "X1"})
    assert mapping.concerns(RECORD)
    assert not mapping.concerns({"FBillTypeID": {"FNumber": "OTHER"}})
    assert mapping.name_paths == {"number": "FBillNo"}
    assert mapping.reference_path == "F_HUB_REF"
