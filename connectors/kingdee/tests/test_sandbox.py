"""The sandbox keeps the vendor's rules, allows what the vendor allows, and comes back as it was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.kingdee.connector import connector
from connectors.kingdee.sandbox import KingdeeSandbox, sandbox, sandbox_config
from connectors.kingdee.signing import header_signature
from hub.sdk import Push
from hub.sdk.jsontext import dumps, loads
from hub.sdk.sandbox import Ledger
from tests.support.sdk import FixedClock

FORM_SERVICE = "/k3cloud/Kingdee.BOS.WebApi.ServicesStub.DynamicFormService."
Call = Callable[..., Any]


@pytest.fixture
def call(erp: Any) -> Call:
    """A signed call, made by hand."""

    async def send(method: str, body: Any, **changed: str) -> Any:
        config = sandbox_config("http://erp.test")
        url = f"http://erp.test{FORM_SERVICE}{method}.common.kdsvc"
        account = {name: config[name] for name in ("acct_id", "user", "app_id", "app_secret")}
        headers = header_signature(url, **account, lcid=2052, organization="0", now=int(erp.clock.now().timestamp()))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=erp.sandbox.app)) as client:
            reply = await client.post(url, content=dumps(body), headers=headers | changed)
        return loads(reply.content)

    return send


def code(answer: Any) -> int:
    while isinstance(answer, list):
        answer = answer[0]
    return int(answer["Result"]["ResponseStatus"]["MsgCode"])


def ask(**more: Any) -> dict[str, Any]:
    return {"data": {"FormId": "BD_MATERIAL", "FieldKeys": "FNumber", "OrderString": "FNumber desc"} | more}


HEADERS = ["X-Api-ClientID", "X-Api-Auth-Version", "x-api-nonce", "X-Api-Signature", "X-Kd-Appkey", "X-Kd-Appdata", "X-Kd-Signature"]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
async def test_every_header_is_verified(call: Call, header: str) -> None:
    assert code(await call("ExecuteBillQuery", ask(), **{header: "MQ=="})) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["M2", "M1"]),
        ("FNumber = 'm1'", ["M1"]),
        ("(FNumber <> 'M1') and FForbidStatus = 'A'", ["M2"]),
        ("FMATERIALID in (100002, 7) or 1 = 1", 9),
        ("FMATERIALID in (100002,7)", ["M1"]),
        ("FCreateDate >= '2026-11-22 10:00:00' and FBaseUnitId.FNumber = 'Pcs'", ["M2", "M1"]),
        ("FCreateDate > '2026-11-22 10:00:00'", []),
        ("FNumber = 'M1", 8),
        ("FNumber like 'M%'", 8),
        ("FNumber = ", 8),
        ("FNumber = 'a' FName", 8),
        ("FNOPE = 1", 9),
        ([{"FieldName": "FNumber", "Compare": "=", "Value": "M2", "Left": "(", "Right": ")", "Logic": "0"}], ["M2"]),
    ],
)
async def test_filters(stocked: Any, call: Call, text: Any, found: Any) -> None:
    answer = await call("ExecuteBillQuery", ask(FilterString=text))
    if isinstance(found, int):
        assert code(answer) == found
    else:
        assert answer == [[number] for number in found]


async def test_windows_of_a_query(stocked: Any, call: Call) -> None:
    assert await call("ExecuteBillQuery", ask(StartRow=1, Limit=5)) == [["M1"]]
    assert await call("ExecuteBillQuery", ask(TopRowCount=1)) == [["M2"]]
    assert code(await call("ExecuteBillQuery", ask(Limit=2001))) == 8
    assert code(await call("ExecuteBillQuery", ask(FormId="BD_Material"))) == 9  # exact case
    assert code(await call("ExecuteBillQuery", ask(FormId=""))) == 5
    assert code(await call("ExecuteBillQuery", ask(FieldKeys="FNumber,FNOPE"))) == 9


async def test_the_old_envelope(stocked: Any, call: Call) -> None:
    data = {"FormId": "BD_MATERIAL", "FieldKeys": "FNumber,FBaseUnitId.FName", "FilterString": "FNumber='M1'"}
    assert await call("ExecuteBillQuery", {"parameters": [dumps(data).decode()]}) == [["M1", "Pcs"]]
    answer = await call("Delete", {"parameters": ["BD_MATERIAL", '{"Numbers": ["M1"]}']})
    assert code(answer) == 12  # approved


async def test_view_speaks_in_property_names(stocked: Any, call: Call) -> None:
    answer = await call("View", {"formid": "BD_MATERIAL", "data": {"Number": "M1"}})
    assert answer["Result"]["Result"]["Name"] == "控制器"
    assert code(await call("View", {"formid": "BD_MATERIAL", "data": {"Number": "M9"}})) == 10


def material(**more: Any) -> dict[str, Any]:
    organization = {"FNumber": "100"}
    head = {"FBaseUnitId": {"FNumber": "Pcs"}}
    model = {"FName": "件", "FCreateOrgId": organization, "FUseOrgId": organization, "SubHeadEntity": head}
    return {"formid": "BD_MATERIAL", "data": {"Model": model | more}}


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({"FName": ""}, (11, "FName")),
        ({"FNumber": "M1"}, (11, "FNumber")),
        ({"FUseOrgId": {"FNumber": "999"}}, (9, "FUseOrgId")),
        ({"FUseOrgId": "100"}, (8, "FUseOrgId")),
        ({"FNOPE": 1}, (9, "FNOPE")),
        ({"FDocumentStatus": "C"}, (9, "FDocumentStatus")),
        ({"FBaseUnitId": {"FNumber": "Pcs"}}, (9, "FBaseUnitId")),  # belongs into SubHeadEntity
        ({"FMATERIALID": 424242}, (10, None)),
        ({"FMATERIALID": 100002}, (12, None)),  # approved
    ],
)
async def test_refused_models(stocked: Any, call: Call, more: dict[str, Any], refused: tuple[int, str | None]) -> None:
    answer = await call("Save", material(**more))
    (error,) = answer["Result"]["ResponseStatus"]["Errors"]
    assert (code(answer), error["FieldName"]) == refused


async def test_two_alike_are_allowed_and_custom_fields_kept(stocked: Any, call: Call) -> None:
    ids = {(await call("Save", material(F_AREA="华东")))["Result"]["Id"] for _ in range(2)}
    assert len(ids) == 2
    rows = await call("ExecuteBillQuery", ask(FieldKeys="F_AREA,FNumber", FilterString="F_AREA = '华东'"))
    assert rows == [["华东", "MAT000002"], ["华东", "MAT000001"]]


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        (["Submit"], 0),
        (["Audit"], 12),
        (["Submit", "Submit"], 12),
        (["Submit", "Audit", "UnAudit", "Submit"], 0),
        (["Submit", "CancelAssign", "Delete"], 0),
        (["Submit", "Delete"], 12),
        (["UnAudit"], 12),
        (["Fly"], 3),
    ],
)
async def test_status_rules(stocked: Any, call: Call, steps: list[str], last: int) -> None:
    ident = (await call("Save", material()))["Result"]["Id"]
    for step in steps:
        stocked.clock.advance(seconds=1)
        answer = await call(step, {"formid": "BD_MATERIAL", "data": {"Ids": str(ident)}})
    assert code(answer) == last
    if last == 0 and "Delete" not in steps:
        doc = stocked.sandbox.books["BD_MATERIAL"][ident]["fields"]
        assert doc["FModifyDate"] == stocked.sandbox.stamp() != doc["FCreateDate"]


async def test_rows_not_sent_are_deleted_unless_told_otherwise(
    stocked: Any, call: Call, order: Callable[..., dict[str, Any]]
) -> None:
    model = order() | {"FSaleOrgId": {"FNumber": "100"}, "FSaleOrderFinance": {"FSettleCurrId": {"FNumber": "PRE001"}}}
    del model["FSettleCurrId"]
    ident = (await call("Save", {"formid": "SAL_SaleOrder", "data": {"Model": model}}))["Result"]["Id"]
    for told, left in ((False, 2), (True, 1)):
        line = {"FID": ident, "FSaleOrderEntry": [{"FEntryID": 200002, "FQty": 5}]}
        await call("Save", {"formid": "SAL_SaleOrder", "data": {"Model": line, "IsDeleteEntry": told}})
        assert len(stocked.sandbox.books["SAL_SaleOrder"][ident]["lines"]) == left


async def test_a_bill_number_is_given_once(
    stocked: Any, call: Call, order: Callable[..., dict[str, Any]], create: Callable[..., Push]
) -> None:
    await connector.streams["sales_orders"].push(stocked.context(), create(order()))
    fields = dict(stocked.sandbox.books["SAL_SaleOrder"][100004]["fields"])
    model = {name: fields[name] for name in ("FBillNo", "FBillTypeID", "FDate", "FSaleOrgId", "FCustId")}
    model |= {"FSaleOrderFinance": {"FSettleCurrId": {"FNumber": "PRE001"}}}
    model |= {"FSaleOrderEntry": [{"FMaterialId": {"FNumber": "M1"}, "FQty": 1}]}
    answer = await call("Save", {"formid": "SAL_SaleOrder", "data": {"Model": model}})
    (error,) = answer["Result"]["ResponseStatus"]["Errors"]
    assert (code(answer), error["FieldName"]) == (11, "FBillNo")
    assert error["Message"] == "违反字段唯一性要求：单据编号唯一。销售订单编号“XSDD000001”已存在"
    model["FBillNo"] = "XSDD000002"
    assert code(await call("Save", {"formid": "SAL_SaleOrder", "data": {"Model": model}})) == 0


def test_the_config_may_be_told_more() -> None:
    assert (
        sandbox_config("http://erp.test", numbering="hub", organization="200").items()
        >= {
            "numbering": "hub",
            "organization": "200",
            "base_url": "http://erp.test/k3cloud/",
        }.items()
    )


async def test_acts_keep_to_the_rules(stocked: Any, order: Callable[..., dict[str, Any]], create: Any) -> None:
    assert stocked.act("ship", order="XSDD000001")["code"] == 10
    await connector.streams["sales_orders"].push(stocked.context(), create(order()))
    part = stocked.act("ship", order="XSDD000001", lines=[{"FEntryID": "200001", "FQty": 1}])
    assert part["number"] == "XSCKD000001"
    rest = stocked.act("ship", order="100004")
    quantities = [line["FRealQty"] for line in stocked.sandbox.books["SAL_OUTSTOCK"][rest["id"]]["lines"]]
    assert quantities == [2, 2]
    assert stocked.act("ship", order="100004", lines=[{"FEntryID": "200001", "FQty": 1}])["code"] == 11
    assert stocked.act("ship", order="100004")["code"] == 11  # nothing left
    stocked.act("invoice", order="100004")
    assert stocked.act("invoice", order="100004")["code"] == 11
    assert stocked.act("edit", form="SAL_SaleOrder", id="100004", fields={"FNote": "x"})["code"] == 12
    assert stocked.act("operate", form="AR_receivable", id="AR000001", operation="UnAudit") == {"id": 100007}


async def test_a_killed_sandbox_comes_back(
    tmp_path: Path, order: Callable[..., dict[str, Any]], create: Callable[..., Push], erp: Any
) -> None:
    erp.sandbox = KingdeeSandbox(Ledger(tmp_path / "erp.jsonl"), erp.clock)
    erp.act("create_customer", name="云帆", number="CUST1")
    erp.act("create_material", name="控制器", number="M1")
    erp.act("create_material", name="传感器", number="M2")
    await connector.streams["sales_orders"].push(erp.context(auth="sign"), create(order()))
    erp.act("lock", form="SAL_SaleOrder", id="XSDD000001")
    again = sandbox(Ledger(tmp_path / "erp.jsonl"), FixedClock())
    assert isinstance(again, KingdeeSandbox)
    for state in ("books", "serials", "sessions", "locks", "last_id", "last_row"):
        assert getattr(again, state) == getattr(erp.sandbox, state), state
    made = again.acts()["create_material"]({"name": "外壳"})
    assert (made["id"], made["number"]) == (100005, "MAT000001")
    for ledger in (erp.sandbox.ledger, again.ledger):
        ledger._file.close()
