"""Errands over arq: who schedules rings, and one worker takes what was rung. A ring is two names and nothing else; what
is to be done stands in the database, and what no ring announced is rung again."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

from arq.worker import Worker, func

from hub.jobs.errands import SLICE_SECONDS, Errand
from hub.jobs.link import QUEUE, TROUBLES, Link

POLL_SECONDS: Final = 0.1
EXPIRES_SECONDS: Final = 30.0  # a ring nobody took by then is rung again anyway
READ_LIMIT: Final = 1_000
AT_ONCE: Final = 32  # errands of one worker, besides those that take long
ALWAYS: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""When a ring is due: by any worker's clock, however wrong."""
IDLE_SECONDS: Final = 0.2


class _Worker(Worker):
    """arq's, that leaves no health key: workers tell of themselves in the database."""

    async def heart_beat(self) -> None:
        pass


class Rings:
    """`take` runs an errand, and returns when it is done or has taken its slice of time."""

    def __init__(self, link: Link, take: Callable[[Errand], Awaitable[None]]) -> None:
        self._link = link
        self._take = take

    def works(self) -> bool:
        return self._link.works()

    async def ring(self, errand: Errand) -> bool:
        """Somebody is to go on this errand. False: nobody could be told."""
        number = f"{time.time_ns() // 1000:018}-{secrets.token_hex(6)}"  # in the order in which they were rung
        try:
            await self._link.redis.enqueue_job(
                "errand", errand.what, errand.sync, _job_id=number, _defer_until=ALWAYS, _expires=EXPIRES_SECONDS
            )
        except TROUBLES as error:
            self._link.lost(error)
            return False
        return True

    async def answer(self, stop: asyncio.Event) -> None:
        """Take what is rung, until everything stops. Of a Redis that goes away nobody dies."""
        while not stop.is_set():
            if self._link.works():
                await self._answer(stop)
            else:
                await asyncio.sleep(IDLE_SECONDS)

    async def _answer(self, stop: asyncio.Event) -> None:
        """While Redis is there. Each time with a new worker: one whose Redis failed has lost count of its places."""
        worker = self._worker()
        waits = [asyncio.ensure_future(each) for each in (worker.async_run(), stop.wait(), self._link.gone())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()
        ran = (await asyncio.gather(*waits, return_exceptions=True))[0]
        for task in worker.tasks.values():
            task.cancel()  # the errand itself goes on
        await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
        if isinstance(ran, Exception):
            if not isinstance(ran, TROUBLES):
                raise ran
            self._link.lost(ran)

    def _worker(self) -> Worker:
        return _Worker(
            [func(self._errand, name="errand", keep_result=0, max_tries=1)],
            queue_name=QUEUE,
            redis_pool=self._link.redis,
            handle_signals=False,
            max_jobs=AT_ONCE,
            job_timeout=SLICE_SECONDS + 5,
            keep_result=0,
            poll_delay=POLL_SECONDS,
            queue_read_limit=READ_LIMIT,
            max_tries=1,
            retry_jobs=False,
            job_serializer=self._link.redis.job_serializer,
            job_deserializer=self._link.redis.job_deserializer,
            log_results=False,
            timezone=UTC,
        )

    async def _errand(self, ctx: dict[Any, Any], what: str, sync: str) -> None:
        await self._take(Errand(what, sync))
