"""One sandbox, one connection to it, a wire on which things go wrong when asked to, and all that was said over it."""

import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from pydantic import BaseModel, SecretStr

from hub.sdk.auth import MemoryTokens
from hub.sdk.conformance.kit import Subject
from hub.sdk.connector import ConnectionConfig
from hub.sdk.context import Clock, Context, Token
from hub.sdk.http import CallCounter, Exchange, Http
from hub.sdk.limiter import LimiterBook, ProcessLimiter
from hub.sdk.sandbox import Ledger, Sandbox

BASE_URL = "http://conformance.test"
START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)

Onward = Callable[[], Awaitable[httpx.Response]]
Trouble = Callable[[httpx.Request, Onward], Awaitable[httpx.Response]]
"""What happens to one call: it may be passed on (`await onward()`), answered otherwise, or broken off."""


class TrialClock:
    """Stands still unless moved, so that a check is the same every time."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: int) -> None:
        self._now += timedelta(seconds=seconds)


class Wire(httpx.AsyncBaseTransport):
    """The way to the sandbox. `trouble` befalls call number `at`, and all later ones when `lasting`."""

    def __init__(self, sandbox: Sandbox | None) -> None:
        self._inner = httpx.ASGITransport(app=sandbox.app) if sandbox else httpx.MockTransport(_nobody)
        self.mend()

    def mend(self) -> None:
        self.calls = 0
        self.at = 0
        self.lasting = False
        self.trouble: Trouble | None = None
        self.watch: Callable[[], int] | None = None
        self.effects: list[int] = []  # numbers of the calls after which `watch` had grown

    def plan(self, trouble: Trouble, at: int, *, lasting: bool = False) -> None:
        self.calls, self.trouble, self.at, self.lasting = 0, trouble, at, lasting

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        number, before = self.calls, self.watch() if self.watch else 0

        async def onward() -> httpx.Response:
            answer = await self._inner.handle_async_request(request)
            await answer.aread()
            return answer

        try:
            if self.trouble and (number == self.at or (self.lasting and number > self.at)):
                return await self.trouble(request, onward)
            return await onward()
        finally:
            if self.watch and self.watch() > before:
                self.effects.append(number)


async def _nobody(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody listens here", request=request)


class KnownTokens(MemoryTokens):
    """Keeps every token ever seen, so that they can be searched for where none may be."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.seen: list[Token] = []

    async def get(self, name: str, fetch: Callable[[], Awaitable[Token]]) -> Token:
        token = await super().get(name, fetch)
        self.seen.append(token)
        return token


@dataclass
class Reported:
    """What a push told of by `ctx.created`: the last id."""

    key: str | None = None

    async def __call__(self, key: str, lines: Mapping[str, Sequence[str]]) -> None:
        self.key = key


@dataclass
class Exchanges:
    """Keeps every exchange as it went over the wire."""

    seen: list[Exchange] = field(default_factory=list)

    def record(self, exchange: Exchange) -> None:
        self.seen.append(exchange)


class Trial:
    """A fresh sandbox and a connection to it, with `changes` of its config."""

    def __init__(self, subject: Subject, **changes: Any) -> None:
        kit = subject.kit
        self.clock = TrialClock()
        self.sandbox: Any = kit.sandbox(Ledger(), self.clock) if kit.sandbox else None
        self.wire = Wire(self.sandbox)
        self.config = config_of(subject, **changes)
        self.streams = subject.connector.streams_of(self.config)
        self.exchanges = Exchanges()
        self.reported = Reported()
        self.tokens = KnownTokens(self.clock)
        limiter = ProcessLimiter(LimiterBook(self.clock), "trial", ())
        self.context = Context(
            connection="trial",
            config=self.config,
            http=Http(self.wire, limiter, CallCounter(), recorder=self.exchanges, timeout=self.config.timeout),
            clock=self.clock,
            random=random.Random(7),
            tokens=self.tokens,
            zone=ZoneInfo(self.config.zone),
            created=self.reported,
        )

    def stream(self, name: str) -> Any:
        return self.streams[name]

    def events(self) -> Counter[str]:
        """What happened at the vendor, calls apart."""
        return Counter(entry.event for entry in self.sandbox.ledger if entry.event != "call")


def config_of(subject: Subject, **changes: Any) -> ConnectionConfig:
    return subject.connector.config.model_validate({**subject.kit.config(BASE_URL), **subject.changes, **changes})


def secrets_of(value: Any) -> list[str]:
    """Every secret inside a config, in clear."""
    if isinstance(value, SecretStr):
        return [value.get_secret_value()] if value.get_secret_value() else []
    if isinstance(value, BaseModel):
        return [found for name in type(value).model_fields for found in secrets_of(getattr(value, name))]
    if isinstance(value, Mapping):
        return [found for inner in value.values() for found in secrets_of(inner)]
    if isinstance(value, list | tuple):
        return [found for inner in value for found in secrets_of(inner)]
    return []


def spellings(secret: str) -> set[str]:
    """How a secret may be written inside a text."""
    return {secret, json.dumps(secret)[1:-1], str(httpx.QueryParams({"x": secret})).removeprefix("x=")}
