"""Drafts beside what is in force, on a town's real records: what would change in the store and over there. Nothing does."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hub.cli.main import cli
from hub.sdk import jsontext
from hub.sync.desk import DeskError
from hub.sync.engine import Engine
from hub.sync.previewing import Asked, Preview, preview
from hub.sync.shadowing import Compared, StreamDiff, Wanted, compare_draft
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Town, connection, owners, sync

OTHER = CUSTOMERS.replace("mapping: customers", "mapping: other")


def edited(body: str, was: str, becomes: str) -> str:
    assert was in body
    return body.replace(was, becomes)


async def town_of_two(build: Build, *more: Any) -> tuple[Town, Engine]:
    """Left made three customers, and the hub made them at right."""
    town, engine = await build(
        connection("left"),
        connection("right"),
        sync("left-customers"),
        sync("right-customers", mapping="other"),
        *more,
        mappings=(CUSTOMERS, OTHER),
    )
    for number in ("N1", "N2", "N3"):
        town.save("left", number=number, name=f"云帆 {number}", phone=f"1380000000{number[1]}", remark="r", fax="f")
    await town.again(engine, 3)
    assert len(town.table("right")) == 3
    return town, engine


async def compared(town: Town, engine: Engine, draft: str, **more: Any) -> Compared:
    before = await town.footprint()
    async with town.db.begin("diff") as conn:
        found = await compare_draft(conn, engine.configuration, Wanted(draft, **more), town.clock.now())
    assert await town.footprint() == before
    return found


async def diff(town: Town, engine: Engine, draft: str, **more: Any) -> StreamDiff:
    found = await compared(town, engine, draft, **more)
    assert found.problems == ()
    (stream,) = found.streams
    return stream


def fields(found: Any) -> dict[str, int]:
    return {each.field: each.count for each in found}


async def test_the_same_draft_changes_nothing(build: Build) -> None:
    town, engine = await town_of_two(build)
    found = await diff(town, engine, CUSTOMERS)
    assert (found.connection, found.stream, found.syncs, found.version) == (
        "left",
        "customers",
        ("left-customers",),
        1,
    )
    assert found.shadow.nothing
    assert (found.shadow.records, found.shadow.entities, found.whole) == (3, 3, 3)
    assert found.store is not None
    assert (found.store.entities, found.store.fields) == (0, ())


async def test_what_publishing_would_change_in_the_store_and_over_there(build: Build) -> None:
    town, engine = await town_of_two(build)
    draft = edited(CUSTOMERS, "  remark: remark", "  remark: {in: name, out: remark}")
    found = await diff(town, engine, draft)
    assert fields(found.shadow.reading) == {"remark": 3}
    assert found.store is not None
    assert (found.store.entities, fields(found.store.fields)) == (3, {"remark": 3})
    example = found.store.fields[0].examples[0]
    assert example.name.startswith("customer N")
    assert (example.before, example.after) == ("r", f"云帆 {example.name.split()[1]}")
    assert found.shadow.writing == ()
    other = await diff(town, engine, edited(OTHER, "  remark: remark", "  remark: {in: remark, out: memo}"))
    assert other.connection == "right"
    assert set(fields(other.shadow.writing)) == {"memo", "remark"}
    assert (other.shadow.written, other.shadow.pushes) == (3, 3)


async def test_what_the_ownership_rules_keep_is_told_apart(build: Build) -> None:
    town, engine = await town_of_two(build, owners("customer", phone=["right"]))
    found = await diff(town, engine, edited(CUSTOMERS, "phone:  phone", "phone: {in: name, out: phone}"))
    assert fields(found.shadow.reading) == {"phone": 3}
    assert found.store is not None
    assert (found.store.entities, found.store.withheld) == (0, {"phone": 3})


async def test_the_whole_record_shows_what_a_new_path_holds_while_it_is_there(build: Build) -> None:
    town, engine = await town_of_two(build)
    draft = edited(CUSTOMERS, "remark: remark", "remark: {in: fax, out: remark}")
    found = await diff(town, engine, draft)
    assert fields(found.shadow.reading) == {"remark": 3}
    assert found.shadow.reading[0].examples[0].after == "f"
    assert [(each.path, each.records) for each in found.shadow.unkept] == [("fax", 0)]
    await town.change("DELETE FROM inbox")
    found = await diff(town, engine, draft)
    assert (found.whole, fields(found.shadow.reading)) == (0, {})
    assert [(each.path, each.fields, each.records) for each in found.shadow.unkept] == [("fax", ("remark",), 3)]


async def test_a_draft_under_another_name_is_compared_with_what_a_sync_uses(build: Build) -> None:
    town, engine = await town_of_two(build)
    mine = "mapping: mine\nextends: customers\nfields:\n  remark: null\n"
    with pytest.raises(DeskError, match="no sync uses the mapping mine"):
        await compared(town, engine, mine)
    found = await diff(town, engine, mine, sync="left-customers", last=2)
    assert (found.mapping, found.shadow.records, fields(found.shadow.reading)) == ("customers", 2, {"remark": 2})
    broken = await compared(town, engine, edited(CUSTOMERS, "name:", "nome:"))
    assert broken.streams == ()
    assert broken.problems[0].line


async def tried(town: Town, engine: Engine, draft: str, **asked: Any) -> Preview:
    async with town.db.begin("preview") as conn:
        return await preview(conn, engine.configuration, Asked(draft, **asked))


async def test_an_entity_is_written_as_the_target_would_get_it(build: Build) -> None:
    town, engine = await town_of_two(build)
    entity = (await town.entities(engine, "customer"))[0]
    made = await tried(town, engine, OTHER, entity=entity.id)
    assert made.tried is not None
    assert (made.problems, made.tried.creating, made.tried.sends) == ((), False, {})
    made = await tried(
        town, engine, edited(OTHER, "  email:  email", "  email: {out: {path: mail, value: phone}}"), entity=entity.id
    )
    assert made.tried is not None
    assert made.tried.sends == {"mail": entity.fields["phone"]}
    (key,) = [
        row.key
        for row in await town.rows("SELECT key FROM link WHERE entity_id = :id AND connection = 'left'", id=entity.id)
    ]
    made = await tried(town, engine, CUSTOMERS, connection="left", stream="customers", key=key)
    assert made.tried is not None
    assert made.tried.reading is not None
    assert made.tried.reading.made["number"] == entity.fields["number"]


async def test_the_command_tells_it_to_people_and_programs(
    build: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shared_url: str
) -> None:
    town, _ = await town_of_two(build)
    for name, value in {**town.lookup(), "HUB_DATABASE_URL": shared_url, "HUB_DATA_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    draft = tmp_path / "draft.yaml"
    draft.write_text(edited(CUSTOMERS, "remark: remark", "remark: {in: name}"), encoding="utf-8")
    for lang, words in (
        ("en", ("3 records read differently", "not said")),
        ("zh", ("3 条记录读出的结果不同", "未提及")),
    ):
        monkeypatch.setenv("HUB_LANG", lang)
        shown = run("map", "diff", str(draft), "--last", "50")
        assert shown[0] == 0, shown[1]
        assert all(word in shown[1] for word in words), shown[1]
    code, told = run("map", "diff", str(draft), "--json", "--sync", "left-customers")
    assert code == 0
    (stream,) = jsontext.loads(told)["streams"]
    assert (stream["shadow"]["touched"], stream["store"]["entities"], stream["shadow"]["nothing"]) == (3, 3, False)
    draft.write_text("mapping: customers", encoding="utf-8")
    assert run("map", "diff", str(draft))[0] == 1


def run(*args: str) -> tuple[int, str]:
    """The command in a thread of its own: it has an event loop of its own."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(CliRunner().invoke, cli, list(args)).result()
    return done.exit_code, done.output
