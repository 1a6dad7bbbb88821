"""The API from outside: who may, what is answered, and the same request twice."""

import asyncio
import random
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from hub.api.access import SCOPES
from hub.api.app import create_app
from hub.api.services import Services
from hub.canon.kinds import Kinds
from hub.canon.store import new_ids
from hub.canon.write import Edit, Origin, write
from hub.jobs.crank import settle
from hub.sdk import jsontext
from hub.security import tokens
from hub.sync.engine import Engine
from tests.integration.api.shop import TOKEN

JSON = {"content-type": "application/json"}


async def turn(services: Services) -> None:
    """Let the engine do what there is to do."""
    configuration = services.configurations.current
    assert configuration is not None
    await settle(Engine(services.db, configuration, services.clock, random.Random(7), services.outward))


async def arrive(client: httpx.AsyncClient, event: str, record: dict[str, Any]) -> None:
    body = jsontext.dumps({"event": event, "record": record})
    answer = await client.post("/hooks/crm", headers={"Authorization": f"Bearer {TOKEN}"}, content=body)
    assert answer.status_code == 200


async def items(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get(f"/api/v1/{path}", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def routes(services: Services) -> set[tuple[str, str]]:
    paths = create_app(services).openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods if "/api/v1" in path}


async def test_every_route_has_a_scope_and_every_scope_a_route(services: Services) -> None:
    assert routes(services) == set(SCOPES)


async def test_the_documentation_is_complete(services: Services) -> None:
    for path, methods in create_app(services).openapi()["paths"].items():
        for method, route in methods.items():
            schema = route["responses"]["200"]["content"]["application/json"]["schema"]
            assert schema, f"{method} {path} says nothing of its answer"
            assert route["summary"]
            if path.startswith("/api/v1"):
                problem = route["responses"]["422"]["content"]["application/problem+json"]["schema"]
                assert problem == {"$ref": "#/components/schemas/Problem"}
                assert route["security"]


@pytest.mark.parametrize(
    ("header", "status"),
    [(None, 401), ("Bearer hub_x_y", 401), ("Basic abc", 401), ("read", 403), ("revoked", 401)],
)
async def test_a_token_opens_what_its_scope_says(
    client: httpx.AsyncClient, services: Services, header: str | None, status: int
) -> None:
    async with services.db.begin("test") as conn:
        reader = await tokens.create(conn, "reader", ["read"])
        gone = await tokens.create(conn, "gone", ["admin"])
        await tokens.revoke(conn, gone.split("_")[1])
    del client.headers["Authorization"]
    header = {"read": f"Bearer {reader}", "revoked": f"Bearer {gone}"}.get(header or "", header)
    headers = {"Authorization": header} if header else {}
    answer = await client.post("/api/v1/syncs/products/run", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["title"] and answer.json()["title_zh"]
    if status == 403:
        assert (await client.get("/api/v1/syncs", headers=headers)).status_code == 200


async def test_the_same_key_does_the_deed_once(client: httpx.AsyncClient, services: Services) -> None:
    wanted = {"name": "ci", "scopes": ["read"]}
    key = {"Idempotency-Key": "k-1"}
    first = await client.post("/api/v1/tokens", json=wanted, headers=key)
    again = await client.post("/api/v1/tokens", json=wanted, headers=key)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = await client.post("/api/v1/tokens", json={**wanted, "name": "cd"}, headers=key)
    assert other.status_code == 422
    assert [token["name"] for token in await items(client, "tokens")] == ["root", "ci"]


async def test_the_same_key_at_the_same_time(client: httpx.AsyncClient) -> None:
    wanted = {"name": "ci", "scopes": ["read"]}
    calls = [client.post("/api/v1/tokens", json=wanted, headers={"Idempotency-Key": "k"}) for _ in range(6)]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["token"] for answer in answers if answer.status_code == 200}) == 1
    assert len(await items(client, "tokens")) == 2


async def test_a_failed_request_leaves_its_key_free(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    assert (await client.post("/api/v1/syncs/nope/run", headers=key)).status_code == 404
    assert (await client.post("/api/v1/syncs/products/run", headers=key)).status_code == 200


async def test_wrong_values_are_named(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/inbox/retry", json={"ids": ["x"]})
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["path"] == "ids.0"
    assert (await client.get("/api/v1/inbox", params={"limit": 501})).status_code == 422
    assert (await client.get("/api/v1/inbox", params={"cursor": "x"})).status_code == 400
    assert (await client.get("/api/v1/nothing")).headers["content-type"] == "application/problem+json"
    assert (await client.delete("/api/v1/inbox")).status_code == 405


async def test_pages_follow_each_other(client: httpx.AsyncClient, services: Services) -> None:
    for number in range(5):
        await arrive(client, f"e{number}", {"id": f"{number}", "number": f"P{number}"})
    first = (await client.get("/api/v1/receipts", params={"limit": 3})).json()
    second = (await client.get("/api/v1/receipts", params={"limit": 3, "cursor": first["next"]})).json()
    assert [row["event_id"] for row in first["items"] + second["items"]] == ["e4", "e3", "e2", "e1", "e0"]
    assert second["next"] is None


async def test_from_the_webhook_to_the_entity_and_why(client: httpx.AsyncClient, services: Services) -> None:
    await arrive(client, "e1", {"id": "77", "number": "P-1", "name": "pump"})
    await turn(services)
    await arrive(client, "e2", {"id": "77", "number": "P-1", "name": "better pump"})
    await turn(services)
    (found,) = await items(client, "entities/product", q="P-1")
    assert found["fields"] == {"number": "P-1", "name": "better pump"}
    entity = (await client.get(f"/api/v1/entities/product/{found['id']}")).json()
    assert entity["links"][0]["key"] == "77"
    assert entity["links"][0]["names"] == {"number": "P-1"}
    history = await items(client, f"entities/product/{found['id']}/changes")
    assert [change["version"] for change in history] == [2, 1]
    explained = (await client.get("/api/v1/explain/product/P-1/name")).json()
    (step,) = explained["steps"]
    assert (explained["value"], step["before"], step["value"]) == ("better pump", "pump", "better pump")
    assert (step["connection"], step["stream"], step["key"], step["mapping"]) == (
        "crm",
        "products",
        "77",
        "shop.products",
    )
    assert (step["mapping_version"], step["raw"], step["receipt"]) == (1, "better pump", 2)
    created = (await client.get("/api/v1/explain/product/77/number")).json()["steps"][0]
    assert (created["version"], created["path"], created["raw"]) == (1, "number", "P-1")


async def test_what_is_parked_is_corrected(client: httpx.AsyncClient, services: Services) -> None:
    await arrive(client, "e1", {"number": "P-1", "name": "no key"})
    await turn(services)
    (parked,) = await items(client, "failed")
    assert (parked["what"], parked["error_class"]) == ("inbox", "MappingError")
    number = parked["id"]
    missing = await client.post(f"/api/v1/inbox/{number}/correct", json={"values": {"name": "still none"}})
    assert missing.status_code == 422
    asked = '{"values": {"id": "88", "price": 12345678901234567.50}}'
    answer = await client.post(f"/api/v1/inbox/{number}/correct", content=asked, headers=JSON)
    assert answer.status_code == 200, answer.text
    (made,) = answer.json()["done"]
    async with services.db.read() as conn:
        kept = await conn.execute(text("SELECT record->>'price' FROM inbox WHERE id = :id"), {"id": made})
    assert kept.scalar_one() == "12345678901234567.50", "a number is never a float on its way"
    await turn(services)
    assert await items(client, "failed") == []
    rows = {row["id"]: row for row in await items(client, "inbox")}
    assert (rows[number]["state"], rows[number]["note"]) == ("superseded", "corrected")
    assert (rows[made]["state"], rows[made]["corrects"], rows[made]["key"]) == ("done", number, "88")
    assert len(await items(client, "entities/product", q="P-1")) == 1
    again = await client.post(f"/api/v1/inbox/{number}/correct", json={"values": {"id": "88"}})
    assert again.status_code == 422


async def test_an_entity_is_corrected_by_a_person(client: httpx.AsyncClient, services: Services) -> None:
    await arrive(client, "e1", {"id": "77", "number": "P-1", "name": "pump"})
    await turn(services)
    (found,) = await items(client, "entities/product")
    path = f"/api/v1/entities/product/{found['id']}/correct"
    wrong = await client.post(path, json={"values": {"status": "sleeping"}})
    assert (wrong.status_code, wrong.json()["title"]) == (
        422,
        "field status: 'sleeping' is none of active, blocked",
    )
    assert (await client.post(path, json={"values": {"status": "active"}})).status_code == 200
    (step,) = (await client.get("/api/v1/explain/product/P-1/status")).json()["steps"]
    assert (step["who"], step["value"]) == ("person:root", "active")


async def test_two_entities_are_one_and_two_again(client: httpx.AsyncClient, services: Services) -> None:
    await arrive(client, "e1", {"id": "1", "number": "P-1"})
    await turn(services)
    (winner,) = [row["id"] for row in await items(client, "entities/product")]
    fields = {"number": "P-1b", "name": "pump"}
    origin = Origin("person:anna", "c", live=True)
    async with services.db.begin("test") as conn:
        (loser,) = await new_ids(conn, 1)
        changed = {name: (None, value) for name, value in fields.items()}
        await write(conn, Kinds(), [Edit(loser, "product", fields, changed, origin)], {}, services.clock.now())
    path = f"/api/v1/entities/product/{loser}"
    assert (await client.post(f"{path}/part", json={})).status_code == 409
    assert (await client.post(f"{path}/join", json={"into": loser})).status_code == 409
    answer = await client.post(f"{path}/join", json={"into": winner, "reason": "same pump"})
    assert answer.status_code == 200, answer.text
    assert (await client.get(path)).json()["joined_into"] == winner
    assert (await client.get(f"/api/v1/entities/product/{winner}")).json()["fields"]["name"] == "pump"
    assert (await client.post(f"{path}/part", json={})).status_code == 200
    assert (await client.get(path)).json()["joined_into"] is None


async def test_connections_are_tested_paused_and_resumed(client: httpx.AsyncClient) -> None:
    rows = {row["name"]: row for row in await items(client, "connections")}
    assert {name: row["state"] for name, row in rows.items()} == {"crm": "ok", "old": "ok", "lost": "broken"}
    assert "nowhere" in rows["lost"]["pause_error"]
    assert (await client.post("/api/v1/connections/crm/test")).json()["ok"] is True
    failed = (await client.post("/api/v1/connections/old/test")).json()
    assert (failed["ok"], failed["error_class"], failed["error_zh"]) == (False, "AuthFailed", "密码不正确")
    assert (await client.post("/api/v1/connections/nope/test")).status_code == 404
    assert (await client.post("/api/v1/connections/crm/pause")).status_code == 200
    assert (await items(client, "connections"))[0]["state"] == "paused"
    assert (await items(client, "syncs"))[0]["health"] == "paused"
    assert (await client.post("/api/v1/connections/crm/resume")).status_code == 200
    assert (await items(client, "syncs"))[0]["health"] == "unverified"


@pytest.mark.parametrize(("act", "mode"), [("observe", "observing"), ("live", "live"), ("pause", "paused")])
async def test_modes_are_set_and_on_record(client: httpx.AsyncClient, services: Services, act: str, mode: str) -> None:
    assert (await client.post(f"/api/v1/syncs/products/{act}")).status_code == 200
    assert (await items(client, "syncs"))[0]["mode"] == mode
    async with services.db.read() as conn:
        row = (await conn.execute(text("SELECT who, act, what FROM audit"))).one()
    assert tuple(row) == ("root", f"sync.{act}", "products")


async def test_a_configuration_with_a_mistake_changes_nothing(client: httpx.AsyncClient) -> None:
    files = {"connections/crm.yaml": "connection: crm\nconnector: shoop\n"}
    plan = (await client.post("/api/v1/config/plan", json={"files": files})).json()
    assert plan["problems"][0]["file"] == "connections/crm.yaml"
    applied = (await client.post("/api/v1/config/apply", json={"files": files})).json()
    assert (applied["applied"], applied["lines"]) == (False, [])
    assert len(await items(client, "connections")) == 3
    strange = await client.post("/api/v1/config/plan", json={"files": {"readme.txt": ""}})
    assert strange.status_code == 422


async def test_health(client: httpx.AsyncClient, services: Services) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"status": "ok"}
    async with services.db.begin("test") as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_every_answer_carries_the_request_id(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz", headers={"X-Request-Id": "abc-12345"})).headers["x-request-id"] == "abc-12345"
    assert len((await client.get("/healthz", headers={"X-Request-Id": "a b"})).headers["x-request-id"]) == 32
