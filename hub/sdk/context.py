"""What a connector is handed: everything it may touch comes through here, so tests can hand it something else."""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from hub.sdk.http import Http


class Clock(Protocol):
    """The one clock: aware UTC."""

    def now(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Token:
    """A vendor's access token; `extra` holds what comes with it (corpId, session cookie)."""

    value: str
    expires_at: datetime
    extra: Mapping[str, str] = field(default_factory=dict)


class TokenStore(Protocol):
    """Keeps tokens per credential, fetches each at most once at a time."""

    async def get(self, name: str, fetch: Callable[[], Awaitable[Token]]) -> Token:
        """The stored token while it lives (60 s margin), else what `fetch` brings."""
        ...

    async def forget(self, name: str, token: Token) -> None:
        """Drop this token (the vendor refused it); one that was renewed meanwhile is kept."""
        ...


Created = Callable[[str, Mapping[str, Sequence[str]]], Awaitable[None]]
"""`await ctx.created(key, lines)`: an id is known; the link is committed before this returns."""


async def _not_a_push(key: str, lines: Mapping[str, Sequence[str]]) -> None:
    raise AssertionError("ctx.created is for push only")


@dataclass(frozen=True, slots=True)
class Context:
    """One connection at work. `config` is an instance of the connector's own config model."""

    connection: str
    config: Any
    http: Http
    clock: Clock
    random: random.Random
    tokens: TokenStore
    zone: ZoneInfo
    created: Created = _not_a_push
