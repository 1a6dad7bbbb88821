"""The drill's world in one event loop: sandboxes, a virtual clock, an engine on a real database, the way between them."""

import asyncio
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx

from hub.cli.drill.faults import Crooked, Plan
from hub.cli.drill.ground import SILENT, Ground, files_of
from hub.cli.drill.intake import Deaths, HookDoor
from hub.cli.drill.parts import parts_of
from hub.cli.drill.restarts import RestartingDatabase, Restarts
from hub.cli.sandboxes import sandbox_module
from hub.config.runtime import Configuration
from hub.db.session import Database
from hub.sdk.sandbox import Ledger, Sandbox
from hub.settings import EngineSettings, HoldingSettings
from hub.sync.engine import Engine
from hub.sync.outward import Outward

HUB: Final = "http://hub.drill"
BEGIN: Final = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday morning in China
EVERY: Final = "1m"


class VirtualClock:
    """Moves only when the drill says so."""

    def __init__(self, now: datetime = BEGIN) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    async def pause(self, seconds: float) -> None:
        """Who waits by this clock is there at once."""
        self.advance(seconds)


class SyncDoor(httpx.BaseTransport):
    """The sandboxes for those who call and wait: the vendors' users and the checker. While they wait nobody else moves."""

    def __init__(self, doors: Mapping[str, httpx.AsyncBaseTransport]) -> None:
        self._doors = doors

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answers: list[httpx.Response] = []

        async def call() -> None:
            response = await self._doors[request.url.host].handle_async_request(request)
            await response.aread()
            answers.append(httpx.Response(response.status_code, headers=response.headers, content=response.content))

        thread = threading.Thread(target=lambda: asyncio.run(call()))
        thread.start()
        thread.join()
        return answers[0]


@dataclass(slots=True)
class World:
    """Everything one drill needs. `hub_db` is the hub's way to the database, which breaks; the drill's own does not."""

    url: str
    folder: Path
    plan: Plan
    clock: VirtualClock = field(default_factory=VirtualClock)
    sandboxes: dict[str, Sandbox] = field(default_factory=dict)
    doors: dict[str, httpx.AsyncBaseTransport] = field(default_factory=dict)
    ground: Ground = field(init=False)
    hub_db: Database = field(init=False)
    crooked: Crooked = field(init=False)
    restarts: Restarts = field(init=False)
    intake: Deaths = field(init=False)
    deaths: int = 0

    def __post_init__(self) -> None:
        self.restarts, self.intake = Restarts(self.plan, self.clock), Deaths(self.plan, self.clock)
        self.hub_db = RestartingDatabase(self.url, self.restarts, pool_size=4)
        db = Database(self.url, pool_size=2)
        self.ground = Ground(db, self.folder, self.plan, self.clock, HUB, http=self.http, pause=self.clock.pause)
        self.crooked = Crooked(self.doors, self.plan, self.clock)

    def http(self) -> httpx.Client:
        return httpx.Client(transport=SyncDoor(self.doors), mounts=SILENT)

    async def build(self, directory: Path | None) -> None:
        """Configuration, sandboxes and the road between."""
        self.ground.lay_out(files_of(directory, EVERY), lambda name: f"http://{name}.drill")
        for name, vendor in self.ground.vendors.items():
            ledger = Ledger(self.folder / f"{name}.jsonl")
            made = sandbox_module(vendor.connector).sandbox(ledger, self.clock, **vendor.settings)
            self.sandboxes[name] = made
            self.doors[f"{name}.drill"] = httpx.ASGITransport(app=made.app)
        await self.ground.configure()
        self.ground.parts = parts_of(await self.ground.configuration())

    async def engine(self) -> Engine:
        """A fresh engine, as after a start."""
        rng = random.Random(f"engine {self.plan.seed} {self.deaths}")
        settings = EngineSettings(holding=HoldingSettings(records=1_000_000))
        outward = Outward(self.crooked, self.clock, rng)
        return Engine(self.hub_db, await self.ground.configuration(), self.clock, rng, outward, settings)

    def door(self, configuration: Configuration) -> HookDoor:
        """Where the vendors call."""
        return HookDoor(self.hub_db, configuration, self.intake)

    async def close(self) -> None:
        for sandbox in self.sandboxes.values():
            sandbox.ledger.close()
        await self.hub_db.close()
        await self.ground.db.close()
