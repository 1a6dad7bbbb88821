"""The application on a real database, with one made-up vendor."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from hub.api.app import create_app
from hub.api.configurations import Configurations
from hub.api.services import Disk, Services
from hub.config.runtime import load_configuration
from hub.db.session import Database
from hub.sdk import jsontext
from hub.security import tokens
from hub.security.secrets import looking_in
from hub.settings import Settings
from hub.sync.intake import Intake
from hub.sync.outward import Outward
from tests.integration.api import shop
from tests.support.sdk import START, FixedClock

CONNECTIONS = {
    "crm": {"connector": "shop", "config": {"hook_token": "${secret:hook}", "password": "${secret:password}"}},
    "old": {"connector": "shop", "hook": False},
    "lost": {"connector": "shop", "config": {"password": "${secret:nowhere}"}},
}


async def configure(db: Database) -> None:
    async with db.begin("test") as conn:
        for name, spec in CONNECTIONS.items():
            await conn.execute(
                text("INSERT INTO connection VALUES (:name, 'shop', CAST(:spec AS jsonb), :now)"),
                {"name": name, "spec": jsontext.dumps({"connection": name, **spec}).decode(), "now": START},
            )
        await conn.execute(
            text("INSERT INTO mapping VALUES ('shop.products', 1, 'd', :body, true, :now)"),
            {"body": shop.MAPPING, "now": START},
        )
        spec = {"sync": "products", "connection": "crm", "stream": "products", "mapping": "shop.products"}
        await conn.execute(
            text(
                "INSERT INTO sync (name, connection, stream, kind, spec, mode)"
                " VALUES ('products', 'crm', 'products', 'product', CAST(:spec AS jsonb), 'live')"
            ),
            {"spec": jsontext.dumps(spec).decode()},
        )


@pytest.fixture
def free() -> list[int]:
    """Bytes free on the disk, as the test says."""
    return [10**12]


@pytest.fixture
async def services(db: Database, tmp_path: Path, free: list[int]) -> Services:
    await configure(db)
    return make_services(db, tmp_path, free)


def make_services(db: Database, folder: Path, free: list[int]) -> Services:
    clock = FixedClock()
    lookup = looking_in({"hook": shop.TOKEN, "password": "p4ssw0rd"}, {})
    return Services(
        settings=Settings(data_dir=folder),
        db=db,
        clock=clock,
        intake=Intake(db, clock, patience=2),
        configurations=Configurations(db, lambda conn: load_configuration(conn, lookup, {"shop": shop.connector})),
        disk=Disk(folder, free=lambda _: free[0], monotonic=iter(range(10**6)).__next__),
        outward=Outward(httpx.MockTransport(lambda _: httpx.Response(200)), clock, random.Random(7)),
    )


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A caller with an admin token."""
    app = create_app(services)
    async with services.db.begin("test") as conn:
        token = await tokens.create(conn, "root", ["admin"])
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers) as made:
            yield made
