"""Which one is it? Proof links, a likeness asks, and two systems that bring the same one at once agree."""

import asyncio
from typing import Any

from hub.jobs.crank import settle
from hub.sync import corrections
from hub.sync.corrections import Linking
from hub.sync.desk import Person
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Town, connection, sync

CODE, OTHER = "91310115MA1K4BQX0P", "91350100M000100Y43"
READING = (
    connection("left"),
    connection("right"),
    sync("left-customers", direction="in"),
    sync("right-customers", direction="in"),
)
PROOF = CUSTOMERS.replace("match: [[uscc], {weak: [name]}]", "match: [[uscc], [phone], {weak: [name]}]")


async def question(town: Town) -> Any:
    (row,) = await town.rows("SELECT * FROM inbox WHERE state = 'parked'")
    assert row.error_class == "Ambiguous" and row.error_zh
    return row


async def answer(town: Town, engine: Engine, entity_id: int | None) -> int:
    row = await question(town)
    async with town.db.begin("answer") as conn:
        made = await corrections.correct_inbox(
            conn, engine.configuration, row.id, Linking(entity_id), Person("anna", town.clock.now())
        )
    await town.work(engine)
    return made


async def links(town: Town) -> list[tuple[str, str, int]]:
    rows = await town.rows("SELECT connection, key, entity_id FROM link ORDER BY connection, key")
    return [(row.connection, row.key, row.entity_id) for row in rows]


async def test_a_strong_match_links(build: Build) -> None:
    town, engine = await build(*READING)
    town.save("left", name="云帆", uscc=CODE)
    await town.again(engine)
    town.save("right", name="quite another name", uscc=f" {CODE.lower()}")
    await town.again(engine)
    only = await town.entity(engine, "customer")
    assert await links(town) == [("left", "1", only.id), ("right", "1", only.id)]


async def test_a_weak_match_asks(build: Build) -> None:
    town, engine = await build(*READING)
    town.save("left", name="云帆")
    await town.again(engine)
    town.save("right", name="云　帆")
    await town.again(engine)
    only = await town.entity(engine, "customer")
    assert f"looks like {only.id}" in (await question(town)).error
    await answer(town, engine, only.id)
    assert await links(town) == [("left", "1", only.id), ("right", "1", only.id)]
    assert await town.states() == {"inbox done": 2, "inbox superseded": 1}


async def test_a_person_says_it_is_a_new_one(build: Build) -> None:
    town, engine = await build(*READING)
    town.save("left", name="云帆")
    await town.again(engine)
    town.save("right", name="云帆")
    await town.again(engine)
    await answer(town, engine, None)
    assert len({entity for _, _, entity in await links(town)}) == 2
    town.save("right", "customers", "1", phone="5")
    await town.again(engine)
    assert await town.rows("SELECT id FROM inbox WHERE state = 'parked'") == [], "it is asked once"


async def test_several_hits_ask(build: Build) -> None:
    town, engine = await build(*READING, mappings=(PROOF,))
    town.save("left", name="one", uscc=CODE)
    town.save("left", name="two", phone="5")
    await town.again(engine)
    town.save("right", name="both", uscc=CODE, phone="5")
    await town.again(engine)
    one, two = await town.entities(engine, "customer")
    assert f"matches 2 of ours ({one.id}, {two.id})" in (await question(town)).error
    await answer(town, engine, two.id)
    assert ("right", "1", two.id) in await links(town)


async def test_a_twin_in_the_same_stream_asks(build: Build) -> None:
    town, engine = await build(*READING)
    town.save("left", name="云帆", uscc=CODE)
    await town.again(engine)
    town.save("left", name="云帆 again", uscc=CODE)
    await town.again(engine)
    assert "record 1 of the same stream already is" in (await question(town)).error
    assert len(await town.entities(engine, "customer")) == 1


async def test_a_twin_in_the_same_batch_asks(build: Build) -> None:
    town, engine = await build(*READING)
    town.save("left", name="云帆", uscc=CODE)
    town.save("left", name="云帆 again", uscc=CODE)
    await town.again(engine)
    assert "of the same stream has the same key" in (await question(town)).error
    assert len(await town.entities(engine, "customer")) == 1


async def test_an_answer_that_names_nothing_asks_again(build: Build) -> None:
    town, engine = await build(*READING)
    town.save("left", name="云帆")
    await town.again(engine)
    town.save("right", name="云帆")
    await town.again(engine)
    await answer(town, engine, 999_999)
    assert "does not exist" in (await question(town)).error


async def test_an_answer_that_names_a_taken_one_asks_again(build: Build) -> None:
    town, engine = await build(*READING)
    town.save("left", name="云帆", uscc=CODE)
    await town.again(engine)
    town.save("left", name="double", uscc=CODE)
    await town.again(engine)
    only = await town.entity(engine, "customer")
    await answer(town, engine, only.id)
    assert "record 1 of the same stream already is" in (await question(town)).error


async def test_a_strong_key_that_was_given_up_may_be_taken(build: Build) -> None:
    town, engine = await build(*READING)
    town.save("left", name="云帆", uscc=CODE)
    await town.again(engine)
    town.save("left", "customers", "1", uscc=OTHER)
    await town.again(engine)
    town.save("right", name="newly founded", uscc=CODE)
    await town.again(engine)
    assert len(await town.entities(engine, "customer")) == 2


async def test_two_systems_that_bring_the_same_ones_at_once_agree(build: Build) -> None:
    """Two engines, each at work on what one system brings, in the same moment."""
    town, first = await build(*READING)
    second = await town.engine(seed=1)
    count = 30
    for number in range(count):
        town.save("left", name=f"left {number}", uscc=f"91310115MA1K4B{number:04d}")
    for number in reversed(range(count)):
        town.save("right", name=f"right {number}", uscc=f"91310115MA1K4B{number:04d}")
    town.clock.advance(seconds=10)
    await asyncio.gather(settle(first), settle(second))
    entities = await town.entities(first, "customer")
    assert len(entities) == count
    linked = await links(town)
    assert len(linked) == 2 * count
    assert {entity for name, _, entity in linked if name == "left"} == {entity.id for entity in entities}
    assert {entity for name, _, entity in linked if name == "right"} == {entity.id for entity in entities}
    assert await town.states() == {"inbox done": 2 * count}
