"""A create of unknown outcome is looked up before anything is created again; and nothing is created twice."""

from typing import Any

from hub.sync import desk
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import Part, Town, connection, own_kind, sync

CREATE = '"hub_ref":'
"""Stands in the body of a create and of no other call."""
SETTLE = 5
PARCELS = """
mapping: parcels
kind: parcel
key: id
reference: hub_ref
version: updated_at
match: [[number]]
constants: {customer_id: anyone, lines: none}
fields:
  number: number
  remark: remark
"""


async def with_new_customer(
    build: Build, fault: str | None, direction: str = "both", **push: Any
) -> tuple[Town, Engine]:
    """The create of a new customer on the right, which may meet a fault."""
    right = sync("right-customers", direction=direction, push=push)
    town, engine = await build(connection("left"), connection("right"), sync("left-customers"), right)
    if fault is not None:
        town.fault("right", fault, match=CREATE)
    town.save("left", name="云帆")
    await town.work(engine)
    return town, engine


async def test_a_create_that_worked_unheard_is_found_and_linked(build: Build) -> None:
    town, engine = await with_new_customer(build, "drop_after")
    row = await town.delivery()
    assert (row.state, row.error_class) == ("due", "Uncertain") and row.intent_at is not None
    assert len(town.table("right")) == 1
    await town.again(engine, seconds=SETTLE - 1)
    assert (await town.delivery()).state == "due", "it is not looked for before it can be seen"
    await town.again(engine, seconds=10)
    row = await town.delivery()
    assert (row.state, row.intent_at, row.error_class) == ("done", None, None)
    (link,) = await town.rows("SELECT key FROM link WHERE connection = 'right'")
    (record,) = town.table("right")
    assert link.key == record["id"]
    assert len(town.rest["right"].ledger.of("changed")) == 0, "it was whole: nothing is written again"
    before = await town.footprint()
    await town.again(engine, 3)
    assert await town.footprint() == before


async def test_a_lost_create_that_is_read_first_is_known_by_our_reference(build: Build) -> None:
    """The target's list shows the record before it is looked up: it is ours, not a new one and no question."""
    town, engine = await build(
        connection("left"), connection("right"), sync("left-customers"), sync("right-customers", every="1s")
    )
    town.fault("right", "drop_after", match=CREATE)
    town.save("left", name="云帆")
    await town.work(engine)
    await town.again(engine, seconds=2)
    (link,) = await town.rows("SELECT entity_id FROM link WHERE connection = 'right'")
    assert link.entity_id == (await town.entity(engine, "customer")).id
    await town.again(engine, 2)
    assert await town.states() == {"inbox done": 2, "delivery done": 1}
    assert len(town.table("left")) == len(town.table("right")) == 1


async def test_a_copy_of_our_record_is_a_question(build: Build) -> None:
    """A user there copies a document, and our reference with it."""
    town, engine = await with_new_customer(build, None)
    await town.again(engine)
    town.save("right", name="copied", hub_ref=town.table("right")[0]["hub_ref"])
    await town.again(engine)
    (row,) = await town.rows("SELECT * FROM inbox WHERE state = 'parked'")
    assert row.error_class == "Ambiguous" and "already is" in row.error
    assert len(await town.entities(engine, "customer")) == 1


async def test_half_an_answer_is_no_answer(build: Build) -> None:
    town, engine = await with_new_customer(build, "half")
    await town.again(engine, 2)
    assert (await town.delivery()).state == "done"
    assert len(town.table("right")) == 1


async def test_what_changed_since_the_lost_create_is_sent_after_it_is_found(build: Build) -> None:
    town, engine = await with_new_customer(build, "drop_after")
    town.save("left", "customers", "1", phone="123")
    await town.again(engine, 3)
    (record,) = town.table("right")
    assert (record["name"], record["phone"]) == ("云帆", "123")


async def test_what_is_not_found_twice_is_perhaps_created(build: Build) -> None:
    town, engine = await with_new_customer(build, "drop_before")
    await town.again(engine, seconds=SETTLE + 5)
    row = await town.delivery()
    assert (row.state, row.lookups) == ("due", 1)
    await town.again(engine, seconds=50)
    assert (await town.delivery()).state == "due", "the second look comes a minute later"
    await town.again(engine, seconds=20)
    row = await town.delivery()
    assert (row.state, row.error_class) == ("parked", "PerhapsCreated")
    assert row.error.startswith("perhaps created") and row.error_zh.startswith("可能已创建")
    assert town.table("right") == [], "and nothing was created a second time"


async def test_a_retry_looks_again_first(build: Build) -> None:
    town, engine = await with_new_customer(build, "drop_before")
    await town.again(engine, 3, seconds=70)
    row = await town.delivery()
    assert row.error_class == "PerhapsCreated"
    reference = f"customer-{row.entity_id}"
    town.save("right", name="云帆", hub_ref=reference)
    async with town.db.begin("retry") as conn:
        await desk.retry(conn, "delivery", [row.id], "anna", town.clock.now())
    await town.work(engine)
    assert (await town.delivery()).state == "done"
    assert len(town.table("right")) == 1


async def test_a_person_who_looked_may_have_it_created(build: Build) -> None:
    town, engine = await with_new_customer(build, "drop_before")
    await town.again(engine, 3, seconds=70)
    row = await town.delivery()
    async with town.db.begin("absent") as conn:
        assert await desk.create_again(conn, [row.id], "anna", town.clock.now()) == [row.id]
    await town.work(engine)
    assert (await town.delivery()).state == "done"
    assert len(town.table("right")) == 1
    (audited,) = await town.rows("SELECT who, act FROM audit WHERE act LIKE 'delivery.%'")
    assert (audited.who, audited.act) == ("anna", "delivery.absent")


async def test_a_sync_may_say_that_it_is_created_again(build: Build) -> None:
    town, engine = await with_new_customer(build, "drop_before", create_again=True)
    await town.again(engine, 3)
    assert (await town.delivery()).state == "done"
    assert len(town.table("right")) == 1


async def test_two_records_with_our_reference_are_a_persons_turn(build: Build) -> None:
    town, engine = await with_new_customer(build, "drop_after", direction="out")
    town.save("right", name="double", hub_ref=town.table("right")[0]["hub_ref"])
    await town.again(engine, 2)
    row = await town.delivery(connection="right")
    assert (row.state, row.error_class) == ("parked", "PerhapsCreated")
    assert row.error.startswith("2 records there carry our reference")


async def test_an_update_of_unknown_outcome_is_simply_made_again(build: Build) -> None:
    town, engine = await with_new_customer(build, None)
    await town.again(engine)
    town.fault("right", "drop_after", match='"phone":')
    town.save("left", "customers", "1", phone="7")
    await town.again(engine, 3)
    assert (await town.delivery()).state == "done"
    (record,) = town.table("right")
    assert record["phone"] == "7"


async def test_an_update_that_never_gets_an_answer_is_parked_after_three(build: Build) -> None:
    town, engine = await with_new_customer(build, None)
    await town.again(engine)
    town.fault("right", "drop_before", match='"phone":', times=99)
    town.save("left", "customers", "1", phone="7")
    await town.again(engine, 6, minutes=2)
    row = await town.delivery()
    assert (row.state, row.error_class, row.in_hand) == ("parked", "Uncertain", 3)


# An interface that refuses a second create by itself (an idempotency key, grade A) and cannot be asked.
def without_find() -> tuple[Part, ...]:
    return (
        own_kind("parcel", number="text", remark="text"),
        connection("left"),
        connection("right", lacking={"orders": ("find", "reference")}),
        sync("left-parcels", "orders", "parcels"),
        sync("right-parcels", "orders", "parcels", direction="out"),
    )


async def test_a_target_that_refuses_a_second_create_is_just_asked_again(build: Build) -> None:
    town, engine = await build(*without_find(), mappings=(PARCELS,))
    town.fault("right", "drop_after", match=CREATE)
    town.save("left", "orders", number="N1", customer_id="c", lines=[{"what": "thing"}])
    await town.again(engine, 3)
    assert (await town.delivery()).state == "done"
    assert len(town.table("right", "orders")) == 1


async def test_the_second_create_carries_the_first_ones_key_whatever_changed_meanwhile(build: Build) -> None:
    town, engine = await build(*without_find(), mappings=(PARCELS,))
    town.fault("right", "drop_after", match=CREATE)
    town.save("left", "orders", number="N1", customer_id="c", lines=[{"what": "thing"}])
    await town.work(engine)
    town.save("left", "orders", "1", remark="new")
    await town.again(engine, 4)
    (record,) = town.table("right", "orders")
    assert record["remark"] == "new", "the first create is what counts there; the change follows it"
    assert (await town.delivery()).state == "done"
