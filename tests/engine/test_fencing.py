"""Who lost the turn changes nothing; what a crash left in hand is taken back; what kills three times is set aside."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from hub.sdk.records import Page
from hub.sync.controls import act_on_sync
from hub.sync.deliver import _claim
from hub.sync.engine import Engine
from hub.sync.pull import LeaseLost, Turn, _begin, _keep_page
from hub.sync.sweep import MAX_CRASHES, sweep, take_back
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync

PARTS = (connection("left"), connection("right"), sync("left-customers"), sync("right-customers", direction="out"))
LEASE = 61


async def with_known_customer(build: Build) -> tuple[Town, Engine]:
    town, engine = await build(*PARTS)
    town.save("left", name="云帆", phone="1")
    await town.again(engine)
    return town, engine


async def due_delivery(town: Town, engine: Engine) -> None:
    """A change that is owed and not yet sent."""
    town.save("left", "customers", "1", phone="2")
    await town.change("INSERT INTO pause (connection, stream, reason, since, who) VALUES ('right', '', 'person', :n, 'a')",
                      n=town.clock.now())  # fmt: skip
    await town.again(engine)
    await town.change("DELETE FROM pause")


async def test_a_completion_that_comes_too_late_is_refused(build: Build) -> None:
    """The call took longer than the lease; another engine had the turn meanwhile and brought a newer version."""
    town, slow = await with_known_customer(build)
    quick = await town.engine(seed=1)
    await due_delivery(town, slow)

    async def meanwhile(request: Any) -> None:
        if request.method != "PATCH":
            return
        town.meanwhile = None
        town.save("left", "customers", "1", phone="3")
        await town.again(quick, seconds=LEASE)
        assert await sweep(quick) == 0, "it was taken back already"

    town.meanwhile = meanwhile
    before = await town.delivery()
    await town.work(slow)
    row = await town.delivery()
    assert (row.state, row.applied_version, row.crashes) == ("done", 3, 0)
    assert row.fence >= before.fence + 3, "slow, taken back, quick"
    (link,) = await town.rows("SELECT known FROM link WHERE connection = 'right'")
    assert link.known["phone"] == "3", "what the late one had sent is not what stands there"
    assert town.table("right")[0]["phone"] == "3"
    quiet = await town.footprint()
    await town.again(quick, 2)
    assert await town.footprint() == quiet


async def test_a_push_longer_than_its_lease_keeps_it_by_its_heart_beat(build: Build) -> None:
    town, slow = await with_known_customer(build)
    slow.settings = slow.settings.model_copy(update={"heartbeat_seconds": 0.02})
    other = await town.engine(seed=1)
    await due_delivery(town, slow)
    until = [row.lease_until for row in await town.rows("SELECT lease_until FROM delivery WHERE state = 'running'")]

    async def meanwhile(request: Any) -> None:
        if request.method != "PATCH":
            return
        town.meanwhile = None
        for _ in range(3):
            town.clock.advance(seconds=LEASE - 10)
            async with asyncio.timeout(10):
                while (await town.delivery()).lease_until <= town.clock.now() + timedelta(seconds=LEASE - 10):
                    await asyncio.sleep(0.01)
            assert await sweep(other) == 0

    town.meanwhile = meanwhile
    await town.work(slow)
    row = await town.delivery()
    assert (row.state, row.crashes, until) == ("done", 0, [])
    assert [e.data["method"] for e in town.vendors["right"].ledger.of("call")].count("PATCH") == 1


async def test_a_lapsed_lease_is_taken_back_and_the_work_done(build: Build) -> None:
    town, engine = await with_known_customer(build)
    await due_delivery(town, engine)
    plans, _ = await _claim(engine, "right", 10)
    assert len(plans) == 1 and (await town.delivery()).state == "running"
    await town.again(engine, seconds=LEASE - 10)
    assert (await town.delivery()).state == "running", "its lease still holds"
    await town.again(engine, seconds=10)
    row = await town.delivery()
    assert (row.state, row.crashes) == ("done", 0)
    assert town.table("right")[0]["phone"] == "2"


async def test_one_engine_starting_alone_takes_back_at_once(build: Build) -> None:
    town, engine = await with_known_customer(build)
    await due_delivery(town, engine)
    await _claim(engine, "right", 10)
    await town.change("UPDATE sync SET lease_until = 'infinity'")
    assert await take_back(engine) == 1
    await town.work(engine)
    assert (await town.delivery()).state == "done"
    (held,) = await town.rows("SELECT count(*) AS n FROM sync WHERE lease_until IS NOT NULL")
    assert held.n == 0


async def test_what_kills_the_process_three_times_is_set_aside(build: Build) -> None:
    town, engine = await with_known_customer(build)
    await due_delivery(town, engine)
    for crash in range(1, MAX_CRASHES + 1):
        plans, _ = await _claim(engine, "right", 10)
        assert len(plans) == 1
        town.clock.advance(seconds=LEASE)
        assert await sweep(engine) == 1
        assert (await town.delivery()).crashes == crash
    row = await town.delivery()
    assert (row.state, row.error_class) == ("parked", "Poison")
    assert "died three times" in row.error and "三次" in row.error_zh
    await town.again(engine, 2)
    assert town.table("right")[0]["phone"] == "1"


async def test_at_most_one_delivery_of_a_record_is_in_flight(build: Build) -> None:
    """Two syncs that write the same stream, two engines: one turn at a time."""
    town, engine = await build(*PARTS, sync("right-again", direction="out"))
    town.save("left", name="云帆")
    flying: list[int] = []

    async def look(request: Any) -> None:
        (row,) = await town.rows("SELECT count(*) AS n FROM delivery WHERE state = 'running'")
        flying.append(row.n)

    town.meanwhile = look
    await town.again(engine, 2)
    assert flying and max(flying) == 1
    assert len(town.table("right")) == 1
    assert await town.states() == {"inbox done": 1, "delivery done": 2}


async def test_a_page_of_a_pull_that_lost_its_turn_is_thrown_away(build: Build) -> None:
    town, engine = await build(*PARTS)
    town.save("left", name="云帆")

    async def begin_again(request: Any) -> None:
        town.meanwhile = None
        async with town.db.begin("act") as conn:
            await act_on_sync(conn, "left-customers", "backfill", "anna", town.clock.now())

    town.meanwhile = begin_again
    await town.work(engine)
    assert await town.count("inbox") == 0 and await town.count("run") == 0
    await town.work(engine)
    (state,) = await town.rows("SELECT fence, cursor, backfilled FROM sync WHERE name = 'left-customers'")
    assert state.fence == 3 and state.cursor is not None and state.backfilled
    assert await town.count("inbox") == 1 and await town.count("run") == 1
    assert len(town.table("right")) == 1


async def test_a_pull_whose_lease_lapsed_is_taken_over(build: Build) -> None:
    town, engine = await build(*PARTS)
    record = town.save("left", name="云帆")
    left = engine.configuration.syncs["left-customers"]
    first = await _begin(engine, left)
    assert isinstance(first, Turn) and await _begin(engine, left) is None
    town.clock.advance(seconds=LEASE)
    assert await _begin(engine, left) is not None
    with pytest.raises(LeaseLost):
        await _keep_page(engine, first, Page([record], cursor="late"))
    assert await town.count("inbox") == 0 and await town.count("run") == 0
