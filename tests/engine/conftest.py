"""Towns for the engine's tests. They share one database, emptied before each: faster than a new one for every test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from hub.db.session import Database
from hub.db.tables import metadata
from hub.sync.engine import Engine
from tests.engine.town import Part, Town, built
from tests.support.database import fresh_database

Build = Callable[..., Awaitable[tuple[Town, Engine]]]

EMPTY = "; ".join(f'DELETE FROM "{table.name}"' for table in reversed(metadata.sorted_tables))
RESTART = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"


@pytest.fixture(scope="session")
def shared_url(template_url: str) -> Iterator[str]:
    with fresh_database(template_url) as url:
        yield url


@pytest.fixture
async def db(shared_url: str) -> AsyncIterator[Database]:
    database = Database(shared_url)
    async with database.begin("empty") as conn:
        await conn.execute(text(f"DO $$ BEGIN {EMPTY}; END $$"))
        await conn.execute(text(RESTART))
    yield database
    await database.close()


@pytest.fixture
def build(db: Database, tmp_path: Path) -> Build:
    """`await build(part, ..., mappings=…)`: a town with that configuration and an engine at work in it."""

    async def make(*parts: Part, **more: Any) -> tuple[Town, Engine]:
        town = await built(db, tmp_path, *parts, **more)
        return town, await town.engine()

    return make
