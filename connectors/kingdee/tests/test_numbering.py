"""Who numbers a document we create, and what happens when the number is taken."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.kingdee.connector import connector
from hub.sdk import Push, Rejected, Uncertain
from hub.sdk.jsontext import dumps

ORDERS: Any = connector.streams["sales_orders"]
CUSTOMERS: Any = connector.streams["customers"]
MATERIALS: Any = connector.streams["materials"]
FORM = "SAL_SaleOrder"
Order = Callable[..., dict[str, Any]]
Create = Callable[..., Push]


async def number_of(erp: Any, stream: Any, key: str) -> str:
    (found,) = await stream.fetch(erp.context(), [key])
    return str(found[stream.form.number])


def unseen(erp: Any) -> None:
    """The next query does not see a bill that is there all the same: its Save is still running."""
    erp.fault(match=".ExecuteBillQuery.", kind="body", text="[]")


@pytest.mark.parametrize(("numbering", "grade"), [("kingdee", "C"), ("hub", "B")])
def test_the_grade_follows_the_config(erp: Any, numbering: str, grade: str) -> None:
    streams = connector.streams_of(erp.context(numbering=numbering).config)
    assert {s.grade for s in streams.values() if hasattr(s, "grade")} == {grade}  # type: ignore[attr-defined]
    assert streams.keys() == connector.streams.keys()


def test_the_schema_follows_the_config(erp: Any) -> None:
    config = erp.context(reference_field="F_OURS", extra_fields={"customers": ["F_AREA.FNumber", "FTEL"]}).config
    schema = connector.streams_of(config)["customers"].schema
    base = connector.streams["customers"].schema
    assert schema.keys() - base.keys() == {"F_OURS", "F_AREA.FNumber"}
    assert base.keys() - schema.keys() == {"F_HUB_REF"}


def test_only_two_can_number(erp: Any) -> None:
    with pytest.raises(ValidationError):
        erp.context(numbering="crm")


@pytest.mark.parametrize(
    ("numbering", "given", "number"),
    [
        ("kingdee", {}, "XSDD000001"),
        ("kingdee", {"FBillNo": "XS1"}, "XSDD000001"),
        ("hub", {}, "order:1"),
        ("hub", {"FBillNo": ""}, "order:1"),
        ("hub", {"FBillNo": "XS1"}, "XS1"),
    ],
)
async def test_an_order_gets_its_number(
    stocked: Any, order: Order, create: Create, numbering: str, given: dict[str, str], number: str
) -> None:
    context = stocked.context(numbering=numbering)
    keys = {(await ORDERS.push(context, create(order() | given))).key for _ in range(2)}
    assert [await number_of(stocked, ORDERS, key) for key in keys] == [number]
    assert stocked.steps() == ["saved", "Submit", "Audit"]  # the second push found nothing to do


@pytest.mark.parametrize(("numbering", "number"), [("kingdee", "CUST000001"), ("hub", "customer-7")])
async def test_a_customer_without_a_number(erp: Any, create: Create, numbering: str, number: str) -> None:
    pushed = await CUSTOMERS.push(erp.context(numbering=numbering), create({"FName": "云帆"}, reference="customer-7"))
    assert await number_of(erp, CUSTOMERS, pushed.key) == number


@pytest.mark.parametrize("numbering", ["kingdee", "hub"])
async def test_a_material_keeps_the_number_of_its_mapping(erp: Any, create: Create, numbering: str) -> None:
    record = {"FNumber": "M7", "FName": "支架", "FBaseUnitId": {"FNumber": "Pcs"}}
    pushed = await MATERIALS.push(erp.context(numbering=numbering), create(record, reference="product-1"))
    assert await number_of(erp, MATERIALS, pushed.key) == "M7"


@pytest.mark.parametrize("hidden", [1, 2])
@pytest.mark.parametrize("at", ["Save", "Submit", "Audit"])
async def test_a_create_nobody_sees_yet_is_not_made_twice(
    stocked: Any, order: Order, create: Create, at: str, hidden: int
) -> None:
    context = stocked.context(numbering="hub")
    stocked.fault(match=f".{at}.", kind="drop_after")
    with pytest.raises(Uncertain):
        await ORDERS.push(context, create(order()))
    for _ in range(hidden):
        unseen(stocked)
    if hidden == 2:  # not even its number is seen: Kingdee's refusal stands, and nothing was made
        with pytest.raises(Rejected, match="单据编号唯一"):
            await ORDERS.push(context, create(order()))
    pushed = await ORDERS.push(context, create(order()))
    assert (pushed.key, pushed.lines) == ("100004", {"FSaleOrderEntry": ["200001", "200002"]})
    assert context.created.seen[-1] == ("100004", pushed.lines)
    assert (stocked.creates(FORM), stocked.status(FORM, "100004")) == (1, "C")
    assert stocked.steps() == ["saved", "Submit", "Audit"]


async def test_a_refusal_that_names_no_field(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context(numbering="hub")
    first = await ORDERS.push(context, create(order()))
    error = {"FieldName": None, "Message": "单据编号已存在", "DIndex": 0}
    status = {"IsSuccess": "false", "MsgCode": 11, "ErrorCode": 500, "Errors": [error]}
    unseen(stocked)
    stocked.fault(match=".Save.", kind="body", text=dumps({"Result": {"ResponseStatus": status}}).decode())
    assert (await ORDERS.push(context, create(order()))).key == first.key


async def test_the_number_of_another_order(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context(numbering="hub")
    await ORDERS.push(context, create(order() | {"FBillNo": "XS1"}))
    other = order(reference="order:2") | {"FBillNo": "XS1", "FDate": "2026-12-24"}
    done = stocked.steps()
    with pytest.raises(Rejected, match="SAL_SaleOrder 100004, which is not ours") as caught:
        await ORDERS.push(context, create(other, reference="order:2"))
    assert [f.path for f in caught.value.fields] == ["FBillNo"]
    assert caught.value.code == "11"
    assert "单据编号唯一" in caught.value.zh
    assert "内码 100004" in caught.value.zh
    assert stocked.steps() == done


async def test_another_refusal_is_told_as_it_is(stocked: Any, order: Order, create: Create) -> None:
    context = stocked.context(numbering="hub")
    with pytest.raises(Rejected) as caught:
        await ORDERS.push(context, create(order() | {"FDate": None}))
    assert [f.path for f in caught.value.fields] == ["FDate"]
    assert stocked.steps() == []


async def test_a_refusal_after_saving_is_no_matter_of_numbers(stocked: Any, order: Order, create: Create) -> None:
    error = {"FieldName": "FBillNo", "Message": "审批流不允许", "DIndex": 0}
    status = {"IsSuccess": False, "MsgCode": 12, "Errors": [error]}
    stocked.fault(match=".Submit.", kind="body", text=dumps({"Result": {"ResponseStatus": status}}).decode())
    with pytest.raises(Rejected, match="审批流不允许"):
        await ORDERS.push(stocked.context(numbering="hub"), create(order()))
    assert stocked.steps() == ["saved"]


@pytest.mark.parametrize("numbering", ["kingdee", "hub"])
async def test_a_bill_that_stands_is_not_renumbered(stocked: Any, order: Order, create: Create, numbering: str) -> None:
    context = stocked.context(numbering=numbering)
    key = (await ORDERS.push(context, create(order() | {"FBillNo": "XS1"}))).key
    before = await number_of(stocked, ORDERS, key)
    await ORDERS.push(context, create(order((3, 7)) | {"FBillNo": "XS2"}))
    await ORDERS.push(context, create(order((4, 7)) | {"FBillNo": "XS3"}, key=key))
    assert (await number_of(stocked, ORDERS, key), stocked.creates(FORM)) == (before, 1)
