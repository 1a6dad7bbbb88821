"""Before a sync goes live a person sees what it would do, and answers what is doubtful: one by one, or by a rule."""

from typing import Any

import pytest

from hub.sync import questions
from hub.sync.controls import Unknown
from hub.sync.desk import DeskError, NotThere, Person
from hub.sync.engine import Engine
from hub.sync.forecast import Forecast, forecast
from hub.sync.golive import go_live
from hub.sync.questions import Answers, Rule, Which
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, owners, sync

CODE = "91310115MA1K4BQX0P"
ALL = Which()
PARTS = (
    owners("customer", phone="left"),
    connection("left"),
    connection("right"),
    sync("left-customers", mode="observing"),
    sync("right-customers", mode="observing"),
)


async def met(build: Build, *parts: Any) -> tuple[Town, Engine]:
    """One is known to both and has another phone there, one is perhaps the same, and each side has one of its own."""
    town, engine = await build(*(parts or PARTS))
    town.save("left", name="both", uscc=CODE, phone="1")
    town.save("left", name="云帆", phone="2")
    town.save("left", name="only left")
    await town.again(engine)
    town.save("right", name="both", uscc=CODE, phone="old")
    town.save("right", name="云 帆", phone="2")
    town.save("right", name="only right")
    await town.again(engine)
    return town, engine


async def seen(town: Town, engine: Engine, name: str) -> Forecast:
    async with town.db.read() as conn:
        return await forecast(conn, engine.configuration, name)


async def listed(town: Town, which: Which = ALL, **more: Any) -> list[dict[str, Any]]:
    async with town.db.read() as conn:
        return await questions.listed(conn, which, **more)


async def ruled(town: Town, engine: Engine, rule: Rule, which: Which = ALL) -> Answers:
    async with town.db.read() as conn:
        return await questions.by_rule(conn, engine.configuration, which, rule)


def anna(town: Town) -> Person:
    return Person("anna", town.clock.now())


# --- what would happen ---------------------------------------------------------------------------------------------


async def test_what_a_sync_would_do(build: Build) -> None:
    town, engine = await met(build)
    both, doubtful, left = [entity.id for entity in await town.entities(engine, "customer")][:3]
    told = (await seen(town, engine, "right-customers")).told()
    names = ("complete", "linked", "fresh", "waiting", "questions", "parked", "mode")
    assert [told[name] for name in names] == [True, 1, 1, 0, 1, 0, "observing"]
    (asked,) = told["asked"]
    assert asked["asks"] == [doubtful] and asked["key"] == "2"
    (toward,) = told["toward"]
    numbers = {name: toward[name] for name in ("creates", "changes", "equal", "waiting", "asked", "unreadable")}
    assert numbers == {"creates": 1, "changes": 1, "equal": 1, "waiting": 0, "asked": 1, "unreadable": 0}
    assert toward["fields"] == {"phone": 1} and (toward["connection"], toward["stream"]) == ("right", "customers")
    create, change = sorted(toward["examples"], key=lambda one: one["what"], reverse=True)
    assert (create["what"], create["entity"], create["fields"]["name"]) == ("create", left, "only left")
    assert (change["what"], change["entity"], change["key"]) == ("change", both, "1")
    assert (change["from"], change["to"]) == ({"phone": "old"}, {"phone": "1"})
    with pytest.raises(Unknown):
        await seen(town, engine, "nobody")


async def test_it_does_what_was_said_and_asks_before_it_creates_what_is_doubtful(build: Build) -> None:
    town, engine = await met(build)
    assert await town.count("delivery") == 0 and town.writes() == 6, "what people wrote, and nothing of ours"
    async with town.db.begin("live") as conn:
        said = await go_live(conn, engine.configuration, "right-customers", anna(town))
    assert sum(len(toward.owed) for toward in said.toward) == 3 == await town.count("delivery")
    (record,) = await town.rows("SELECT * FROM audit WHERE act = 'sync.owed'")
    owed = record.detail["right-customers"]
    assert (record.who, owed["creates"], owed["changes"]) == ("anna", 1, 1)
    engine = await town.engine()
    await town.again(engine, times=2)
    assert [row["name"] for row in town.table("right")] == ["both", "云 帆", "only right", "only left"]
    assert town.table("right")[0]["phone"] == "1" and len(town.table("left")) == 3
    (waiting,) = await town.rows("SELECT waiting_for FROM delivery WHERE state = 'waiting'")
    assert waiting.waiting_for.startswith("question|right|customers|")
    (question,) = await listed(town)
    async with town.db.begin("answer") as conn:
        await questions.answer_one(conn, question["id"], question["asks"][0], anna(town))
    await town.again(engine, times=2)
    assert len(town.table("right")) == 4, "it is that one: nothing is created"
    assert await town.rows("SELECT 1 FROM delivery WHERE state <> 'done'") == []
    assert (await seen(town, engine, "right-customers")).toward[0].equal == 4


async def test_what_a_sync_must_not_write_is_not_foretold(build: Build) -> None:
    quiet = {"push": {"create": False, "update": False}}
    town, engine = await met(build, *PARTS[:-1], sync("right-customers", mode="observing", **quiet))
    (toward,) = (await seen(town, engine, "right-customers")).toward
    assert (toward.creates, toward.changes, toward.asked, toward.owed) == (0, 0, 0, [])


async def test_a_live_target_is_told_of_what_another_one_has_read(build: Build) -> None:
    parts = (*PARTS[:3], sync("left-customers", mode="observing", direction="in"), sync("right-customers"))
    town, engine = await build(*parts)
    await town.again(engine)
    town.save("left", name="one")
    town.save("right", name="two")
    await town.again(engine)
    assert len(town.table("right")) == 1
    (toward,) = (await seen(town, engine, "left-customers")).toward
    assert (toward.sync.name, toward.creates, toward.equal) == ("right-customers", 1, 0), "only what left has read"


# --- what is doubtful ----------------------------------------------------------------------------------------------


async def test_a_question_is_shown_with_its_candidates(build: Build) -> None:
    town, engine = await met(build)
    (row,) = await listed(town, Which("right", "customers"))
    assert await listed(town, Which("left")) == [] == await listed(town, Which(None, "orders"))
    assert await listed(town, after=row["id"]) == [] and await listed(town, limit=0) == []
    async with town.db.read() as conn:
        told = await questions.shown(conn, engine.configuration, row["id"])
        with pytest.raises(NotThere):
            await questions.shown(conn, engine.configuration, row["id"] - 1)
    assert told["fields"] == {"name": "云 帆", "phone": "2"} and told["error_zh"]
    assert [(each["id"], each["fields"]["name"]) for each in told["candidates"]] == [(row["asks"][0], "云帆")]


async def test_a_question_holds_up_its_own_stream_only(build: Build) -> None:
    town, _ = await met(build)
    (row,) = await listed(town)
    async with town.db.read() as conn:
        assert await questions.in_question(conn, "right", "customers", [*row["asks"], 10**6]) == set(row["asks"])
        assert await questions.in_question(conn, "left", "customers", row["asks"]) == set()
        assert await questions.in_question(conn, "right", "orders", row["asks"]) == set()


async def test_a_rule_answers_what_it_can_prove(build: Build) -> None:
    town, engine = await met(build)
    town.save("right", name="云帆", phone="2")
    await town.again(engine)
    first, second = await listed(town)
    assert first["id"] < second["id"] and first["asks"] == second["asks"]
    (entity_id,) = first["asks"]
    by_phone = await ruled(town, engine, Rule(("name", "phone")))
    assert by_phone.said == {first["id"]: str(entity_id)}, "it is taken: the second cannot be it as well"
    assert by_phone.told() == {"same": 1, "new": 0, "left": 1}
    assert (await ruled(town, engine, Rule(("phone",), new=True))).told() == {"same": 1, "new": 1, "left": 0}
    assert (await ruled(town, engine, Rule(new=True))).told() == {"same": 0, "new": 2, "left": 0}
    assert (await ruled(town, engine, Rule(("name", "uscc")))).told() == {"same": 0, "new": 0, "left": 2}, "empty"
    assert (await ruled(town, engine, Rule(("name",)), Which("left"))).told() == {"same": 0, "new": 0, "left": 0}
    for rule in (Rule(), Rule(("nonsense",))):
        with pytest.raises(DeskError):
            await ruled(town, engine, rule)


async def test_two_that_are_alike_are_left_to_a_person(build: Build) -> None:
    town, engine = await build(*PARTS)
    town.save("left", name="same", phone="1")
    town.save("left", name="same", phone="1")
    await town.again(engine)
    town.save("right", name="same", phone="1")
    await town.again(engine)
    (row,) = await listed(town)
    assert len(row["asks"]) == 2 and (await ruled(town, engine, Rule(("name", "phone")))).said == {}


async def test_an_answer_is_given_once_and_is_on_record(build: Build) -> None:
    town, engine = await met(build)
    (row,) = await listed(town)
    async with town.db.begin("answer") as conn:
        assert await questions.answer(conn, {row["id"]: "new", row["id"] + 99: "new"}, anna(town), {}) == [row["id"]]
        with pytest.raises(NotThere):
            await questions.answer_one(conn, row["id"], None, anna(town))
    await town.again(engine)
    assert await listed(town) == [] and len(await town.entities(engine, "customer")) == 5
    (old,) = await town.rows("SELECT state, note FROM inbox WHERE id = :id", id=row["id"])
    assert tuple(old) == ("superseded", "corrected")
    (said,) = await town.rows("SELECT * FROM audit WHERE act = 'question.answer'")
    assert said.who == "anna" and said.detail["answers"] == {str(row["id"]): "new"}
