"""Limits shared through a real Redis: counted for all, remembered by each, kept to cautiously when Redis is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from hub.jobs.link import Link
from hub.jobs.rooms import HELD_SECONDS, Rooms
from hub.sdk import Throttled
from hub.sdk.http import Limiter
from hub.sdk.manifest import Limit
from tests.support.redis import RedisServer
from tests.support.sdk import FixedClock

LIMITS = [Limit(calls=10, per=60.0)]


class Worker:
    """One of several: its link, its rooms."""

    def __init__(self, redis: RedisServer, clock: FixedClock, name: str, engines: int) -> None:
        self.link = Link(redis.url)
        self.rooms = Rooms(self.link, clock, name, lambda: engines)
        self.stop = asyncio.Event()
        self.keeping = asyncio.create_task(self.link.keep(self.stop))

    async def took(self, limits: list[Limit] = LIMITS, most: int = 100) -> int:
        """How many calls it may make now."""
        limiter: Limiter = self.rooms.limiter("me", limits)
        for count in range(most):
            try:
                async with limiter.slot("query"):
                    pass
            except Throttled as error:
                assert error.retry_after and error.retry_after > 0
                return count
        return most

    async def link_is(self, works: bool) -> None:
        async with asyncio.timeout(20):
            while self.link.works() is not works:
                await asyncio.sleep(0.02)


Hire = Callable[..., Awaitable[list[Worker]]]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
async def hire(redis_server: RedisServer, clock: FixedClock) -> AsyncIterator[Hire]:
    hired: list[Worker] = []

    async def some(count: int) -> list[Worker]:
        hired.extend(Worker(redis_server, clock, f"w{n}", count) for n in range(count))
        for worker in hired:
            await worker.link_is(True)
        return hired

    yield some
    for worker in hired:
        worker.stop.set()
        await worker.keeping
        await worker.link.aclose()


async def test_all_count_together(hire: Hire, clock: FixedClock) -> None:
    first, second = await hire(2)
    assert await first.took(most=7) == 7
    assert await second.took() == 3
    clock.advance(seconds=60.1)
    assert await second.took() == 10 and await first.took() == 0


async def test_an_emptied_redis_hears_again_what_was_done(
    hire: Hire, clock: FixedClock, redis_server: RedisServer
) -> None:
    first, second = await hire(2)
    assert (await first.took(most=4), await second.took(most=4)) == (4, 4)
    redis_server.do("FLUSHALL")
    async with asyncio.timeout(10):
        while not redis_server.do("KEYS", "hub:calls:*") or redis_server.do("ZCARD", *calls_key(redis_server)) < 8:
            await asyncio.sleep(0.05)
    assert await first.took() + await second.took() == 2


def calls_key(redis_server: RedisServer) -> list[str]:
    return [key.decode() for key in redis_server.do("KEYS", "hub:calls:*")]


async def test_without_redis_each_keeps_to_its_part_of_what_was_left(
    hire: Hire, clock: FixedClock, redis_server: RedisServer
) -> None:
    first, second = await hire(2)
    assert (await first.took(most=4), await second.took(most=2)) == (4, 2)
    redis_server.kill()
    for worker in (first, second):
        await worker.link_is(False)
    assert 6 + await first.took() + await second.took() <= 10
    clock.advance(seconds=61)
    assert await first.took() == await second.took() == 5, "half of it each"
    redis_server.start()
    for worker in (first, second):
        await worker.link_is(True)
    assert await first.took() + await second.took() == 0, "what was done without Redis counts"
    clock.advance(seconds=61)
    assert await first.took() == 10


async def test_a_redis_that_stands_still_is_no_redis(hire: Hire, redis_server: RedisServer) -> None:
    (worker,) = await hire(1)
    redis_server.freeze()
    async with asyncio.timeout(5):
        assert await worker.took(most=3) == 3
    assert not worker.link.works()
    redis_server.thaw()
    await worker.link_is(True)


@asynccontextmanager
async def inside(worker: Worker, limits: list[Limit]) -> AsyncIterator[None]:
    async with worker.rooms.limiter("me", limits).slot("query"):
        yield


async def test_places_are_shared_and_one_whose_worker_died_is_free_again(hire: Hire, clock: FixedClock) -> None:
    first, second = await hire(2)
    one = [Limit(concurrency=1)]
    async with inside(first, one):
        with pytest.raises(Throttled):
            async with inside(second, one):
                pass
    async with inside(second, one):
        pass
    dead = inside(first, one)
    await dead.__aenter__()
    clock.advance(seconds=HELD_SECONDS + 1)
    async with inside(second, one):
        pass
    await dead.__aexit__(None, None, None)


async def test_the_next_in_line_waits_its_turn(hire: Hire, clock: FixedClock) -> None:
    first, second = await hire(2)
    one = [Limit(concurrency=1)]
    async with inside(first, one):
        waiting = asyncio.create_task(second.took(one, 1))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    assert await waiting == 1
