"""What a connector's tests need of the hub: a clock that stands still, no limits, and a context to work in."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from hub.sdk import Connector, Context, Http
from hub.sdk.auth import MemoryTokens
from hub.sdk.context import Clock
from hub.sdk.http import CallCounter, Exchange

START = datetime(2026, 11, 22, 2, 0, 0, tzinfo=UTC)


class FixedClock:
    """A clock that moves only when told to."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, **units: float) -> None:
        """`clock.advance(minutes=5)`: the units of timedelta."""
        self._now += timedelta(**units)


class NullLimiter:
    """Room for every call."""

    @asynccontextmanager
    async def slot(self, interface: str) -> AsyncIterator[None]:
        yield


@dataclass
class Exchanges:
    """Keeps every exchange of a context."""

    seen: list[Exchange] = field(default_factory=list)

    def record(self, exchange: Exchange) -> None:
        self.seen.append(exchange)


@dataclass
class Created:
    """Keeps what a push reported by `ctx.created`, in order."""

    seen: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)

    async def __call__(self, key: str, lines: Mapping[str, Sequence[str]]) -> None:
        self.seen.append((key, {path: list(ids) for path, ids in lines.items()}))


def make_context(
    connector: Connector,
    config: dict[str, Any],
    transport: httpx.AsyncBaseTransport,
    clock: Clock | None = None,
) -> Context:
    """A context of one connection over `transport` (ASGITransport(app=sandbox.app), MockTransport …).

    `context.created` is a `Created`, `context.http.recorder` an `Exchanges`: look into their `seen`."""
    clock = clock or FixedClock()
    model = connector.config.model_validate(config)
    return Context(
        connection="test",
        config=model,
        http=Http(transport, NullLimiter(), CallCounter(), recorder=Exchanges(), timeout=model.timeout),
        clock=clock,
        random=random.Random(7),
        tokens=MemoryTokens(clock),
        zone=ZoneInfo(model.zone),
        created=Created(),
    )
