"""Several engines of one installation: who is at work, who schedules, each slot once, what is in hand is let alone."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from hub.sdk.manifest import Limit
from hub.sync import suspects, workers
from hub.sync.deliver import deliver_to
from hub.sync.overlook import overlook
from hub.sync.pull import pull, pull_candidates
from hub.sync.shares import CONCURRENCY, cautious, places
from hub.sync.workers import Beat, Self
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync

PARTS = (connection("left"), connection("right"), sync("left-customers"), sync("right-customers", direction="out"))
LEASE = timedelta(seconds=60)
ANN, BEN = Self("a", "ann", "one", 1), Self("b", "ben", "two", 1)


async def beat(town: Town, who: Self, **told: object) -> list[str]:
    async with town.db.begin() as conn:
        return await workers.beat(conn, who, Beat(town.clock.now(), LEASE, **told))  # type: ignore[arg-type]


async def leads(town: Town, who: Self) -> bool:
    async with town.db.begin() as conn:
        return await workers.lead(conn, who, town.clock.now(), LEASE)


async def test_one_schedules_and_another_takes_over(build: Build) -> None:
    town, _ = await build(*PARTS)
    assert (await beat(town, ANN), await beat(town, BEN)) == ([], ["a"])
    assert (await leads(town, ANN), await leads(town, BEN)) == (True, False)
    town.clock.advance(seconds=50)
    await beat(town, BEN)
    assert (await leads(town, ANN), await leads(town, BEN)) == (True, False), "who goes on saying so keeps it"
    town.clock.advance(seconds=61)
    assert await beat(town, BEN) == [], "she was not heard of for a minute"
    assert (await leads(town, BEN), await leads(town, ANN)) == (True, False)
    async with town.db.begin() as conn:
        await workers.leave(conn, BEN)
    await beat(town, ANN)
    assert await leads(town, ANN), "who goes home leaves the office"


async def test_who_died_on_this_machine_is_struck_off_at_once(build: Build) -> None:
    town, _ = await build(*PARTS)
    here = Self.here("new")
    gone = Self("old", "old", here.host, 2**22 - 1)
    await beat(town, gone)
    assert await leads(town, gone)
    async with town.db.begin() as conn:
        assert await workers.enlist(conn, here, town.clock.now(), LEASE), "nobody else is at work"
    assert await leads(town, here)
    await beat(town, BEN)
    async with town.db.begin() as conn:
        assert not await workers.enlist(conn, Self.here("newer"), town.clock.now(), LEASE)


async def test_status_shows_who_is_at_work(build: Build) -> None:
    town, _ = await build(*PARTS)
    await beat(town, ANN, doing=["deliver right"], redis="ok")
    await leads(town, ANN)
    town.clock.advance(seconds=70)
    await beat(town, BEN, redis="away")
    async with town.db.read() as conn:
        seen = (await overlook(conn, town.clock.now())).told()["workers"]
    told = [(row["name"], row["lives"], row["schedules"], row["redis"], list(row["doing"])) for row in seen]
    assert told == [("ann", False, True, "ok", ["deliver right"]), ("ben", True, False, "away", [])]


async def test_each_slot_is_pulled_once(build: Build) -> None:
    """However many saw that it was due, one after another or at once."""
    town, engine = await build(*PARTS)
    other = await town.engine(seed=1)
    left, theirs = (each.configuration.syncs["left-customers"] for each in (engine, other))
    for _ in range(4):
        town.clock.advance(seconds=11)
        assert left in await pull_candidates(engine) and theirs in await pull_candidates(other)
        before = len(town.rest["left"].ledger.of("call"))
        await pull(engine, left)
        alone = len(town.rest["left"].ledger.of("call")) - before
        await pull(other, theirs)
        await asyncio.gather(pull(engine, left), pull(other, theirs))
        assert len(town.rest["left"].ledger.of("call")) - before == alone > 0


async def test_what_a_living_engine_has_in_hand_is_nobodys_crime(build: Build) -> None:
    town, engine = await build(*PARTS)
    await town.arrive(engine, "left-customers", {"id": "1", "name": "n", "updated_at": "2026-11-22T02:00:00Z"})
    (row,) = await town.inbox()
    engines = [await town.engine(seed=n) for n in range(5)]
    for n, each in enumerate(engines):
        each.careful = f"e{n}"
    await beat(town, Self("e0", "e0", "one", 1))
    assert list((await suspects.take(engines[0], "inbox", [row.id])).ids) == [row.id]
    for each in engines[1:]:
        taken = await suspects.take(each, "inbox", [row.id])
        assert (list(taken.ids), list(taken.dead)) == ([], [])
    town.clock.advance(seconds=61)
    assert list((await suspects.take(engines[1], "inbox", [row.id])).ids) == [row.id], "it was not heard of any more"
    (noted,) = await town.rows("SELECT crashes, by FROM suspect")
    assert (noted.crashes, noted.by) == (2, "e1")


async def test_who_is_busy_elsewhere_is_not_waited_for(build: Build) -> None:
    town, engine = await build(*PARTS)
    async with town.db.begin() as conn:
        assert await engine.alone(conn, "something")
        async with town.db.begin() as other:
            engine.others = ("b",)
            assert not await engine.alone(other, "something")


@pytest.mark.parametrize("engines", [1, 2, 3, 20])
@pytest.mark.parametrize("limits", [[Limit(concurrency=2)], [Limit(concurrency=7)], [Limit(calls=100, per=20.0)], []])
def test_what_all_do_together_is_what_is_declared(engines: int, limits: list[Limit]) -> None:
    names = [f"e{n}" for n in range(engines)]
    shares = [places("right", limits, me, [name for name in names if name != me]) for me in names]
    most = min([CONCURRENCY, *(limit.concurrency for limit in limits if limit.concurrency)])
    if most < CONCURRENCY:
        assert sum(shares) == most
    else:
        assert set(shares) <= {0, CONCURRENCY} and sum(map(bool, shares)) == min(engines, 5 if limits else CONCURRENCY)


def test_the_share_of_who_is_cut_off_adds_up() -> None:
    many, few = cautious(Limit(calls=100, per=60.0, concurrency=10), 4), cautious(Limit(calls=2, per=1.0), 20)
    assert (many.calls, many.per, many.concurrency) == (25, 60.0, 2)
    assert (few.calls, few.per) == (1, 10.0)


async def test_a_connection_with_few_places_is_left_to_few(build: Build) -> None:
    right = connection("right")
    right.body["limits"] = [{"interface": "*", "concurrency": 1}]  # type: ignore[index]
    town, engine = await build(connection("left"), right, *PARTS[2:])
    engines = [engine, *[await town.engine(seed=n) for n in (1, 2)]]
    for n, each in enumerate(engines):
        each.me, each.others = f"e{n}", [f"e{other}" for other in range(3) if other != n]
    for number in range(20):
        town.save("left", name=f"n{number}")
    await town.arrive(engine, "left-customers", *town.table("left"))
    from hub.jobs.crank import INNER, turn

    while await turn(engine, INNER):
        pass
    done: Counter[str] = Counter()
    for _ in range(5):
        for each in engines:
            done[each.me] += await deliver_to(each, "right")
    assert len(town.table("right")) == 20 and sorted(done.values()) == [0, 0, 20]


async def test_the_rows_of_a_worker_that_went_are_tidied(build: Build) -> None:
    town, _ = await build(*PARTS)
    await beat(town, ANN)
    town.clock.advance(hours=25)
    async with town.db.begin() as conn:
        await workers.enlist(conn, BEN, town.clock.now(), LEASE)
        assert [row.id for row in await conn.execute(text("SELECT id FROM worker"))] == ["b"]
