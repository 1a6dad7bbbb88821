"""A context over the sandbox, and shorthand for what the tests ask of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from connectors.rest.connector import connector
from connectors.rest.sandbox import RestSandbox, sandbox, sandbox_config
from hub.sdk import Context, Page, Push, Record
from hub.sdk.sandbox import Ledger
from tests.support.sdk import FixedClock, make_context

BASE = "http://rest.test"


@dataclass
class World:
    """The sandbox, a connection to it, and the clock of both."""

    there: RestSandbox
    ctx: Context
    clock: FixedClock

    def stream(self, name: str) -> Any:
        return connector.streams_of(self.ctx.config)[name]

    async def pull(self, name: str, cursor: str | None = None) -> list[Page]:
        return [page async for page in self.stream(name).pull(self.ctx, cursor)]

    def save(self, table: str, **record: Any) -> Record:
        self.clock.advance(seconds=1)
        made: Record = self.there.act_save({"table": table, "record": record})
        return made

    def creates(self) -> int:
        return len(self.there.ledger.of("created"))


def config(**changes: Any) -> dict[str, Any]:
    return {**sandbox_config(BASE), **changes}


def changed(stream: str, **changes: Any) -> dict[str, Any]:
    """The sandbox's config with one stream declared differently; None takes a declaration away."""
    made = sandbox_config(BASE)
    spec = {**made["streams"][stream], **changes}
    made["streams"] = {stream: {name: value for name, value in spec.items() if value is not None}}
    made["hook"] = None
    return made


def world(given: Mapping[str, Any] | None = None, there: RestSandbox | None = None, **settings: Any) -> World:
    clock = FixedClock()
    there = there or sandbox(Ledger(), clock, **settings)
    ctx = make_context(connector, dict(given or config()), httpx.ASGITransport(app=there.app), clock)
    return World(there, ctx, clock)


def create(record: Record, reference: str = "customer:1", **more: Any) -> Push:
    return Push("create", {**record, "hub_ref": reference}, reference, f"key-{reference}", **more)
