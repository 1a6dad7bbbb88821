"""The one way of a process to Redis. It may be slow, empty, stopped or gone at any time: whoever uses it asks first
whether it works, tells when it did not, and goes on without. What is lost there is late, never lost."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_when_event_set, wait_random_exponential

from hub.sdk import jsontext

log = structlog.get_logger(__name__)

TROUBLES: Final = (RedisError, OSError, TimeoutError)
ANSWER_SECONDS: Final = 1.0
"""A Redis that takes longer is as good as none: everything has a way without it."""
LOOK_SECONDS: Final = 1.0
EPOCH: Final = "hub:epoch"
"""Written by whoever finds none: when it is another one, Redis has forgotten what it knew."""
QUEUE: Final = "hub:queue"


class Link:
    """`works` says whether Redis answered lately; `keep` finds out, and comes back by itself."""

    def __init__(self, url: str) -> None:
        self._pool = ConnectionPool.from_url(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS)
        self.redis = ArqRedis(
            self._pool,
            job_serializer=jsontext.dumps,
            job_deserializer=jsontext.loads,
            default_queue_name=QUEUE,
        )
        self.forgot: list[Callable[[], Awaitable[None]]] = []
        """Called when Redis is there but remembers nothing."""
        self._works = asyncio.Event()
        self._away = asyncio.Event()
        self._epoch: bytes | None = None
        self._told = False
        logging.getLogger("arq").setLevel(logging.ERROR)  # it tells of each ring that came to nothing

    @property
    def state(self) -> str:
        return "ok" if self.works() else "away"

    def works(self) -> bool:
        return self._works.is_set()

    def lost(self, error: BaseException) -> None:
        """It did not answer; said once, however many meet it."""
        if self.works() or not self._told:
            log.warning(
                "Redis is away; the hub goes on without: bells come through PostgreSQL, every worker looks for itself "
                "what is due and keeps to its own part of the limits",
                error=f"{type(error).__name__}: {error}",
            )
        self._told = True
        self._works.clear()
        self._away.set()

    async def gone(self) -> None:
        """Until it does not work."""
        await self._away.wait()

    async def keep(self, stop: asyncio.Event) -> None:
        """Look after it until everything stops."""
        while not stop.is_set():
            try:
                await self._look()
            except TROUBLES as error:
                self.lost(error)
                await self._until_back(stop)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await stop.wait()

    async def _until_back(self, stop: asyncio.Event) -> None:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(TROUBLES),
            wait=wait_random_exponential(multiplier=0.1, max=2),
            stop=stop_when_event_set(stop),  # type: ignore[arg-type]
            retry_error_callback=lambda _: None,
        )
        await attempts(self._look)

    async def _look(self) -> None:
        epoch = await self.redis.get(EPOCH)
        if epoch is None:
            await self.redis.set(EPOCH, secrets.token_hex(8), nx=True)
            epoch = await self.redis.get(EPOCH)
        if epoch != self._epoch:
            for forgot in self.forgot:
                await forgot()
            self._epoch = epoch
        if not self.works() and self._told:
            log.warning("Redis is back")
        self._told = False
        self._works.set()
        self._away.clear()

    async def aclose(self) -> None:
        with suppress(*TROUBLES):
            await self.redis.aclose()
            await self._pool.aclose()
