"""A message that has nobody to go to, is asked about and goes when that is mended."""

from typing import Any

from hub.sync import desk
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync, team, tell

PARTS = (connection("left"), team(), sync("left-customers", direction="in"))


async def parked(town: Town) -> Any:
    (row,) = await town.rows("SELECT * FROM delivery WHERE state = 'parked'")
    return row


async def ready(build: Build, **message: Any) -> tuple[Town, Engine]:
    told = tell("team-notice", kind="customer", title="{name}", text="{name}: {phone}", **message)
    town, engine = await build(*PARTS, told)
    town.save("left", name="earlier")
    await town.again(engine, times=2)
    return town, engine


async def test_nobody_to_tell(build: Build) -> None:
    town, engine = await ready(build, to="phone")
    before = len(town.told())
    await town.change("DELETE FROM delivery")
    town.save("left", name="one")
    await town.again(engine)
    row = await parked(town)
    assert row.error_class == "NobodyToTell" and "phone is empty" in row.error and "phone" in row.error_zh
    town.save("left", "customers", "2", phone="138")
    async with town.db.begin("retry") as conn:
        await desk.retry(conn, "delivery", [row.id], "anna", town.clock.now())
    await town.again(engine, times=2)
    assert "one: 138" in town.told()[before:]
    assert await town.rows("SELECT 1 FROM delivery WHERE state = 'parked'") == []


async def test_a_message_that_its_condition_excludes_is_not_sent(build: Build) -> None:
    town, engine = await ready(build, when="phone == '138'")
    before = len(town.told())
    town.save("left", name="one", phone="139")
    town.save("left", name="two", phone="138")
    await town.again(engine)
    assert town.told()[before:] == ["two: 138"]
