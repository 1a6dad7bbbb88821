"""S9 with several workers that share a quota through a real Redis, which is emptied and killed meanwhile."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from connectors.rest.sandbox import Settings
from hub.jobs.crank import settle
from hub.jobs.link import Link
from hub.jobs.rooms import Rooms
from hub.sync.engine import Engine
from hub.sync.outward import Outward
from tests.engine.conftest import Build
from tests.engine.town import Town, Watched
from tests.simulation import limits
from tests.support.redis import RedisServer
from tests.support.results import size, write_result

MINUTE = 60.0


@pytest.fixture
async def stopped() -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    yield stop
    stop.set()


class Crew:
    """So many engines, each with a link of its own."""

    def __init__(self, town: Town, redis: RedisServer, stop: asyncio.Event) -> None:
        self.town, self.redis, self.stop = town, redis, stop
        self.engines: list[Engine] = []
        self.links: list[Link] = []
        self.keeping: list[asyncio.Task[None]] = []

    async def hire(self, engine: Engine, count: int) -> None:
        names = [f"w{n}" for n in range(count)]
        for n, name in enumerate(names):
            each = engine if n == 0 else await self.town.engine(seed=n)
            link = Link(self.redis.url)
            rooms = Rooms(link, self.town.clock, name, lambda: count)
            each.outward = Outward(Watched(self.town), self.town.clock, each.random, limiter_of=rooms.limiter)
            each.me, each.others = name, [other for other in names if other != name]
            self.engines.append(each)
            self.links.append(link)
            self.keeping.append(asyncio.create_task(link.keep(self.stop)))
        await self.links_are(True)

    async def links_are(self, works: bool) -> None:
        async with asyncio.timeout(20):
            while not all(link.works() is works for link in self.links):
                await asyncio.sleep(0.02)

    async def work(self, needed: int) -> bool:
        """Once as far as it goes; is it done?"""
        await asyncio.gather(*(settle(engine) for engine in self.engines))
        return len(self.town.table("right")) == needed or not await limits.to_next_moment(self.town)

    async def go_home(self) -> None:
        self.stop.set()
        await asyncio.gather(*self.keeping)
        for link in self.links:
            await link.aclose()


async def test_s9_a_quota_shared_by_many(build: Build, redis_server: RedisServer, stopped: asyncio.Event) -> None:
    quota, workers = size(120, 2_000), size(4, 20)
    town, first = await limits.street(build, concurrency=6, calls=quota, per=MINUTE)
    town.rest["right"].settings = Settings(quota, MINUTE, True)
    town.meanwhile = lambda request: asyncio.sleep(0)
    needed = quota * 3
    await limits.arrive(town, first, needed)
    crew = Crew(town, redis_server, stopped)
    await crew.hire(first, workers)
    faults = {1: "emptied", 2: "killed", 4: "back"}
    for turn in range(500):
        if faults.get(turn) == "emptied":
            redis_server.do("FLUSHALL")
            await asyncio.sleep(1.5)
        elif faults.get(turn) == "killed":
            redis_server.kill()
            await crew.links_are(False)
        elif faults.get(turn) == "back":
            redis_server.start()
            await crew.links_are(True)
        if await crew.work(needed):
            break
    await crew.go_home()
    made = limits.calls(town)
    found = {
        "workers": workers,
        "records": needed,
        "there": len(town.table("right")),
        "calls": len(made),
        "most in a window": limits.most_within(made, MINUTE),
        "quota": quota,
        "failed": limits.parked(await town.states()),
        "turns": turn,
    }
    write_result("S9-many", found)
    assert turn >= max(faults), found
    assert (found["there"], found["failed"]) == (needed, 0), found
    assert found["most in a window"] <= quota * 1.01 and len(made) <= needed * 1.2, found
