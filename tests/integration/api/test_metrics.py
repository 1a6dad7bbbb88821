"""/metrics: for whom, how often it looks, and what it never says."""

from dataclasses import replace

import httpx

from hub.api.app import create_app
from hub.api.services import Services
from hub.security import tokens
from tests.integration.api.shop import TOKEN


async def test_a_token_is_asked_for(client: httpx.AsyncClient, services: Services) -> None:
    assert (await client.get("/metrics", headers={"Authorization": ""})).status_code == 401
    async with services.db.begin("test") as conn:
        reader = await tokens.create(conn, "prometheus", ["read"])
    answer = await client.get("/metrics", headers={"Authorization": f"Bearer {reader}"})
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=")


async def test_an_installation_may_open_it(services: Services) -> None:
    http = services.settings.http.model_copy(update={"open_metrics": True})
    opened = replace(services, settings=services.settings.model_copy(update={"http": http}))
    app = create_app(opened)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as anybody:
            assert (await anybody.get("/metrics")).status_code == 200
            assert (await anybody.get("/api/v1/status")).status_code == 401


async def test_calls_are_counted_by_verdict_and_no_secret_is_told(client: httpx.AsyncClient) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for body in (b'{"event":"e1"}', b'{"event":"e1"}', b'{"event":"e2"}'):
        answer = await client.post("/hooks/crm", headers=bearer, content=body)
        assert answer.headers["x-correlation-id"].startswith("receipt-")
    refused = await client.post("/hooks/crm", headers={"Authorization": "Bearer wrong-token-0123"}, content=b"{}")
    assert refused.status_code == 401 and refused.headers["x-correlation-id"] == "receipt-4"
    told = (await client.get("/metrics")).text
    for outcome, n in (("accepted", 2), ("duplicate", 1), ("refused", 1)):
        assert f'hub_received_total{{connection="crm",outcome="{outcome}"}} {n}.0' in told
    assert TOKEN not in told and "wrong-token" not in told and "p4ssw0rd" not in told


async def test_many_who_ask_are_answered_by_one_look(client: httpx.AsyncClient) -> None:
    first = (await client.get("/metrics")).text
    await client.post("/hooks/crm", headers={"Authorization": f"Bearer {TOKEN}"}, content=b'{"event":"e1"}')
    assert (await client.get("/metrics")).text == first
