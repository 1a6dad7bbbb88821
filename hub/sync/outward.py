"""The way out: the one transport, limits, tokens and call numbers of a process, and the contexts made of them."""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from hub.config.runtime import Bound
from hub.sdk.auth import MemoryTokens
from hub.sdk.context import Clock, Context, Created
from hub.sdk.http import CallCounter, CallObserver, Exchange, Http, Limiter
from hub.sdk.limiter import LimiterBook, ProcessLimiter
from hub.sdk.manifest import Limit
from hub.security.redact import redact

BODY_KEPT = 20_000  # characters of a request or an answer that an attempt keeps


LimiterOf = Callable[[str, Sequence[Limit]], Limiter]
"""Credential and its limits -> who counts its calls."""


class Outward:
    """Everything that leaves this process goes through here. `limiter_of`: what counts for all processes, if one does."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        clock: Clock,
        rng: random.Random,
        observer: CallObserver | None = None,
        limiter_of: LimiterOf | None = None,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._random = rng
        self._counter = CallCounter(observer)
        self._limiter_of = limiter_of or partial(ProcessLimiter, LimiterBook(clock))
        self._tokens: dict[str, MemoryTokens] = {}

    def context(self, bound: Bound, recorder: "Exchanges | None" = None, created: Created | None = None) -> Context:
        """A context for one piece of work with a connection."""
        manifest = bound.connector.manifest
        credential = f"{manifest.id}:{getattr(bound.config, manifest.credential, bound.name)}"
        http = Http(
            transport=self._transport,
            limiter=self._limiter_of(credential, bound.spec.limits or tuple(manifest.limits)),
            counter=self._counter,
            recorder=recorder,
            timeout=bound.config.timeout,
        )
        context = Context(
            connection=bound.name,
            config=bound.config,
            http=http,
            clock=self._clock,
            random=self._random,
            tokens=self._tokens.setdefault(bound.name, MemoryTokens(self._clock)),
            zone=ZoneInfo(bound.config.zone),
        )
        return context if created is None else replace(context, created=created)

    def forget_tokens(self, connection: str) -> None:
        """After a change of credentials."""
        self._tokens.pop(connection, None)


@dataclass(slots=True)
class Exchanges:
    """The redacted exchanges of one attempt."""

    secrets: Collection[str]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def record(self, exchange: Exchange) -> None:
        raw = {
            "number": exchange.number,
            "method": exchange.method,
            "url": exchange.url,
            "request_headers": dict(exchange.request_headers),
            "request": exchange.request_body.decode("utf-8", "replace")[:BODY_KEPT],
            "status": exchange.status,
            "answer": exchange.answer_body.decode("utf-8", "replace")[:BODY_KEPT],
            "error": exchange.error,
            "milliseconds": round(exchange.seconds * 1000),
        }
        self.rows.append(_no_nul(redact(raw, self.secrets)))


def _no_nul(row: dict[str, Any]) -> dict[str, Any]:
    """PostgreSQL's JSON holds no NUL character."""
    return {name: value.replace("\x00", "�") if isinstance(value, str) else value for name, value in row.items()}
