"""S13: what is changed, dropped or added behind the hub's back, in either system, is found in one comparison, without a
false one, and repaired in the direction of the field's owner."""

import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from hub.sdk.records import Page
from hub.sync import drift_desk, views
from hub.sync.desk import DeskError, Person
from hub.sync.drift_desk import Chosen
from hub.sync.engine import Engine
from hub.sync.reconcile_turn import next_time
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Part, Town, connection, owners, sync
from tests.support.results import size, write_result

SIDES = ("left", "right")
LAST = "the last one"
OLD = "2020-01-01T00:00:00.000Z"
OWNERS = owners("customer", phone="right", email="left", remark="latest")
PARTS = (
    connection("left"),
    connection("right"),
    OWNERS,
    sync("left-customers"),
    sync("right-customers", recreate=True),
)


async def pair_town(build: Build, count: int, *parts: Part) -> tuple[Town, Engine]:
    """So many customers, in both systems, all quiet."""
    town, engine = await build(*(parts or PARTS))
    for there in town.rest.values():
        there.settings.calls = 10**9
    for number in range(count):
        town.save("left", **customer(number))
    await town.again(engine, 3)
    for record in list(town.rest["right"].tables["customers"].values()):
        town.save("right", "customers", record["id"], phone="1")
    await town.again(engine, 6, seconds=30)
    # The last ones changed are read by every pull: behind these two nothing is.
    for side in SIDES:
        town.save(side, **customer(10**7 + SIDES.index(side)), remark=LAST)
        await town.again(engine, 4, seconds=60)
    assert [len(town.table(side)) for side in SIDES] == [count + 2, count + 2]
    assert not await open_drifts(town)
    return town, engine


def customer(number: int) -> dict[str, Any]:
    return {"name": f"客户{number}", "uscc": f"91{number:016d}", "email": f"a{number}@x.cn"}


@dataclass
class Behind:
    """Somebody in the database of a system: no stamp moves, nobody is called."""

    town: Town
    made: int = 0
    done: set[tuple[str, str, str]] = field(default_factory=set)  # side, what, key

    def change(self, side: str, key: str, **values: Any) -> None:
        table = self.town.rest[side].tables["customers"]
        table[key] = {**table[key], **values}
        self.done.add((side, "different", key))

    def drop(self, side: str, key: str) -> None:
        del self.town.rest[side].tables["customers"][key]
        self.done.add((side, "missing_there", key))

    def add(self, side: str) -> str:
        there = self.town.rest[side]
        there.count += 1
        self.made += 1
        key = str(there.count)
        record = {**customer(10**6 + self.made), "id": key, "version": 1, "updated_at": OLD}
        there.tables["customers"][key] = record
        self.done.add((side, "missing_here", key))
        return key


async def open_drifts(town: Town, state: str = "open") -> list[Any]:
    return await town.rows("SELECT * FROM drift WHERE state = :state ORDER BY id", state=state)


async def reconcile(town: Town, engine: Engine, *names: str, most: int = 60) -> list[Any]:
    """Compare now, and work until the runs are through."""
    names = names or tuple(f"{side}-customers" for side in SIDES)
    person = Person("operator", town.clock.now())
    async with town.db.begin("ask") as conn:
        runs = [await drift_desk.reconcile_now(conn, engine.configuration, name, person) for name in names]
    for _ in range(most):
        await town.again(engine)
        rows = await town.rows("SELECT * FROM run WHERE id = ANY(:ids) ORDER BY id", ids=runs)
        if all(row.state != "running" for row in rows):
            return rows
    raise AssertionError(f"still running: {rows}")


async def repair_all(town: Town, engine: Engine, choice: drift_desk.Choice | None = None) -> int:
    person = Person("operator", town.clock.now())
    async with town.db.begin("repair") as conn:
        done = await drift_desk.repair(conn, engine.configuration, Chosen(), choice, person)
    await town.again(engine, 12)
    return len(done)


def keys_of(town: Town, side: str) -> list[str]:
    table = town.rest[side].tables["customers"]
    return sorted((key for key, record in table.items() if record.get("remark") != LAST), key=int)


def address(town: Town, side: str, key: str) -> Any:
    return town.rest[side].tables["customers"][key]["email"]


def quiet_keys(town: Town, side: str, taken: set[str]) -> list[str]:
    """Of records that nobody has touched in either system."""
    table = town.rest[side].tables["customers"]
    return [key for key in keys_of(town, side) if table[key]["uscc"] not in taken]


def told(rows: list[Any]) -> set[tuple[str, str, str]]:
    return {(row.connection, row.what, row.key) for row in rows}


async def health(town: Town, name: str) -> dict[str, Any]:
    async with town.db.read() as conn:
        return next(row for row in await views.syncs(conn, town.clock.now()) if row["name"] == name)


def inject(town: Town, behind: Behind, count: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Of each sort so many, half of them in either system; fields that this system owns, and fields it does not."""
    rng = random.Random(13)
    changed: dict[tuple[str, str], dict[str, Any]] = {}
    taken: set[str] = set()
    for side in SIDES:
        table = town.rest[side].tables["customers"]
        some = rng.sample(quiet_keys(town, side, taken), count)
        taken |= {table[key]["uscc"] for key in some}
        for number, key in enumerate(some[: count // 2]):
            mine = ("phone", "email") if side == "right" else ("email", "phone")
            name = mine[number % 2]
            changed[side, key] = {"field": name, "owned": number % 2 == 0, "was": table[key].get(name)}
            behind.change(side, key, **{name: f"{side} {key}"})
        for key in some[count // 2 :]:
            behind.drop(side, key)
        for _ in range(count // 2):
            behind.add(side)
    return changed


async def test_injected_drift(build: Build) -> None:
    count = size(100, 1000)
    town, engine = await pair_town(build, count * 3)
    behind = Behind(town)
    changed = inject(town, behind, count)
    uscc = {(side, key): town.rest[side].tables["customers"][key]["uscc"] for side, key in changed}
    await town.again(engine, 3)
    assert not await open_drifts(town), "the ordinary way brings none of it"
    runs = await reconcile(town, engine)
    found = told(await open_drifts(town))
    counts: dict[str, Any] = {
        "injected": len(behind.done),
        "found": len(found & behind.done),
        "false": len(found - behind.done),
        "cycles": 1,
        **Counter(what for _, what, _ in found),
    }
    assert [run.state for run in runs] == ["done", "done"]
    counts["repair_asked"] = await repair_all(town, engine)
    left = [*await open_drifts(town), *await open_drifts(town, "repairing")]
    counts["repaired"] = counts["repair_asked"] - len(left)
    right = {row["uscc"]: row for row in town.table("right")}
    here = {row["uscc"]: row for row in town.table("left")}
    counts["wrong_direction"] = 0
    for (side, key), how in changed.items():
        wanted = f"{side} {key}" if how["owned"] else how["was"]
        values = {row[uscc[side, key]].get(how["field"]) for row in (here, right)}
        counts["wrong_direction"] += values != {wanted}
    again = await reconcile(town, engine)
    counts["drifts_after"] = sum(run.changed for run in again)
    write_result("S13", counts)
    assert counts["found"] == counts["injected"] == 6 * (count // 2)
    assert counts["false"] == 0
    assert counts["repaired"] == counts["repair_asked"] == counts["injected"]
    assert counts["wrong_direction"] == 0
    assert counts["drifts_after"] == 0
    for side in SIDES:
        assert (await health(town, f"{side}-customers"))["health"] == "reconciled"


async def test_traffic_is_no_drift(build: Build) -> None:
    """Users write in both systems at every call the hub makes; only what was done behind its back is told."""
    town, engine = await pair_town(build, size(60, 600))
    rng, behind, saved = random.Random(7), Behind(town), 0
    untouched = set(rng.sample(keys_of(town, "left"), 10))
    for key in untouched:
        behind.change("left", key, email=f"behind {key}")
    spared = {town.rest["left"].tables["customers"][key]["uscc"] for key in untouched}

    async def users(request: httpx.Request) -> None:
        nonlocal saved
        if request.method != "GET" or saved >= 150:
            return
        saved += 1
        side = rng.choice(SIDES)
        if rng.random() < 0.2:
            town.save(side, **customer(5 * 10**6 + saved))
            return
        table = town.rest[side].tables["customers"]
        mine = "phone" if side == "right" else "email"
        key = rng.choice([key for key in keys_of(town, side) if table[key]["uscc"] not in spared])
        town.save(side, "customers", key, **{rng.choice((mine, "remark")): f"{side} {saved}"})

    town.meanwhile = users
    runs = await reconcile(town, engine, most=120)
    town.meanwhile = None
    found = told(await open_drifts(town))
    counts = {"saved_meanwhile": saved, "found": len(found & behind.done), "false": len(found - behind.done)}
    write_result("S13-traffic", {**counts, "states": [run.state for run in runs]})
    assert saved > 50
    assert found == behind.done


class Killed(BaseException):
    """The process dies."""


async def test_a_killed_run_goes_on_where_it_stood(build: Build) -> None:
    town, engine = await pair_town(build, 260)
    behind = Behind(town)
    behind.change("left", keys_of(town, "left")[3], email="behind")
    behind.drop("left", keys_of(town, "left")[200])
    async with town.db.begin("ask") as conn:
        person = Person("operator", town.clock.now())
        run = await drift_desk.reconcile_now(conn, engine.configuration, "left-customers", person)
    calls = 0

    async def die(request: httpx.Request) -> None:
        nonlocal calls
        calls += bool(calls) or "updated_since" not in request.url.params  # a whole reading begins so
        if calls == 4:
            raise Killed

    town.meanwhile = die
    with pytest.raises(BaseException) as raised:
        await town.again(engine, 1, seconds=1)
    assert raised.group_contains(Killed) if isinstance(raised.value, BaseExceptionGroup) else raised.type is Killed
    town.meanwhile = None
    (row,) = await town.rows("SELECT * FROM run WHERE id = :id", id=run)
    kept = row.pages
    assert (row.state, row.detail["phase"]) == ("running", "read")
    assert kept in (2, 3)
    begun = 0

    async def count(request: httpx.Request) -> None:
        nonlocal begun
        begun += request.url.path == "/api/customers" and "updated_since" not in request.url.params

    fresh = await town.engine()
    town.meanwhile = count
    await town.again(fresh, 30)
    (row,) = await town.rows("SELECT * FROM run WHERE id = :id", id=run)
    assert row.state == "done"
    assert told(await open_drifts(town)) == behind.done
    assert not await town.count("reconcile_seen")
    assert begun == 1, "only the list of keys, since one is missing; the reading went on behind the pages it had kept"


class Bare:
    """A stream with less than it could do; `total`: what it says of how many there are."""

    def __init__(self, inner: Any, *verbs: str, total: int | None = None) -> None:
        self.name, self.schema, self.grade, self.settle = inner.name, inner.schema, inner.grade, inner.settle
        self._inner, self._total = inner, total
        for verb in verbs:
            setattr(self, verb, getattr(inner, verb))

    async def pull(self, ctx: Any, cursor: str | None) -> AsyncIterator[Page]:
        async for page in self._inner.pull(ctx, cursor):
            yield replace(page, total=None if cursor else self._total)


def lessen(engine: Engine, *verbs: str, total: int | None = None) -> None:
    """The left system can only pull, and these."""
    streams = engine.configuration.connections["left"].streams
    object.__setattr__(
        engine.configuration.connections["left"],
        "streams",
        {**streams, "customers": Bare(streams["customers"], *verbs, total=total)},
    )


async def injected_left(build: Build) -> tuple[Town, Engine, Behind]:
    town, engine = await pair_town(build, 60)
    behind = Behind(town)
    behind.change("left", keys_of(town, "left")[3], email="behind")
    behind.drop("left", keys_of(town, "left")[20])
    behind.add("left")
    return town, engine, behind


@pytest.mark.parametrize(
    ("verbs", "total", "complete"),
    [
        (("fetch", "push"), None, False),
        (("fetch", "push"), 62, True),
        (("fetch", "push"), 70, False),
        (("push",), 62, True),
        (("push",), None, False),
        (("keys", "push"), None, True),
    ],
)
async def test_missing_there_needs_a_complete_reading(
    build: Build, verbs: tuple[str, ...], total: int | None, complete: bool
) -> None:
    town, engine, behind = await injected_left(build)
    lessen(engine, *verbs, total=total)
    (run,) = await reconcile(town, engine, "left-customers")
    found = told(await open_drifts(town))
    certain = {each for each in behind.done if each[1] != "missing_there"}
    assert found == (behind.done if complete else certain)
    assert run.state == ("done" if complete else "unverified")
    row = await health(town, "left-customers")
    assert row["health"] == "drifting"
    assert (row["reconciled_at"] is not None) is complete
    async with town.db.begin("dismiss") as conn:
        await drift_desk.dismiss(conn, Chosen(sync="left-customers"), "known", Person("operator", town.clock.now()))
    row = await health(town, "left-customers")
    assert row["health"] == ("reconciled" if complete else "unverified")
    assert row["health_reason"]
    assert row["health_reason_zh"]


async def test_nothing_at_all_is_no_loss(build: Build) -> None:
    town, engine = await pair_town(build, 20)
    kept = dict(town.rest["left"].tables["customers"])
    town.rest["left"].tables["customers"].clear()
    async with town.db.begin("ask") as conn:
        await drift_desk.reconcile_now(
            conn, engine.configuration, "left-customers", Person("operator", town.clock.now())
        )
    await town.again(engine, 12)
    assert not await open_drifts(town)
    assert (await health(town, "left-customers"))["health"] == "unverified"
    town.rest["left"].tables["customers"].update(kept)
    (run,) = await reconcile(town, engine, "left-customers")
    assert run.state == "done"
    assert (await health(town, "left-customers"))["health"] == "reconciled"


async def test_dismissed_stays_so_until_it_is_another(build: Build) -> None:
    town, engine = await pair_town(build, 10)
    behind, key = Behind(town), keys_of(town, "right")[0]
    before = address(town, "right", key)
    behind.change("right", key, email="other")
    await reconcile(town, engine)
    (found,) = await open_drifts(town)
    assert [{**each} for each in found.fields] == [
        {"field": "email", "here": before, "there": "other", "owner": "left", "direction": "out"}
    ]
    async with town.db.begin("dismiss") as conn:
        person = Person("operator", town.clock.now())
        with pytest.raises(DeskError, match="reason"):
            await drift_desk.dismiss(conn, Chosen(ids=[found.id]), " ", person)
        assert await drift_desk.dismiss(conn, Chosen(ids=[found.id]), "theirs is nicer", person) == [found.id]
    await reconcile(town, engine)
    assert not await open_drifts(town)
    assert (await health(town, "right-customers"))["health"] == "reconciled"
    behind.change("right", key, email="yet another")
    await reconcile(town, engine)
    assert told(await open_drifts(town)) == {("right", "different", key)}
    acts = [row.act for row in await town.rows("SELECT act FROM audit WHERE act LIKE 'drift.%' ORDER BY id")]
    assert acts == ["drift.dismiss"]


async def test_what_the_owner_overrules_is_no_drift(build: Build) -> None:
    """A user fills in what the other system owns: it is put right there, and both sides agree."""
    town, engine = await pair_town(build, 5)
    key = keys_of(town, "right")[0]
    before = address(town, "right", key)
    town.save("right", "customers", key, email="as the right would have it")
    await town.again(engine, 5)
    await reconcile(town, engine)
    assert not await open_drifts(town)
    assert address(town, "right", key) == before


async def test_a_drift_that_mends_itself_closes(build: Build) -> None:
    town, engine = await pair_town(build, 10)
    behind, key = Behind(town), keys_of(town, "right")[0]
    before = address(town, "right", key)
    behind.change("right", key, email="other")
    await reconcile(town, engine)
    assert (await health(town, "right-customers"))["health"] == "drifting"
    behind.change("right", key, email=before)
    await reconcile(town, engine)
    assert not await open_drifts(town)
    (row,) = await open_drifts(town, "closed")
    assert row.note == "both sides agree"


async def test_an_accepted_spelling_is_no_drift(build: Build) -> None:
    town, engine = await pair_town(build, 10)
    behind, key = Behind(town), keys_of(town, "right")[0]
    ours = town.rest["right"].tables["customers"][key]["name"]
    theirs = ours.replace("客户", "客户 ")
    behind.change("right", key, name=theirs)
    spelled = {"name": {"ours": ours, "theirs": theirs, "again": True}}
    await town.change(
        "UPDATE link SET accepted = CAST(:spelled AS jsonb) WHERE connection = 'right' AND key = :key",
        spelled=json.dumps(spelled),
        key=key,
    )
    await reconcile(town, engine)
    assert not await open_drifts(town)


WITH_WHERE = CUSTOMERS.replace("kind: customer", "kind: customer\nwhere: status != 'draft'")


async def test_what_the_mapping_leaves_out_does_not_count(build: Build) -> None:
    town, engine = await build(*PARTS, mappings=(WITH_WHERE,))
    town.save("left", **customer(1))
    town.save("left", **customer(2))
    await town.again(engine, 6, seconds=60)
    behind = Behind(town)
    key = behind.add("left")
    behind.change("left", key, status="draft")
    await reconcile(town, engine)
    assert not await open_drifts(town)


@pytest.mark.parametrize("choice", ["accept", "recreate", None])
async def test_missing_there_by_choice(build: Build, choice: drift_desk.Choice | None) -> None:
    """Its maker's delete is a delete, unless a person wants it back; nobody gets anything twice."""
    town, engine = await pair_town(build, 10)
    behind, key = Behind(town), keys_of(town, "left")[0]
    gone = town.rest["left"].tables["customers"][key]["uscc"]
    behind.drop("left", key)
    await reconcile(town, engine)
    assert await repair_all(town, engine, choice) == 1
    there = [row["uscc"] for row in town.table("left")]
    assert there.count(gone) == (1 if choice == "recreate" else 0)
    (row,) = await open_drifts(town, "closed")
    assert row.note == "repaired: both sides agree"
    (entity,) = await town.rows(
        "SELECT e.deleted_at FROM entity e JOIN k_customer k ON k.id = e.id WHERE k.uscc = :uscc", uscc=gone
    )
    assert (entity.deleted_at is None) is (choice == "recreate")
    runs = await reconcile(town, engine)
    assert [run.changed for run in runs] == [0, 0]


async def test_who_creates_nothing_cannot_be_asked_to(build: Build) -> None:
    parts = (connection("left"), connection("right"), sync("left-customers", direction="in"), sync("right-customers"))
    town, engine = await build(*parts)
    for number in range(3):
        town.save("left", **customer(number))
    await town.again(engine, 6, seconds=60)
    Behind(town).drop("left", keys_of(town, "left")[0])
    await reconcile(town, engine)
    async with town.db.begin("repair") as conn:
        with pytest.raises(DeskError, match="creates nothing there"):
            await drift_desk.repair(
                conn, engine.configuration, Chosen(sync="left-customers"), "recreate", Person("o", town.clock.now())
            )


async def test_a_record_that_went_back_is_repaired(build: Build) -> None:
    """A backup restored there: the record is older than the one we know, and a person wants it all the same."""
    town, engine = await pair_town(build, 10)
    key = keys_of(town, "left")[0]
    Behind(town).change("left", key, email="from the backup", updated_at=OLD)
    await town.again(engine, 3)
    await reconcile(town, engine)
    assert told(await open_drifts(town)) == {("left", "different", key)}
    await repair_all(town, engine)
    assert not await open_drifts(town)
    assert "from the backup" in {row.get("email") for row in town.table("right")}


async def test_it_comes_by_itself_at_its_own_time(build: Build) -> None:
    hourly = tuple(sync(f"{side}-customers", reconcile="1h") for side in SIDES)
    town, engine = await pair_town(build, 5, connection("left"), connection("right"), OWNERS, *hourly)
    starts: dict[str, list[Any]] = {}
    for _ in range(24):
        await town.again(engine, 1, minutes=10)
    for row in await town.rows("SELECT sync, started_at FROM run WHERE what = 'reconcile' ORDER BY id"):
        starts.setdefault(row.sync, []).append(row.started_at)
    assert {name: len(found) for name, found in starts.items()} == {f"{side}-customers": 4 for side in SIDES}
    assert (await health(town, "left-customers"))["health"] == "reconciled"
    await town.change("UPDATE sync SET reconcile_at = NULL, mode = 'live'")
    town.clock.advance(hours=3)
    assert (await health(town, "left-customers"))["health"] == "unverified", "too long ago"


def test_times_are_stable_and_spread() -> None:
    now, day = datetime(2026, 3, 1, 5, tzinfo=UTC), timedelta(days=1)
    names = [f"sync-{number}" for number in range(200)]
    times = {name: next_time(name, day, now) for name in names}
    assert all(now < at <= now + day for at in times.values())
    assert all(abs(next_time(name, day, at) - at - day) < timedelta(seconds=1) for name, at in times.items())
    assert len({at.hour for at in times.values()}) == 24


async def test_a_repair_that_is_refused_is_open_again_and_says_why(build: Build) -> None:
    town, engine = await pair_town(build, 5)
    key = keys_of(town, "right")[0]
    before = address(town, "right", key)
    Behind(town).change("right", key, email="other")
    await reconcile(town, engine)
    town.refuse("right", "Rejected", str(before), times=50)
    await repair_all(town, engine)
    (row,) = await open_drifts(town)
    assert "hub failed" in row.note
    assert "hub failed" in row.note_zh
    assert (await health(town, "right-customers"))["health"] == "failing"
    town.rest["right"].faults.clear()
    await town.change("UPDATE delivery SET state = 'due', attempts = 0 WHERE state = 'parked'")
    await repair_all(town, engine)
    assert not await open_drifts(town)


async def test_never_is_only_by_command(build: Build) -> None:
    seldom = tuple(sync(f"{side}-customers", reconcile="never") for side in SIDES)
    town, engine = await pair_town(build, 3, connection("left"), connection("right"), OWNERS, *seldom)
    await town.again(engine, 4, hours=30)
    assert not await town.rows("SELECT 1 FROM run WHERE what = 'reconcile'")
    (run,) = await reconcile(town, engine, "left-customers")
    assert run.state == "done"
    await town.again(engine, 2, hours=30)
    assert len(await town.rows("SELECT 1 FROM run WHERE what = 'reconcile'")) == 1
