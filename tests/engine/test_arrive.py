"""What enters the inbox and what does not; what a bad record does, and what it does not do to its neighbours."""

import json
from decimal import Decimal
from typing import Any

import pytest

from hub.sync import corrections, desk
from hub.sync.corrections import Linking
from hub.sync.desk import Person
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Town, connection, own_kind, sync

PARTS = (connection("left"), sync("left-customers"))
STRICT = CUSTOMERS.replace("uscc:   uscc", "uscc:   {path: uscc, required: yes}")
KEYED = CUSTOMERS.replace("key: id", "key: code")
COUNTED = """
mapping: counted
kind: counted
key: id
fields: {name: name, serial: serial, count: {path: count, type: integer}}
"""
COUNTS = (
    own_kind("counted", name="text", serial="text", count="integer"),
    connection("left"),
    sync("left-customers", mapping="counted"),
)
CODE, OTHER = "91310115MA1K4BQX0P", "91350100M000100Y43"


async def parked(town: Town) -> Any:
    (row,) = await town.rows("SELECT * FROM inbox WHERE state = 'parked'")
    return row


async def correct(town: Town, engine: Engine, number: int, what: dict[str, Any] | Linking) -> int:
    person = Person("anna", town.clock.now())
    async with town.db.begin("correct") as conn:
        made = await corrections.correct_inbox(conn, engine.configuration, number, what, person)
    await town.work(engine)
    return made


async def test_an_unchanged_record_does_not_enter(build: Build) -> None:
    town, engine = await build(*PARTS)
    record = town.save("left", name="云帆")
    await town.again(engine)
    await town.read_all_again()
    await town.again(engine)
    stored = await town.arrive(engine, "left-customers", record, {**record, "locked": True})
    assert (stored.read, stored.stored, stored.unchanged) == (2, 0, 2), "what the mapping does not read is no news"
    assert await town.count("inbox") == 1
    runs = await town.rows("SELECT read, stored, unchanged FROM run ORDER BY id")
    assert [tuple(run) for run in runs] == [(1, 1, 0), (1, 0, 1)], "the run says that it was read"


async def test_a_record_without_a_key_is_parked_once(build: Build) -> None:
    town, engine = await build(*PARTS, mappings=(KEYED,))
    town.save("left", name="nameless")
    town.save("left", name="云帆", code="C1")
    for _ in range(3):
        await town.again(engine)
        await town.read_all_again()
    row = await parked(town)
    assert row.key is None and row.error_class == "MappingError" and "code" in row.error
    assert await town.states() == {"inbox parked": 1, "inbox done": 1}
    made = await correct(town, engine, row.id, {"code": "C2"})
    assert (await town.rows("SELECT state, key, corrects FROM inbox WHERE id = :id", id=made))[0] == (
        "done",
        "C2",
        row.id,
    )


async def test_an_older_version_is_recorded_and_not_applied(build: Build) -> None:
    town, engine = await build(*PARTS)
    old = town.save("left", name="old name")
    town.save("left", "customers", "1", name="new name")
    await town.again(engine)
    await town.arrive(engine, "left-customers", old)
    await town.work(engine)
    late = (await town.inbox())[-1]
    assert late.state == "superseded" and late.note.startswith("older than what we know")
    assert (await town.entity(engine, "customer")).fields["name"] == "new name"


@pytest.mark.parametrize(
    ("nine", "ten"), [(9, 10), ("9", "10"), (Decimal("9.0"), 10), (Decimal("9.5"), Decimal("10.25"))]
)
async def test_versions_that_are_numbers_are_compared_as_numbers(build: Build, nine: Any, ten: Any) -> None:
    town, engine = await build(*PARTS, mappings=(CUSTOMERS.replace("updated_at", "rev"),))
    for rev, name in ((nine, "ninth"), (ten, "tenth"), (nine, "ninth again")):
        await town.arrive(engine, "left-customers", {"id": "1", "rev": rev, "name": name})
        await town.work(engine)
    assert [row.state for row in await town.inbox()] == ["done", "done", "superseded"]
    assert (await town.entity(engine, "customer")).fields["name"] == "tenth"


async def test_an_equal_version_with_other_content_is_applied(build: Build) -> None:
    town, engine = await build(*PARTS)
    record = town.save("left", name="first")
    await town.again(engine)
    await town.arrive(engine, "left-customers", {**record, "name": "second"})
    await town.work(engine)
    assert (await town.entity(engine, "customer")).fields["name"] == "second"


async def test_of_several_versions_that_wait_the_newest_is_applied(build: Build) -> None:
    town, engine = await build(*PARTS)
    for name in ("one", "two", "three"):
        await town.arrive(
            engine, "left-customers", town.save("left", "customers", "1" if name != "one" else None, name=name)
        )
    await town.work(engine)
    assert [row.state for row in await town.inbox()] == ["superseded", "superseded", "done"]
    assert (await town.entity(engine, "customer")).version == 1


async def test_a_bad_record_comes_back_only_when_its_source_changes_it(build: Build) -> None:
    town, engine = await build(*PARTS, mappings=(STRICT,))
    town.save("left", name="云帆")
    for _ in range(3):
        await town.again(engine)
        await town.read_all_again()
    assert await town.states() == {"inbox parked": 1}
    async with town.db.begin("dismiss") as conn:
        await desk.dismiss(conn, "inbox", [(await parked(town)).id], "not for us", "anna", town.clock.now())
    await town.again(engine)
    assert await town.states() == {"inbox dismissed": 1}, "dismissed is dismissed"
    town.save("left", "customers", "1", uscc=CODE)
    await town.again(engine)
    assert await town.states() == {"inbox dismissed": 1, "inbox done": 1}


async def test_a_correction_is_a_new_row_and_holds_until_the_source_changes(build: Build) -> None:
    town, engine = await build(*PARTS, mappings=(STRICT,))
    town.save("left", name="云帆")
    await town.again(engine)
    bad = await parked(town)
    made = await correct(town, engine, bad.id, {"uscc": CODE})
    old, new = await town.inbox()
    assert (old.state, old.note, old.record.get("uscc")) == ("superseded", "corrected", None), "the payload stays"
    assert (new.id, new.state, new.corrects, new.record["uscc"]) == (made, "done", bad.id, CODE)
    await town.read_all_again()
    await town.again(engine, 2)
    assert await town.count("inbox") == 2 and (await town.entity(engine, "customer")).fields["uscc"] == CODE
    town.save("left", "customers", "1", uscc=OTHER)
    await town.again(engine)
    assert (await town.entity(engine, "customer")).fields["uscc"] == OTHER


@pytest.mark.parametrize("mapping", [STRICT, STRICT.replace("version: updated_at\n", "")])
async def test_a_source_that_takes_its_mistake_back_settles_it(build: Build, mapping: str) -> None:
    town, engine = await build(*PARTS, mappings=(mapping,))
    good = town.save("left", name="云帆", uscc=CODE)
    await town.again(engine)
    town.save("left", "customers", "1", uscc=None)
    await town.again(engine)
    assert (await parked(town)).error_class == "MappingError"
    town.save("left", "customers", "1", uscc=good["uscc"])
    await town.again(engine)
    assert await town.rows("SELECT id FROM inbox WHERE state = 'parked'") == []
    assert (await town.entity(engine, "customer")).version == 1


async def test_calls_that_overtake_each_other_end_in_the_newest_version(build: Build) -> None:
    town, engine = await build(*PARTS)
    old = town.save("left", name="old name")
    new = town.save("left", "customers", "1", name="new name")
    for record in (new, old):
        await town.arrive(engine, "left-customers", record)
    await town.change("UPDATE sync SET next_pull_at = 'infinity'")
    await town.work(engine)
    assert [(row.state, row.note) for row in await town.inbox()] == [("done", "created"), ("superseded", "by 1")]
    assert (await town.entity(engine, "customer")).fields["name"] == "new name"


async def test_a_record_that_comes_late_settles_nothing(build: Build) -> None:
    town, engine = await build(*PARTS, mappings=(STRICT,))
    old = town.save("left", name="云帆", uscc=OTHER)
    town.save("left", "customers", "1", uscc=CODE)
    await town.again(engine)
    town.save("left", "customers", "1", uscc=None)
    await town.again(engine)
    await town.arrive(engine, "left-customers", old)
    await town.work(engine)
    assert (await parked(town)).error_class == "MappingError", "it is still a person's turn"


NUL = json.loads('"a\\u0000b"')
HALF = json.loads('"a\\ud800b"')


@pytest.mark.parametrize("bad", [NUL, HALF])
async def test_a_character_that_no_database_holds_is_replaced(build: Build, bad: str) -> None:
    town, engine = await build(*PARTS)
    good = town.save("left", name="云帆")
    await town.arrive(engine, "left-customers", good, {"id": "2", "name": bad, "extra": {bad: [bad]}})
    await town.work(engine)
    assert {entity.fields["name"] for entity in await town.entities(engine, "customer")} == {"云帆", "a\ufffdb"}
    stored = await town.arrive(engine, "left-customers", {"id": "2", "name": bad})
    assert stored.stored == 0, "and it is known again"


async def test_such_a_character_in_a_vendors_page_stops_nobody(build: Build) -> None:
    town, engine = await build(*PARTS)
    rows = [{"id": "1", "name": NUL, "updated_at": "2026-11-22T02:00:00Z"}]
    rows += [{"id": "2", "name": "云帆", "updated_at": "2026-11-22T02:00:01Z"}]
    town.fault("left", "body", "/api/customers", text=json.dumps({"data": {"items": rows}}), times=2)
    await town.work(engine)
    assert len(await town.entities(engine, "customer")) == 2


async def test_such_a_character_in_an_answer_to_a_push_is_survived(build: Build) -> None:
    town, engine = await build(connection("left"), connection("right"), sync("left-customers"), sync("right-customers"))
    town.save("left", name="云帆", remark="plain")
    answer = {
        "data": {"id": "7", "name": "云帆", "remark": "plain", "phone": NUL, "hub_ref": "customer-1", "version": 1}
    }
    town.fault("right", "body", '"hub_ref":', text=json.dumps(answer))
    await town.again(engine)
    assert (await town.delivery(connection="right")).state == "done"
    (link,) = await town.rows("SELECT known FROM link WHERE key = '7'")
    assert link.known["phone"] == "a\ufffdb"


LONG = 2**64
ABSURD = "1e999999999"


@pytest.mark.parametrize("number", [str(LONG), str(-(2**63) - 1), "9" * 40, ABSURD])
async def test_a_number_that_is_too_long_parks_its_record_alone(build: Build, number: str) -> None:
    town, engine = await build(*COUNTS, mappings=(COUNTED,))
    page = '{"data": {"items": [{"id": "1", "updated_at": "2026-11-22T02:00:00Z", "serial": %s},' \
        ' {"id": "2", "updated_at": "2026-11-22T02:00:01Z", "serial": "9", "count": 9223372036854775807}]}}' % number  # fmt: skip  # noqa: UP031
    town.fault("left", "body", "/api/customers", text=page, times=3)
    await town.work(engine)
    row = await parked(town)
    assert row.key == "1" and row.error.startswith("the number at serial is longer than a number can be here")
    assert row.error_fields[0]["path"] == "serial" and "64" in row.error_zh
    assert (await town.entity(engine, "counted")).fields["count"] == 2**63 - 1
    await town.again(engine, seconds=11)
    assert await town.states() == {"inbox parked": 1, "inbox done": 1}, "parked once"


async def test_a_number_that_nobody_reads_may_be_as_long_as_it_likes(build: Build) -> None:
    town, engine = await build(*COUNTS, mappings=(COUNTED,))
    await town.arrive(engine, "left-customers", {"id": "1", "name": "x", "elsewhere": {"n": LONG}})
    await town.work(engine)
    assert await town.states() == {"inbox done": 1}
    (row,) = await town.inbox()
    assert row.record["elsewhere"]["n"] == str(LONG)


async def test_a_long_number_in_a_text_is_refused_where_a_number_is_wanted(build: Build) -> None:
    town, engine = await build(*COUNTS, mappings=(COUNTED,))
    await town.arrive(engine, "left-customers", {"id": "1", "count": str(2**63)}, {"id": "2", "count": "12"})
    await town.work(engine)
    row = await parked(town)
    assert row.key == "1" and "count" in row.error and "out of range" in row.error
    assert (await town.entity(engine, "counted")).fields["count"] == 12


async def test_one_record_that_breaks_the_batch_parks_alone(build: Build, monkeypatch: Any) -> None:
    """Whatever it is that breaks: the neighbours are applied, one by one."""
    from hub.sync import merging

    town, engine = await build(*PARTS)
    merges = merging.merge_item

    def broken(batch: Any, item: Any) -> Any:
        if item.entity["name"] == "cursed":
            raise ZeroDivisionError("ours")
        return merges(batch, item)

    monkeypatch.setattr(merging, "merge_item", broken)
    for name in ("one", "cursed", "two"):
        town.save("left", name=name)
    await town.again(engine)
    assert {entity.fields["name"] for entity in await town.entities(engine, "customer")} == {"one", "two"}
    row = await parked(town)
    assert (row.key, row.error_class) == ("2", "InternalError") and "a fault of ours" in row.error
