"""A whole hub in one event loop for tests: real database, in-process sandboxes behind ASGI, a virtual clock."""

import importlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from hub.canon.kinds import Kinds
from hub.config.catalogue import connectors
from hub.config.check import check
from hub.config.directory import read_directory
from hub.config.plan import apply
from hub.config.runtime import load_configuration
from hub.db.session import CommitObserver, Database
from hub.jobs.crank import settle
from hub.sdk.http import CallObserver
from hub.sdk.records import Incoming
from hub.sdk.sandbox import Ledger, Sandbox
from hub.settings import EngineSettings
from hub.sync.engine import Engine
from hub.sync.outward import Outward
from hub.sync.receipts import ReceiptRow, digest_id, store
from tests.support.sdk import FixedClock

VENDORS: Mapping[str, str] = {"crm": "fxiaoke", "erp": "kingdee", "dingtalk": "dingtalk", "wecom": "wecom"}


class Street(httpx.AsyncBaseTransport):
    """Every host is a sandbox in this process."""

    def __init__(self, houses: Mapping[str, Sandbox]) -> None:
        self._doors = {
            f"{name}.test": httpx.ASGITransport(app=sandbox.app)  # type: ignore[arg-type]
            for name, sandbox in houses.items()
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._doors[request.url.host].handle_async_request(request)


@dataclass
class House:
    """Everything a story needs. `folder`: where ledgers and the bank's files live."""

    db: Database
    folder: Path
    directory: Path
    clock: FixedClock = field(default_factory=FixedClock)
    call_observer: CallObserver | None = None
    commit_observer: CommitObserver | None = None
    vendors: dict[str, Sandbox] = field(default_factory=dict)

    def open_sandboxes(self) -> None:
        """Each on its ledger: one that was killed comes back as it was."""
        for name, vendor in {**VENDORS, "bank": "bank_files"}.items():
            module = importlib.import_module(f"connectors.{vendor}.sandbox")
            ledger = Ledger(self.folder / f"{name}.jsonl")
            more: dict[str, Any] = {"folder": self.folder / "bank"} if vendor == "bank_files" else {}
            self.vendors[name] = module.sandbox(ledger, self.clock, **more)

    def lookup(self) -> Mapping[str, str]:
        """What `${env:…}` of the directory means here: CRM_BASE_URL, ERP_APP_SECRET …"""
        env = {"BANK_FOLDER": str(self.folder / "bank")}
        for name, vendor in VENDORS.items():
            given = importlib.import_module(f"connectors.{vendor}.sandbox").sandbox_config(f"http://{name}.test")
            env |= {f"{name}_{key}".upper(): str(value) for key, value in given.items()}
        return env

    async def configure(self) -> None:
        """Apply the directory."""
        env = self.lookup()
        draft, problems = check(
            read_directory(self.directory), Kinds(), connectors(), lambda source, name: env.get(name)
        )
        assert not problems, "\n".join(map(str, problems))
        async with self.db.begin("configure") as conn:
            await apply(conn, draft, "test", self.clock.now())

    async def engine(self, seed: int = 0) -> Engine:
        """A fresh engine on the configuration in force, as after a start."""
        env = self.lookup()
        async with self.db.read() as conn:
            configuration = await load_configuration(conn, lambda source, name: env.get(name))
        assert not configuration.broken, configuration.broken
        rng = random.Random(seed)
        outward = Outward(Street(self.vendors), self.clock, rng, self.call_observer)
        return Engine(self.db, configuration, self.clock, rng, outward, EngineSettings())

    async def post_hooks(self, engine: Engine) -> int:
        """The vendors' calls to our webhook, taken by the same steps as the HTTP route: verify, store, answer."""
        hooks = HookDoor(self, engine)
        return sum([await vendor.deliver_posts(hooks, tries=50) for vendor in self.vendors.values()])

    async def work(self, engine: Engine) -> None:
        """Turn until nothing is left to do at this moment."""
        await self.post_hooks(engine)
        await settle(engine)

    async def pass_time(self, engine: Engine, **units: float) -> None:
        """Let time go by, then work."""
        self.clock.advance(**units)
        await self.work(engine)

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.db.read() as conn:
            return list((await conn.execute(text(query), values)).all())

    async def states(self) -> dict[str, int]:
        """How many inbox records and deliveries stand where: 'inbox done', 'delivery parked' …"""
        rows = await self.rows(
            "SELECT 'inbox ' || state AS name, count(*) AS n FROM inbox GROUP BY 1"
            " UNION ALL SELECT 'delivery ' || state, count(*) FROM delivery GROUP BY 1"
        )
        return {row.name: row.n for row in rows}

    def close(self) -> None:
        for vendor in self.vendors.values():
            vendor.ledger.close()


class HookDoor(httpx.AsyncBaseTransport):
    """Our webhook without HTTP."""

    def __init__(self, house: House, engine: Engine) -> None:
        self._house = house
        self._engine = engine

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        connection, _, tail = request.url.path.removeprefix("/hooks/").partition("/")
        bound = self._engine.configuration.connections[connection]
        now = self._house.clock.now()
        incoming = Incoming(request.content, now, request.method, tail, dict(request.url.params), dict(request.headers))
        assert bound.connector.hook is not None
        accepted = bound.connector.hook.accept(bound.config, incoming)
        row = ReceiptRow(connection, now, request.content, event_id=accepted.event_id or digest_id(request.content))
        async with self._house.db.begin("receipt") as conn:
            await store(conn, [row], now)
        return httpx.Response(accepted.answer.status, content=accepted.answer.body)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)
