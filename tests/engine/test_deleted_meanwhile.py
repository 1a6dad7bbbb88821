"""What is deleted at its source while its target is paused, or its source only observed: told when that is live."""

import pytest

from hub.sync.controls import SyncAct, act_on_sync
from hub.sync.desk import Person
from hub.sync.engine import Engine
from hub.sync.forecast import Forecast
from hub.sync.golive import go_live
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync


async def town_of(build: Build, on_delete: str) -> tuple[Town, Engine]:
    target = sync("right-customers", on_delete=on_delete)
    town, engine = await build(connection("left"), connection("right"), sync("left-customers"), target)
    for name in ("云帆", "海鸥"):
        town.save("left", name=name)
    await town.again(engine, 3)
    assert len(town.table("right")) == 2
    return town, engine


async def put(town: Town, name: str, mode: SyncAct) -> Engine:
    async with town.db.begin("mode") as conn:
        await act_on_sync(conn, name, mode, "anna", town.clock.now())
    return await town.engine()


async def live(town: Town, engine: Engine, name: str) -> tuple[Engine, Forecast]:
    async with town.db.begin("live") as conn:
        told = await go_live(conn, engine.configuration, name, Person("anna", town.clock.now()))
    return await town.engine(), told


async def delete_one(town: Town, engine: Engine) -> None:
    town.rest["left"].act_remove({"table": "customers", "id": "1"})
    await town.arrive_gone(engine, "left-customers", "1")
    await town.again(engine, 2)


def standing(town: Town) -> list[str]:
    return sorted(row["name"] for row in town.table("right") if row.get("status") != "cancelled")


@pytest.mark.parametrize("on_delete", ["delete", "cancel", "ignore"])
@pytest.mark.parametrize(("name", "mode"), [("right-customers", "pause"), ("left-customers", "observe")])
async def test_it_is_told_when_it_is_live(build: Build, on_delete: str, name: str, mode: SyncAct) -> None:
    town, engine = await town_of(build, on_delete)
    engine = await put(town, name, mode)
    await delete_one(town, engine)
    assert standing(town) == ["云帆", "海鸥"]
    engine, told = await live(town, engine, name)
    await town.again(engine, 3)
    over = on_delete != "ignore"
    assert sum(each.ends for each in told.toward) == over and standing(town) == (["海鸥"] if over else ["云帆", "海鸥"])


@pytest.mark.parametrize("on_delete", ["delete", "cancel"])
async def test_it_is_told_once(build: Build, on_delete: str) -> None:
    town, engine = await town_of(build, on_delete)
    await delete_one(town, engine)
    assert standing(town) == ["海鸥"]
    writes = town.writes()
    for name in ("right-customers", "left-customers"):
        engine = await put(town, name, "observe")
        engine, told = await live(town, engine, name)
        await town.again(engine, 2)
        assert [each.ends for each in told.toward if each.sync.name == "right-customers"] == [0]
    assert town.writes() == writes
