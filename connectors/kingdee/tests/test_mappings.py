"""Our base mappings against the kinds, the streams' schemas, their own tests and the sandbox."""

from pathlib import Path
from typing import Any

import pytest

from connectors.kingdee.connector import connector
from hub.db.kinds import OURS
from hub.mapping import CompiledMapping, Ref, check_mapping, compile_mapping
from hub.sdk import Push

FOLDER = Path(__file__).parents[3] / "mappings" / "kingdee"


def table(name: str) -> str:
    return (FOLDER.parent / "tables" / f"{name}.yaml").read_text(encoding="utf-8")


def given(stream: str) -> dict[str, Any]:
    return {"kinds": OURS.get, "file": f"{stream}.yaml", "schema": connector.streams[stream].schema, "table": table}


def mapping(stream: str) -> CompiledMapping:
    return compile_mapping((FOLDER / f"{stream}.yaml").read_text(encoding="utf-8"), **given(stream))


def test_every_stream_has_a_mapping() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(connector.streams)


@pytest.mark.parametrize("stream", connector.streams)
def test_mapping_is_sound(stream: str) -> None:
    problems = check_mapping((FOLDER / f"{stream}.yaml").read_text(encoding="utf-8"), **given(stream))
    assert [str(problem) for problem in problems] == []


ENTITIES: dict[str, dict[str, Any]] = {
    "customers": {
        "name": "厦门海沧贸易有限公司",
        "uscc": "91350100M000100Y43",
        "phone": "0592-1234567",
        "currency": "CNY",
    },
    "materials": {"number": "M7", "name": "支架", "specification": "40 mm", "unit": "Pcs"},
    "sales_orders": {
        "customer": Ref("customer", "number", "CUST1"),
        "ordered_at": "2026-11-20",
        "currency": "CNY",
        "lines": [
            {
                "product": Ref("product", "number", "M1"),
                "quantity": "3",
                "unit_price": {"amount": "99.5", "currency": "CNY"},
            }
        ],
    },
    "receipts": {
        "number": "PAY-1",
        "customer": Ref("customer", "number", "CUST1"),
        "paid_on": "2026-11-21",
        "amount": {"amount": "1000.1", "currency": "CNY"},
        "payer_name": "福州云帆科技有限公司",
    },
}


@pytest.mark.parametrize("stream", ENTITIES)
async def test_what_is_written_comes_back(stocked: Any, stream: str) -> None:
    compiled, entity, context = mapping(stream), ENTITIES[stream], stocked.context()
    record = compiled.write(entity, creating=True, reference="ours:1")
    pushed = await connector.streams[stream].push(context, Push("create", record, "ours:1", "once"))  # type: ignore[attr-defined]
    (found,) = await connector.streams[stream].fetch(context, [pushed.key])  # type: ignore[attr-defined]
    reading = compiled.read(found)
    assert (reading.key, reading.reference) == (pushed.key, "ours:1")
    keys = [key for ids in pushed.lines.values() for key in ids]
    if "lines" in entity:
        entity = entity | {"lines": [x | {"_key": k} for x, k in zip(entity["lines"], keys, strict=True)]}
    assert compiled.differences(compiled.write(entity, creating=False), found) == {}
    for name in entity.keys() - {"number", "lines"}:
        assert reading.entity[name] == entity[name], name


async def test_a_receipt_is_changed_in_its_one_line(stocked: Any) -> None:
    compiled, context, stream = mapping("receipts"), stocked.context(), connector.streams["receipts"]
    entity = ENTITIES["receipts"]
    record = compiled.write(entity, creating=True, reference="ours:1")
    key = (await stream.push(context, Push("create", record, "ours:1", "once"))).key  # type: ignore[attr-defined]
    (known,) = await stream.fetch(context, [key])  # type: ignore[attr-defined]
    wanted = compiled.write(entity | {"amount": {"amount": "900", "currency": "CNY"}}, creating=False)
    changes = compiled.differences(wanted, known)
    await stream.push(context, Push("update", changes, "ours:1", "twice", key=key, known=known))  # type: ignore[attr-defined]
    (found,) = await stream.fetch(context, [key])  # type: ignore[attr-defined]
    (line,) = found["FRECEIVEBILLENTRY"]
    assert (line["FEntryID"], line["FRECTOTALAMOUNTFOR"]) == (known["FRECEIVEBILLENTRY"][0]["FEntryID"], 900)
    assert line["FSETTLETYPEID"] == {"FNumber": "JSFS04_SYS"}


async def test_the_whole_chain_is_readable(stocked: Any) -> None:
    context = stocked.context()
    record = mapping("sales_orders").write(ENTITIES["sales_orders"], creating=True, reference="ours:1")
    await connector.streams["sales_orders"].push(context, Push("create", record, "ours:1", "once"))  # type: ignore[attr-defined]
    stocked.act("ship", order="XSDD000001")
    stocked.act("invoice", order="XSDD000001")
    for stream in ("shipments", "receivables"):
        (page,) = [page async for page in connector.streams[stream].pull(context, None)]  # type: ignore[attr-defined]
        (line,) = mapping(stream).read(page.records[0]).entity["lines"]
        assert line["order"] == Ref("order", "number", "XSDD000001")
        assert line["order_line"] == Ref("order.lines", "key", "200001")


@pytest.mark.parametrize(("numbering", "number"), [("kingdee", "XSDD000001"), ("hub", "XS202600001")])
async def test_the_number_of_a_new_order(stocked: Any, numbering: str, number: str) -> None:
    compiled, stream = mapping("sales_orders"), connector.streams["sales_orders"]
    context = stocked.context(numbering=numbering)
    entity = ENTITIES["sales_orders"] | {"number": "XS202600001"}
    record = compiled.write(entity, creating=True, reference="ours:1")
    key = (await stream.push(context, Push("create", record, "ours:1", "once"))).key  # type: ignore[attr-defined]
    (found,) = await stream.fetch(context, [key])  # type: ignore[attr-defined]
    reading = compiled.read(found)
    assert (reading.names, reading.entity["custom"]["erp_order_no"]) == ({"number": number}, number)
    assert "FBillNo" not in compiled.write(entity, creating=False)


async def test_an_organization_is_a_company(erp: Any) -> None:
    (found,) = await connector.streams["organizations"].find(erp.context(), "FNumber", "100")  # type: ignore[attr-defined]
    reading = mapping("organizations").read(found)
    assert (reading.key, reading.names) == ("1", {"number": "100"})
    assert reading.entity == {"number": "100", "name": "星海智能装备有限公司"}
