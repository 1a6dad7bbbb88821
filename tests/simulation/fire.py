"""Real processes to be killed: the hub's intake and engine, each a process of its own, two vendors behind real HTTP.

The processes come from a server that has everything imported already, so that one that was killed is back in a moment
and thirty kills fit into a quick run."""

import asyncio
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send

from connectors.rest.sandbox import RestSandbox, sandbox
from connectors.rest.sandbox_tables import HOOK_SECRET, TOKEN
from hub.db.session import Database
from hub.sdk.sandbox import Ledger, SystemClock, serve
from tests.engine.town import CUSTOMERS, Part, Town, connection, own_kind, owners, sync, written

Name = Literal["intake", "engine", "second", "third"]
"""Engines beside the first are workers."""

WALL_CLOCK = "FIRE_WALL_CLOCK"
POISON = "FIRE_POISON"
SPEED = 20
"""Quick runs divide the hub's times by this: a lease of 60 s is one of 3 s."""
LEASE_SECONDS = 60 / SPEED
PATIENCE = 120.0

PARCELS = """
mapping: parcels
kind: parcel
key: id
names: {number: number}
reference: hub_ref
version: updated_at
match: [[number]]
constants: {lines: none}
fields:
  number: number
  customer: {ref: customer, by: key, path: customer_id}
  remark: remark
"""
PRODUCTS = """
mapping: products
kind: product
key: id
names: {number: number}
reference: hub_ref
version: updated_at
match: [[number]]
fields:
  number: number
  name: name
"""
MAPPINGS = (CUSTOMERS, PARCELS, PRODUCTS)
STREAMS = {"customers": "customers", "parcels": "orders", "products": "products"}
"""Mapping -> stream, and what follows the dash in a sync's name."""
GRADE_C = "products"
"""The one stream that takes no idempotency key."""

Shape = Literal["both", "across", "in"]
DIRECTIONS: Mapping[Shape, Mapping[str, str]] = {
    "both": {"left": "both", "right": "both"},
    "across": {"left": "in", "right": "out"},
    "in": {"left": "in", "right": ""},
}
"""How records flow -> which way each vendor's syncs go; '': it has none."""

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.simulation.fire", "hub.jobs.engine", "hub.api.__main__"])


def _end_with(parent: int) -> None:
    """A test that is killed itself leaves no hub behind."""
    while Path(f"/proc/{parent}").exists():
        time.sleep(1)
    os._exit(1)


def _be(name: Name, environment: Mapping[str, str], log: str, parent: int) -> None:
    """What the child does: it becomes the intake or the engine."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    for variable in [key for key in os.environ if key.startswith("HUB_")]:
        del os.environ[variable]
    os.environ.update(environment)
    with Path(log).open("ab", buffering=0) as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    if POISON in os.environ:
        _die_of_poison()
    _be_wrong_by(float(os.environ.get(WALL_CLOCK, "0")))
    sys.argv = [name]
    if name == "intake":
        from hub.api.__main__ import main
    else:
        from hub.jobs.engine import main
    main()


def _die_of_poison() -> None:
    """Some records kill whoever touches them, as an interpreter does that runs out of stack or memory."""
    from hub.sync import apply, deliver

    reading, trying = apply.read_items, deliver.attempt

    def read_items(batch: Any, items: Any) -> Any:
        if any(item.record.get("name") == "kills who reads it" for item in items):
            os.kill(os.getpid(), signal.SIGKILL)
        return reading(batch, items)

    async def attempt(engine: Any, plan: Any, ids: Any) -> Any:
        if plan.entity.fields.get("name") == "kills who sends it":
            os.kill(os.getpid(), signal.SIGKILL)
        return await trying(engine, plan, ids)

    apply.read_items, deliver.attempt = read_items, attempt


def _be_wrong_by(seconds: float) -> None:
    """The clock on this process's wall goes wrong: everything that reads the machine's time reads another one."""
    if not seconds:
        return
    true = time.time

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.fromtimestamp(true() + seconds, tz)

    time.time = lambda: true() + seconds
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("hub", "connectors") and getattr(module, "datetime", None) is datetime:
            module.datetime = Skewed  # type: ignore[attr-defined]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Fire:
    """The hub's processes. `url` is what they connect to."""

    url: str
    folder: Path
    port: int = field(default_factory=free_port)
    more: dict[str, str] = field(default_factory=dict)
    running: dict[Name, BaseProcess] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)

    @property
    def hooks(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def log(self) -> Path:
        return self.folder / "hub.log"

    def start(self, *names: Name) -> None:
        for name in names:
            told = (name, self._environment(), str(self.log), os.getpid())
            child = _context.Process(target=_be, args=told, daemon=True)
            child.start()
            self.running[name] = child

    def kill(self, name: Name) -> None:
        """SIGKILL, and wait until it is gone."""
        child = self.running.pop(name)
        child.kill()
        child.join()
        assert child.exitcode == -signal.SIGKILL, (
            f"the {name} process had ended by itself: {child.exitcode}; {self.said()}"
        )
        self.kills[name] = self.kills.get(name, 0) + 1

    def alive(self) -> bool:
        return all(child.is_alive() for child in self.running.values())

    def end(self) -> None:
        for name in list(self.running):
            child = self.running.pop(name)
            child.terminate()
            child.join(30)
            if child.is_alive():
                child.kill()
                child.join()

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    async def ready(self) -> None:
        """Until the intake answers."""
        async with httpx.AsyncClient(timeout=5) as http:
            await until(lambda: self._answers(http), self.said)

    async def _answers(self, http: httpx.AsyncClient) -> bool:
        try:
            return (await http.get(f"http://127.0.0.1:{self.port}/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    def _environment(self) -> dict[str, str]:
        return {
            "HUB_DATABASE_URL": self.url,
            "HUB_DATA_DIR": str(self.folder / "hub"),
            "HUB_HTTP__PORT": str(self.port),
            "HUB_ENGINE__SPEED": str(SPEED),
            "HUB_ENGINE__LEASE_SECONDS": str(LEASE_SECONDS),
            "HUB_ENGINE__HOLDING__RECORDS": "10000000",
            "HUB_LOG__LEVEL": "warning",
            "HUB_LOG__FORMAT": "json",
            "REST_TOKEN": TOKEN,
            "REST_HOOK_SECRET": HOOK_SECRET,
            **self.more,
        }


class Slow:
    """A vendor's interface that takes its time over a write."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.seconds, self.writing = app, 0.0, asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in ("POST", "PATCH") and self.seconds:
            self.writing.set()
            await asyncio.sleep(self.seconds)
        await self.app(scope, receive, send)


@dataclass
class Street:
    """Two vendors behind real HTTP in this process, and the hub between them."""

    db: Database
    fire: Fire
    left: RestSandbox
    right: RestSandbox
    slow: Slow
    """The door of the right one."""

    def save(self, there: str, table: str, key: str | None = None, /, **record: Any) -> dict[str, Any]:
        """A user of that vendor writes a record."""
        vendor = self.left if there == "left" else self.right
        saved: dict[str, Any] = vendor.act_save({"table": table, "record": record, "id": key})
        return saved

    async def rows(self, query: str, **values: Any) -> list[Any]:
        town = Town(self.db, self.fire.folder, self.fire.folder)
        return await self.db.retrying(lambda: town.rows(query, **values))

    async def count(self, query: str) -> int:
        return int((await self.rows(f"SELECT count(*) AS n FROM {query}"))[0].n)

    async def quiet(self) -> bool:
        """Is nothing left that somebody could do now?"""
        open_ = "state IN ('due', 'running', 'waiting')"
        (row,) = await self.rows(
            f"SELECT EXISTS (SELECT 1 FROM receipt WHERE state = 'due') OR EXISTS (SELECT 1 FROM inbox WHERE {open_})"
            f" OR EXISTS (SELECT 1 FROM delivery WHERE {open_}) OR EXISTS (SELECT 1 FROM bell WHERE state <> 'done')"
            " OR EXISTS (SELECT 1 FROM change WHERE NOT derived OR NOT routed) AS busy"
        )
        return not row.busy

    async def settled(self, patience: float = PATIENCE) -> None:
        """Until nothing is left to do and stays so over a few rounds of asking."""
        calm = 0

        async def holds() -> bool:
            nonlocal calm
            calm = calm + 1 if await self.quiet() and not self.left.posts and not self.right.posts else 0
            return calm >= 8

        await until(holds, self.fire.said, patience)


@asynccontextmanager
async def street(
    url: str,
    folder: Path,
    *,
    hub_url: str | None = None,
    every: str = "20s",
    shape: Shape = "both",
    hooked: bool = True,
) -> AsyncIterator[Street]:
    """Everything but the hub's processes stands and answers. `every` is shortened by `SPEED` as all the hub's times. `hub_url`: how the hub reaches the same database."""
    fire = Fire(hub_url or url, folder)
    (folder / "hub").mkdir(parents=True)
    ports = {"left": free_port(), "right": free_port()}
    vendors = {name: sandbox(Ledger(), SystemClock(), calls=1_000_000) for name in ports}
    doors = {name: Slow(vendor.app) for name, vendor in vendors.items()}
    for name, vendor in vendors.items():
        vendor.app = doors[name]
    tasks = [asyncio.create_task(serve(vendors[name], "127.0.0.1", port)) for name, port in ports.items()]
    db = Database(url, pool_size=3)
    try:
        await _configure(db, folder, ports, every, shape)
        await _listening(ports.values())
        for name, vendor in vendors.items():
            if hooked and DIRECTIONS[shape][name] in ("in", "both"):
                vendor.set_hook({"url": f"{fire.hooks}/{name}"})
        yield Street(db, fire, vendors["left"], vendors["right"], doors["right"])
    finally:
        fire.end()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await db.close()


async def _configure(db: Database, folder: Path, ports: Mapping[str, int], every: str, shape: Shape) -> None:
    parts = [own_kind("parcel", number="text", customer={"ref": "customer"}, remark="text")]
    parts += [owners("customer", phone="latest", remark="latest"), owners("parcel", remark="latest")]
    for name, port in ports.items():
        part = connection(name, base_url=f"http://127.0.0.1:{port}")
        assert not isinstance(part.body, str)
        for stream in ("customers", "orders"):
            part.body["config"]["streams"][stream]["idempotency_header"] = "Idempotency-Key"
        parts.append(part)
        direction = DIRECTIONS[shape][name]
        if direction:
            parts += [
                sync(f"{name}-{mapping}", stream, mapping, every=every, direction=direction)
                for mapping, stream in STREAMS.items()
            ]
    parts += [Part("mappings", body.split()[1], body) for body in MAPPINGS]
    await Town(db, folder, written(folder / "configuration", *parts)).configure()


async def _listening(ports: Any) -> None:
    for port in ports:

        async def answers(port: int = port) -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            return True

        await until(answers)


async def until(
    holds: Callable[[], Awaitable[bool]], why: Callable[[], str] = str, patience: float = PATIENCE, every: float = 0.05
) -> None:
    deadline = time.monotonic() + patience
    while not await holds():
        assert time.monotonic() < deadline, f"it did not happen in {patience} s; {why()}"
        await asyncio.sleep(every)
