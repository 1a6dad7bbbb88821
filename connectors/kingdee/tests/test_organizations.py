"""The organisations of a data centre: read only, and what everything else names."""

from typing import Any

import pytest

from connectors.kingdee.connector import connector
from connectors.kingdee.sandbox import KingdeeSandbox
from hub.sdk import Push, Rejected
from hub.sdk.sandbox import Ledger

ORGANIZATIONS: Any = connector.streams["organizations"]
ORDERS: Any = connector.streams["sales_orders"]


async def test_the_first_organization(erp: Any) -> None:
    (page,) = [page async for page in ORGANIZATIONS.pull(erp.context(), None)]
    assert page.records == [
        {
            "FORGID": "1",
            "FNumber": "100",
            "FName": "星海智能装备有限公司",
            "FDocumentStatus": "C",
            "FForbidStatus": "A",
            "FModifyDate": "2020-01-01T00:00:00",
        }
    ]


async def test_its_name_is_a_setting(erp: Any) -> None:
    erp.sandbox = KingdeeSandbox(Ledger(), erp.clock, organization_name="海沧机械有限公司")
    (found,) = await ORGANIZATIONS.fetch(erp.context(), ["1", "2"])
    assert found["FName"] == "海沧机械有限公司"


async def test_another_is_added(erp: Any) -> None:
    context = erp.context()
    (page,) = [page async for page in ORGANIZATIONS.pull(context, None)]
    made = erp.act("create_organization", number="200", name="华南分公司")
    (later,) = [page async for page in ORGANIZATIONS.pull(context, page.cursor)]
    assert [record["FNumber"] for record in later.records] == ["100", "200"]  # the overlap, then what is new
    assert [keys async for keys in ORGANIZATIONS.keys(context)] == [["1", str(made["id"])]]
    (found,) = await ORGANIZATIONS.find(context, "FNumber", "200")
    assert (found["FORGID"], found["FName"], found["FDocumentStatus"]) == (str(made["id"]), "华南分公司", "C")
    assert erp.act("create_organization", number="200", name="又一家")["code"] == 11
    assert erp.act("create_organization", number="", name="无编码")["field"] == "FNumber"


async def test_orders_name_an_organization_that_exists(stocked: Any, order: Any) -> None:
    context, record = stocked.context(), order() | {"FSaleOrgId": {"FNumber": "200"}}
    with pytest.raises(Rejected) as caught:
        await ORDERS.push(context, Push("create", record, "order:1", "once"))
    assert [f.path for f in caught.value.fields] == ["FSaleOrgId"]
    stocked.act("create_organization", number="200", name="华南分公司")
    key = (await ORDERS.push(context, Push("create", record, "order:1", "once"))).key
    (found,) = await ORDERS.fetch(context, [key])
    assert found["FSaleOrgId"] == {"FNumber": "200"}


def test_nothing_writes_an_organization() -> None:
    assert connector.verbs["organizations"] == {"pull", "fetch", "find", "keys"}
