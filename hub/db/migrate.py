"""Bring a database to the schema of this version, by Alembic, in one transaction."""

from collections.abc import Callable
from typing import Any, TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from hub.db.partitions import is_partition
from hub.db.session import async_url
from hub.db.tables import metadata

T = TypeVar("T")

LOCK = 0x6F3263  # "o2c": one migration at a time, whoever starts it


async def migrate(url: str, target: str = "head") -> str | None:
    """Upgrade to `target` and return the revision reached; a second caller waits for the first."""

    def upgrade(connection: Connection) -> str | None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        command.upgrade(config(connection), target)
        return _revision(connection)

    return await _inside(url, upgrade)


async def current(url: str) -> str | None:
    """The revision a database is at; None when it was never migrated."""
    return await _inside(url, _revision)


async def drift(url: str) -> list[Any]:
    """What a database lacks or has too much compared with `hub.db.tables`; empty when they agree."""

    def compare(connection: Connection) -> list[Any]:
        options = {"compare_type": True, "compare_server_default": True, "include_name": ours}
        context = MigrationContext.configure(connection, opts=options)
        lacking = [("add_sequence", name) for name in missing_sequences(connection)]
        return [*compare_metadata(context, metadata), *lacking]

    return await _inside(url, compare)


async def revise(url: str, message: str) -> None:
    """Write a new migration file from the difference between a migrated database and the tables."""

    def write(connection: Connection) -> None:
        settings = config(connection)
        steps = len(list(ScriptDirectory.from_config(settings).walk_revisions()))
        command.revision(settings, message=message, autogenerate=True, rev_id=f"{steps + 1:04d}")

    await _inside(url, write)


def ours(name: str | None, what: str, _parents: Any) -> bool:
    """Is this a thing of the schema? The months of the archives are not: they come and go."""
    return what != "table" or not is_partition(name)


def missing_sequences(connection: Connection) -> list[str]:
    """The tables' own sequences that a database lacks; Alembic does not compare these."""
    there = set(inspect(connection).get_sequence_names())
    return sorted(name for name in metadata._sequences if name not in there)


def config(connection: Connection) -> Config:
    """Alembic's settings without a file: where the migrations are and on which connection they run."""
    settings = Config()
    settings.set_main_option("script_location", "hub.db:migrations")
    settings.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def _inside(url: str, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(async_url(url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
