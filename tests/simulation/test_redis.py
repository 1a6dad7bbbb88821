"""R5: Redis is emptied, killed, stopped in its tracks, slow; workers die in turn. It costs seconds and never jobs."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.simulation.fire import LEASE_SECONDS, SPEED, Name, Street, street, until
from tests.simulation.test_kills import Users, judged, watch_running
from tests.support.database import data_folder
from tests.support.redis import RedisServer
from tests.support.results import size, write_result

STOPPED_SECONDS = size(30, 600) / SPEED * 4
SLOW_SECONDS = 2.0
RESUMED_SECONDS = 15.0
TAKEN_OVER_SECONDS = 75.0 / SPEED
WORKERS: tuple[Name, ...] = ("engine", "second", "third")


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as path:
        yield path


@asynccontextmanager
async def at_work(url: str, folder: Path, redis: RedisServer, *names: Name) -> AsyncIterator[Street]:
    """The street with its intake and these workers, all of them over Redis."""
    async with street(url, folder) as town:
        town.fire.more["HUB_REDIS_URL"] = redis.url
        town.fire.start("intake", *names)
        await town.fire.ready()
        await until(lambda: redis_is(town, "ok", len(names)), town.fire.said)
        yield town


async def redis_is(town: Street, state: str, workers: int) -> bool:
    (row,) = await town.rows("SELECT count(*) AS n FROM worker WHERE redis = :state", state=state)
    return bool(row.n >= workers)


async def busy(users: Users, stop: asyncio.Event, every: float = 0.05) -> None:
    while not stop.is_set():
        users.act()
        await asyncio.sleep(every)


async def empty(redis: RedisServer) -> None:
    redis.do("FLUSHALL")
    await asyncio.sleep(1)
    redis.do("FLUSHALL")


async def stop_it(redis: RedisServer) -> None:
    redis.kill()
    await asyncio.sleep(STOPPED_SECONDS)
    redis.start()


async def freeze(redis: RedisServer) -> None:
    redis.freeze()
    await asyncio.sleep(STOPPED_SECONDS)
    redis.thaw()


async def slow(redis: RedisServer) -> None:
    """Every few commands it takes its time."""
    for _ in range(2):
        redis.freeze()
        await asyncio.sleep(SLOW_SECONDS)
        redis.thaw()
        await asyncio.sleep(0.2)


async def one_more(town: Street, users: Users, number: int) -> float:
    """What is made when Redis is back is behind the backlog: the seconds until the other side has it."""
    name = f"after-{number}"
    users.made["products"][name] = "left"
    town.save("left", "products", number=name, name=name)
    began = time.monotonic()

    async def there() -> bool:
        return any(row.get("number") == name for row in town.right.tables["products"].values())

    await until(there, town.fire.said)
    return time.monotonic() - began


FAULTS = {"emptied": empty, "killed": stop_it, "frozen": freeze, "slow": slow}


async def test_r5_redis_comes_and_goes(database_url: str, folder: Path, redis_server: RedisServer) -> None:
    begun, resumed, told = time.monotonic(), {}, {}
    async with at_work(database_url, folder, redis_server, "engine", "second") as town:
        users = Users(town, random.Random(5))
        for _ in range(size(1, 25)):
            for name, fault in FAULTS.items():
                stop = asyncio.Event()
                working = asyncio.create_task(busy(users, stop, 0.15))
                before = len(town.left.ledger) + len(town.right.ledger)
                await fault(redis_server)
                meanwhile = len(town.left.ledger) + len(town.right.ledger) - before
                stop.set()
                await working
                resumed[name] = max(resumed.get(name, 0.0), round(await one_more(town, users, len(told)), 1))
                await town.settled()
                told[name] = meanwhile
                assert meanwhile > 0, f"while Redis was {name} nothing went on"
                await until(lambda: redis_is(town, "ok", 2), town.fire.said)
        assert town.fire.alive(), town.fire.said()
        said = town.fire.log.read_text()
        found = judged(town, users)
        parked = await town.count("delivery WHERE state = 'parked'") + await town.count("inbox WHERE state = 'parked'")
    records = sum(map(len, users.made.values()))
    counts = {"records": records, **found, "parked": parked, "resumed_seconds": resumed, "calls_meanwhile": told}
    write_result("R5", {**counts, "stopped_seconds": STOPPED_SECONDS, "seconds": round(time.monotonic() - begun)})
    assert (found["lost"], found["double_ab"], found["double_c"], found["edits_lost"], parked) == (0, 0, 0, 0, 0)
    assert max(resumed.values()) <= RESUMED_SECONDS
    assert "Redis is away" in said and "Redis is back" in said


async def test_workers_killed_in_turn_lose_nothing(database_url: str, folder: Path, redis_server: RedisServer) -> None:
    """Three at work; whoever schedules is killed, the office passes on; who comes back is another one."""
    rng, worst, taken_over = random.Random(7), [0.0], []
    async with at_work(database_url, folder, redis_server, *WORKERS) as town:
        users, stop = Users(town, rng), asyncio.Event()
        loops = [asyncio.create_task(busy(users, stop, 0.1)), asyncio.create_task(watch_running(town, worst, stop))]
        for _ in range(size(4, 40)):
            holder = await scheduling(town)
            pid = {name: child.pid for name, child in town.fire.running.items()}
            victim = next(name for name in WORKERS if pid[name] == holder)
            town.fire.kill(victim)
            killed = time.monotonic()
            await until(lambda holder=holder: is_another(town, holder), town.fire.said)
            taken_over.append(time.monotonic() - killed)
            town.fire.start(victim)
            await asyncio.sleep(rng.uniform(0.2, 1.0))
        stop.set()
        await asyncio.gather(*loops)
        await town.settled()
        found = judged(town, users)
        parked = await town.rows(
            "SELECT error_class FROM delivery WHERE state = 'parked' AND stream <> 'products'"
            " UNION ALL SELECT error_class FROM inbox WHERE state = 'parked'"
        )
        perhaps = await town.count("delivery WHERE state = 'parked' AND error_class = 'PerhapsCreated'")
    counts = {"kills": sum(town.fire.kills.values()), **found, "perhaps_created": perhaps}
    print(counts, [round(each, 1) for each in taken_over], round(max(worst), 1))
    assert (found["lost"], found["double_ab"], found["double_c"], found["edits_lost"]) == (perhaps, 0, 0, 0)
    assert parked == []
    assert max(taken_over) <= TAKEN_OVER_SECONDS + LEASE_SECONDS, "and what a busy machine takes on top"


async def scheduling(town: Street) -> int:
    """The process that holds the office, and lives."""
    found: list[int] = []

    async def somebody() -> bool:
        rows = await town.rows("SELECT w.pid FROM leader l JOIN worker w ON w.id = l.holder")
        pids = {child.pid for name, child in town.fire.running.items() if name != "intake"}
        found[:] = [row.pid for row in rows if row.pid in pids]
        return bool(found)

    await until(somebody, town.fire.said)
    return found[0]


async def is_another(town: Street, pid: int) -> bool:
    with suppress(OSError):
        rows = await town.rows("SELECT w.pid FROM leader l JOIN worker w ON w.id = l.holder")
        return any(row.pid != pid for row in rows)
    return False
