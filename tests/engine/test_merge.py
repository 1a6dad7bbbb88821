"""Two systems and one hub: who changed what is kept, who may set what is obeyed, lines are followed by their keys."""

from typing import Any

import pytest

from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import Part, Town, connection, own_kind, owners, sync

BOTH = (connection("left"), connection("right"), sync("left-customers"), sync("right-customers"))

PARCELS = """
mapping: parcels
kind: parcel
key: id
names: {number: number}
reference: hub_ref
version: updated_at
match: [[number]]
constants: {customer_id: anyone}
fields:
  number: number
  items:
    each: lines
    key: id
    fields: {what: what, pieces: {path: pieces, type: decimal}}
"""
PARCEL = (
    own_kind("parcel", number="text", items=[{"what": "text", "pieces": "decimal"}]),
    owners("parcel", number="latest", items="latest"),
    connection("left"),
    connection("right"),
    sync("left-parcels", stream="orders", mapping="parcels"),
    sync("right-parcels", stream="orders", mapping="parcels"),
)


async def with_customer(build: Build, *parts: Part) -> tuple[Town, Engine]:
    """One customer, made on the left, known on both sides."""
    town, engine = await build(*BOTH, *parts)
    town.save("left", name="云帆", uscc="91310115MA1K4BQX0P", phone="1", remark="a")
    await town.again(engine)
    assert len(town.table("right")) == 1
    return town, engine


def said(town: Town, there: str, *names: str) -> tuple[Any, ...]:
    (record,) = town.table(there)
    return tuple(record.get(name) for name in names)


async def test_two_fields_changed_on_two_sides_between_two_polls_both_survive(build: Build) -> None:
    town, engine = await with_customer(build, owners("customer", remark=["left", "right"], phone="left"))
    town.save("left", "customers", "1", phone="2")
    await town.change("UPDATE sync SET mode = 'paused' WHERE name = 'left-customers'")
    town.save("right", "customers", "1", email="pay@example.com")
    await town.change("UPDATE sync SET mode = 'live'")
    await town.again(engine, 2)
    assert said(town, "left", "phone", "email") == ("2", "pay@example.com")
    assert said(town, "right", "phone", "email") == ("2", "pay@example.com")


async def test_a_field_that_is_the_hubs_is_set_by_nobody_else(build: Build) -> None:
    town, engine = await with_customer(build, owners("customer", remark="hub"))
    assert "remark" not in (await town.entity(engine, "customer")).fields
    town.save("left", "customers", "1", remark="b")
    town.save("right", "customers", "1", remark="c")
    await town.again(engine)
    assert "remark" not in (await town.entity(engine, "customer")).fields


async def test_the_creator_owns_what_no_rule_names(build: Build) -> None:
    town, engine = await with_customer(build)
    town.save("right", "customers", "1", phone="7")
    await town.again(engine)
    assert (await town.entity(engine, "customer")).fields["phone"] == "1"
    town.save("left", "customers", "1", phone="8")
    await town.again(engine)
    assert said(town, "right", "phone") == ("8",)


async def test_an_empty_field_is_filled_by_whoever_knows_it(build: Build) -> None:
    town, engine = await with_customer(build)
    town.save("right", "customers", "1", email="a@example.com")
    await town.again(engine)
    assert said(town, "left", "email") == ("a@example.com",)


async def test_rank_counts_while_the_higher_one_has_spoken(build: Build) -> None:
    town, engine = await with_customer(build, owners("customer", remark=["right", "left"]))
    town.save("left", "customers", "1", remark="left again")
    await town.again(engine)
    assert said(town, "right", "remark") == ("left again",), "the higher one has said nothing yet"
    town.save("right", "customers", "1", remark="right")
    await town.again(engine)
    town.save("left", "customers", "1", remark="too late")
    await town.again(engine)
    assert (await town.entity(engine, "customer")).fields["remark"] == "right"


async def test_the_latest_word_counts_by_the_time_of_the_vendor(build: Build) -> None:
    town, engine = await with_customer(build, owners("customer", remark="latest"))
    town.save("left", "customers", "1", remark="earlier")
    town.save("right", "customers", "1", remark="later")
    await engine_reads(town, engine, "right-customers")
    await engine_reads(town, engine, "left-customers")
    await town.again(engine)
    assert (await town.entity(engine, "customer")).fields["remark"] == "later"


async def engine_reads(town: Town, engine: Engine, name: str) -> None:
    """This sync alone reads."""
    await town.change("UPDATE sync SET next_pull_at = 'infinity' WHERE name <> :name", name=name)
    await town.change("UPDATE sync SET next_pull_at = NULL WHERE name = :name", name=name)
    await town.work(engine)
    await town.change("UPDATE sync SET next_pull_at = NULL")


async def test_a_clock_that_runs_ahead_does_not_win_for_ever(build: Build) -> None:
    """The vendor's time is clamped to our receipt."""
    town, engine = await with_customer(build, owners("customer", remark="latest"))
    record = town.save("left", "customers", "1", remark="from the future")
    await town.arrive(engine, "left-customers", {**record, "updated_at": "2099-01-01T00:00:00Z"})
    await town.work(engine)
    assert said(town, "right", "remark") == ("from the future",)
    town.save("right", "customers", "1", remark="from today")
    await town.again(engine)
    assert (await town.entity(engine, "customer")).fields["remark"] == "from today"


async def test_times_of_different_forms_are_compared_as_times(build: Build) -> None:
    """One vendor stamps with epoch milliseconds, the other with ISO text."""
    stamped = PARCELS.replace("version: updated_at", "version: stamp").replace("mapping: parcels", "mapping: stamped")
    parts = [part for part in PARCEL if part.name != "right-parcels"]
    right = sync("right-parcels", stream="orders", mapping="stamped", direction="in")
    town, engine = await build(*parts, right, mappings=(PARCELS, stamped))
    line = {"id": "1", "what": "book", "pieces": 1}
    mine = town.save("left", "orders", number="N1", customer_id="c", lines=[line])
    await town.work(engine)
    later = int(town.clock.now().timestamp() * 1000) + 1
    theirs = {**mine, "id": "9", "stamp": later, "lines": [{**line, "id": "x", "pieces": 5}]}
    town.clock.advance(seconds=5)
    await town.arrive(engine, "right-parcels", theirs)
    await town.work(engine)
    assert [item["pieces"] for item in (await town.entity(engine, "parcel")).fields["items"]] == ["5"]
    town.save("left", "orders", mine["id"], lines=[{**line, "pieces": 8}])
    await town.again(engine)
    assert [item["pieces"] for item in (await town.entity(engine, "parcel")).fields["items"]] == ["8"]


async def with_parcel(build: Build) -> tuple[Town, Engine]:
    town, engine = await build(*PARCEL, mappings=(PARCELS,))
    lines = [{"what": "book", "pieces": 1}, {"what": "pen", "pieces": 20}, {"what": "ink", "pieces": 3}]
    town.save("left", "orders", number="N1", customer_id="c", lines=lines)
    await town.again(engine)
    return town, engine


def items(town: Town, there: str) -> list[tuple[str, int]]:
    (record,) = town.table(there, "orders")
    return [(line["what"], int(line["pieces"])) for line in record["lines"]]


async def test_lines_are_added_removed_and_changed_on_either_side(build: Build) -> None:
    town, engine = await with_parcel(build)
    ids = [item["_id"] for item in (await town.entity(engine, "parcel")).fields["items"]]
    theirs = town.table("right", "orders")[0]
    assert items(town, "right") == items(town, "left")
    book, _pen, ink = theirs["lines"]
    town.save(
        "right", "orders", theirs["id"], lines=[book, {**ink, "pieces": 4}, {"id": "n", "what": "ruler", "pieces": 2}]
    )
    await town.again(engine, 2)
    expected = [("book", 1), ("ink", 4), ("ruler", 2)]
    assert items(town, "left") == expected and items(town, "right") == expected
    after = [item["_id"] for item in (await town.entity(engine, "parcel")).fields["items"]]
    assert after[:2] == [ids[0], ids[2]] and after[2] not in ids


async def test_lines_changed_on_both_sides_between_two_polls_both_survive(build: Build) -> None:
    town, engine = await with_parcel(build)
    mine, theirs = town.table("left", "orders")[0], town.table("right", "orders")[0]
    (book, pen, _), (their_book, their_pen, their_ink) = mine["lines"], theirs["lines"]
    town.save("left", "orders", mine["id"], lines=[{**book, "pieces": 9}, pen])
    town.save("right", "orders", theirs["id"], lines=[their_book, {**their_pen, "pieces": 7}, their_ink])
    await town.again(engine, 3)
    expected = [("book", 9), ("pen", 7)]
    assert items(town, "left") == expected and items(town, "right") == expected
    quiet = await town.footprint()
    await town.again(engine, 3)
    assert await town.footprint() == quiet


@pytest.mark.parametrize("side", ["left", "right"])
async def test_all_lines_may_go(build: Build, side: str) -> None:
    town, engine = await with_parcel(build)
    record = town.table(side, "orders")[0]
    town.save(side, "orders", record["id"], lines=[{**record["lines"][0], "pieces": 2}])
    await town.again(engine, 2)
    assert items(town, "left") == items(town, "right") == [("book", 2)]


async def test_an_edit_that_was_not_read_yet_survives_our_own_write(build: Build) -> None:
    """The answer to the write shows it, under the stamp of the write: nothing older will bring it any more."""
    town, engine = await build(*BOTH, owners("customer", phone="latest", email="latest"))
    town.save("left", name="云帆", uscc="91310115MA1K4BQX0P", phone="1")
    await town.again(engine, 2)
    town.save("right", "customers", "1", email="pay@example.com")
    town.save("left", "customers", "1", phone="2")
    await engine_reads(town, engine, "left-customers")
    assert said(town, "right", "phone", "email") == ("2", "pay@example.com")
    await town.again(engine, 2)
    assert said(town, "left", "phone", "email") == ("2", "pay@example.com")


async def test_lines_in_another_order_there_are_not_confused_by_a_write_of_something_else(build: Build) -> None:
    town, engine = await with_parcel(build)
    theirs = town.table("right", "orders")[0]
    town.save("right", "orders", theirs["id"], lines=[{"id": "n", "what": "ruler", "pieces": 9}, *theirs["lines"]])
    await town.again(engine, 2)
    town.save("left", "orders", town.table("left", "orders")[0]["id"], number="N2")
    await town.again(engine, 2)
    theirs = town.table("right", "orders")[0]
    assert theirs["number"] == "N2"
    town.save("right", "orders", theirs["id"], lines=[line for line in theirs["lines"] if line["what"] != "pen"])
    await town.again(engine, 3)
    assert sorted(items(town, "left")) == sorted(items(town, "right")) == [("book", 1), ("ink", 3), ("ruler", 9)]
