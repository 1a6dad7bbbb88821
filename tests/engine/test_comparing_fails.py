"""A comparison that the other side does not let through: it rests or is given up, and says why; nothing is taken for missing."""

from typing import Any

import pytest

from hub.sdk.sandbox import Fault
from hub.sync import drift_desk
from hub.sync.desk import Person
from hub.sync.engine import Engine
from hub.sync.reconcile import MOST_FAILURES
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync

LIST = "customers"


async def begun(build: Build) -> tuple[Town, Engine, int]:
    """A quiet town in which somebody asks for a comparison. Nothing else reads."""
    town, engine = await build(connection("left"), sync("left-customers", direction="in", every="30d", reconcile="7d"))
    for number in range(3):
        town.save("left", name=f"customer {number}")
    await town.again(engine, times=3)
    async with town.db.begin("ask") as conn:
        person = Person("anna", town.clock.now())
        run = await drift_desk.reconcile_now(conn, engine.configuration, "left-customers", person)
    return town, engine, run


async def state(town: Town, run: int) -> Any:
    (row,) = await town.rows("SELECT * FROM run WHERE id = :run", run=run)
    return row


async def of_sync(town: Town) -> Any:
    (row,) = await town.rows("SELECT * FROM sync")
    return row


@pytest.mark.parametrize(("error", "paused"), [("Unavailable", 1), ("Throttled", 0)])
async def test_it_rests_and_goes_on(build: Build, error: str, paused: int) -> None:
    """To be asked too often is our own fault: then nobody else waits."""
    town, engine, run = await begun(build)
    town.refuse("left", error, match=LIST)
    await town.work(engine)
    row = await state(town, run)
    assert (row.state, row.error, row.ended_at) == ("running", "as the test wants it", None) and row.error_zh
    assert len(await town.rows("SELECT 1 FROM pause")) == paused
    assert (await of_sync(town)).reconcile_at > town.clock.now() and (await of_sync(town)).reconcile_lease is None
    await town.again(engine, times=6)
    row = await state(town, run)
    assert (row.state, row.read, row.error) == ("done", 3, None)
    assert row.detail["phase"] == "done" and row.detail["drifts"] == {}
    assert await town.rows("SELECT 1 FROM drift") == []


async def test_what_fails_time_and_again_is_given_up_until_its_next_time(build: Build) -> None:
    town, engine, run = await begun(build)
    town.refuse("left", "Rejected", match=LIST, times=MOST_FAILURES)
    for done in range(1, MOST_FAILURES + 1):
        await town.work(engine)
        row = await state(town, run)
        assert row.detail["failures"] == done and await town.rows("SELECT 1 FROM pause") == []
        assert row.state == ("failed" if done == MOST_FAILURES else "running")
        town.clock.advance(hours=1)
    ended, there = await state(town, run), await of_sync(town)
    assert ended.ended_at is not None and ended.error == there.reconcile_doubt == "as the test wants it"
    assert there.reconcile_doubt_zh and (there.reconcile_at - ended.ended_at).days >= 1, "not before its next time"
    assert await town.count("reconcile_seen") == 0 and await town.rows("SELECT 1 FROM drift") == []
    await town.again(engine, days=15)
    await town.again(engine, times=3)
    assert (await of_sync(town)).reconcile_doubt is None and (await of_sync(town)).reconciled_at is not None


async def test_one_that_rests_brings_no_other_back(build: Build) -> None:
    """The left one is through before the right one fails, and both were begun as often."""
    syncs = (sync(f"{side}-customers", direction="in", every="30d", reconcile="7d") for side in ("left", "right"))
    town, engine = await build(connection("left"), connection("right"), *syncs)
    for side in ("left", "right"):
        town.save(side, name=f"of {side}")
    await town.again(engine, times=3)
    await town.change("UPDATE sync SET reconcile_at = :now, reconcile_fence = 0", now=town.clock.now())
    town.rest["right"].faults.append(Fault(kind="status", match=LIST, status=503))
    await town.work(engine)
    rows = {row.name: row for row in await town.rows("SELECT * FROM sync")}
    assert [row.reconcile_fence for row in rows.values()] == [1, 1]
    waits = {name: (row.reconcile_at - town.clock.now()).total_seconds() for name, row in rows.items()}
    assert waits["right-customers"] < 60 < waits["left-customers"]
