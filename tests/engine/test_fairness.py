"""Nobody is starved: what people wait for goes before a backfill, and every connection gets its share."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text

from hub.sdk.records import Bell
from hub.sync import apply, desk, open
from hub.sync.bells import Ring, answer_bells, ring, ringing
from hub.sync.deliver import deliver_to
from hub.sync.derive import derive_due
from hub.sync.open import open_receipts
from hub.sync.pull import pull
from hub.sync.receipts import ReceiptRow, store
from hub.sync.route import route_due
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync

PARTS = (connection("left"), connection("right"), sync("left-customers"), sync("right-customers", direction="out"))


def record(number: int, **more: str) -> dict[str, str]:
    return {"id": str(number), "name": f"n{number}", "updated_at": "2026-11-22T02:00:00Z", **more}


async def backfilled(town: Town, count: int) -> None:
    """What a first reading has brought waits."""
    for number in range(count):
        town.save("left", name=f"old {number}")


async def test_a_call_goes_before_a_backfill_and_takes_along_what_of_its_record_waits(build: Build) -> None:
    town, engine = await build(*PARTS)
    await backfilled(town, 6)
    await pull(engine, engine.configuration.syncs["left-customers"])
    assert {row.patient for row in await town.inbox()} == {True}
    await town.arrive(engine, "left-customers", {**town.table("left")[4], "name": "called"}, record(99))
    await apply.apply_stream(engine, engine.configuration.syncs["left-customers"], 2)
    rows = {(row.key, row.patient): row.state for row in await town.inbox()}
    assert (rows["5", False], rows["5", True]) == ("done", "superseded"), "several rows of one record go together"
    assert rows["99", False] == "done" and [rows[str(n), True] for n in (1, 2, 3)] == ["due"] * 3
    names = {entity.fields["name"] for entity in await town.entities(engine, "customer")}
    assert names == {"called", "n99"}
    while await apply.apply_due(engine):
        pass
    named = Counter(entity.fields["name"] for entity in await town.entities(engine, "customer"))
    assert named["called"] == 1 and len(named) == 7


async def test_a_persons_retry_goes_before_a_backfill(build: Build) -> None:
    town, engine = await build(*PARTS)
    await backfilled(town, 3)
    await pull(engine, engine.configuration.syncs["left-customers"])
    last = (await town.inbox())[-1]
    async with engine.db.begin() as conn:
        await conn.execute(text("UPDATE inbox SET state = 'parked' WHERE id = :id"), {"id": last.id})
        await desk.retry(conn, "inbox", [last.id], "ann", engine.now())
    await apply.apply_stream(engine, engine.configuration.syncs["left-customers"], 1)
    assert [row.id for row in await town.inbox() if row.state == "done"] == [last.id]


async def test_a_live_change_is_routed_and_delivered_before_a_backfills(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, engine = await build(*PARTS)
    await backfilled(town, 5)
    await pull(engine, engine.configuration.syncs["left-customers"])
    await apply.apply_due(engine)
    await town.arrive(engine, "left-customers", record(99))
    await apply.apply_due(engine)
    for module in ("derive.DERIVE_BATCH", "route.ROUTE_BATCH"):
        monkeypatch.setattr(f"hub.sync.{module}", 1)
    await derive_due(engine)
    await route_due(engine)
    (first,) = await town.rows("SELECT e.id, d.patient FROM delivery d JOIN entity e ON e.id = d.entity_id")
    assert first.patient is False
    while await derive_due(engine) + await route_due(engine):
        pass
    await deliver_to(engine, "right", 1)
    assert [row["name"] for row in town.table("right")] == ["n99"]
    await deliver_to(engine, "right")
    assert len(town.table("right")) == 6


async def test_a_storm_of_one_connection_leaves_the_others_their_share(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open, "OPEN_BATCH", 4)
    town, engine = await build(*PARTS)
    names = ["left"] * 20 + ["right"] * 2
    rows = [ReceiptRow(name, engine.now(), b"{}", event_id=f"e{n}") for n, name in enumerate(names)]
    async with engine.db.begin() as conn:
        await store(conn, rows, engine.now())
    assert await open_receipts(engine) == 4
    opened = await town.rows("SELECT connection, count(*) AS n FROM receipt WHERE state <> 'due' GROUP BY 1")
    assert {row.connection: row.n for row in opened} == {"left": 2, "right": 2}
    assert await open_receipts(engine) == 4, "who is alone has it all"


async def test_each_connections_bells_are_answered_apart(build: Build) -> None:
    """So that a source that is slow to answer keeps nobody else's records waiting."""
    town, engine = await build(*PARTS, sync("right-customers-in", direction="in"))
    for there in ("left", "right"):
        town.save(there, name=there)
        async with engine.db.begin() as conn:
            await ring(conn, there, [Ring(Bell("customers", "1"), "webhook")], "test", engine.now())
    answered = asyncio.Event()

    async def hang(request: object) -> None:
        if "left" in str(getattr(request, "url", "")):
            await answered.wait()

    town.meanwhile = hang
    assert await ringing(engine) == ["left", "right"]
    slow = asyncio.create_task(answer_bells(engine, ["left"]))
    await asyncio.wait_for(answer_bells(engine, ["right"]), 20)
    assert not slow.done() and await ringing(engine) == []
    answered.set()
    assert await slow == 1
