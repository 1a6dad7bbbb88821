"""Webhooks from outside: what is answered, and what is on disk by then."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from hub.api.hooks import MAX_BODY
from hub.api.services import Services
from tests.integration.api.shop import TOKEN

BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def receipts(services: Services) -> list[dict[str, Any]]:
    async with services.db.read() as conn:
        return [dict(row) for row in (await conn.execute(text("SELECT * FROM receipt ORDER BY id"))).mappings()]


async def test_accepted_means_committed(client: httpx.AsyncClient, services: Services) -> None:
    answer = await client.post("/hooks/crm", headers=BEARER, content=b'{"event":"e1"}')
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    (row,) = await receipts(services)
    assert (row["connection"], row["verdict"], row["state"], row["event_id"]) == ("crm", "accepted", "due", "e1")
    assert bytes(row["body"]) == b'{"event":"e1"}'
    assert row["headers"]["authorization"] == "***"


async def test_the_same_event_twice_is_harmless(client: httpx.AsyncClient, services: Services) -> None:
    for _ in range(2):
        assert (await client.post("/hooks/crm", headers=BEARER, content=b"{}")).status_code == 200
    assert [row["verdict"] for row in await receipts(services)] == ["accepted", "duplicate"]


async def test_the_secret_in_the_address_is_never_stored(client: httpx.AsyncClient, services: Services) -> None:
    del client.headers["Authorization"]
    assert (await client.post(f"/hooks/crm/{TOKEN}", content=b'{"event":"e1"}')).status_code == 200
    assert (await client.post("/hooks/crm/almost-the-token", content=b"{}")).status_code == 401
    rows = await receipts(services)
    assert [row["path"] for row in rows] == ["***", "***"]
    assert all(TOKEN not in str(row) for row in rows)


async def test_a_handshake_is_answered_and_carries_nothing(client: httpx.AsyncClient, services: Services) -> None:
    for word in ("one", "two", "one"):
        answer = await client.get("/hooks/crm", headers=BEARER, params={"echo": word, "access_token": TOKEN})
        assert (answer.status_code, answer.text) == (200, word)
    rows = await receipts(services)
    assert {row["state"] for row in rows} == {"done"}
    assert [row["verdict"] for row in rows] == ["accepted"] * 3
    assert rows[0]["query"] == {"echo": "one", "access_token": "***"}


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("/hooks/crm", b"{}", 401, "the token does not match"),
        ("/hooks/nobody", b"{}", 404, "there is no connection nobody"),
        ("/hooks/old", b"{}", 404, "connection old takes no calls: no webhook is set up for it"),
        ("/hooks/lost", b"{}", 503, "connection lost is not usable now"),
    ],
)
async def test_refused_calls_say_why(
    client: httpx.AsyncClient, services: Services, path: str, body: bytes, status: int, reason: str
) -> None:
    answer = await client.post(path, content=body, headers={"Authorization": "Bearer wrong-token"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert (answer.json()["title"], answer.json()["status"]) == (reason, status)
    assert answer.json()["title_zh"]
    (row,) = await receipts(services)
    assert (row["verdict"], row["reason"], row["state"]) == ("refused", reason, "done")


async def test_bad_json_and_a_fault_of_the_connector(client: httpx.AsyncClient, services: Services) -> None:
    assert (await client.post("/hooks/crm", headers=BEARER, content=b"{")).status_code == 400
    assert (await client.post("/hooks/crm", headers=BEARER, content=b'"bug"')).status_code == 500
    assert [row["verdict"] for row in await receipts(services)] == ["refused", "refused"]
    assert "KeyError" in (await receipts(services))[1]["reason"]


async def test_a_body_beyond_the_limit_is_not_read_to_its_end(client: httpx.AsyncClient, services: Services) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(800):
            sent += 65536
            yield bytes(65536)

    answer = await client.post("/hooks/crm", headers=BEARER, content=endless())
    assert answer.status_code == 413
    assert sent <= MAX_BODY + 2 * 65536
    (row,) = await receipts(services)
    assert (row["verdict"], bytes(row["body"])) == ("refused", b"")


async def test_a_declared_length_beyond_the_limit_is_refused_unread(client: httpx.AsyncClient) -> None:
    answer = await client.post("/hooks/crm", headers={**BEARER, "Content-Length": str(MAX_BODY + 1)}, content=b"x")
    assert answer.status_code == 413


async def test_a_low_disk_asks_callers_to_come_again(
    client: httpx.AsyncClient, services: Services, free: list[int]
) -> None:
    free[0] = 1000
    answer = await client.post("/hooks/crm", headers=BEARER, content=b"{}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    free[0] = 10**12
    assert (await client.post("/hooks/crm", headers=BEARER, content=b"{}")).status_code == 200


async def test_a_database_that_is_away_is_never_answered_with_2xx(
    client: httpx.AsyncClient, services: Services
) -> None:
    await services.intake.stop()
    answer = await client.post("/hooks/crm", headers=BEARER, content=b"{}")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert await receipts(services) == []


async def test_made_up_connections_cannot_fill_the_disk(client: httpx.AsyncClient, services: Services) -> None:
    for number in range(65):
        assert (await client.post(f"/hooks/{number}{'x' * 200}", content=b"y" * 100_000)).status_code == 404
    rows = await receipts(services)
    assert len(rows) == 60
    assert max(len(row["connection"]) for row in rows) == 64
    assert max(len(row["body"]) for row in rows) == 64 * 1024


async def test_a_new_configuration_is_used_at_once(client: httpx.AsyncClient, services: Services) -> None:
    spec = """'{"config": {"hook_token": "${secret:hook}"}, "hook": true}'"""
    async with services.db.begin("test") as conn:
        await conn.exec_driver_sql(f"UPDATE connection SET spec = spec || {spec} WHERE name = 'old'")
        await conn.exec_driver_sql("UPDATE sync SET mode = 'observing'")
        await conn.exec_driver_sql("NOTIFY hub_config")
    async with asyncio.timeout(10):
        while (await client.post("/hooks/old", headers=BEARER, content=b"{}")).status_code != 200:
            await asyncio.sleep(0.05)
