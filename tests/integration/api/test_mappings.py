"""Drafts over HTTP: tried on records and entities, compared with what is in force. Nothing of it is kept."""

import time
from typing import Any

import httpx
import pytest

from hub.api.exact import MOST
from hub.api.services import Services
from hub.config.ground import shipped_ground
from hub.config.shipped import shipped_mappings
from hub.sdk import jsontext
from tests.integration.api import shop
from tests.integration.api.test_api import arrive, turn
from tests.support.drafts import ORDERS

RECORD = (
    '{"id": 7, "no": "A1", "type": "SO", "cust": "C1", "amount": 1234567890123.10, "cur": "CNY",'
    ' "rows": [{"row_id": 1, "qty": 0.1, "item": "P1"}, {"row_id": 2, "qty": "two", "item": "P2"}]}'
)


async def ask(client: httpx.AsyncClient, what: str, body: dict[str, Any] | bytes, status: int = 200) -> dict[str, Any]:
    content = body if isinstance(body, bytes) else jsontext.dumps(body)
    answer = await client.post(
        f"/api/v1/mappings/{what}", content=content, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    return told


def by_field(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["field"]: each for each in (*told["heads"], *told["fields"])}


async def test_a_record_is_read_line_by_line_and_numbers_stay_exact(client: httpx.AsyncClient) -> None:
    body = f'{{"draft": {jsontext.dumps(ORDERS).decode()}, "record": {RECORD}}}'.encode()
    told = await ask(client, "preview", body)
    assert (told["mapping"], told["kind"], told["problems"], told["writing"]) == ("shop.orders", "order", [], None)
    lines = by_field(told["reading"])
    assert lines["total"]["raw"] == "1234567890123.10"
    assert lines["total"]["result"] == {"amount": "1234567890123.1", "currency": "CNY"}
    assert (lines["total"]["path"], lines["total"]["line"], lines["total"]["also"]) == ("amount", 9, {"cur": "CNY"})
    assert (lines["where"]["result"], lines["key"]["result"], lines["names.number"]["result"]) == (True, "7", "A1")
    assert (lines["lines[0].quantity"]["raw"], lines["lines[0].quantity"]["result"]) == ("0.1", "0.1")
    bad = lines["lines[1].quantity"]
    assert (bad["outcome"], bad["path"], bad["line"]) == ("failed", "rows[1].qty", 14)
    assert bad["error"]["sentence"] == (
        'line 14, lines[1].quantity: path rows[1].qty: "two" is not a number; send digits only'
    )
    assert lines["lines[1].product"]["result"] == "product:number:P2"
    assert told["reading"]["entity"]["customer"] == "customer:number:C1"


async def test_both_ways_show_what_would_be_written_back(client: httpx.AsyncClient) -> None:
    record = jsontext.loads(RECORD) | {"rows": []}
    told = await ask(client, "preview", {"draft": ORDERS, "record": record, "way": "both"})
    assert told["writing"]["record"]["amount"] == "1234567890123.1"
    assert by_field(told["writing"])["customer"]["result"] == "C1"
    assert told["writing"]["sends"] == {}


async def test_a_draft_that_does_not_compile_tells_everything_with_its_line(client: httpx.AsyncClient) -> None:
    draft = shop.MAPPING.replace("name: name", "name: nome").replace("number: number\n  name", "numbr: number\n  name")
    told = await ask(client, "preview", {"draft": draft, "connection": "crm", "stream": "products"})
    assert [(found["line"], found["rule"]) for found in told["problems"]] == [
        (6, "match_field"),
        (8, "unknown_field"),
        (9, "unknown_path"),
    ]
    assert told["mapping"] is None
    assert all(found["sentence"] and found["sentence_zh"] for found in told["problems"])


async def test_what_arrived_and_what_is_known_can_be_tried(client: httpx.AsyncClient, services: Services) -> None:
    await arrive(client, "e1", {"id": 7, "number": "P-1", "name": "Pump", "colour": "red"})
    await turn(services)
    (row,) = (await client.get("/api/v1/inbox")).json()["items"]
    draft = shop.MAPPING.replace("name: name", "name: colour")
    told = await ask(client, "preview", {"draft": draft, "inbox": row["id"]})
    assert told["problems"][0]["rule"] == "unknown_path"  # the connection's stream is known from the record
    draft = shop.MAPPING.replace("name: name", "name: {in: 'upper(name)'}")
    told = await ask(client, "preview", {"draft": draft, "inbox": row["id"]})
    assert by_field(told["reading"])["name"]["result"] == "PUMP"
    link = {"connection": "crm", "stream": "products", "key": "7"}
    told = await ask(client, "preview", {"draft": shop.MAPPING, "link": link})
    assert told["reading"]["entity"]["name"] == "Pump"
    assert (told["writing"]["creating"], told["writing"]["sends"]) == (False, {})
    told = await ask(client, "preview", {"draft": shop.MAPPING, "entity": row["entity_id"], "creating": True})
    assert (told["reading"], told["writing"]["creating"]) == (None, True)
    assert told["writing"]["record"] == {"number": "P-1", "name": "Pump"}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"inbox": 99}, 404),
        ({"entity": 99}, 404),
        ({"link": {"connection": "crm", "stream": "products", "key": "no"}}, 404),
        ({"connection": "nope"}, 404),
        ({"inbox": 1, "entity": 1}, 422),
        ({"colour": 1}, 422),
        ({"record": {"a": "x" * (1024 * 1024)}}, 413),
        ({"record": {"a": "x" * MOST}}, 413),
    ],
)
async def test_what_cannot_be_tried_is_said_plainly(
    client: httpx.AsyncClient, asked: dict[str, Any], status: int
) -> None:
    told = await ask(client, "preview", {"draft": shop.MAPPING, **asked}, status)
    assert told["title"]
    assert told["title_zh"]


async def test_a_body_that_is_no_json_is_refused(client: httpx.AsyncClient) -> None:
    assert "JSON" in (await ask(client, "preview", b"{draft", 400))["title"]


async def test_a_draft_is_compared_with_what_is_in_force(client: httpx.AsyncClient, services: Services) -> None:
    for number in range(1, 9):
        await arrive(client, f"e{number}", {"id": number, "number": f"P-{number}", "name": "Pump", "old": "x"})
    await turn(services)
    (same,) = (await ask(client, "diff", {"draft": shop.MAPPING}))["streams"]
    assert (same["nothing"], same["records"], same["whole"]) == (True, 8, 8)
    draft = shop.MAPPING.replace("name: name", "name: {in: upper(name)}")
    (told,) = (await ask(client, "diff", {"draft": draft, "last": 5}))["streams"]
    assert (told["records"], told["touched"], told["store"]["entities"]) == (5, 5, 5)
    (name,) = told["reading"]
    assert (name["field"], name["count"], len(name["examples"])) == ("name", 5, 5)
    assert (name["examples"][0]["before"], name["examples"][0]["after"]) == ("Pump", "PUMP")
    assert [field["field"] for field in told["store"]["fields"]] == ["name"]
    wrong = await ask(client, "diff", {"draft": draft.replace("shop.products", "shop.other")}, 422)
    assert "sync" in wrong["title"]
    (named,) = (await ask(client, "diff", {"draft": draft.replace("shop.products", "shop.other"), "sync": "products"}))[
        "streams"
    ]
    assert (named["mapping"], named["touched"]) == ("shop.products", 8)
    assert (await ask(client, "diff", {"draft": "mapping: shop.products"}))["streams"] == []


async def test_a_preview_is_quick_enough_to_type_by(client: httpx.AsyncClient) -> None:
    """Printed, not asserted: the machine is shared."""
    for name in ("fxiaoke.customers", "kingdee.sales_orders"):
        draft = shipped_mappings()[name].text
        record = next(pair.record for pair in shipped_ground().compiled(shipped_mappings()[name]).tests)
        spent = []
        for attempt in range(6):
            began, worked = time.perf_counter(), time.process_time()
            told = await ask(client, "preview", {"draft": f"{draft}# {attempt}\n", "record": record, "way": "both"})
            spent.append((time.perf_counter() - began, time.process_time() - worked))
            assert told["reading"]["entity"]
        wall, cpu = (1000 * sorted(each)[len(each) // 2] for each in zip(*spent, strict=True))
        print(f"preview of {name}: {wall:.0f} ms, of which {cpu:.0f} ms of work")
