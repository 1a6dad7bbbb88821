"""Our base mappings against the kinds, the streams' schemas, their own tests and the sandbox's records."""

from pathlib import Path

import pytest

from connectors.fxiaoke.connector import connector
from hub.canon.kinds import Kinds
from hub.mapping import RecordError, Ref, check_mapping, compile_mapping
from hub.sdk import Push

FOLDER = Path(__file__).parents[3] / "mappings" / "fxiaoke"


def mapping(name: str):
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    return compile_mapping(text, kinds=Kinds().get, file=name, schema=connector.streams[name].schema)


@pytest.mark.parametrize("name", connector.streams)
def test_a_base_mapping_holds(name):
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    found = check_mapping(text, kinds=Kinds().get, file=name, schema=connector.streams[name].schema)
    assert [str(problem) for problem in found] == []


async def test_a_won_deal_reads_as_an_order(crm, ctx):
    made = crm.deal(close_date=1795276800000)
    crm.act("win", id=made["id"])
    record = (await connector.streams["deals"].fetch(ctx, [made["id"]]))[0]
    deals = mapping("deals")
    reading = deals.read(record)
    assert (reading.key, reading.deleted) == (made["id"], False)
    assert reading.entity["total"] == {"amount": "50", "currency": "CNY"}
    assert reading.entity["customer"] == Ref("customer", "key", record["account_id"])
    assert [line["_key"] for line in reading.entity["lines"]] == made["lines"]


async def test_an_open_deal_is_no_concern_and_a_later_record_is_newer(crm, ctx, clock):
    made = crm.deal()
    deals, stream = mapping("deals"), connector.streams["deals"]
    before = (await stream.fetch(ctx, [made["id"]]))[0]
    clock.advance(seconds=1)
    crm.act("win", id=made["id"])
    after = (await stream.fetch(ctx, [made["id"]]))[0]
    assert (deals.concerns(before), deals.concerns(after)) == (False, True)
    assert deals.read(before).version < deals.read(after).version
    crm.act("invalidate", object="NewOpportunityObj", id=made["id"])
    assert deals.read((await stream.fetch(ctx, [made["id"]]))[0]).deleted


async def test_an_amount_in_words_is_refused_with_its_path(crm, ctx):
    made = crm.deal()
    record = (await connector.streams["deals"].fetch(ctx, [made["id"]]))[0]
    with pytest.raises(RecordError, match="amount"):
        mapping("deals").read({**record, "amount": "1,234.50元"})


async def test_statuses_reach_the_deal_and_then_nothing_differs(crm, ctx):
    made = crm.deal()
    stream, deals = connector.streams["deals"], mapping("deals")
    known = (await stream.fetch(ctx, [made["id"]]))[0]
    entity = {
        "shipping_status": "partial",
        "invoicing_status": "none",
        "payment_status": "paid",
        "paid": {"amount": "50", "currency": "CNY"},
        "paid_at": "2026-11-22",
    }
    wanted = deals.write(entity, creating=False)
    await stream.push(
        ctx, Push("update", deals.differences(wanted, known), "order:1", "k", key=made["id"], known=known)
    )
    now = (await stream.fetch(ctx, [made["id"]]))[0]
    assert (now["payment_status__c"], now["paid_amount__c"]) == ("paid", "50")
    assert deals.differences(wanted, now) == {}


async def test_a_customer_goes_out_and_comes_back(crm, ctx):
    customers, stream = mapping("customers"), connector.streams["customers"]
    entity = {"name": "苏州恒远机电有限公司", "phone": "0512-66668888", "address": "苏州市工业园区"}
    record = customers.write(entity, creating=True, reference="customer:7")
    pushed = await stream.push(ctx, Push("create", record, "customer:7", "k"))
    reading = customers.read((await stream.fetch(ctx, [pushed.key]))[0])
    assert reading.reference == "customer:7"
    assert {name: reading.entity[name] for name in entity} == entity


TENANTS_OWN = """
mapping: ours.deals
extends: fxiaoke.deals
fields:
  custom.region: {type: text, path: "%s"}
"""


@pytest.mark.parametrize(("path", "known"), [("region__c", True), ("regiom", False), ("lines[0].batch__c", True)])
def test_a_tenants_own_fields_may_be_mapped(path, known):
    base = (FOLDER / "deals.yaml").read_text(encoding="utf-8")
    way = "in" if "[" in path else "path"
    found = check_mapping(
        (TENANTS_OWN % path).replace("path:", f"{way}:"),
        kinds=Kinds().get,
        file="ours",
        schema=connector.streams["deals"].schema,
        load=lambda name: base,
    )
    assert [problem.rule for problem in found] == ([] if known else ["unknown_path"])
