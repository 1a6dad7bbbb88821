"""PostgreSQL goes away and comes back while the application runs."""

import asyncio
from pathlib import Path

import httpx

from hub.api.app import create_app
from hub.db.embedded import EmbeddedServer
from hub.db.migrate import migrate
from hub.db.session import Database
from hub.security import tokens
from tests.integration.api.conftest import configure, make_services
from tests.integration.api.shop import TOKEN
from tests.support.database import data_folder


async def test_an_outage_is_answered_with_503_and_ends_by_itself(tmp_path: Path) -> None:
    with data_folder() as folder:
        server = EmbeddedServer(folder, durable=False)
        url = await asyncio.to_thread(server.start)
        await migrate(url)
        db = Database(url)
        await configure(db)
        async with db.begin("test") as conn:
            token = await tokens.create(conn, "root", ["admin"])
        app = create_app(make_services(db, tmp_path, [10**12]))
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
                assert await both(client, token, "e1") == (200, 200)
                await asyncio.to_thread(server.stop)
                assert await both(client, token, "e2") == (503, 503)
                assert (await client.get("/readyz")).status_code == 503
                assert (await client.get("/healthz")).status_code == 200
                await asyncio.to_thread(server.start)
                assert await both(client, token, "e2") == (200, 200)
                receipts = await client.get("/api/v1/receipts", headers={"Authorization": f"Bearer {token}"})
                assert [row["event_id"] for row in receipts.json()["items"]] == ["e2", "e1"]
        await db.close()
        await asyncio.to_thread(server.stop)


async def both(client: httpx.AsyncClient, token: str, event: str) -> tuple[int, int]:
    """A webhook and a request."""
    body = f'{{"event":"{event}"}}'
    hook = await client.post("/hooks/crm", content=body, headers={"Authorization": f"Bearer {TOKEN}"})
    asked = await client.get("/api/v1/receipts", headers={"Authorization": f"Bearer {token}"})
    return hook.status_code, asked.status_code
