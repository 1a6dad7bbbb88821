"""A hub that reads scripted lists: the real engine on a real database, a virtual clock."""

import json
from pathlib import Path
from typing import Any

import httpx

from hub.jobs.crank import settle
from hub.sync import views
from hub.sync.engine import Engine
from hub.sync.outward import Outward
from tests.engine.conftest import Build
from tests.engine.town import Part, Town
from tests.simulation.lists import VendorList

MAPPING = """
mapping: things
kind: thing
key: id
fields: {name: {path: name, required: yes}}
"""
THING = Part("kinds", "thing", {"kind": "thing", "fields": {"name": "text"}})
RESULTS = Path("build/results")


class Line(httpx.AsyncBaseTransport):
    """To the vendor of the present scenario."""

    vendor: VendorList

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self.vendor.handle_async_request(request)


def parts(vendor: VendorList, **more: Any) -> tuple[Part, ...]:
    connection = {"connection": "list", "connector": "rest", "config": vendor.config()}
    sync = {"sync": "rows", "connection": "list", "stream": "rows", "mapping": "things", "mode": "live", "every": "10s"}
    return (Part("connections", "list", connection), Part("syncs", "rows", {**sync, **more}), THING)


async def engine_for(town: Town, vendor: VendorList, seed: int = 0) -> Engine:
    line = Line()
    line.vendor = vendor
    engine = await town.engine(seed)
    engine.outward = Outward(line, town.clock, engine.random)
    return engine


async def work(engine: Engine) -> None:
    await settle(engine)


async def known(town: Town, stream: str = "rows") -> dict[str, str]:
    """Key -> the name as the hub has it."""
    rows = await town.rows("SELECT key, known->>'name' AS name FROM link WHERE stream = :stream", stream=stream)
    return {row.key: row.name for row in rows}


async def only_run(town: Town) -> Any:
    """The newest run."""
    rows = await town.rows("SELECT * FROM run ORDER BY id DESC LIMIT 1")
    return rows[0] if rows else None


def write_result(row: str, **figures: Any) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{row.lower()}.json").write_text(json.dumps({"row": row, **figures}))
    print(f"{row}: " + ", ".join(f"{name} {value}" for name, value in figures.items()))


async def reading(build: Build, vendor: VendorList, **more: Any) -> tuple[Town, Engine]:
    town, _ = await build(*parts(vendor, **more), mappings=(MAPPING,))
    vendor.clock = town.clock
    return town, await engine_for(town, vendor)


async def settled(town: Town, engine: Engine, **units: float) -> None:
    town.clock.advance(**(units or {"seconds": 11}))
    await work(engine)


async def health(town: Town) -> Any:
    async with town.db.read() as conn:
        (row,) = await views.syncs(conn)
    return row
