"""Push: created once whatever happens, entered again at any step, and never more than is missing."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connectors.kingdee.connector import connector
from hub.sdk import Busy, NotFound, Push, Rejected, Unavailable, Uncertain

ORDERS = connector.streams["sales_orders"]
CUSTOMERS = connector.streams["customers"]
RECEIPTS = connector.streams["receipts"]
Order = Callable[..., dict[str, Any]]
Create = Callable[..., Push]
FORM = "SAL_SaleOrder"
LINES = {"FSaleOrderEntry": ["200001", "200002"]}


def update(record: dict[str, Any], key: str) -> Push:
    return Push("update", record, "order:1", "once", key=key)


async def test_create_saves_submits_audits(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context()
    pushed = await ORDERS.push(context, create(order()))
    assert (pushed.key, pushed.lines) == ("100004", LINES)
    assert stocked.steps() == ["saved", "Submit", "Audit"]
    assert stocked.status(FORM, pushed.key) == "C"
    assert context.created.seen == [("100004", LINES)]
    doc = stocked.sandbox.books[FORM][100004]["fields"]
    assert doc["FSaleOrgId"] == {"FNumber": "100"}  # the connection's organisation


async def test_our_reference_is_left_even_where_the_mapping_names_no_place(
    stocked: Any, order: Order, create: Create
) -> None:
    record = order()
    del record["F_HUB_REF"]
    context = stocked.context(reference_field="F_OURS")
    for _ in range(2):
        await ORDERS.push(context, create(record))
    assert stocked.creates(FORM) == 1
    assert [r["F_OURS"] for r in await ORDERS.find(context, "F_OURS", "order:1")] == ["order:1"]


async def test_the_same_push_twice_makes_one_record(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context()
    first = await ORDERS.push(context, create(order()))
    second = await ORDERS.push(context, create(order()))
    assert (first.key, first.lines) == (second.key, second.lines)
    assert stocked.steps() == ["saved", "Submit", "Audit"]


@pytest.mark.parametrize("operation", ["Save", "Submit", "Audit"])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "half"])
async def test_entered_again_at_each_step(
    stocked: Any, order: Order, create: Create, operation: str, kind: str
) -> None:
    context = stocked.context()
    stocked.fault(match=f".{operation}.", kind=kind)
    with pytest.raises(Uncertain):
        await ORDERS.push(context, create(order()))
    pushed = await ORDERS.push(context, create(order()))
    assert (stocked.creates(FORM), stocked.status(FORM, pushed.key)) == (1, "C")
    assert (pushed.key, pushed.lines) == ("100004", LINES)
    assert stocked.steps() == ["saved", "Submit", "Audit"]  # each step once: nothing is done over


async def test_uncertain_is_found_by_our_reference(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context()
    stocked.fault(match=".Save.", kind="drop_after")
    with pytest.raises(Uncertain):
        await ORDERS.push(context, create(order()))
    assert context.created.seen == []
    found = await ORDERS.find(context, "F_HUB_REF", "order:1")
    assert [r["FID"] for r in found] == ["100004"]


async def test_the_id_is_known_before_the_next_call(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context()
    stocked.fault(match=".Submit.", kind="status", status=500)
    with pytest.raises(Uncertain):
        await ORDERS.push(context, create(order()))
    assert context.created.seen == [("100004", LINES)]
    pushed = await ORDERS.push(context, create(order(), key="100004"))
    assert (pushed.key, stocked.status(FORM, "100004")) == ("100004", "C")


async def test_a_newer_order_entered_again_updates_its_own_lines(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context()
    stocked.fault(match=".Audit.", kind="drop_before")
    with pytest.raises(Uncertain):
        await ORDERS.push(context, create(order()))
    pushed = await ORDERS.push(context, create(order((3, 7))))
    assert pushed.lines == LINES
    assert stocked.steps() == ["saved", "Submit", "CancelAssign", "saved", "Submit", "Audit"]
    assert [line["FQty"] for line in stocked.sandbox.books[FORM][100004]["lines"]] == [3, 7]


async def test_servers_that_do_not_return_line_ids(stocked: Any, order: Order, create: Create) -> None:
    save = stocked.sandbox._save

    def forgetful(form: Any, data: Any) -> Any:
        answer = save(form, data)
        del answer["Result"]["NeedReturnData"]
        return answer

    stocked.sandbox._save = forgetful
    pushed = await ORDERS.push(stocked.context(), create(order()))
    assert pushed.lines == LINES


async def test_update_opens_changes_and_approves_again(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context()
    key = (await ORDERS.push(context, create(order()))).key
    await ORDERS.push(context, update({"FDate": "2026-12-01"}, key))
    assert stocked.steps()[3:] == ["UnAudit", "saved", "Submit", "Audit"]
    doc = stocked.sandbox.books[FORM][int(key)]
    assert doc["fields"]["FDate"] == "2026-12-01T00:00:00"
    assert [line["FEntryID"] for line in doc["lines"]] == [200001, 200002]  # lines that were not sent stay


@pytest.mark.parametrize("operation", ["UnAudit", "Save", "Submit", "Audit"])
async def test_update_entered_again_at_each_step(stocked: Any, order: Order, create: Create, operation: str) -> None:
    context = stocked.context()
    key = (await ORDERS.push(context, create(order()))).key
    stocked.fault(match=f".{operation}.", kind="drop_after")
    with pytest.raises(Uncertain):
        await ORDERS.push(context, update({"FDate": "2026-12-01"}, key))
    await ORDERS.push(context, update({"FDate": "2026-12-01"}, key))
    assert stocked.steps()[3:] == ["UnAudit", "saved", "Submit", "Audit"]


async def test_update_that_stands_there_already_writes_nothing(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context()
    key = (await ORDERS.push(context, create(order()))).key
    await ORDERS.push(context, update({"FDate": "2026-11-20", "FCustId": {"FNumber": "CUST1"}}, key))
    assert stocked.steps() == ["saved", "Submit", "Audit"]


async def test_lines_are_whole(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context()
    key = (await ORDERS.push(context, create(order()))).key
    kept = {"FEntryID": "200002", "FMaterialId": {"FNumber": "M2"}, "FQty": Decimal(9), "FTaxPrice": Decimal("99.5")}
    new = {"FMaterialId": {"FNumber": "M1"}, "FQty": Decimal(1), "FTaxPrice": Decimal("10")}
    wanted = {"FSaleOrderEntry": [kept, new]}
    pushed = await ORDERS.push(context, update(wanted, key))
    assert pushed.lines == {"FSaleOrderEntry": ["200002", "200003"]}
    assert context.created.seen[-1] == (key, pushed.lines)
    done = stocked.steps()
    again = await ORDERS.push(context, update(wanted, key))  # the new line's id is not known to the pusher yet
    assert (again.lines, stocked.steps()) == (pushed.lines, done)


async def test_a_shipped_order_is_not_reopened(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context()
    key = (await ORDERS.push(context, create(order()))).key
    stocked.act("ship", order=key)
    with pytest.raises(Rejected, match="下游单据"):
        await ORDERS.push(context, update({"FDate": "2026-12-01"}, key))


async def test_a_connection_may_forbid_reopening(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context(reopen=False)
    key = (await ORDERS.push(context, create(order()))).key
    with pytest.raises(Rejected, match="不能修改"):
        await ORDERS.push(context, update({"FDate": "2026-12-01"}, key))
    assert stocked.status(FORM, key) == "C"


async def test_a_locked_document_is_busy(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context()
    key = (await ORDERS.push(context, create(order()))).key
    stocked.act("lock", form=FORM, id=key)
    with pytest.raises(Busy) as caught:
        await ORDERS.push(context, update({"FDate": "2026-12-01"}, key))
    assert caught.value.retry_after
    stocked.act("unlock", form=FORM, id=key)
    await ORDERS.push(context, update({"FDate": "2026-12-01"}, key))


async def test_what_is_gone_is_not_found(stocked: Any) -> None:
    with pytest.raises(NotFound):
        await ORDERS.push(stocked.context(), update({"FDate": "2026-12-01"}, "424242"))


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"FCustId": {"FNumber": "NOBODY"}}, "FCustId"),
    ({"FSaleOrderEntry": []}, "FSaleOrderEntry"),
    ({"FDate": None}, "FDate"),
    ({"FSaleOrderEntry": [{"FMaterialId": {"FNumber": "M9"}, "FQty": 1}]}, "FMaterialId"),
    ({"FSaleOrderEntry": [{"FMaterialId": {"FNumber": "M1"}, "FQty": 0}]}, "FQty"),
]


@pytest.mark.parametrize(("wrong", "field"), REFUSED)
async def test_a_refused_order_names_its_field(
    stocked: Any, order: Order, create: Create, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(Rejected) as caught:
        await ORDERS.push(stocked.context(), create(order() | wrong))
    assert [f.path for f in caught.value.fields] == [field]
    assert stocked.creates(FORM) == 0


async def test_a_customer_with_a_wrong_credit_code(erp: Any, create: Create) -> None:
    context = erp.context()
    record = {"FName": "云帆", "FSOCIALCRECODE": "91350100M000100Y44", "F_HUB_REF": "customer:1"}
    with pytest.raises(Rejected) as caught:
        await CUSTOMERS.push(context, create(record, reference="customer:1"))
    assert (caught.value.code, [f.path for f in caught.value.fields]) == ("11", ["FSOCIALCRECODE"])
    good = record | {"FSOCIALCRECODE": "91350100M000100Y43"}
    key = (await CUSTOMERS.push(context, create(good, reference="customer:1"))).key
    assert erp.status("BD_Customer", key) == "C"
    (found,) = await CUSTOMERS.fetch(context, [key])
    assert (found["FNumber"], found["FUseOrgId"]) == ("CUST000001", {"FNumber": "100"})


def receipt() -> dict[str, Any]:
    line = {
        "FSETTLETYPEID": {"FNumber": "JSFS04_SYS"},
        "FPURPOSEID": {"FNumber": "SFKYT01_SYS"},
        "FRECTOTALAMOUNTFOR": Decimal("1000.10"),
    }
    return {
        "FBillTypeID": {"FNumber": "SKDLX01_SYS"},
        "FDATE": "2026-11-21",
        "FCONTACTUNITTYPE": "BD_Customer",
        "FCONTACTUNIT": {"FNumber": "CUST1"},
        "FPAYUNITTYPE": "BD_Customer",
        "FPAYUNIT": {"FNumber": "CUST1"},
        "FCURRENCYID": {"FNumber": "PRE001"},
        "FTHIRDBILLNO": "PAY-1",
        "F_HUB_REF": "payment:1",
        "FRECEIVEBILLENTRY": [line],
    }


async def test_a_receipt(stocked: Any, create: Create) -> None:
    context = stocked.context()
    pushed = await RECEIPTS.push(context, create(receipt(), reference="payment:1"))
    (found,) = await RECEIPTS.find(context, "FTHIRDBILLNO", "PAY-1")
    assert found["FRECEIVEBILLENTRY"][0]["FRECTOTALAMOUNTFOR"] == Decimal("1000.1")
    assert (found["FID"], found["FDocumentStatus"], found["FSETTLEORGID"]) == (pushed.key, "C", {"FNumber": "100"})


async def test_cancel_and_delete(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context()
    key = (await ORDERS.push(context, create(order()))).key
    for _ in range(2):
        await ORDERS.push(context, Push("cancel", {}, "order:1", "once", key=key))
    assert stocked.steps()[3:] == ["UnAudit", "Cancel"]
    for _ in range(2):
        await ORDERS.push(context, Push("delete", {}, "order:1", "once", key=key))
    assert stocked.steps()[5:] == ["deleted"]
    with pytest.raises(NotFound):
        await ORDERS.push(context, Push("cancel", {}, "order:1", "once", key=key))


async def test_a_cancelled_customer_is_disabled(stocked: Any) -> None:
    context = stocked.context()
    for _ in range(2):
        await CUSTOMERS.push(context, Push("cancel", {}, "customer:1", "once", key="100001"))
    (found,) = await CUSTOMERS.fetch(context, ["100001"])
    assert (found["FForbidStatus"], stocked.steps()) == ("B", ["Forbid"])


SILENT = [
    '{"Result": null}',
    "[]",
    "null",
    '{"Result": {"ResponseStatus": "ok"}}',
    '{"Result": {"ResponseStatus": {"IsSuccess": true}, "Id": ""}}',
]


@pytest.mark.parametrize("text", SILENT)
async def test_an_answer_to_save_that_says_nothing_is_uncertain(
    stocked: Any, order: Order, create: Create, text: str
) -> None:
    stocked.fault(match=".Save.", kind="body", text=text)
    with pytest.raises(Uncertain):
        await ORDERS.push(stocked.context(), create(order()))


@pytest.mark.parametrize("text", ["null", "3", '{"Status": 0}'])
async def test_an_answer_to_a_query_that_is_no_table(erp: Any, text: str) -> None:
    erp.fault(kind="body", text=text)
    with pytest.raises(Unavailable):
        await ORDERS.fetch(erp.context(), ["1"])


async def test_a_receipt_of_many_lines_is_changed_there(stocked: Any, create: Create) -> None:
    context = stocked.context()
    record = receipt()
    record["FRECEIVEBILLENTRY"] *= 2
    key = (await RECEIPTS.push(context, create(record, reference="payment:1"))).key
    with pytest.raises(Rejected) as caught:
        await RECEIPTS.push(context, update({"FRECTOTALAMOUNTFOR": Decimal(5)}, key))
    assert [f.path for f in caught.value.fields] == ["FRECEIVEBILLENTRY[].FRECTOTALAMOUNTFOR"]
    await RECEIPTS.push(context, update({"FREMARK": "货款"}, key))  # the header may change all the same
