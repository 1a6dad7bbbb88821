"""What the figures are measured on: one durable embedded PostgreSQL, its databases, and the hub's parts around them."""

import asyncio
import os
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from hub.canon.kinds import Kinds
from hub.config.catalogue import connectors
from hub.config.check import check
from hub.config.directory import read_directory
from hub.config.plan import apply
from hub.config.runtime import load_configuration
from hub.db.session import Database
from hub.jobs.crank import turn
from hub.sdk.transport import AiohttpTransport
from hub.security.secrets import looking_in
from hub.settings import EngineSettings
from hub.sync.arrive import Source, store_records
from hub.sync.engine import Engine
from hub.sync.outward import Outward
from tests.bench import material
from tests.support.database import command, fresh_database, named

DIRECTORY = Path(__file__).parent / "directory"
RESULTS = Path("build/results")
SEEDED, FILLED, OWED = "bench_seeded", "bench_filled", "bench_owed"
FILL_BATCH = 500
FAKES = {
    "BENCH_HOOK_SECRET": "whsec_YmVuY2gtb25seS1ub3QtYS1zZWNyZXQtYmVuY2g=",
    "BENCH_TOKEN": "bench-only",
    "BENCH_TARGET": "http://127.0.0.1:9",
}
"""What the configuration takes from the environment; the target's address is told to those who push."""


@dataclass(frozen=True, slots=True)
class Ground:
    """`url`: an empty database of the server; `folder`: room for files; `profile`: keep a profile of the processes."""

    url: str
    folder: Path
    runs: int
    profile: bool

    def template(self, name: str) -> str:
        return named(self.url, name)

    def copy(self, template: str) -> AbstractContextManager[str]:
        """A database of one run's own."""
        return fresh_database(self.url, template=template)


def derive_template(ground: Ground, name: str, source: str) -> str:
    command(named(ground.url, "postgres"), f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")
    return ground.template(name)


async def engine_on(db: Database, transport: httpx.AsyncBaseTransport | None = None) -> Engine:
    """The engine's parts as its process makes them."""
    await db.clock().resync()
    async with db.read() as conn:
        configuration = await load_configuration(conn, _lookup())
    if configuration.broken:
        raise RuntimeError("; ".join(f"{name}: {why}" for name, why in configuration.broken.items()))
    rng = random.Random(7)
    outward = Outward(transport or AiohttpTransport(), db.clock(), rng)
    return Engine(db, configuration, db.clock(), rng, outward, EngineSettings())


def environment(**more: str) -> dict[str, str]:
    """For child processes."""
    return {**os.environ, **FAKES, **more}


def _lookup() -> Callable[[str, str], str | None]:
    return looking_in({}, {**FAKES, **os.environ})


async def seed(url: str) -> None:
    """Configuration and master data, all applied."""
    db = Database(url)
    draft, problems = check(read_directory(DIRECTORY), Kinds(), connectors(), _lookup())
    if problems:
        raise RuntimeError("\n".join(map(str, problems)))
    await db.clock().resync()
    async with db.begin("configure") as conn:
        await apply(conn, draft, "bench", db.clock().now())
    engine = await engine_on(db)
    for connection, streams in _MASTER.items():
        for stream in streams:
            await fill(engine, connection, stream, material.master(stream))
            await work(engine)
    await db.close()


_MASTER: Mapping[str, Sequence[str]] = {"shop": tuple(material.MASTER), "erp": ("customers", "products")}


async def fill(engine: Engine, connection: str, stream: str, records: Sequence[dict[str, Any]]) -> None:
    """Put records into the inbox as a pull does."""
    sync = engine.configuration.inbound(connection, stream)
    assert sync is not None
    source = Source(connection, stream, live=True, correlation="bench")
    for start in range(0, len(records), FILL_BATCH):
        async with engine.db.begin("fill") as conn:
            await store_records(conn, sync, source, records[start : start + FILL_BATCH], engine.now())


async def work(engine: Engine) -> None:
    """Everything up to the deliveries, until nothing is left to do."""
    while await turn(engine):
        pass


def prepare(ground: Ground, name: str, work_on: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work_on)
    # What autovacuum would have done a minute later.
    command(ground.template(name), "VACUUM ANALYZE")


async def fill_orders(url: str, count: int) -> None:
    """Orders in the inbox, due."""
    db = Database(url)
    await fill(await engine_on(db), "shop", "orders", list(material.orders(count)))
    await db.close()


async def owe_orders(url: str, count: int) -> None:
    """Orders in the canon, each owed to the ERP."""
    db = Database(url)
    engine = await engine_on(db)
    await fill(engine, "shop", "orders", list(material.orders(count)))
    await work(engine)
    await db.close()
