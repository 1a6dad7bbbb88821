"""A record that refers to another waits for it, on the way in and on the way out; nobody waits for what never comes."""

from typing import Any

import pytest

from hub.sync import desk
from hub.sync.engine import Engine
from hub.sync.sweep import sweep
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Town, connection, own_kind, owners, sync

PARCELS = """
mapping: parcels
kind: parcel
key: id
names: {number: number}
reference: hub_ref
version: updated_at
match: [[number]]
constants: {lines: none}
fields:
  number: number
  customer: {ref: customer, by: key, path: customer_id}
"""
BY_NUMBER = PARCELS.replace("by: key, path: customer_id", "by: number, path: customer_no")
PARCEL = (own_kind("parcel", number="text", customer={"ref": "customer"}), owners("parcel", number="latest"))
IN = {"direction": "in"}
READING = (
    *PARCEL,
    connection("left"),
    sync("left-customers", every="1h", **IN),
    sync("left-parcels", "orders", "parcels", **IN),
)
BOTH_SIDES = (
    *PARCEL,
    connection("left"),
    connection("right"),
    sync("left-customers"),
    sync("left-parcels", "orders", "parcels"),
    sync("right-parcels", "orders", "parcels"),
)
MAPPINGS = {"mappings": (CUSTOMERS, PARCELS)}


def parcel(town: Town, **more: Any) -> dict[str, Any]:
    return town.save("left", "orders", number="N1", lines=[{"what": "thing"}], **{"customer_id": "0", **more})


async def row_of(town: Town) -> Any:
    (row,) = await town.rows("SELECT * FROM inbox WHERE stream = 'orders' AND state <> 'superseded'")
    return row


@pytest.mark.parametrize(("mapping", "by"), [(PARCELS, "key"), (BY_NUMBER, "number")])
async def test_the_child_comes_first_and_its_parent_is_fetched(build: Build, mapping: str, by: str) -> None:
    town, engine = await build(*READING, mappings=(CUSTOMERS, mapping))
    await town.work(engine)
    owner = town.save("left", name="云帆", number="C7")
    parcel(town, customer_id=owner["id"], customer_no="C7")
    await town.again(engine)
    (bell,) = await town.rows("SELECT reason, state, text FROM bell")
    assert tuple(bell) == ("parent", "done", owner["id"] if by == "key" else "C7")
    customer = await town.entity(engine, "customer")
    assert (await town.entity(engine, "parcel")).fields["customer"] == customer.id
    assert await town.states() == {"inbox done": 2}
    (reads,) = await town.rows("SELECT count(*) AS n FROM run WHERE sync = 'left-customers'")
    assert reads.n == 0, "the stream itself was not read again"


@pytest.mark.parametrize("mapping", [PARCELS, BY_NUMBER])
async def test_a_parent_that_does_not_exist_is_a_persons_turn(build: Build, mapping: str) -> None:
    town, engine = await build(*READING, mappings=(CUSTOMERS, mapping))
    await town.work(engine)
    made = parcel(town, customer_id="99", customer_no="99")
    await town.again(engine)
    row = await row_of(town)
    assert (row.state, row.error_class) == ("parked", "ReferenceMissing")
    assert row.error == "it refers to customer 99, which does not exist there; create it there, then retry"
    assert "99" in row.error_zh and "建档" in row.error_zh
    await town.again(engine, 2)
    assert await town.count("inbox") == 1, "it does not come back by itself"
    owner = town.save("left", name="云帆", number="99")
    if mapping == PARCELS:
        town.save("left", "orders", made["id"], customer_id=owner["id"])
        await town.again(engine)
    else:
        async with town.db.begin("retry") as conn:
            await desk.retry(conn, "inbox", [row.id], "anna", town.clock.now())
        await town.work(engine)
    assert (await town.entity(engine, "parcel")).fields["customer"] == (await town.entity(engine, "customer")).id
    assert (await row_of(town)).state == "done"


async def test_a_kind_that_nobody_reads_is_said_at_once(build: Build) -> None:
    town, engine = await build(
        *PARCEL, connection("left"), sync("left-parcels", "orders", "parcels", **IN), mappings=(PARCELS,)
    )
    parcel(town, customer_id="5")
    await town.work(engine)
    row = await row_of(town)
    assert (row.state, row.error_class) == ("parked", "ReferenceMissing")
    assert "no sync reads customer from left" in row.error


async def test_a_child_waits_for_a_parent_that_is_parked(build: Build) -> None:
    strict = CUSTOMERS.replace("uscc:   uscc", "uscc:   {path: uscc, required: yes}")
    town, engine = await build(*READING, mappings=(strict, PARCELS))
    owner = town.save("left", name="云帆")
    parcel(town, customer_id=owner["id"])
    await town.again(engine, 3)
    assert await town.states() == {"inbox parked": 1, "inbox waiting": 1}
    town.save("left", "customers", owner["id"], uscc="91310115MA1K4BQX0P")
    await town.again(engine, hours=1)
    assert await town.states() == {"inbox done": 2, "inbox superseded": 1}


async def test_a_delivery_waits_for_the_parents_link_and_the_parent_is_owed(build: Build) -> None:
    """The filter keeps customers from the right; one that a parcel needs there goes all the same."""
    town, engine = await build(*BOTH_SIDES, sync("right-customers", push={"when": "remark == 'yes'"}), **MAPPINGS)
    needed = town.save("left", name="云帆")
    town.save("left", name="不需要")
    parcel(town, customer_id=needed["id"])
    await town.again(engine)
    made = [entry.data for entry in town.rest["right"].ledger.of("created")]
    assert [(entry["table"], entry["record"].get("name")) for entry in made] == [
        ("customers", "云帆"),
        ("orders", None),
    ]
    assert made[1]["record"]["customer_id"] == made[0]["record"]["id"]
    assert (await town.states())["delivery done"] == 2


async def test_a_child_is_held_while_its_parent_is_refused(build: Build) -> None:
    town, engine = await build(*BOTH_SIDES, sync("right-customers"), **MAPPINGS)
    town.refuse("right", "Rejected", match='"name":')
    parcel(town, customer_id=town.save("left", name="云帆")["id"])
    await town.again(engine)
    child = await town.delivery(kind="parcel")
    assert child.state == "waiting" and child.waiting_for.startswith("link|right|customer|")
    parent = await town.delivery(kind="customer")
    assert parent.state == "parked"
    async with town.db.begin("retry") as conn:
        await desk.retry(conn, "delivery", [parent.id], "anna", town.clock.now())
    await town.work(engine)
    assert (await town.delivery(kind="parcel")).state == "done"
    assert len(town.table("right")) == len(town.table("right", "orders")) == 1


async def test_a_parent_that_no_sync_creates_is_a_persons_turn(build: Build) -> None:
    town, engine = await build(*BOTH_SIDES, sync("right-customers", push={"create": False}), **MAPPINGS)
    parcel(town, customer_id=town.save("left", name="云帆", uscc="91310115MA1K4BQX0P")["id"])
    await town.again(engine)
    child = await town.delivery(kind="parcel")
    assert (child.state, child.error_class) == ("parked", "ReferenceMissing")
    assert "no sync creates customer there" in child.error
    town.save("right", name="云帆", uscc="91310115MA1K4BQX0P")
    await town.again(engine)
    async with town.db.begin("retry") as conn:
        await desk.retry(conn, "delivery", [child.id], "anna", town.clock.now())
    await town.work(engine)
    assert (await town.delivery(kind="parcel")).state == "done"


async def waiting_although_it_is_there(town: Town, engine: Engine, table: str) -> None:
    """As when two engines pass each other: one looks for the parent while the other is about to bring it."""
    customer = await town.entity(engine, "customer")
    awaited = {"inbox": "ref|left|customer|key|1", "delivery": f"link|right|customer|{customer.id}"}[table]
    await town.change(
        f"UPDATE {table} SET state = 'waiting', waiting_for = :awaited WHERE stream = 'orders'", awaited=awaited
    )


@pytest.mark.parametrize("table", ["inbox", "delivery"])
async def test_the_sweep_finds_who_waits_for_what_is_there(build: Build, table: str) -> None:
    town, engine = await build(*BOTH_SIDES, sync("right-customers"), **MAPPINGS)
    parcel(town, customer_id=town.save("left", name="云帆")["id"])
    await town.again(engine)
    await waiting_although_it_is_there(town, engine, table)
    await town.work(engine)
    assert (await town.states()).get(f"{table} waiting") == 1
    assert await sweep(engine) == 1
    await town.work(engine)
    assert f"{table} waiting" not in await town.states()
    assert await sweep(engine) == 0


async def test_the_sweep_leaves_alone_who_waits_for_what_is_not_there(build: Build) -> None:
    town, engine = await build(*READING, **MAPPINGS)
    parcel(town, customer_id="1")
    await town.work(engine)
    await town.change("UPDATE inbox SET state = 'waiting', waiting_for = 'ref|left|customer|key|1'")
    assert await sweep(engine) == 0


async def test_a_bell_that_rings_again_while_it_is_answered_is_answered_again(build: Build) -> None:
    """The record was fetched, then changed, then announced, all before the first answer was kept."""
    town, engine = await build(*READING, **MAPPINGS)
    await town.work(engine)
    owner = town.save("left", name="old name")

    async def change_and_ring(request: Any) -> None:
        town.meanwhile = None
        town.save("left", "customers", owner["id"], name="new name")
        await town.change("UPDATE bell SET state = 'due', due_at = :now", now=town.clock.now())

    town.meanwhile = change_and_ring
    await town.change(
        "INSERT INTO bell (connection, stream, path, text, reason, correlation, state, due_at)"
        " VALUES ('left', 'customers', '', :key, 'webhook', 'test', 'due', :now)",
        key=owner["id"],
        now=town.clock.now(),
    )
    await town.work(engine)
    assert (await town.entity(engine, "customer")).fields["name"] == "new name"
