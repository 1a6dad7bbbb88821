"""What is to be ended is gone already, or who tried a closed door has nothing left to try it with: that is no failure."""

import pytest

from hub.sync import desk
from hub.sync.pauses import pause_by_person, resume
from tests.engine.conftest import Build
from tests.engine.town import connection, sync

PAIR = (connection("left"), connection("right"), sync("left-customers", direction="in"))


async def test_a_record_to_be_deleted_that_is_not_there_is_done(build: Build) -> None:
    """Somebody deleted it in both systems: nobody needs to look at that."""
    town, engine = await build(*PAIR, sync("right-customers", direction="out", on_delete="delete"))
    town.save("left", name="one")
    await town.again(engine, times=2)
    assert len(town.table("right")) == 1
    town.rest["right"].tables["customers"].clear()
    await town.arrive_gone(engine, "left-customers", "1")
    await town.again(engine, times=3)
    assert await town.rows("SELECT 1 FROM delivery WHERE state <> 'done'") == []
    assert await town.rows("SELECT 1 FROM inbox WHERE state = 'parked'") == []


async def test_a_pause_ends_when_what_would_try_its_end_was_dismissed(build: Build) -> None:
    """Else the target would stay closed until somebody writes to it."""
    town, engine = await build(*PAIR, sync("right-customers", direction="out"))
    town.refuse("right", "Unavailable", match='"name":')
    town.save("left", name="one")
    await town.again(engine)
    row = await town.delivery(state="due")
    assert len(await town.rows("SELECT 1 FROM pause")) == 1
    async with town.db.begin("dismiss") as conn:
        await desk.dismiss(conn, "delivery", [row.id], "anna", "not wanted", town.clock.now())
    await town.again(engine, times=6)
    assert await town.rows("SELECT 1 FROM pause") == []
    town.save("left", name="two")
    await town.again(engine, times=2)
    assert [record["name"] for record in town.table("right")] == ["two"]


@pytest.mark.parametrize("stream", ["", "customers"])
async def test_a_paused_source_is_not_asked(build: Build, stream: str) -> None:
    town, engine = await build(*PAIR)
    await town.again(engine)
    async with town.db.begin("pause") as conn:
        await pause_by_person(conn, "left", stream, "anna", town.clock.now())
    town.save("left", name="one")
    await town.again(engine, times=3)
    assert await town.count("inbox") == 0
    async with town.db.begin("resume") as conn:
        await resume(conn, "left", stream)
    await town.again(engine)
    assert await town.count("inbox") == 1
