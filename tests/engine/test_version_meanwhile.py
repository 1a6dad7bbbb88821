"""A record that waits while another version of its mapping comes into force is known as that version reads it."""

from datetime import timedelta

from hub.config.catalogue import connectors
from hub.config.force import By
from hub.config.placed import Checker
from hub.config.versions import publish
from hub.sync.controls import SyncAct, act_on_sync
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Town, connection, sync

SHORT = CUSTOMERS.replace("  remark: remark\n", "")


async def put(town: Town, mode: SyncAct) -> Engine:
    async with town.db.begin("mode") as conn:
        await act_on_sync(conn, "left-customers", mode, "anna", town.clock.now())
    return await town.engine()


async def test_to_read_it_once_more_is_nothing_new(build: Build) -> None:
    town, engine = await build(connection("left"), sync("left-customers"), mappings=(SHORT,))
    town.save("left", name="云帆", remark="old")
    await town.again(engine, 2)
    await town.arrive(engine, "left-customers", town.save("left", "customers", "1", remark="new", phone="5"))
    engine = await put(town, "pause")
    env = town.lookup()
    checker = Checker(connectors(), lambda source, name: env.get(name))
    async with town.db.begin("publish") as conn:
        made = await publish(conn, checker, "customers", By("anna", town.clock.now(), "test"), CUSTOMERS)
    assert made.problems == ()
    engine = await put(town, "live")
    await town.change("UPDATE sync SET next_pull_at = :later", later=town.clock.now() + timedelta(minutes=1))
    await town.work(engine)
    assert (await town.entity(engine, "customer")).fields["remark"] == "new"
    await town.again(engine, 2, minutes=1)
    rows = [row for row in await town.inbox() if not row.from_link]
    assert [row.note for row in rows] == ["created", "changed"], "the pull after that brings nothing"
