"""Observing owes nothing, paused does nothing, and people hear only of what is live and fresh."""

from typing import Any

from hub.jobs.crank import settle, turn
from hub.sync.apply import apply_due
from hub.sync.controls import act_on_sync
from hub.sync.derive import derive_due
from hub.sync.engine import Engine
from hub.sync.pull import pull_due
from tests.engine.conftest import Build
from tests.engine.town import Part, Town, connection, sync, team, tell

PAIR = (connection("left"), connection("right"), sync("right-customers"))
ORDERS = """
mapping: orders
kind: order
key: id
names: {number: number}
reference: hub_ref
version: updated_at
match: [[number]]
constants: {customer_id: anyone, lines: none}
fields:
  number: number
  status: {path: status, enum: {draft: draft, confirmed: confirmed}}
  total: {path: total, type: money, currency: currency}
  payment_status: {out: pay_state}
"""


async def act(town: Town, name: str, what: Any) -> Engine:
    """A person's word, and an engine that has heard of it."""
    async with town.db.begin("act") as conn:
        await act_on_sync(conn, name, what, "anna", town.clock.now())
    return await town.engine()


async def test_an_observing_sync_reads_and_owes_nothing(build: Build) -> None:
    town, engine = await build(*PAIR, sync("left-customers", mode="observing"))
    town.save("left", name="云帆")
    await town.again(engine, 2)
    assert (await town.entity(engine, "customer")).fields["name"] == "云帆"
    assert await town.states() == {"inbox done": 1}
    assert town.table("right") == []
    town.save("left", "customers", "1", phone="5")
    await town.again(engine, 2)
    assert await town.states() == {"inbox done": 2}


async def test_what_follows_from_an_observed_change_owes_nothing_either(build: Build) -> None:
    """The rules of receivables write changes of the hub's own; those lead to nobody as well."""
    town, engine = await build(
        connection("left"),
        connection("right"),
        sync("left-orders", "orders", "orders", mode="observing"),
        sync("right-orders", "orders", "orders"),
        mappings=(ORDERS,),
    )
    town.save("left", "orders", number="N1", customer_id="c", lines="none", status="confirmed", total=5, currency="CNY")
    await town.again(engine, 3)
    derived = await town.rows("SELECT id FROM change WHERE who = 'hub'")
    assert derived, "something was derived"
    assert await town.count("delivery") == 0 and town.table("right", "orders") == []


async def test_a_target_that_observes_is_owed_nothing(build: Build) -> None:
    town, engine = await build(
        connection("left"), connection("right"), sync("left-customers"), sync("right-customers", mode="observing")
    )
    town.save("left", name="云帆")
    await town.again(engine, 2)
    assert await town.count("delivery") == 0 and town.table("right") == []


async def test_a_person_makes_it_live(build: Build) -> None:
    town, engine = await build(*PAIR, sync("left-customers", mode="observing"))
    town.save("left", name="old")
    await town.again(engine)
    engine = await act(town, "left-customers", "live")
    town.save("left", name="new")
    await town.again(engine)
    assert [record["name"] for record in town.table("right")] == ["new"], "what was only observed is still not owed"
    town.save("left", "customers", "1", phone="5")
    await town.again(engine)
    assert {record["name"] for record in town.table("right")} == {"new", "old"}


async def test_a_paused_sync_neither_reads_nor_applies(build: Build) -> None:
    town, engine = await build(*PAIR, sync("left-customers"))
    record = town.save("left", name="云帆")
    await town.arrive(engine, "left-customers", record)
    engine = await act(town, "left-customers", "pause")
    await town.again(engine, 3)
    assert await town.states() == {"inbox due": 1}
    assert town.rest["left"].ledger.of("call") == []
    engine = await act(town, "left-customers", "live")
    await town.again(engine)
    assert len(town.table("right")) == 1


async def test_what_a_paused_target_is_owed_waits_for_it(build: Build) -> None:
    town, engine = await build(*PAIR, sync("left-customers"))
    town.save("left", name="云帆")
    await pull_due(engine)
    while await turn(engine):
        continue
    engine = await act(town, "right-customers", "pause")
    await settle(engine)
    assert (await town.delivery()).state == "due" and town.table("right") == []
    engine = await act(town, "right-customers", "live")
    await town.work(engine)
    assert len(town.table("right")) == 1


def told_of_phones(**more: Any) -> tuple[Part, ...]:
    message = {"kind": "customer", "when_changed": ["phone"], "title": "{name}", "text": "{name}: {phone}", **more}
    return (connection("left"), team(), tell("team-notice", **message), sync("left-customers"))


async def with_known_customer(build: Build, **more: Any) -> tuple[Town, Engine]:
    town, engine = await build(*told_of_phones(**more))
    town.save("left", name="云帆", phone="1")
    await town.again(engine)
    return town, engine


async def test_a_backfill_tells_nobody(build: Build) -> None:
    town, _engine = await with_known_customer(build)
    assert town.told() == [] and await town.count("delivery") == 0


async def test_a_live_change_is_told_once(build: Build) -> None:
    town, engine = await with_known_customer(build)
    town.save("left", "customers", "1", phone="2")
    await town.again(engine, 3)
    (said,) = town.told()
    assert "云帆: 2" in said
    town.save("left", "customers", "1", remark="not of interest")
    await town.again(engine, 2)
    assert len(town.told()) == 1
    town.save("left", "customers", "1", phone="3")
    await town.again(engine, 2)
    assert len(town.told()) == 2


async def test_of_several_changes_at_once_the_last_is_told(build: Build) -> None:
    """Each message would say how it stands now: nobody wants to read it twice."""
    town, engine = await with_known_customer(build)
    for phone in ("2", "3"):
        await town.arrive(engine, "left-customers", town.save("left", "customers", "1", phone=phone))
        for step in (apply_due, derive_due):
            await step(engine)
    await town.again(engine, 2)
    assert [("云帆: 3" in said) for said in town.told()] == [True]


async def test_what_is_still_to_be_told_is_told_with_what_came_since(build: Build) -> None:
    town, engine = await with_known_customer(build)
    await town.change("INSERT INTO pause (connection, stream, reason, since, who) VALUES ('team', '', 'person', :n, 'a')",
                      n=town.clock.now())  # fmt: skip
    for phone in ("2", "3"):
        town.save("left", "customers", "1", phone=phone)
        await town.again(engine)
    assert await town.count("delivery") == 2
    await town.change("DELETE FROM pause")
    await town.again(engine, 2)
    assert [("云帆: 3" in said) for said in town.told()] == [True]
    notes = await town.rows("SELECT state, note FROM delivery ORDER BY id")
    assert [row.state for row in notes] == ["done", "done"]
    assert notes[0].note.startswith("told with change ")


async def test_a_filter_keeps_messages_back(build: Build) -> None:
    town, engine = await with_known_customer(build, when="phone != '2'")
    town.save("left", "customers", "1", phone="2")
    await town.again(engine)
    town.save("left", "customers", "1", phone="3")
    await town.again(engine)
    assert [("云帆: 3" in said) for said in town.told()] == [True]


async def test_old_news_is_not_told(build: Build) -> None:
    """The hub was down for longer than the message keeps."""
    town, engine = await with_known_customer(build)
    town.save("left", "customers", "1", phone="2")
    town.clock.advance(seconds=10)
    for step in (pull_due, apply_due, derive_due):
        await step(engine)
    await town.again(engine, hours=2)
    assert town.told() == []


async def test_what_is_only_observed_is_not_told(build: Build) -> None:
    town, engine = await with_known_customer(build)
    engine = await act(town, "left-customers", "observe")
    town.save("left", "customers", "1", phone="2")
    await town.again(engine, 2)
    assert town.told() == [] and (await town.entity(engine, "customer")).fields["phone"] == "2"


async def test_a_filter_that_cannot_be_answered_concerns_that_record_alone(build: Build) -> None:
    """`contains` of an empty field is an error of the expression, not of the hub."""
    town, engine = await build(
        connection("left"),
        connection("right"),
        sync("left-customers"),
        sync("right-customers", push={"when": "contains(remark, 'yes')"}),
    )
    town.save("left", name="without a remark")
    town.save("left", name="wanted", remark="yes")
    town.save("left", name="not wanted", remark="no")
    await town.again(engine, 2)
    assert [record["name"] for record in town.table("right")] == ["wanted"]
    row = await town.delivery(state="parked")
    assert row.error_class == "ConfigInvalid" and "the filter of right-customers" in row.error
    town.save("left", "customers", "1", remark="now yes")
    await town.again(engine)
    assert {record["name"] for record in town.table("right")} == {"wanted", "without a remark"}
