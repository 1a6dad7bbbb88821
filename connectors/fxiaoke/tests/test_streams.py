"""The streams against the sandbox: what a pull brings, whole records, looking up."""

import pytest

from connectors.fxiaoke.connector import connector
from hub.sdk import ConfigInvalid, Context, Page, Unavailable
from hub.sdk.sandbox import Fault

DEALS, CUSTOMERS = connector.streams["deals"], connector.streams["customers"]


async def pages(ctx: Context, stream, cursor: str | None = None) -> list[Page]:
    return [page async for page in stream.pull(ctx, cursor)]


def keys(got: list[Page]) -> list[str]:
    return [record["_id"] for page in got for record in page.records]


async def test_a_pull_brings_everything_and_the_next_one_nothing_unseen(either, crm, clock):
    made = []
    for number in range(130):
        made.append(crm.account(f"客户{number:03d}"))
        clock.advance(milliseconds=7)
    first = await pages(either, CUSTOMERS)
    assert keys(first) == made
    assert len(first) == 2
    clock.advance(hours=1)
    assert set(keys(await pages(either, CUSTOMERS, first[-1].cursor))) <= set(made)
    late = crm.account("新客户")
    assert late in keys(await pages(either, CUSTOMERS, first[-1].cursor))


async def test_more_rows_than_a_page_in_one_millisecond(either, crm, clock):
    before = crm.account("早")
    clock.advance(seconds=1)
    made = [crm.account(f"导入{number}") for number in range(250)]
    clock.advance(seconds=1)
    after = crm.account("晚")
    assert sorted(keys(await pages(either, CUSTOMERS))) == sorted([before, *made, after])


async def test_a_row_changed_while_a_pull_is_under_way_hides_no_other(either, crm, clock):
    made = []
    for number in range(150):
        made.append(crm.account(f"客户{number:03d}"))
        clock.advance(milliseconds=7)
    seen: list[str] = []
    async for page in CUSTOMERS.pull(either, None):
        seen += [record["_id"] for record in page.records]
        crm.act("edit", object="AccountObj", id=made[0], data={"tel": "021-1"})
    assert set(seen) == set(made)


async def test_an_interrupted_pull_goes_on_where_it_stopped(either, crm, clock):
    made = []
    for number in range(230):
        made.append(crm.account(f"客户{number:03d}"))
        clock.advance(minutes=5)
    got: list[Page] = []
    with pytest.raises(Unavailable):
        async for page in CUSTOMERS.pull(either, None):
            got.append(page)
            if len(got) == 2:
                crm.box.faults.append(Fault(match="data/query", kind="drop_before"))
    rest = await pages(either, CUSTOMERS, got[-1].cursor)
    assert len(keys(got)) < len(made)
    assert set(keys(got)) | set(keys(rest)) == set(made)


async def test_invalidated_rows_come_with_their_status(either, crm, clock):
    gone, stays = crm.account("作废"), crm.account("保留")
    cursor = (await pages(either, CUSTOMERS))[-1].cursor
    clock.advance(hours=1)
    crm.act("invalidate", object="AccountObj", id=gone)
    clock.advance(hours=1)
    got = await pages(either, CUSTOMERS, cursor)
    status = {record["_id"]: record["life_status"] for page in got for record in page.records}
    assert status[gone] == "invalid"
    assert status.get(stays, "normal") == "normal"
    clock.advance(hours=1)
    crm.act("recover", object="AccountObj", id=gone)
    got = await pages(either, CUSTOMERS, got[-1].cursor)
    assert [r["life_status"] for page in got for r in page.records if r["_id"] == gone][-1] == "normal"


async def test_a_deal_holds_its_lines_and_moves_with_them(either, crm, clock):
    made = crm.deal(lines=3)
    first = await pages(either, DEALS)
    record = first[-1].records[-1]
    assert [line["_id"] for line in record["lines"]] == made["lines"]
    assert record["amount"] == "75.00"
    clock.advance(hours=1)
    crm.act("edit", object="NewOpportunityLinesObj", id=made["lines"][1], data={"quantity": "4"})
    clock.advance(minutes=5)
    again = await pages(either, DEALS, first[-1].cursor)
    assert again[-1].records[-1]["lines"][1]["quantity"] == "4"
    assert again[-1].records[-1]["amount"] == "100.00"
    assert again[-1].cursor > first[-1].cursor


async def test_a_deal_of_many_lines_is_whole(either, crm):
    made = crm.deal(lines=120)
    assert len((await DEALS.fetch(either, [made["id"]]))[0]["lines"]) == 120


async def test_fetch_leaves_out_what_is_gone(either, crm):
    one, invalid = crm.account("一"), crm.account("二")
    crm.act("invalidate", object="AccountObj", id=invalid)
    got = await CUSTOMERS.fetch(either, [one, "nothing", invalid])
    assert [(r["_id"], r["life_status"]) for r in got] == [(one, "normal"), (invalid, "invalid")]


async def test_find_is_exact(either, crm):
    wanted = crm.account("云帆", hub_ref__c="customer:1")
    crm.account("云帆二", hub_ref__c="customer:10")
    assert [r["_id"] for r in await CUSTOMERS.find(either, "hub_ref__c", "customer:1")] == [wanted]


async def test_keys_lists_the_living(either, crm):
    made = [crm.account(f"客户{number}") for number in range(205)]
    crm.act("invalidate", object="AccountObj", id=made[3])
    listed = [key async for some in CUSTOMERS.keys(either) for key in some]
    assert listed == [key for key in made if key != made[3]]


async def test_employee_ids_are_the_same_in_both_schemes(either, crm):
    made = crm.deal()
    owner = (await DEALS.fetch(either, [made["id"]]))[0]["owner"]
    people = await connector.streams["employees"].fetch(either, owner)
    assert [person["_id"] for person in people] == ["1000"]


async def test_a_refused_read_is_a_matter_of_configuration(either):
    with pytest.raises(ConfigInvalid, match="nonsense__c") as caught:
        await CUSTOMERS.find(either, "nonsense__c", "x")
    assert caught.value.scope == "customers"


async def test_records_match_the_schema(either, crm):
    crm.deal(close_date=1795276800000, mc_currency="CNY")
    system = {"object_describe_api_name", "created_by", "last_modified_by"}
    for name, stream in connector.streams.items():
        for page in await pages(either, stream):
            for record in page.records:
                own = {path for path in record if not path.endswith("__r")} - system - {"lines"}
                assert own <= set(stream.schema), name
                for line in record.get("lines", []):
                    shown = {f"lines[].{p}" for p in line if not p.endswith("__r") and p not in system}
                    assert shown - {"lines[].owner", "lines[].create_time"} <= set(stream.schema)


def test_the_manifest_says_what_the_streams_can():
    said = {name: frozenset(verbs) for name, verbs in connector.manifest.streams.items()}
    assert said == dict(connector.verbs)
    assert connector.hook is not None
    assert connector.manifest.events == dict(connector.hook.events)
