"""A message that perhaps went out is not sent again by itself; one that was sent is remembered for as long as is said."""

from hub.sdk.sandbox import Fault
from hub.settings import RetentionSettings
from hub.sync import corrections
from hub.sync.corrections import Wish
from hub.sync.desk import Person
from hub.sync.retention import tidy
from tests.engine.conftest import Build
from tests.engine.town import TEAM, connection, sync, team, tell

PARTS = (
    connection("left"),
    team(),
    sync("left-customers", direction="in"),
    tell("team-notice", kind="customer", title="{name}", text="{name}"),
)


async def test_a_message_of_unknown_outcome_asks_a_person(build: Build) -> None:
    """A group's robot has no way to ask whether it was told: a second time is worse than a question."""
    town, engine = await build(*PARTS)
    town.save("left", name="earlier")
    await town.again(engine, times=2)
    before = len(town.told())
    town.vendors[TEAM].faults.append(Fault(kind="drop_after"))
    town.save("left", name="one")
    await town.again(engine, times=30, seconds=30)
    assert town.told()[before:] == ["one"]
    (row,) = await town.rows("SELECT * FROM delivery WHERE state = 'parked'")
    assert row.error_class == "PerhapsCreated" and "perhaps sent" in row.error and row.error_zh


async def test_a_message_is_remembered_for_its_time(build: Build) -> None:
    town, engine = await build(*PARTS)
    town.save("left", name="earlier")
    await town.again(engine, times=2)
    town.save("left", name="one")
    await town.again(engine)
    keep = RetentionSettings()
    told = "SELECT 1 FROM delivery WHERE change_id <> 0 AND state = 'done'"
    assert len(await town.rows(told)) >= 1
    town.clock.advance(days=keep.attempt_days - 1)
    await tidy(town.db, town.clock.now(), keep, pace=0)
    assert len(await town.rows(told)) >= 1
    town.clock.advance(days=2)
    await tidy(town.db, town.clock.now(), keep, pace=0)
    assert await town.rows(told) == []


async def test_what_a_person_writes_can_be_followed_by_itself(build: Build) -> None:
    town, engine = await build(*PARTS)
    town.save("left", name="one")
    await town.again(engine)
    only = await town.entity(engine, "customer")
    for phone in ("1", "2"):
        async with town.db.begin("correct") as conn:
            wish = Wish("customer", only.id, {"phone": phone})
            await corrections.correct_entity(conn, engine.configuration, wish, Person("anna", town.clock.now()))
    rows = await town.rows("SELECT correlation FROM change WHERE who = 'person:anna' ORDER BY id")
    assert len({row.correlation for row in rows}) == 2 and all(row.correlation.startswith("person-") for row in rows)
