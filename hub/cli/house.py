"""The installation a command works in: settings, database (embedded: started for the command if need be), clock."""

import asyncio
import getpass
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import Configuration
from hub.db.embedded import EmbeddedServer
from hub.db.session import Database
from hub.settings import Settings, load_settings
from hub.sync.installation import configuration_in_force

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class House:
    """What a command is handed."""

    settings: Settings
    url: str
    db: Database
    who: str

    def now(self) -> datetime:
        return self.db.clock().now()

    async def configuration(self, conn: AsyncConnection) -> Configuration:
        return await configuration_in_force(conn, self.settings)


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """The database's address; an embedded server that did not run is stopped again."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    server = EmbeddedServer(settings.data_dir)
    found_running = settings.data_dir.exists() and server.running()
    url = server.start()
    try:
        yield url
    finally:
        if not found_running:
            server.stop()


def run(work: Callable[[House], Awaitable[T]], *, migrated: bool = True) -> T:
    """Do a piece of work in the installation. `migrated`: it needs the tables."""
    settings = load_settings()
    logging.basicConfig(level=logging.ERROR)
    with database_url(settings) as url:
        return asyncio.run(_inside(settings, url, work, migrated))


def read(work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Read something in one snapshot."""

    async def inside(house: House) -> T:
        async with house.db.read() as conn:
            return await work(conn)

    return run(inside)


def write(work: Callable[[House, AsyncConnection], Awaitable[T]]) -> T:
    """Do something in one transaction."""

    async def inside(house: House) -> T:
        async with house.db.begin("command") as conn:
            return await work(house, conn)

    return run(inside)


async def _inside(settings: Settings, url: str, work: Callable[[House], Awaitable[T]], migrated: bool) -> T:
    db = Database(url, pool_size=2)
    try:
        if migrated:
            await _demand_tables(db, url)
        await db.clock().resync()
        return await work(House(settings, url, db, getpass.getuser()))
    finally:
        await db.close()


async def _demand_tables(db: Database, url: str) -> None:
    """A database that was never migrated is a new installation."""
    async with db.read() as conn:
        new = (await conn.execute(text("SELECT to_regclass('alembic_version') IS NULL"))).scalar_one()
    if new:
        from hub.db.migrate import migrate

        await migrate(url)
