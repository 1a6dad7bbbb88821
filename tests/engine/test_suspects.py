"""What a process may have died of is taken alone by the next, and set aside after the third; its neighbours go on."""

from typing import Any

import pytest
from sqlalchemy import text

from hub.sync import apply
from hub.sync.deliver import _claim
from hub.sync.engine import Engine
from hub.sync.rewind import clock_set_back
from hub.sync.sweep import sweep
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync

PARTS = (connection("left"), connection("right"), sync("left-customers"), sync("right-customers", direction="out"))


class Died(Exception):
    """Ends the process, as far as the engine can tell."""


async def dies_of(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    reading = apply.read_items

    def read_items(batch: Any, items: Any) -> Any:
        if any(item.record["name"] == name for item in items):
            raise Died
        return reading(batch, items)

    monkeypatch.setattr(apply, "read_items", read_items)
    monkeypatch.setattr(apply, "is_passing", lambda error: isinstance(error, Died))  # nobody is left to look into it


async def started(town: Town, number: int) -> Engine:
    engine = await town.engine(seed=number)
    engine.careful = f"process {number}"
    return engine


async def test_a_record_that_kills_is_set_aside_and_its_neighbours_pass(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, engine = await build(*PARTS)
    await town.work(engine)
    for number in range(5):
        record = {"id": str(number), "name": f"n{number}", "updated_at": "2026-11-22T02:00:00Z"}
        await town.arrive(engine, "left-customers", record)
    await dies_of(monkeypatch, "n2")
    deaths = 0
    for number in range(9):
        engine = await started(town, number)
        try:
            while await apply.apply_due(engine):
                pass
        except Died:
            deaths += 1
        else:
            break
    assert deaths == 3
    rows = {row.key: (row.state, row.error_class) for row in await town.inbox()}
    assert rows.pop("2") == ("parked", "Poison")
    assert set(rows.values()) == {("done", None)}
    assert engine.careful == "" and await town.count("suspect") == 0


async def test_an_outage_is_no_death(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same process may try as often as it must."""
    town, _ = await build(*PARTS)
    engine = await started(town, 1)
    await town.arrive(engine, "left-customers", {"id": "1", "name": "n", "updated_at": "2026-11-22T02:00:00Z"})
    await dies_of(monkeypatch, "n")
    for _ in range(5):
        with pytest.raises(Died):
            await apply.apply_due(engine)
    monkeypatch.undo()
    while await apply.apply_due(engine):
        pass
    assert [row.state for row in await town.inbox()] == ["done"]


async def test_deliveries_a_process_died_with_go_alone(build: Build) -> None:
    town, engine = await build(*PARTS)
    for number in range(3):
        town.save("left", name=f"n{number}")
    await town.change("INSERT INTO pause (connection, stream, reason, since, who) VALUES ('right', '', 'person', :n, 'a')",
                      n=town.clock.now())  # fmt: skip
    await town.again(engine)
    await town.change("DELETE FROM pause")
    together, _ = await _claim(engine, "right", 10)
    assert len(together) == 3
    town.clock.advance(seconds=61)
    assert await sweep(engine) == 3
    alone, _ = await _claim(engine, "right", 10)
    assert len(alone) == 1


async def test_a_clock_set_back_leaves_nothing_far_ahead(build: Build) -> None:
    town, engine = await build(*PARTS)
    town.save("left", name="云帆")
    await town.again(engine, 2)
    town.clock.advance(days=1)
    await town.again(engine)
    town.save("left", name="later")
    town.clock.advance(seconds=11)
    await town.work(engine)
    await town.change("UPDATE sync SET lease_until = :late", late=town.clock.now())
    town.clock.advance(days=-1)
    await clock_set_back(engine)
    (row,) = await town.rows(
        "SELECT max(next_pull_at) AS pull, max(lease_until) AS lease FROM sync WHERE name = 'left-customers'"
    )
    assert (row.pull - town.clock.now()).total_seconds() <= 10
    assert (row.lease - town.clock.now()).total_seconds() <= 60


async def test_what_the_server_lacks_is_no_fault_of_the_record(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disk full: the batch stays due, whole; nobody is parked for it."""
    town, engine = await build(*PARTS)
    await town.arrive(engine, "left-customers", {"id": "1", "name": "n", "updated_at": "2026-11-22T02:00:00Z"})
    await town.change("CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS"
                      " $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$")  # fmt: skip
    await town.change("CREATE TRIGGER no_room BEFORE INSERT ON change EXECUTE FUNCTION no_room()")
    try:
        with pytest.raises(Exception, match="no room"):
            async with town.db.begin("try") as conn:
                await conn.execute(text("INSERT INTO change DEFAULT VALUES"))
        retrying = engine.db.retrying
        monkeypatch.setattr(engine.db, "retrying", lambda work, seconds=0: retrying(work, 0))
        with pytest.raises(Exception, match="no room"):
            await apply.apply_due(engine)
    finally:
        await town.change("DROP FUNCTION no_room CASCADE")
    assert [row.state for row in await town.inbox()] == ["due"]
    monkeypatch.undo()
    await town.work(engine)
    assert [row.state for row in await town.inbox()] == ["done"]
