"""What was deleted and is said to be there again: a late call is not believed, the source is."""

from typing import Any

import pytest

from hub.sdk import jsontext
from hub.sync.engine import Engine
from hub.sync.receipts import ReceiptRow, digest_id, store
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync

PARTS = (
    connection("left"),
    connection("right"),
    sync("left-customers", every="1d"),
    sync("right-customers", every="1d", on_delete="delete"),
)


async def called(town: Town, *records: dict[str, Any]) -> None:
    """The left system's calls about these records have come."""
    now = town.clock.now()
    bodies = [jsontext.dumps({"type": "customer.updated", "data": record}) for record in records]
    async with town.db.begin("receipts") as conn:
        await store(conn, [ReceiptRow("left", now, body, event_id=digest_id(body)) for body in bodies], now)


async def known(build: Build, **more: Any) -> tuple[Town, Engine, dict[str, Any]]:
    """A record in both systems, changed once more in the left one; the call about that has not come yet."""
    town, engine = await build(connection("left", **more), *PARTS[1:])
    town.save("left", name="云帆")
    await town.again(engine, 3)
    assert len(town.table("right")) == 1
    return town, engine, town.save("left", "customers", "1", phone="139")


def remove(town: Town) -> None:
    town.rest["left"].act_remove({"table": "customers", "id": "1"})


async def test_a_call_from_before_the_delete_brings_nothing_back(build: Build) -> None:
    town, engine, late = await known(build)
    remove(town)
    await town.arrive_gone(engine, "left-customers", "1")
    await town.again(engine, 2)
    assert town.table("right") == []
    await called(town, late)
    await town.again(engine, 3)
    assert town.table("right") == [] and (await town.entity(engine, "customer")).deleted
    (link,) = await town.rows("SELECT deleted_at FROM link WHERE connection = 'left'")
    assert link.deleted_at is not None
    (row,) = [row for row in await town.inbox() if row.receipt_id is not None]
    assert row.state == "superseded" and "the source is asked" in row.note


@pytest.mark.parametrize("first", ["delete", "call"])
async def test_a_call_and_a_delete_that_are_applied_together(build: Build, first: str) -> None:
    town, engine, late = await known(build)
    remove(town)
    if first == "call":
        await called(town, late)
    await town.arrive_gone(engine, "left-customers", "1")
    if first == "delete":
        await called(town, late)
    await town.again(engine, 3)
    assert town.table("right") == [] and (await town.entity(engine, "customer")).deleted


async def test_a_delete_that_waits_for_the_end_of_its_reading_is_not_settled_by_a_call(build: Build) -> None:
    town, engine, late = await known(build)
    remove(town)
    await town.arrive_gone(engine, "left-customers", "1")
    await town.change("UPDATE inbox SET state = 'waiting', waiting_for = 'held|1' WHERE deleted")
    await called(town, late)
    await town.again(engine, 2)
    assert (await town.rows("SELECT state FROM inbox WHERE deleted"))[0].state == "waiting"
    assert "phone" not in (await town.entity(engine, "customer")).fields


async def test_what_is_there_again_comes_back_when_the_source_says_so(build: Build) -> None:
    town, engine, back = await known(build)
    town.rest["left"].tables["customers"].pop("1")
    await town.arrive_gone(engine, "left-customers", "1")
    await town.again(engine, 2)
    assert town.table("right") == []
    town.rest["left"].tables["customers"]["1"] = back
    await called(town, back, back | {"phone": "138"})
    await town.again(engine, 3)
    assert [row["phone"] for row in town.table("right")] == ["139"], "as it stands there, whatever the calls say"
    assert not (await town.entity(engine, "customer")).deleted


@pytest.mark.parametrize("there", [True, False])
async def test_a_source_that_cannot_be_asked_for_one_record_is_read(build: Build, there: bool) -> None:
    town, engine, late = await known(build, lacking={"customers": ["get"]})
    town.rest["left"].tables["customers"].pop("1")
    await town.arrive_gone(engine, "left-customers", "1")
    await town.again(engine, 2)
    if there:
        town.rest["left"].tables["customers"]["1"] = late
    await called(town, late)
    await town.again(engine, 3)
    assert len(town.table("right")) == there and (await town.entity(engine, "customer")).deleted is not there
