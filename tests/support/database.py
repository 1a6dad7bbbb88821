"""Databases for tests: one relaxed server for the whole run, one fresh database for each test."""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from sqlalchemy.engine import make_url

from hub.db.embedded import EmbeddedServer
from hub.db.session import plain_url

TEMPLATE = "migrated"
_numbers = itertools.count(1)


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder that `nobody` may pass through (pytest's own are closed), removed with all that is in it."""
    folder = Path(tempfile.mkdtemp(prefix="o2c-test-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running_server(folder: Path, *, bin_dir: Path | None = None, durable: bool = False) -> Iterator[str]:
    server = EmbeddedServer(folder, bin_dir=bin_dir, durable=durable)
    url = server.start()
    try:
        yield url
    finally:
        server.stop()


def named(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def command(url: str, *statements: str) -> None:
    """Statements outside of a transaction, as CREATE DATABASE wants them."""

    async def run() -> None:
        connection = await asyncpg.connect(plain_url(url))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def make_template(url: str) -> None:
    command(named(url, "postgres"), f"CREATE DATABASE {TEMPLATE}")
    from hub.db.migrate import migrate

    asyncio.run(migrate(named(url, TEMPLATE)))


@contextmanager
def fresh_database(url: str, *, template: str = TEMPLATE) -> Iterator[str]:
    """A database of its own, copied from the template and dropped afterwards."""
    name = f"t{os.getpid()}_{next(_numbers)}"
    maintenance = named(url, "postgres")
    command(maintenance, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield named(url, name)
    finally:
        command(maintenance, f"DROP DATABASE {name} WITH (FORCE)")
