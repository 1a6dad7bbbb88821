"""The drill's world in one event loop: sandboxes, a virtual clock, an engine on a real database, the way between them."""

import asyncio
import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from sqlalchemy import text

from hub.canon.kinds import Kinds
from hub.cli.demo.configuration import template_files
from hub.cli.demo.stage import OPENING, VENDORS
from hub.cli.drill.faults import Crooked, Plan
from hub.cli.sandboxes import sandbox_module
from hub.config.catalogue import connectors
from hub.config.check import check
from hub.config.directory import read_directory
from hub.config.plan import apply
from hub.config.runtime import load_configuration
from hub.db.session import Database
from hub.sdk.records import Incoming
from hub.sdk.sandbox import Ledger, Sandbox
from hub.settings import EngineSettings, HoldingSettings
from hub.sync.engine import Engine
from hub.sync.outward import Outward
from hub.sync.receipts import ReceiptRow, digest_id, store

HUB: Final = "http://hub.drill"
BEGIN: Final = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday morning in China
EVERY: Final = "1m"


class DrillError(Exception):
    """The drill cannot be held; why and what to do, in both languages."""

    def __init__(self, sentence: str, zh: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh


class VirtualClock:
    """Moves only when the drill says so."""

    def __init__(self, now: datetime = BEGIN) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


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
    """Everything one drill needs."""

    db: Database
    folder: Path
    plan: Plan
    clock: VirtualClock = field(default_factory=VirtualClock)
    vendors: dict[str, Sandbox] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    doors: dict[str, httpx.AsyncBaseTransport] = field(default_factory=dict)
    crooked: Crooked = field(init=False)
    deaths: int = 0

    # as the cast sees it
    @property
    def hub_url(self) -> str:
        return HUB

    def config(self, connection: str) -> dict[str, Any]:
        return self.configs[connection]

    def url(self, connection: str) -> str:
        return f"http://{connection}.drill"

    def http(self) -> httpx.Client:
        return httpx.Client(transport=SyncDoor(self.doors))

    @property
    def statements(self) -> Path:
        return self.folder / "statements"

    async def build(self, directory: Path | None) -> None:
        """Configuration, sandboxes and the road between."""
        files = _files(directory)
        used = {spec["connection"]: spec["connector"] for name, spec in _connections(files).items()}
        self.statements.mkdir(parents=True, exist_ok=True)
        for name, connector in sorted(used.items()):
            module = sandbox_module(connector)
            bank = {"folder": self.statements, "opening": OPENING} if connector == "bank_files" else {}
            self.vendors[name] = module.sandbox(Ledger(self.folder / f"{name}.jsonl"), self.clock, **bank)
            self.configs[name] = module.sandbox_config(self.url(name)) | (
                {"folder": str(self.statements)} if bank else {}
            )
            self.doors[f"{name}.drill"] = httpx.ASGITransport(app=self.vendors[name].app)
        self.crooked = Crooked(self.doors, self.plan, self.clock)
        await self._configure(files)

    async def _configure(self, files: Mapping[str, str]) -> None:
        place = self.folder / "configuration"
        for name, body in files.items():
            file = place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(body, encoding="utf-8")
        draft, problems = check(read_directory(place), Kinds(), connectors(), lambda _, name: self.lookup().get(name))
        if problems:
            told = "; ".join(str(problem) for problem in problems[:5])
            raise DrillError(f"the configuration is not sound: {told}", f"配置有误：{told}")
        async with self.db.begin("configure") as conn:
            await apply(conn, draft, "drill", self.clock.now())
            await conn.execute(text("UPDATE sync SET mode = 'live' WHERE mode <> 'live'"))

    def lookup(self) -> Mapping[str, str]:
        """What `${env:…}` means in a drill: CRM_BASE_URL, ERP_APP_SECRET …"""
        return {
            f"{name}_{key}".upper(): str(value)
            for name, config in self.configs.items()
            for key, value in config.items()
        }

    async def engine(self) -> Engine:
        """A fresh engine, as after a start."""
        env = self.lookup()
        async with self.db.read() as conn:
            configuration = await load_configuration(conn, lambda _, name: env.get(name))
        if configuration.broken:
            raise DrillError(f"the configuration does not load: {configuration.broken}", "配置无法加载")
        rng = random.Random(f"engine {self.plan.seed} {self.deaths}")
        settings = EngineSettings(holding=HoldingSettings(records=1_000_000))
        return Engine(self.db, configuration, self.clock, rng, Outward(self.crooked, self.clock, rng), settings)

    async def rows(self, query: str, **values: Any) -> Sequence[Any]:
        async with self.db.read() as conn:
            return (await conn.execute(text(query), values)).all()

    def close(self) -> None:
        for vendor in self.vendors.values():
            vendor.ledger.close()


def _files(directory: Path | None) -> dict[str, str]:
    """The configuration; in a directory of one's own every connection leads to its sandbox."""
    if directory is None:
        return template_files(every=EVERY)
    files = {str(path.relative_to(directory)): path.read_text(encoding="utf-8") for path in directory.rglob("*.yaml")}
    for name, spec in _connections(files).items():
        own = sandbox_module(spec["connector"]).sandbox_config(f"http://{spec['connection']}.drill")
        config = {
            key: f"${{env:{spec['connection'].upper()}_{key.upper()}}}" for key in own if isinstance(own[key], str)
        }
        rest = {key: value for key, value in own.items() if not isinstance(value, str)}
        files[name] = yaml.safe_dump(
            {**spec, "config": {**spec.get("config", {}), **rest, **config}}, allow_unicode=True
        )
    return files


def _connections(files: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {name: yaml.safe_load(body) for name, body in sorted(files.items()) if name.startswith("connections/")}


def is_template(world: World) -> bool:
    """Are these the five systems the cast knows its way about in?"""
    return set(VENDORS) <= set(world.vendors)


class HookDoor(httpx.AsyncBaseTransport):
    """The hub's webhook by the same steps as the HTTP route: verify, store, answer."""

    def __init__(self, world: World, engine: Engine) -> None:
        self._world, self._engine = world, engine

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        connection, _, tail = request.url.path.removeprefix("/hooks/").partition("/")
        bound = self._engine.configuration.connections[connection]
        now = self._world.clock.now()
        incoming = Incoming(request.content, now, request.method, tail, dict(request.url.params), dict(request.headers))
        assert bound.connector.hook is not None
        accepted = bound.connector.hook.accept(bound.config, incoming)
        row = ReceiptRow(connection, now, request.content, event_id=accepted.event_id or digest_id(request.content))
        async with self._world.db.begin("receipt") as conn:
            await store(conn, [row], now)
        return httpx.Response(accepted.answer.status, content=accepted.answer.body)
