"""The sandbox itself: it keeps the vendor's rules, allows what the vendor allows, and comes back as it was."""

import uuid

import httpx
import pytest

from connectors.fxiaoke.sandbox import sandbox, sandbox_config
from hub.sdk import jsontext
from hub.sdk.sandbox import Ledger
from tests.support.sdk import FixedClock


async def said(crm, path: str, body: dict, headers: dict | None = None, trace: str | None = None) -> dict:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=crm.box.app), base_url="http://crm") as client:
        answer = await client.post(
            path, json=body, headers=headers, params={"thirdTraceId": trace or str(uuid.uuid4())}
        )
    assert answer.status_code == 200
    return answer.json()


async def data(crm, verb: str, body: dict) -> dict:
    config = sandbox_config("http://crm")
    login = {"appId": config["app_id"], "appSecret": config["app_secret"], "permanentCode": config["permanent_code"]}
    token = await said(crm, "/oauth2.0/token", {**login, "grantType": "app_secret"})
    headers = {"authorization": f"Bearer {token['accessToken']}", "x-fs-ea": token["ea"], "x-fs-userid": "1000"}
    return await said(crm, f"/cgi/crm/v2/data/{verb}", body, headers)


def search(**search) -> dict:
    return {"data": {"dataObjectApiName": "AccountObj", "search_query_info": {"limit": 100, "offset": 0, **search}}}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"limit": 101}, 32000),
        ({"limit": 100, "offset": 50}, 32000),
        ({"limit": 100, "offset": 10_100}, 10013),
        ({"filters": [{"field_name": "name", "operator": "MATCH", "field_values": ["x"]}]}, 32000),
        ({"filters": [{"field_name": "nonsense", "operator": "EQ", "field_values": ["x"]}]}, 32000),
        ({"orders": [{"fieldName": "nonsense", "isAsc": True}]}, 32000),
    ],
)
async def test_a_query_has_its_caps(crm, wrong, code):
    assert (await data(crm, "query", search(**wrong)))["errorCode"] == code


@pytest.mark.parametrize(
    ("operator", "values", "hit"),
    [
        ("EQ", ["200"], "b"),
        ("N", ["200"], "ac"),
        ("GT", ["99"], "ab"),
        ("GTE", ["200"], "b"),
        ("LT", ["100"], "c"),
        ("LTE", ["100"], "ac"),
        ("BETWEEN", ["50", "150"], "ac"),
        ("IN", ["100", "200.0"], "ab"),
        ("NIN", ["100", "200"], "c"),
    ],
)
async def test_numbers_are_compared_as_numbers(crm, operator, values, hit):
    for name, price in (("a", "100"), ("b", "200.00"), ("c", "50")):
        crm.create("ProductObj", name=name, price=price)
    body = search(filters=[{"field_name": "price", "operator": operator, "field_values": values}])
    body["data"]["dataObjectApiName"] = "ProductObj"
    answer = await data(crm, "query", body)
    assert "".join(sorted(row["name"] for row in answer["data"]["dataList"])) == hit
    assert answer["data"]["total"] == len(hit)


async def test_order_offset_and_projection(crm):
    for name in ("丙", "甲", "乙"):
        crm.account(name, remark="x")
    answer = await data(
        crm,
        "query",
        search(limit=1, offset=1, orders=[{"fieldName": "_id", "isAsc": False}], fieldProjection=["name"]),
    )
    assert [set(row) for row in answer["data"]["dataList"]] == [{"_id", "name"}]
    assert [row["name"] for row in answer["data"]["dataList"]] == ["甲"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "name"),
        ({"name": "x", "nonsense": "1"}, "nonsense"),
        ({"name": "x", "account_no": "C9"}, "account_no"),
        ({"name": "x", "owner__r": "1"}, "owner__r"),
        ({"name": "x", "tel": 12345}, "tel"),
        ({"name": "x", "owner": ["4711"]}, "4711"),
    ],
)
async def test_a_create_is_checked(crm, fields, words):
    answer = await data(crm, "create", {"data": {"object_data": {"dataObjectApiName": "AccountObj", **fields}}})
    assert answer["errorCode"] == 32000
    assert words in answer["errorMessage"]
    assert crm.rows("AccountObj") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"paid_amount__c": 12},
        {"paid_amount__c": "1,234.50元"},
        {"paid_date__c": "2026-11-22"},
        {"shipping_status__c": "已发货"},
    ],
)
async def test_money_is_text_a_day_is_milliseconds_an_option_is_its_value(crm, wrong):
    row = {"dataObjectApiName": "NewOpportunityObj", "_id": crm.deal()["id"], **wrong}
    answer = await data(crm, "update", {"data": {"object_data": row}})
    assert next(iter(wrong)) in answer["errorMessage"]


async def test_two_alike_are_two(crm):
    body = {"data": {"object_data": {"dataObjectApiName": "AccountObj", "name": "同名", "hub_ref__c": "r"}}}
    assert (await data(crm, "create", body))["dataId"] != (await data(crm, "create", body))["dataId"]


async def test_owners_and_deletes_have_their_own_way(crm):
    key = crm.account()
    row = {"dataObjectApiName": "AccountObj", "_id": key, "owner": ["1000"]}
    assert "owner" in (await data(crm, "update", {"data": {"object_data": row}}))["errorMessage"]
    body = {"data": {"dataObjectApiName": "AccountObj", "idList": [key]}}
    assert "未作废" in (await data(crm, "delete", body))["errorMessage"]


async def test_what_must_come_with_a_call(crm):
    path = "/cgi/crm/v2/data/query"
    assert (await said(crm, path, {}))["errorCode"] == 20017
    assert (await said(crm, path, {}, {"authorization": "Bearer x", "x-fs-ea": "y"}))["errorCode"] == 20016
    assert "thirdTraceId" in (await said(crm, "/oauth2.0/token", {}, trace="x"))["errorMessage"]


async def test_the_old_scheme_shows_people_by_open_user_unless_told(crm):
    config = sandbox_config("http://crm", "old")
    login = {"appId": config["app_id"], "appSecret": config["app_secret"], "permanentCode": config["permanent_code"]}
    token = await said(crm, "/cgi/corpAccessToken/get/V2", login)
    key = crm.account()
    body = {
        "corpAccessToken": token["corpAccessToken"],
        "corpId": token["corpId"],
        "currentOpenUserId": config["user"],
        "data": {"dataObjectApiName": "AccountObj", "objectDataId": key},
    }
    assert (await said(crm, "/cgi/crm/v2/data/get", body))["data"]["owner"] == ["FSUID_1000"]
    assert (await said(crm, "/cgi/crm/v2/data/get", {**body, "convertUserId": False}))["data"]["owner"] == ["1000"]


def test_a_killed_sandbox_comes_back_as_it_was():
    clock, ledger = FixedClock(), Ledger()
    first = sandbox(ledger, clock)
    first.acts()["set_hook"]({"url": "http://hub/hooks/crm", "token": "t"})
    product = first.acts()["create"]({"object": "ProductObj", "data": {"name": "传感器"}})["id"]
    account = first.acts()["create"]({"object": "AccountObj", "data": {"name": "云帆"}})["id"]
    line = {"product_id": product, "quantity": "2", "sales_price": "12.50"}
    deal = {"name": "年度采购", "account_id": account, "sales_stage": "qualify", "lines": [line]}
    made = first.acts()["create"]({"object": "NewOpportunityObj", "data": deal})["id"]
    clock.advance(seconds=9)
    first.acts()["win"]({"id": made})
    written = Ledger()
    for entry in ledger:
        written.append(entry.at, entry.event, jsontext.loads(jsontext.dumps(entry.data)))
    again = sandbox(written, clock)
    assert again.store == first.store
    assert [post.body for post in again.posts.values()] == [post.body for post in first.posts.values()]
    assert len(again.posts) == 1
    assert again.acts()["create"]({"object": "AccountObj", "data": {"name": "新"}})["id"] > account
