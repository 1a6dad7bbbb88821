"""A small town for the engine's tests: a few JSON systems (the `rest` sandbox), a hub between them, a virtual clock."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import yaml
from sqlalchemy import text

from connectors.rest.sandbox import RestSandbox, sandbox, sandbox_config
from connectors.rest.sandbox_tables import HOOK_SECRET, TOKEN
from connectors.wecom import sandbox as wecom
from hub.canon.entity import Entity
from hub.canon.store import load
from hub.db.session import Database
from hub.sdk.errors import ERRORS
from hub.sdk.sandbox import Fault, Ledger
from hub.sync.arrive import Source, Stored, store_records
from hub.sync.deletes import store_gone
from hub.sync.engine import Engine
from hub.sync.outward import Outward
from tests.support.house import House, Street

TEAM = "team"

CUSTOMERS = """
mapping: customers
kind: customer
key: id
names: {number: number}
reference: hub_ref
version: updated_at
match: [[uscc], {weak: [name]}]
fields:
  number: number
  name:   {path: name, required: yes}
  uscc:   uscc
  phone:  phone
  email:  email
  remark: remark
"""


@dataclass(frozen=True)
class Part:
    """One file of a configuration directory."""

    folder: str
    name: str
    body: str | Mapping[str, Any]


def connection(name: str, *, lacking: Mapping[str, Sequence[str]] = MappingProxyType({}), **changes: Any) -> Part:
    """A connection to the sandbox of this name. Its errors may be ordered by name: a code is a class.
    `lacking`: stream -> what it does not declare."""
    config = sandbox_config(f"http://{name}.test")
    for word, stream in config["streams"].items():
        stream["paging"] = {**stream["paging"], "size": 50}
        for declaration in lacking.get(word, ()):
            del stream[declaration]
    config |= {"token": "${env:REST_TOKEN}", "hook_secret": "${env:REST_HOOK_SECRET}"}
    config["errors"]["codes"] |= {kind.__name__: kind.__name__ for kind in ERRORS}
    return Part("connections", name, {"connection": name, "connector": "rest", "config": config | changes})


def sync(name: str, stream: str = "customers", mapping: str = "customers", **more: Any) -> Part:
    """`left-customers`: the connection is what stands before the dash. Live, both ways, every ten seconds."""
    base = {"sync": name, "connection": name.partition("-")[0], "stream": stream, "mapping": mapping}
    return Part("syncs", name, {**base, "direction": "both", "mode": "live", "every": "10s", **more})


def team() -> Part:
    """A group that reads messages."""
    config = {"base_url": f"http://{TEAM}.test", "robot_key": "${env:ROBOT_KEY}"}
    return Part("connections", TEAM, {"connection": TEAM, "connector": "wecom", "config": config})


def tell(name: str, **message: Any) -> Part:
    spec = {"sync": name, "connection": TEAM, "stream": "robot", "mode": "live", "message": message}
    return Part("syncs", name, spec)


def owners(kind: str, **rules: str | list[str]) -> Part:
    return Part("owners", kind, {"kind": kind, "fields": rules})


def own_kind(kind: str, **fields: Any) -> Part:
    return Part("kinds", kind, {"kind": kind, "fields": fields})


@dataclass
class Town(House):
    """`meanwhile` happens at a call, after the other side did its work and before its answer is in."""

    meanwhile: Callable[[httpx.Request], Awaitable[None]] | None = None
    rest: dict[str, RestSandbox] = field(default_factory=dict)

    def open_sandboxes(self) -> None:
        for path in sorted((self.directory / "connections").iterdir()):
            if path.stem == TEAM:
                self.vendors[TEAM] = wecom.sandbox(Ledger(), self.clock)
            else:
                self.vendors[path.stem] = self.rest[path.stem] = sandbox(Ledger(), self.clock)

    def lookup(self) -> Mapping[str, str]:
        robot = str(wecom.sandbox_config("")["robot_key"])
        return {"REST_TOKEN": TOKEN, "REST_HOOK_SECRET": HOOK_SECRET, "ROBOT_KEY": robot}

    def told(self) -> list[str]:
        """What the team read."""
        return [str(entry.data["text"]) for entry in self.vendors[TEAM].ledger.of("message_sent")]

    async def engine(self, seed: int = 0) -> Engine:
        engine = await super().engine(seed)
        engine.outward = Outward(Watched(self), self.clock, engine.random)
        return engine

    def save(self, there: str, table: str = "customers", key: str | None = None, /, **record: Any) -> dict[str, Any]:
        """A user of this system writes a record, a second after whatever happened before."""
        self.clock.advance(seconds=1)
        saved: dict[str, Any] = self.rest[there].act_save({"table": table, "record": record, "id": key})
        return saved

    def table(self, name: str, table: str = "customers") -> list[dict[str, Any]]:
        return list(self.rest[name].tables[table].values())

    def writes(self) -> int:
        """How many records were created or changed anywhere, by whomever."""
        return sum(len(there.ledger.of("created")) + len(there.ledger.of("changed")) for there in self.rest.values())

    def fault(self, name: str, kind: str, match: str = "", **more: Any) -> None:
        self.rest[name].faults.append(Fault.model_validate({"kind": kind, "match": match, **more}))

    def refuse(self, name: str, error: str, match: str = "", times: int = 1, **headers: str) -> None:
        """The next matching calls end in this error class."""
        body = '{"error": {"code": "%s", "message": "as the test wants it"}}' % error  # noqa: UP031
        self.fault(name, "status", match, times=times, status=400, text=body, headers=headers)

    async def again(self, engine: Engine, times: int = 1, **units: float) -> None:
        """Let time go by and work, several times over."""
        for _ in range(times):
            await self.pass_time(engine, **(units or {"seconds": 10}))

    async def read_all_again(self) -> None:
        """What a backfill does: every sync reads everything from the start."""
        await self.change("UPDATE sync SET cursor = NULL, next_pull_at = NULL")

    async def configure_with(self, mapping: str, body: str) -> None:
        """Apply the directory with this text as that mapping."""
        (self.directory / "mappings" / f"{mapping}.yaml").write_text(body, encoding="utf-8")
        await self.configure()

    async def change(self, statement: str, **values: Any) -> None:
        async with self.db.begin("test") as conn:
            await conn.execute(text(statement), values)

    async def count(self, table: str) -> int:
        return int((await self.rows(f"SELECT count(*) AS n FROM {table}"))[0].n)

    async def footprint(self) -> tuple[int, ...]:
        """What must stay as it is when nothing is new."""
        return (*[await self.count(name) for name in ("inbox", "change", "attempt", "entity")], self.writes())

    async def entities(self, engine: Engine, kind: str) -> list[Entity]:
        rows = await self.rows("SELECT id FROM entity WHERE kind = :kind ORDER BY id", kind=kind)
        async with self.db.read() as conn:
            found = await load(conn, engine.kinds, kind, [row.id for row in rows])
        return [found[row.id] for row in rows]

    async def entity(self, engine: Engine, kind: str) -> Entity:
        (only,) = await self.entities(engine, kind)
        return only

    async def delivery(self, **where: Any) -> Any:
        """The one delivery that answers this description."""
        told = " AND ".join(f"{name} = :{name}" for name in where) or "true"
        (only,) = await self.rows(f"SELECT * FROM delivery WHERE {told}", **where)
        return only

    async def inbox(self) -> list[Any]:
        return await self.rows("SELECT * FROM inbox ORDER BY id")

    async def arrive(self, engine: Engine, name: str, *records: dict[str, Any]) -> Stored:
        """These records reach the inbox, as from a webhook."""
        bound = engine.configuration.syncs[name]
        source = Source(bound.connection, bound.stream, live=True, correlation="test")
        async with self.db.begin("arrive") as conn:
            return await store_records(conn, bound, source, records, self.clock.now())

    async def arrive_gone(self, engine: Engine, name: str, *keys: str) -> None:
        """The source says that these are gone."""
        bound = engine.configuration.syncs[name]
        source = Source(bound.connection, bound.stream, live=True, correlation="test")
        async with self.db.begin("gone") as conn:
            await store_gone(conn, bound, source, keys, self.clock.now())


class Watched(Street):
    """The street, with somebody who may do something at every call."""

    def __init__(self, town: Town) -> None:
        super().__init__(town.vendors)
        self._town = town

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if self._town.meanwhile is not None:
            await self._town.meanwhile(request)
        return response


def written(directory: Path, *parts: Part) -> Path:
    """A configuration directory with these files."""
    for part in parts:
        place = directory / part.folder / f"{part.name}.yaml"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(part.body if isinstance(part.body, str) else yaml.safe_dump(dict(part.body)), encoding="utf-8")
    return directory


async def built(db: Database, folder: Path, *parts: Part, mappings: Sequence[str] = (CUSTOMERS,)) -> Town:
    """A town with this configuration in force."""
    texts = [Part("mappings", yaml.safe_load(body)["mapping"], body) for body in mappings]
    town = Town(db, folder, written(folder / "configuration", *parts, *texts))
    town.open_sandboxes()
    await town.configure()
    return town
