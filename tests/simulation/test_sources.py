"""S6: a source that lies about what it has deletes nothing and is never green. S11: a change of the records' shape is told,
and stands only its own flow still when it breaks."""

import os
import random
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from hub.sync import controls
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import Town
from tests.simulation import lists
from tests.simulation.listening import engine_for, health, known, only_run, parts, reading, settled, write_result
from tests.simulation.lists import VendorList
from tests.support.sdk import FixedClock

FULL = os.environ.get("HUB_TEST_FULL") == "1"
TIMES = 20
Bad = Callable[[httpx.Request, dict[str, Any]], httpx.Response | None]


# --- S6 ------------------------------------------------------------------------------------------------------------


def nothing(request: httpx.Request, body: dict[str, Any]) -> httpx.Response:
    return lists.answer({**body, "items": [], **({"total": 0} if "total" in body else {})})


def ill_in_the_middle(request: httpx.Request, body: dict[str, Any]) -> httpx.Response | None:
    return httpx.Response(502, text="bad gateway") if request.url.params.get("page") == "2" else None


def half(request: httpx.Request, body: dict[str, Any]) -> httpx.Response | None:
    whole = lists.answer(body)
    return httpx.Response(200, content=whole.content[: len(whole.content) // 2])


def login_page(request: httpx.Request, body: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, text="<html><form action=/login>", headers={"content-type": "text/html"})


def without_the_last_page(request: httpx.Request, body: dict[str, Any]) -> httpx.Response | None:
    return lists.answer({**body, "items": []}) if request.url.params.get("page") == "3" else None


def shrunk(request: httpx.Request, body: dict[str, Any]) -> httpx.Response:
    return lists.answer({**body, "items": [one for one in body["items"] if int(one["id"]) % 7]})


FAULTS: dict[str, Bad] = {
    "0 rows": nothing,
    "5xx in the middle": ill_in_the_middle,
    "half JSON": half,
    "login page": login_page,
    "last page lost": without_the_last_page,
    "shrunk list": shrunk,
}
S6: dict[str, dict[str, int]] = {}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_source_that_lies_deletes_nothing_and_is_never_green(build: Build, fault: str) -> None:
    """Whole readings, with and without a count, with and without a way to ask for one record, in turn."""
    vendor = VendorList(FixedClock(), size=20, cursor=False)
    town, engine = await reading(build, vendor)
    for number in range(1, 51):
        vendor.save(number, name=f"n{number}")
    await settled(town, engine)
    seen = {"times": 0, "deletes": 0, "green": 0, "untold": 0}
    for time in range(TIMES):
        vendor.bad = FAULTS[fault]
        await town.change("DELETE FROM pause")
        await town.change("UPDATE sync SET next_pull_at = NULL")
        vendor.told, vendor.single = time % 2 == 0, time % 4 < 2
        engine = await reconfigured(town, vendor)
        await settled(town, engine)
        row, run = await health(town), await only_run(town)
        seen["times"] += 1
        seen["green"] += run.state not in {"unverified", "failed", "held", "running"} or not (
            row["doubt"] or row["error"]
        )
        seen["untold"] += not (
            (row["doubt_zh"] or row["error_zh"]) and row["health"] in {"unverified", "failing", "paused"}
        )
        seen["deletes"] += len(await town.rows("SELECT 1 FROM link WHERE deleted_at IS NOT NULL"))
        vendor.bad = None
        await town.change("DELETE FROM pause")
        await settled(town, engine, minutes=6)
        row = await health(town)
        assert (row["doubt"], row["error"]) == (None, None), "and it is well again by itself"
    S6[fault] = seen
    assert seen == {"times": TIMES, "deletes": 0, "green": 0, "untold": 0}
    assert len(await known(town)) == 50


async def reconfigured(town: Town, vendor: VendorList) -> Engine:
    """The connection declares what the vendor gives from now on."""
    for part in parts(vendor)[:1]:
        (town.directory / "connections" / "list.yaml").write_text(lists.yaml_of(part.body))
    await town.configure()
    return await engine_for(town, vendor)


async def test_a_backfill_that_falls_short_of_the_count_is_begun_anew(build: Build) -> None:
    vendor = VendorList(FixedClock(), size=20, told=True)
    town, engine = await reading(build, vendor)
    for number in range(1, 51):
        vendor.save(number, name=f"n{number}")
    town.clock.advance(minutes=5)
    vendor.bad = lambda request, body: lists.answer({**body, "items": []}) if len(body["items"]) < vendor.size else None
    await settled(town, engine)
    row = await health(town)
    assert "50 records" in row["doubt"] and row["cursor"] is None
    vendor.bad = None
    await settled(town, engine, minutes=11)
    assert len(await known(town)) == 50 and (await health(town))["doubt"] is None


async def test_an_inclusive_question_that_is_answered_with_nothing_is_doubted(build: Build) -> None:
    vendor = VendorList(FixedClock())
    town, engine = await reading(build, vendor)
    vendor.save(1, name="one")
    await settled(town, engine, minutes=3)
    await settled(town, engine)
    assert (await health(town))["doubt"] is None
    vendor.bad = nothing
    await settled(town, engine)
    row, run = await health(town), await only_run(town)
    assert row["health"] == "unverified" and "nothing at all" in row["doubt"] and run.state == "unverified"
    for _ in range(5):
        await settled(town, engine)
    assert (await only_run(town)).id == run.id, "the same doubt is told once"
    vendor.bad = None
    await settled(town, engine)
    assert (await health(town))["doubt"] is None


async def test_a_delete_is_concluded_from_a_reading_that_proves_complete(build: Build) -> None:
    vendor = VendorList(FixedClock(), size=20, cursor=False, told=True)
    town, engine = await reading(build, vendor)
    for number in range(1, 101):
        vendor.save(number, name=f"n{number}")
    await settled(town, engine)
    for key in (3, 50):
        vendor.remove(key)
    await settled(town, engine)
    gone = await town.rows("SELECT key FROM link WHERE deleted_at IS NOT NULL ORDER BY key")
    assert [row.key for row in gone] == ["3", "50"]
    assert (await only_run(town)).gone == 2 and (await health(town))["doubt"] is None
    vendor.save(3, name="back")
    await settled(town, engine)
    assert [row.key for row in await town.rows("SELECT key FROM link WHERE deleted_at IS NOT NULL")] == ["50"]
    (entity,) = await town.rows("SELECT e.deleted_at FROM entity e JOIN link l ON l.entity_id = e.id WHERE l.key = '3'")
    assert entity.deleted_at is None


def test_s6_is_written_down() -> None:
    if len(S6) == len(FAULTS):
        totals = {name: sum(each[name] for each in S6.values()) for name in ("times", "deletes", "green", "untold")}
        write_result("S6", faults=len(FAULTS), **totals)


# --- S11 -----------------------------------------------------------------------------------------------------------

Drift = tuple[str, str, dict[str, Any], dict[str, Any]]
BASE: dict[str, Any] = {"name": "a", "note": "x", "amount": 5, "status": "open", "inner": {"city": "S"}, "extra": 1}
READS = """
mapping: things
kind: thing
key: id
fields:
  name: {path: name, required: yes}
  note: note
  amount: {path: amount, type: decimal}
  status: {path: status, enum: {open: open, closed: closed}, default: open}
  city: inner.city
"""
DRIFTS: tuple[tuple[str, str, str], ...] = (
    ("added", "harmless", "colour"),
    ("added", "harmless", "inner.zip"),
    ("vanished", "harmless", "extra"),
    ("vanished", "warning", "note"),
    ("vanished", "warning", "inner.city"),
    ("vanished", "breaking", "name"),
    ("retyped", "breaking", "name"),
    ("retyped", "breaking", "note"),
    ("retyped", "warning", "amount"),
    ("enum", "warning", "status"),
)
S11: dict[str, int] = {}


def drifted(what: str, path: str, number: int) -> dict[str, Any]:
    values = {**BASE, "name": f"d{number}", "inner": dict(BASE["inner"])}
    head, _, sub = path.partition(".")
    place, name = (values[head], sub) if sub else (values, head)
    match what:
        case "added":
            place[name] = "new"
        case "vanished":
            del place[name]
        case "enum":
            place[name] = "frozen"
        case _:
            place[name] = {"amount": "12", "name": 7, "note": {"text": "x"}}[path]
    return values


@pytest.mark.parametrize("seed", range(4 if not FULL else 40))
@pytest.mark.parametrize(("what", "weight", "path"), DRIFTS)
async def test_a_change_of_shape_is_told_and_stops_only_its_flow(
    build: Build, what: str, weight: str, path: str, seed: int
) -> None:
    fields = dict.fromkeys(("name", "note", "status", "city"), "text") | {"amount": "decimal"}
    vendor, rng = VendorList(FixedClock(), size=50), random.Random(seed)
    (connection, sync, _) = parts(vendor)
    other = type(sync)("syncs", "others", {**sync.body, "sync": "others", "stream": "others"})  # type: ignore[dict-item]
    config = vendor.config()
    config["streams"]["others"] = config["streams"]["rows"]
    connection = type(connection)("connections", "list", {**connection.body, "config": config})  # type: ignore[dict-item]
    kind = type(sync)("kinds", "thing", {"kind": "thing", "fields": fields})
    town, _ = await build(connection, sync, other, kind, mappings=(READS,))
    vendor.clock = town.clock
    engine = await engine_for(town, vendor)
    for number in range(40):
        vendor.save(number + 1, **{**BASE, "name": f"n{number}", "status": rng.choice(["open", "closed"])})
    await settled(town, engine, minutes=4)
    await town.change("UPDATE sync SET next_pull_at = 'infinity' WHERE name = 'others'")
    for number in range(60, 70):
        vendor.save(number, **drifted(what, path, number))
    before = len(await known(town))
    await settled(town, engine)
    (told,) = await town.rows("SELECT * FROM schema_change WHERE stream = 'rows'")
    assert (told.what, told.weight, told.path) == (what, weight, path)
    assert path in told.sentence and path in told.sentence_zh
    pauses = await town.rows("SELECT stream, reason, error FROM pause")
    if weight != "breaking":
        rows = await town.rows("SELECT count(*) AS n FROM inbox WHERE stream = 'rows'")
        assert pauses == [] and rows[0].n == before + 10
        S11[weight] = S11.get(weight, 0) + 1
        return
    assert [(row.stream, row.reason) for row in pauses] == [("rows", "SchemaDrift")] and path in pauses[0].error
    assert len(await known(town)) == before, "the page is not kept"
    await town.change("UPDATE sync SET next_pull_at = NULL WHERE name = 'others'")
    await town.change("DELETE FROM stream_sketch WHERE stream = 'others'")
    await settled(town, engine)
    assert (await town.rows("SELECT failures FROM sync WHERE name = 'others'"))[0].failures == 0, "the rest goes on"
    await settled(town, engine, minutes=6)
    assert len(await town.rows("SELECT 1 FROM pause")) == 1, "tried again, and still so"
    assert len(await town.rows("SELECT 1 FROM schema_change WHERE stream = 'rows'")) == 1, "told once"
    async with town.db.begin("accept") as conn:
        assert await controls.accept_schema(conn, "rows", "anna", town.clock.now()) == 1
    await settled(town, engine)
    rows = await town.rows("SELECT count(*) AS n FROM inbox WHERE stream = 'rows'")
    assert await town.rows("SELECT 1 FROM pause") == [] and rows[0].n == before + 10
    S11[weight] = S11.get(weight, 0) + 1


def test_s11_is_written_down() -> None:
    if sum(S11.values()) == len(DRIFTS) * (40 if FULL else 4):
        write_result("S11", drifts=sum(S11.values()), **S11)
