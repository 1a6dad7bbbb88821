"""A draft beside what is in force: what would change, fail, vanish, and what nobody can know yet."""

from typing import Any

import pytest

from hub.mapping.shadow import Known, Owed, Shadow, shadow
from tests.unit.mapping.orders import MAPPING, RECORD, compiled

OLD = compiled()
ENTITY = OLD.read(RECORD).entity


def of(number: int, **values: Any) -> dict[str, Any]:
    return {**RECORD, "FID": number, **values}


def compared(replaced: str, by: str, *records: dict[str, Any], whole: bool = False) -> Shadow:
    assert replaced in MAPPING
    draft = compiled(MAPPING.replace(replaced, by))
    known = [Known(str(each["FID"]), each if whole else OLD.project(each), whole) for each in records or (RECORD,)]
    return shadow(OLD, draft, known, [Owed("XSDD000123", ENTITY, ENTITY, OLD.project(RECORD))])


def test_the_same_mapping_shows_nothing() -> None:
    found = compared("key: FID", "# the same\nkey: FID")
    assert found.nothing
    assert (found.records, found.entities, found.touched, found.pushes, found.unseen) == (1, 1, 0, 0, ())


def test_a_value_that_is_read_differently() -> None:
    records = [of(n, FBillNo=f"B{n}") for n in range(1, 9)]
    found = compared("remark: FNote", "remark: {in: FBillNo, out: FNote}", *records)
    (remark,) = found.reading
    assert (remark.field, remark.count, remark.changed, found.touched) == ("remark", 8, 8, 8)
    assert [(each.name, each.before, each.after) for each in remark.examples] == [
        (str(n), None, f"B{n}") for n in range(1, 6)
    ]
    assert not found.writing


def test_lines_count_once_a_record_and_show_where() -> None:
    found = compared("quantity: FQty", "quantity: {in: FPrice}")
    (quantity,) = found.reading
    assert (quantity.field, quantity.count, quantity.changed) == ("lines[].quantity", 1, 1)
    assert (quantity.examples[0].at, quantity.examples[0].before) == ("lines[0].quantity", "10.5")


def test_what_is_written_differently_and_when() -> None:
    found = compared("FBillTypeID.FNumber: XSDD01_SYS", "FBillTypeID.FNumber: OTHER")
    (path,) = found.writing
    assert (path.field, path.when, path.examples[0].after) == ("FBillTypeID.FNumber", "create", "OTHER")
    assert (found.written, found.pushes) == (1, 0)
    found = compared("FSource: {value: hub", "FSource: {value: hob")
    assert ([path.field for path in found.writing], found.writing[0].when) == (["FSource"], "always")


def test_errors_that_come_and_go() -> None:
    bad = of(2, FCopies="two")
    found = compared("copies: FCopies", "copies: {in: FBillNo}", of(1, FBillNo="7"), bad)
    assert {(each.field, each.rule, each.examples) for each in found.new_errors} == {
        ("copies", "integer", (("2", '"XSDD000123"'),))
    }
    assert [each.examples for each in found.gone_errors] == [(("2", '"two"'),)]
    assert (found.failing, found.healed) == (0, 0)
    found = compared("copies: FCopies", "custom.copies: {path: FCopies, type: text}", bad)
    assert (found.healed, [each.rule for each in found.gone_errors]) == (1, ["integer"])
    found = compared(
        "status: {in: FDocumentStatus, enum: {Z: draft, ",
        "status: {in: FDocumentStatus, enum: {",
        of(3, FDocumentStatus="Z"),
    )
    assert (found.failing, found.new_errors[0].rule, found.new_errors[0].way) == (1, "enum", "in")
    assert found.new_errors[0].sentence_zh.startswith("第 20 行 status")


def test_records_that_are_no_longer_ours() -> None:
    found = compared("== 'XSDD01_SYS'\"", "!= 'XSDD01_SYS'\"")
    assert found.ignored is not None
    assert (found.ignored.count, found.heeded, found.touched) == (1, None, 1)
    found = compared("== 'XSDD01_SYS'\"", "!= 'XSDD01_SYS'\"", of(1, FBillTypeID={"FNumber": "other"}))
    assert (found.ignored, found.heeded and found.heeded.count) == (None, 1)


@pytest.mark.parametrize(
    ("replaced", "by", "head"),
    [
        ("key: FID", "key: FBillNo", "key"),
        ("names: {number: FBillNo}", "names: {number: FID}", "names.number"),
        ("version: FModifyDate", "version: FDate", "version"),
        ("deleted: FCancelStatus == 'B'", "deleted: FCancelStatus == 'A'", "deleted"),
        ("{weak: [customer, total]}", "{weak: [customer]}", "match"),
        ("reference: F_HUB_REF", "reference: FNote", "reference"),
    ],
)
def test_who_a_record_is(replaced: str, by: str, head: str) -> None:
    record = of(1, F_HUB_REF="order-1", FNote="n")
    draft = MAPPING.replace(replaced, by)
    if head == "reference":
        draft = draft.replace("remark: FNote", "remark: {in: FNote}")
    found = shadow(OLD, compiled(draft), [Known("1", OLD.project(record))], [])
    assert [each.field for each in found.identity] == [head]
    assert found.touched == (head != "match")  # rules of matching read nothing by themselves


def test_paths_that_nobody_has_kept_are_unknown_and_no_difference() -> None:
    found = compared(
        "product: {ref: product, by: number, path: FMaterialId.FNumber}",
        "product: {ref: product, by: number, path: FMaterialId.FCode, required: yes}",
    )
    assert (found.reading, found.new_errors) == ((), ())
    assert [(each.path, each.fields, each.records) for each in found.unkept] == [
        ("FSaleOrderEntry.FMaterialId.FCode", ("lines[].product",), 1)
    ]
    assert not found.nothing
    whole = compared("remark: FNote", "remark: FUnmapped", whole=True)
    assert [(each.field, each.examples[0].after) for each in whole.reading] == [("remark", "x")]
    assert [(each.path, each.records) for each in whole.unkept] == [("FUnmapped", 0)]


def test_lines_that_nothing_shows() -> None:
    found = compared("D: reopened", "D: closed")
    assert found.nothing
    assert found.unseen == ("status",)


def test_what_would_wait_for_a_parent() -> None:
    entities = [Owed("a", ENTITY, None), Owed("b", None, ENTITY), Owed("c", None, None)]
    found = shadow(OLD, OLD, [], entities)
    assert found.waiting is not None
    assert (found.waiting.count, found.waiting.appeared, found.waiting.vanished) == (2, 1, 1)
    assert found.written == 0


def test_what_would_be_sent_that_is_not_sent_now() -> None:
    entity = {**ENTITY, "payment_status": "paid"}
    known = OLD.overlay(OLD.project(RECORD), OLD.write(entity, creating=False))
    draft = compiled(MAPPING.replace("2: paid}", "3: paid}"))
    found = shadow(OLD, draft, [], [Owed("a", entity, entity, known)])
    assert found.pushes == 1
    assert [(each.field, each.examples[0].after) for each in found.writing] == [("F_PAY", 3)]


def test_true_is_not_one() -> None:
    draft = compiled(
        MAPPING.replace("copies: FCopies", "copies: FCopies\n  custom.flag: {type: bool, in: FCopies, enum: {2: true}}")
    )
    old = compiled(MAPPING.replace("copies: FCopies", "copies: FCopies\n  custom.flag: {type: integer, in: FCopies}"))
    found = shadow(old, draft, [Known("1", of(1, FCopies=1), True), Known("2", of(2), True)], [])
    assert {each.field for each in found.reading} == {"custom.flag"}
