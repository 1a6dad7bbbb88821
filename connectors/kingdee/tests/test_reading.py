"""Pull, fetch, find and keys against the sandbox."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connectors.kingdee.connector import connector
from connectors.kingdee.documents import assemble, layout
from connectors.kingdee.forms import FORMS
from hub.sdk import ConfigInvalid, Context, Page, Push, Unavailable
from hub.sdk.jsontext import dumps

CUSTOMERS = connector.streams["customers"]
ORDERS = connector.streams["sales_orders"]


async def pages(context: Context, stream: Any, cursor: str | None = None) -> list[Page]:
    return [page async for page in stream.pull(context, cursor)]


async def names(context: Context, stream: Any, cursor: str | None = None) -> list[str]:
    return [record["FBillNo"] for page in await pages(context, stream, cursor) for record in page.records]


@pytest.fixture
def orders(stocked: Any, order: Callable[..., dict[str, Any]], create: Callable[..., Push]) -> Any:
    """Five orders of two lines, made a minute apart but for the last two."""

    async def make() -> Any:
        for i in range(5):
            await ORDERS.push(stocked.context(), create(order(reference=f"order:{i}"), reference=f"order:{i}"))
            stocked.clock.advance(minutes=1 if i < 3 else 0)
        return stocked

    return make


NUMBERS = [f"XSDD{i:06d}" for i in range(1, 6)]


async def test_a_record_is_a_whole_document(orders: Any) -> None:
    erp = await orders()
    (page,) = await pages(erp.context(), ORDERS)
    record = page.records[0]
    assert record["FID"] == "100004"
    assert record["FCustId"] == {"FNumber": "CUST1"}
    assert record["FDate"] == "2026-11-20"
    assert record["FDocumentStatus"] == "C"
    assert record["F_HUB_REF"] == "order:0"
    assert record["FBillAllAmount"] == Decimal("497.5")
    assert record["FSalerId"] == {"FNumber": None}
    assert record["FModifyDate"] == "2026-11-22T10:00:00"  # the server's local time, as it came
    assert [line["FEntryID"] for line in record["FSaleOrderEntry"]] == ["200001", "200002"]
    assert record["FSaleOrderEntry"][1]["FMaterialId"] == {"FNumber": "M2", "FName": "传感器"}
    assert record["FSaleOrderEntry"][0]["FQty"] == Decimal(3)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 2000])
async def test_pages_never_cut_a_document(orders: Any, size: int) -> None:
    erp = await orders()
    erp.clock.advance(minutes=2)
    context = erp.context(page_size=size)
    got = await pages(context, ORDERS)
    assert [r["FBillNo"] for page in got for r in page.records] == NUMBERS
    assert all(len(r["FSaleOrderEntry"]) == 2 for page in got for r in page.records)
    assert got[-1].cursor == "2026-11-22T10:03:00"


async def test_a_second_pull_brings_the_overlap_and_what_changed(orders: Any) -> None:
    erp = await orders()
    cursor = (await pages(erp.context(), ORDERS))[-1].cursor
    erp.clock.advance(minutes=30)
    seen = await names(erp.context(), ORDERS, cursor)
    assert set(seen) <= set(NUMBERS)
    erp.act("edit", form="SAL_SaleOrder", id=NUMBERS[0], fields={"F_HUB_REF": "other"})
    assert (await pages(erp.context(), ORDERS, cursor))[-1].cursor == "2026-11-22T10:03:00", (
        "others may still get 10:33"
    )
    erp.clock.advance(minutes=2)
    later = await pages(erp.context(), ORDERS, cursor)
    assert later[-1].records[-1]["FBillNo"] == NUMBERS[0]
    assert later[-1].cursor == "2026-11-22T10:33:00"
    # five minutes before 10:33 lies after everything else
    assert await names(erp.context(), ORDERS, later[-1].cursor) == [NUMBERS[0]]


async def test_an_interrupted_pull_goes_on_from_its_last_page(orders: Any) -> None:
    erp = await orders()
    context = erp.context(page_size=4)
    first: list[Page] = []
    with pytest.raises(Unavailable):
        async for page in ORDERS.pull(context, None):
            first.append(page)
            erp.fault(kind="status", status=500)
    seen = [r["FBillNo"] for p in first for r in p.records]
    assert 0 < len(seen) < len(NUMBERS)
    assert set(seen) | set(await names(context, ORDERS, first[-1].cursor)) == set(NUMBERS)


async def test_a_server_that_turns_in_circles_is_noticed(orders: Any) -> None:
    erp = await orders()
    plan = layout(FORMS["sales_orders"], ("F_HUB_REF",))
    row: list[Any] = [7, *[None] * (len(plan.names) - 1)]
    row[plan.names.index("FModifyDate")] = "2026-11-22T10:00:00"
    erp.fault(kind="body", text=dumps([row, [8, *row[1:]]]).decode(), times=2)
    with pytest.raises(Unavailable, match="twice"):
        await pages(erp.context(page_size=2), ORDERS)


async def test_nothing_to_pull(erp: Any) -> None:
    assert await pages(erp.context(), ORDERS) == []


async def test_a_bad_cursor_is_told(erp: Any) -> None:
    with pytest.raises(ConfigInvalid):
        await pages(erp.context(), ORDERS, "yesterday")


async def test_fetch_leaves_out_what_is_gone(orders: Any) -> None:
    erp = await orders()
    got = await ORDERS.fetch(erp.context(page_size=2), ["100005", "999", "no-id", "100004"])
    assert [r["FID"] for r in got] == ["100004", "100005"]
    assert all(len(r["FSaleOrderEntry"]) == 2 for r in got)


async def test_find_is_exact(stocked: Any) -> None:
    stocked.act("create_customer", name="It's O'Brien", number="cust1x")
    context = stocked.context()
    assert [r["FNumber"] for r in await CUSTOMERS.find(context, "FNumber", "CUST1")] == ["CUST1"]
    assert [r["FNumber"] for r in await CUSTOMERS.find(context, "FName", "It's O'Brien")] == ["cust1x"]
    assert await CUSTOMERS.find(context, "FNumber", "CUST1X") == []  # the database itself ignores case
    assert await CUSTOMERS.find(context, "F_HUB_REF", "customer:none") == []
    assert [r["FNumber"] for r in await CUSTOMERS.find(context, "FCUSTID", "100001")] == ["CUST1"]


async def test_find_takes_field_keys_only(erp: Any) -> None:
    with pytest.raises(ConfigInvalid):
        await CUSTOMERS.find(erp.context(), "1=1 or FNumber", "x")


async def test_keys(orders: Any) -> None:
    erp = await orders()
    got = [page async for page in ORDERS.keys(erp.context(page_size=2))]
    assert got == [["100004", "100005"], ["100006", "100007"], ["100008"]]


async def test_extra_fields_and_filters(stocked: Any) -> None:
    stocked.act("edit", form="BD_Customer", id="CUST1", fields={"F_AREA": "华东"})
    stocked.act("create_customer", name="别家", number="CUST2")
    context = stocked.context(
        extra_fields={"customers": ["F_AREA"]}, filters={"customers": "FNumber = 'CUST1' or 1 = 2"}
    )
    with pytest.raises(ConfigInvalid):  # what the connection's filter says is checked by the server
        await pages(context, CUSTOMERS)
    context = stocked.context(extra_fields={"customers": ["F_AREA"]}, filters={"customers": "FNumber = 'CUST1'"})
    (page,) = await pages(context, CUSTOMERS)
    assert [(r["FNumber"], r["F_AREA"]) for r in page.records] == [("CUST1", "华东")]


async def test_shipments_and_receivables_name_their_order(orders: Any) -> None:
    erp = await orders()
    erp.act("ship", order=NUMBERS[0], lines=[{"FEntryID": "200001", "FQty": 1}])
    erp.act("invoice", order=NUMBERS[0], due="2026-12-31")
    (page,) = await pages(erp.context(), connector.streams["shipments"])
    (line,) = page.records[0]["FEntity"]
    assert (line["FSoorDerno"], line["FSOEntryId"], line["FRealQty"]) == (NUMBERS[0], "200001", Decimal(1))
    (page,) = await pages(erp.context(), connector.streams["receivables"])
    record = page.records[0]
    assert [x["FORDERENTRYID"] for x in record["FEntityDetail"]] == ["200001", "200002"]
    assert (record["FALLAMOUNTFOR"], record["FENDDATE_H"]) == (Decimal("497.5"), "2026-12-31")


def test_records_match_their_schema() -> None:
    for name, form in FORMS.items():
        plan = layout(form, ("F_HUB_REF",) if "push" in connector.verbs[name] else ())
        record = assemble(plan, [[1] * len(plan.names)])[0]
        assert set(_paths(record)) == set(connector.streams[name].schema)


def _paths(record: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name, value in record.items():
        if isinstance(value, dict):
            found += _paths(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            found += _paths(value[0], f"{prefix}{name}[].")
        else:
            found.append(prefix + name)
    return found


def test_a_document_without_lines_and_padded_numbers() -> None:
    plan = layout(FORMS["sales_orders"], ())
    row: list[Any] = [None] * len(plan.names)
    row[0], row[plan.names.index("FBillAllAmount")] = 5, Decimal("1200.5000000000")
    (record,) = assemble(plan, [row])
    assert record["FSaleOrderEntry"] == []
    assert str(record["FBillAllAmount"]) == "1200.5"
    row[plan.names.index("FBillAllAmount")] = Decimal("1200.0000000000")
    assert str(assemble(plan, [row])[0]["FBillAllAmount"]) == "1200"


def test_manifest_says_what_the_code_does() -> None:
    assert {name: sorted(verbs) for name, verbs in connector.verbs.items()} == connector.manifest.streams
