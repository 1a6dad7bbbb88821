"""Another version of a mapping reads again what is known: only what differs changes, nobody is told, nothing is undone."""

import os
import time
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from hub.config.catalogue import connectors
from hub.config.force import By
from hub.config.placed import Checker
from hub.config.runtime import Configuration
from hub.config.versions import Published, history, publish, rollback, save_draft
from hub.jobs.crank import settle, turn
from hub.sync import corrections, desk, holding
from hub.sync.apply import apply_due
from hub.sync.deliver import deliver_due
from hub.sync.derive import derive_due
from hub.sync.engine import Engine
from hub.sync.remap import remap_due
from hub.sync.remap_turn import PAGE
from hub.sync.route import route_due
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Part, Town, connection, sync, team, tell

FULL = os.environ.get("HUB_TEST_FULL") == "1"
LEVELS = CUSTOMERS.replace("remark: remark", "remark: {path: remark, enum: {a: low, b: %s}}")
ONE, TWO = LEVELS % "low", LEVELS % "high"
PAIR = (connection("left"), connection("right"), sync("left-customers"), sync("right-customers", mapping="plain"))
PLAIN = CUSTOMERS.replace("mapping: customers", "mapping: plain")


async def pair(build: Build, *more: Part, mapping: str = ONE) -> tuple[Town, Engine]:
    """Two customers of the left, one of each level, known on both sides."""
    town, engine = await build(*PAIR, *more, mappings=(mapping, PLAIN))
    town.save("left", name="云帆", number="1", remark="a")
    town.save("left", name="恒力", number="2", remark="b")
    await town.again(engine, 3)
    assert [customer.fields["remark"] for customer in await town.entities(engine, "customer")] == ["low", "low"]
    return town, engine


async def published(town: Town, text: str, name: str = "customers") -> tuple[Published, Engine]:
    """This text in force, and an engine that has heard of it."""
    async with town.db.begin("publish") as conn:
        made = await publish(conn, checker(town), name, By("anna", town.clock.now(), "as the test wants it"), text)
    assert made.problems == ()
    return made, await town.engine()


def checker(town: Town) -> Checker:
    env = town.lookup()
    return Checker(connectors(), lambda source, name: env.get(name))


async def run_of(town: Town, number: int = -1) -> Any:
    """The newest run of re-mapping."""
    rows = await town.rows("SELECT * FROM run WHERE what = 'remap' ORDER BY id")
    return rows[number]


async def remarks(town: Town, engine: Engine) -> list[str]:
    return [customer.fields["remark"] for customer in await town.entities(engine, "customer")]


async def versions_of_links(town: Town, there: str = "left") -> set[int]:
    rows = await town.rows("SELECT DISTINCT mapping_version AS v FROM link WHERE connection = :there", there=there)
    return {row.v for row in rows}


async def test_only_what_the_new_version_reads_otherwise_changes(build: Build) -> None:
    town, engine = await pair(build)
    calls = len(town.rest["left"].ledger.of("call"))
    await town.change("UPDATE sync SET next_pull_at = 'infinity'")
    await town.change("DELETE FROM inbox")
    before = await town.count("change")
    made, engine = await published(town, TWO)
    assert dict(made.versions) == {"customers": 2} and len(made.runs) == 1
    await settle(engine)
    assert await remarks(town, engine) == ["low", "high"]
    (change,) = await town.rows("SELECT * FROM change ORDER BY id DESC LIMIT 1")
    assert await town.count("change") == before + 1
    assert (change.mapping, change.mapping_version, change.live, change.reason) == ("customers", 2, False, "re-mapping")
    assert change.fields["remark"] == {
        "from": "low",
        "to": "high",
        **engine.configuration.mapping("customers", 2).explain("remark"),
    }
    assert await versions_of_links(town) == {2}
    run = await run_of(town)
    assert (run.state, run.total, run.done, run.changed, run.note) == ("done", 2, 2, 1, None)
    assert len(town.rest["left"].ledger.of("call")) == calls, "the source was not asked, and is told nothing"
    assert [record["remark"] for record in town.table("right")] == ["low", "high"]


async def test_a_second_publication_of_the_same_writes_nothing(build: Build) -> None:
    town, engine = await pair(build)
    _, engine = await published(town, TWO)
    await town.work(engine)
    before = (await town.footprint(), await town.count("run"), await town.count("mapping"))
    made, engine = await published(town, TWO)
    assert dict(made.versions) == {}
    await town.configure_with("customers", TWO)
    engine = await town.engine()
    await town.work(engine)
    assert (await town.footprint(), await town.count("run"), await town.count("mapping")) == before


async def test_nobody_gets_a_message(build: Build) -> None:
    notice = tell("team-notice", kind="customer", when_changed=["remark"], title="{name}", text="{remark}")
    town, engine = await pair(build, team(), notice)
    told = town.told()
    _, engine = await published(town, TWO)
    await town.again(engine, 2)
    assert await remarks(town, engine) == ["low", "high"] and town.told() == told
    town.save("left", "customers", "2", remark="a")
    await town.again(engine, 2)
    assert len(town.told()) == len(told) + 1, "what changes there is told again"


async def test_a_push_between_measuring_and_applying_is_not_undone(build: Build) -> None:
    """The record is what the link knows when its turn comes, not what it knew when the run began."""
    town, engine = await pair(build)
    _, engine = await published(town, TWO)
    await turn_until(engine, town, "SELECT 1 FROM inbox WHERE from_link AND state = 'due'")
    second = (await town.entities(engine, "customer"))[1]
    await change(town, engine.configuration, second.id, phone="777")
    await turn_pushes(engine)
    assert town.table("left")[1]["phone"] == "777"
    await settle(engine)
    assert [(c.fields["remark"], c.fields.get("phone")) for c in await town.entities(engine, "customer")] == [
        ("low", None),
        ("high", "777"),
    ]
    assert await versions_of_links(town) == {2}
    await town.again(engine, 2)
    assert town.table("left")[1]["phone"] == "777" == town.table("right")[1]["phone"]


async def test_a_push_by_the_new_version_does_not_pass_for_reading(build: Build) -> None:
    """What is written to a record does not make the rest of it read."""
    town, engine = await pair(build)
    _, engine = await published(town, TWO)
    second = (await town.entities(engine, "customer"))[1]
    await town.change("UPDATE run SET state = 'held' WHERE what = 'remap'")
    await change(town, engine.configuration, second.id, phone="777")
    await turn_pushes(engine)
    assert (town.table("left")[1]["phone"], town.table("left")[1]["remark"]) == ("777", "b")
    assert await versions_of_links(town) == {1}
    await town.change("UPDATE run SET state = 'running' WHERE what = 'remap'")
    await settle(engine)
    assert await remarks(town, engine) == ["low", "high"]


async def test_a_newer_record_goes_first(build: Build) -> None:
    town, engine = await pair(build)
    _, engine = await published(town, TWO)
    await turn_until(engine, town, "SELECT 1 FROM inbox WHERE from_link AND state = 'due'")
    await town.arrive(engine, "left-customers", town.save("left", "customers", "2", remark="a", name="恒力二"))
    await settle(engine)
    second = (await town.entities(engine, "customer"))[1]
    assert (second.fields["name"], second.fields["remark"]) == ("恒力二", "low")
    rows = await town.rows("SELECT key, state, note FROM inbox WHERE from_link ORDER BY key")
    assert [(row.key, row.state, row.note) for row in rows] == [
        ("1", "done", "no difference"),
        ("2", "superseded", "already read by version 2"),
    ]


async def test_killed_anywhere_it_goes_on(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is one transaction: an engine that is gone after any of them is followed by another."""
    monkeypatch.setattr("hub.sync.remap_turn.PAGE", 3)
    town, engine = await pair(build)
    for number in range(3, 12):
        town.save("left", name=f"n{number}", number=str(number), remark="b")
    await town.again(engine, 2)
    _, engine = await published(town, TWO)
    steps = 0
    while (await run_of(town)).state == "running":
        engine = await town.engine()  # the one before is dead
        await (remap_due if steps % 3 else apply_due)(engine)
        steps += 1
        assert steps < 60
    await settle(engine)
    run = await run_of(town)
    assert (run.total, run.done, run.changed) == (11, 11, 10)
    assert await remarks(town, engine) == ["low", *["high"] * 10]
    assert (await town.rows("SELECT count(*) AS n FROM inbox WHERE from_link"))[0].n == 11


async def test_what_would_change_far_more_than_usual_waits_for_a_person(build: Build) -> None:
    town, engine = await many(build, 60)
    made, engine = await published(town, TWO)
    await settle(engine)
    run = await run_of(town)
    assert (run.state, run.owner, run.total, run.done) == ("held", "olga", 60, 0)
    assert run.detail["changes"] == 60 and run.detail["fields"] == {"remark": 60}
    assert run.detail["examples"][0] == {"field": "remark", "key": "1", "entity": 1, "from": "low", "to": "high"}
    assert set(await remarks(town, engine)) == {"low"} and await versions_of_links(town) == {1}
    town.save("left", "customers", "7", phone="5")
    await town.again(engine)
    assert (await remarks(town, engine)).count("high") == 1, "a new record is read by the new version"
    async with town.db.begin("confirm") as conn:
        await holding.confirm(conn, made.runs[0], "anna", town.clock.now())
    await town.work(engine)
    run = await run_of(town)
    assert (run.state, run.done, run.changed) == ("done", 59, 59)
    assert set(await remarks(town, engine)) == {"high"} and await versions_of_links(town) == {2}


async def test_dismissed_it_stays_as_it_is(build: Build) -> None:
    town, engine = await many(build, 60)
    made, engine = await published(town, TWO)
    await settle(engine)
    async with town.db.begin("dismiss") as conn:
        with pytest.raises(desk.DeskError):
            await holding.dismiss(conn, made.runs[0], " ", "anna", town.clock.now())
        await holding.dismiss(conn, made.runs[0], "not before the audit", "anna", town.clock.now())
        with pytest.raises(desk.DeskError):
            await holding.confirm(conn, made.runs[0], "anna", town.clock.now())
    await town.again(engine, 2)
    assert set(await remarks(town, engine)) == {"low"} and await versions_of_links(town) == {1}
    async with town.db.read() as conn:
        newest = (await history(conn, "customers"))[0]
    assert (newest["version"], newest["runs"][0]["state"], newest["runs"][0]["note"]) == (
        2,
        "dismissed",
        "not before the audit",
    )
    assert [row.act for row in await town.rows("SELECT act FROM audit WHERE act LIKE 'run.%'")] == ["run.dismiss"]


async def test_what_is_usual_is_not_held(build: Build) -> None:
    town, engine = await many(build, 60)
    for _ in range(8):
        await town.change("UPDATE sync SET next_pull_at = NULL")
        for number in range(1, 61):
            town.save("left", "customers", str(number), phone=str(town.clock.now().timestamp()))
        await town.again(engine)
    _, engine = await published(town, TWO)
    await settle(engine)
    assert (await run_of(town)).state == "done"


async def test_back_to_an_older_version(build: Build) -> None:
    town, engine = await pair(build)
    _, engine = await published(town, TWO)
    await town.work(engine)
    async with town.db.begin("rollback") as conn:
        made = await rollback(conn, checker(town), "customers", 1, By("anna", town.clock.now()))
    assert dict(made.versions) == {"customers": 1}
    engine = await town.engine()
    await town.work(engine)
    assert await remarks(town, engine) == ["low", "low"] and await versions_of_links(town) == {1}
    versions = await town.rows("SELECT active FROM mapping WHERE name = 'customers' ORDER BY version")
    assert [row.active for row in versions] == [True, False]
    (change,) = await town.rows("SELECT mapping_version FROM change ORDER BY id DESC LIMIT 1")
    assert change.mapping_version == 1


async def test_a_version_that_comes_in_between_takes_over(build: Build) -> None:
    town, engine = await pair(build)
    _, engine = await published(town, TWO)
    await turn_until(engine, town, "SELECT 1 FROM inbox WHERE from_link AND state = 'due'")
    _, engine = await published(town, LEVELS % "middle")
    await settle(engine)
    assert await remarks(town, engine) == ["low", "middle"]
    runs = await town.rows("SELECT state FROM run WHERE what = 'remap' ORDER BY id")
    assert [run.state for run in runs] == ["dismissed", "done"]
    assert await versions_of_links(town) == {3}


async def test_what_the_new_version_cannot_read_is_parked_and_corrected(build: Build) -> None:
    town, engine = await pair(build)
    _, engine = await published(town, ONE.replace("{a: low, b: low}", "{a: low}"))
    await town.work(engine)
    (row,) = await town.rows("SELECT * FROM inbox WHERE state = 'parked'")
    assert (row.key, row.error_class, row.from_link) == ("2", "MappingError", True)
    assert "remark" in row.error
    run = await run_of(town)
    assert (run.state, run.done, run.note) == ("done", 1, "1 wait for a parent or a person")
    async with town.db.begin("correct") as conn:
        person = desk.Person("anna", town.clock.now())
        await corrections.correct_inbox(conn, engine.configuration, row.id, {"remark": "a"}, person)
    await town.work(engine)
    assert await versions_of_links(town) == {2}
    assert (await town.states()).get("inbox parked") is None


async def test_what_was_parked_is_settled_by_the_next_version(build: Build) -> None:
    town, engine = await pair(build)
    _, engine = await published(town, ONE.replace("{a: low, b: low}", "{a: low}"))
    await town.work(engine)
    _, engine = await published(town, TWO)
    await town.work(engine)
    assert (await town.states()).get("inbox parked") is None
    assert await remarks(town, engine) == ["low", "high"] and await versions_of_links(town) == {3}


async def test_what_was_never_kept_is_read_from_the_source(build: Build) -> None:
    """A default must not stand in for what the link does not know."""
    narrow = CUSTOMERS.replace("  email:  email\n", "").replace("  remark: remark\n", "")
    town, engine = await build(*PAIR, mappings=(narrow, PLAIN))
    town.save("left", name="云帆", number="1", email="a@b.cn")
    town.save("left", name="恒力", number="2")
    await town.again(engine, 2)
    wide = narrow.replace("  phone:  phone\n", "  phone:  phone\n  email:  {path: email, default: nobody@b.cn}\n")
    _, engine = await published(town, wide)
    emails: set[Any] = set()

    async def watch(_request: httpx.Request) -> None:
        emails.update(record.get("email") for record in town.table("right"))

    town.meanwhile = watch
    await town.again(engine, 4)
    run = await run_of(town)
    assert (run.state, run.note) == ("done", "it looks at more than was kept: the stream is read again")
    found = {c.fields["name"]: c.fields.get("email") for c in await town.entities(engine, "customer")}
    assert found["云帆"] == "a@b.cn"
    assert "nobody@b.cn" not in {found["云帆"]}
    assert not {"nobody@b.cn"} & {r.get("email") for r in town.table("right") if r["name"] == "云帆"}


async def test_a_stream_that_cannot_be_asked_fills_later(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.sync.remap.reads_by_pull", lambda *_: False)
    narrow = CUSTOMERS.replace("  email:  email\n", "")
    town, engine = await build(*PAIR, mappings=(narrow, PLAIN))
    await town.arrive(engine, "left-customers", town.save("left", name="云帆", number="1", email="a@b.cn"))
    await town.again(engine, 2)
    _, engine = await published(town, CUSTOMERS)
    await town.again(engine, 2)
    run = await run_of(town)
    assert run.state == "done" and "when records arrive again" in run.note and "再次到达" in run.note_zh
    await town.arrive(engine, "left-customers", town.save("left", "customers", "1", phone="1"))
    await town.work(engine)
    assert (await town.entity(engine, "customer")).fields["email"] == "a@b.cn"


async def test_a_sync_that_only_writes_owes_what_is_written_otherwise(build: Build) -> None:
    parts = (connection("left"), connection("right"), sync("left-customers"))
    town, engine = await build(
        *parts, sync("right-customers", mapping="plain", direction="out"), mappings=(CUSTOMERS, PLAIN)
    )
    town.save("left", name="云帆", number="1", phone="5")
    town.save("left", name="恒力", number="2")
    await town.again(engine, 2)
    writes = town.writes()
    _, engine = await published(town, PLAIN.replace("phone:  phone", "phone:  {out: mobile}"), "plain")
    await town.work(engine)
    assert {record["name"]: record.get("mobile") for record in town.table("right")} == {"云帆": "5", "恒力": None}
    assert town.writes() == writes + 1
    run = await run_of(town)
    assert (run.state, run.total, run.done, run.changed) == ("done", 2, 2, 1)
    assert await versions_of_links(town, "right") == {2}


async def test_its_own_target_is_owed_what_is_written_otherwise(build: Build) -> None:
    town, engine = await pair(
        build, mapping=CUSTOMERS.replace("remark: remark", "remark: {path: remark, enum: {a: low, b: low}}")
    )
    second = (await town.entities(engine, "customer"))[1]
    await change(town, engine.configuration, second.id, phone="5")
    await town.again(engine)
    _, engine = await published(
        town, ONE.replace("phone:  phone", "phone:  {in: phone, out: {phone: phone, mobile: phone}}")
    )
    await town.again(engine, 2)
    assert [record.get("mobile") for record in town.table("left")] == [None, "5"]


async def test_an_observing_sync_is_read_again_and_owes_nothing(build: Build) -> None:
    parts = (
        connection("left"),
        connection("right"),
        sync("left-customers", mode="observing"),
        sync("right-customers", mapping="plain"),
    )
    town, engine = await build(*parts, mappings=(ONE, PLAIN))
    town.save("left", name="恒力", number="2", remark="b")
    await town.again(engine, 2)
    _, engine = await published(town, TWO)
    await town.again(engine, 2)
    assert await remarks(town, engine) == ["high"] and await town.count("delivery") == 0


async def test_a_paused_sync_is_read_again_when_it_goes_on(build: Build) -> None:
    town, engine = await pair(build)
    await town.change("UPDATE sync SET mode = 'paused' WHERE name = 'left-customers'")
    _, engine = await published(town, TWO)
    await town.again(engine, 2)
    assert (await run_of(town)).state == "running" and await remarks(town, engine) == ["low", "low"]
    await town.change("UPDATE sync SET mode = 'live' WHERE name = 'left-customers'")
    engine = await town.engine()
    await town.again(engine, 2)
    assert await remarks(town, engine) == ["low", "high"]


async def test_applying_a_directory_reads_again_as_well(build: Build) -> None:
    town, engine = await pair(build)
    await town.configure_with("customers", TWO)
    engine = await town.engine()
    await town.work(engine)
    assert await remarks(town, engine) == ["low", "high"]


async def test_a_draft_is_kept_with_what_is_wrong_with_it(build: Build) -> None:
    town, _engine = await pair(build)
    async with town.db.begin("draft") as conn:
        by = By("anna", town.clock.now())
        problems = await save_draft(conn, checker(town), "customers", TWO.replace("uscc:   uscc", "usc: uscc"), by)
        refused = await publish(conn, checker(town), "customers", by)
    assert problems and refused.problems == problems and not refused.versions
    assert await town.count("mapping_draft") == 1
    async with town.db.begin("draft") as conn:
        assert await save_draft(conn, checker(town), "customers", TWO, by) == ()
        made = await publish(conn, checker(town), "customers", by)
    assert dict(made.versions) == {"customers": 2} and await town.count("mapping_draft") == 0


async def test_many_links(build: Build, capsys: pytest.CaptureFixture[str]) -> None:
    count = 10_000 if FULL else 2_000
    town, engine = await many(build, 1)
    await grow(town, count)
    _, engine = await published(town, TWO)
    engine.settings = engine.settings.model_copy(
        update={"holding": engine.settings.holding.model_copy(update={"records": count})}
    )
    begun = time.perf_counter()
    while await turn(engine, (remap_due, apply_due)):
        continue
    seconds = time.perf_counter() - begun
    run = await run_of(town)
    assert (run.state, run.total, run.done, run.changed) == ("done", count, count, count)
    with capsys.disabled():
        print(f"\n{count} links read again, all of them changed: {seconds:.1f} s, pages of {PAGE}")


# --- what the tests need -------------------------------------------------------------------------------------------


async def many(build: Build, count: int) -> tuple[Town, Engine]:
    """So many customers of the left alone, all of one level."""
    left = connection("left")
    assert isinstance(left.body, dict)
    town, engine = await build(
        Part("connections", "left", {**left.body, "owner": "olga"}), sync("left-customers"), mappings=(ONE,)
    )
    for number in range(count):
        town.save("left", name=f"n{number}", number=str(number), remark="b")
    await town.again(engine, 2)
    assert len(await town.entities(engine, "customer")) == count
    return town, engine


async def grow(town: Town, count: int) -> None:
    """The first customer so many times over, as if all had been read."""
    for statement in (
        "INSERT INTO entity SELECT g, e.kind, e.version, e.created_by, e.setters, NULL, NULL, e.created_at, e.updated_at"
        " FROM entity e, generate_series(1001, 999 + :count) g WHERE e.id = 1",
        "INSERT INTO k_customer (id, name, number, remark) SELECT g, 'n' || g, g, k.remark"
        " FROM k_customer k, generate_series(1001, 999 + :count) g WHERE k.id = 1",
        "INSERT INTO link (entity_id, kind, connection, stream, key, known, digest, mapping, mapping_version, updated_at)"
        " SELECT g, l.kind, l.connection, l.stream, g, l.known || jsonb_build_object('id', g::text, 'name', 'n' || g,"
        " 'number', g::text), g, l.mapping, l.mapping_version, l.updated_at"
        " FROM link l, generate_series(1001, 999 + :count) g WHERE l.entity_id = 1",
        "INSERT INTO change (entity_id, kind, version, at, who, correlation, live, derived, routed)"
        " SELECT g, c.kind, c.version, c.at, c.who, c.correlation, false, true, true"
        " FROM change c, generate_series(1001, 999 + :count) g WHERE c.entity_id = 1",
    ):
        await town.change(statement, count=count)


async def change(town: Town, configuration: Configuration, entity: int, **values: Any) -> None:
    """A person sets values."""
    async with town.db.begin("change") as conn:
        wish = corrections.Wish("customer", entity, values)
        await corrections.correct_entity(conn, configuration, wish, desk.Person("anna", town.clock.now()))


async def turn_until(engine: Engine, town: Town, query: str) -> None:
    for _ in range(20):
        await remap_due(engine)
        if await town.rows(query):
            return
    raise AssertionError(f"it never came to this: {query}")


async def turn_pushes(engine: Engine) -> None:
    """What is owed goes out; nothing is read."""
    steps: Sequence[Any] = (derive_due, route_due, deliver_due)
    for step in steps:
        await step(engine)
