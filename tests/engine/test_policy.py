"""What every error class does to a record, to its neighbours and to the scope it came from; and when that ends."""

import random
from datetime import timedelta
from typing import Any

import pytest

from connectors.rest import reading
from hub.mapping import RecordError
from hub.sdk.errors import (
    AuthFailed,
    Busy,
    ConfigInvalid,
    Conflict,
    NotFound,
    Rejected,
    Throttled,
    Unavailable,
    Uncertain,
)
from hub.sync import desk
from hub.sync.engine import Engine
from hub.sync.pauses import pause_by_person
from hub.sync.policy import MAX_ATTEMPTS, MAX_BUSY, MAX_IN_HAND, POLICY, Decision, Standing, decide
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Town, connection, owners, sync
from tests.support.sdk import START

PLAIN = (
    connection("left"),
    connection("right"),
    sync("left-customers"),
    sync("right-customers", direction="out"),
)
ONE_BY_ONE = [{"interface": "*", "concurrency": 1}]
BAD = '"name":"bad"'
"""Stands in the create of the customer called so."""
MAPPING_ERROR = RecordError("total", "FTotal", "x", "amount", {})


def decided(error: BaseException, **standing: Any) -> Decision:
    fresh = {"attempts": 0, "in_hand": 0, "busy_since": None, "others_pass": False, "pause_failures": 0}
    return decide(error, Standing(**{**fresh, **standing}), START, random.Random(1))


@pytest.mark.parametrize(
    ("error", "state", "counts", "pauses"),
    [
        (Throttled("slow down", retry_after=7), "due", 0, ""),
        (Throttled("slow down", scope="orders"), "due", 0, "orders"),
        (Unavailable("away"), "due", 0, ""),
        (AuthFailed("who are you"), "due", 0, ""),
        (AuthFailed("not you", scope="orders"), "due", 0, "orders"),
        (ConfigInvalid("no such form", scope="orders"), "due", 0, "orders"),
        (Busy("locked", retry_after=9), "due", 0, None),
        (Rejected("no"), "parked", 1, None),
        (MAPPING_ERROR, "parked", 1, None),
        (NotFound("gone"), "parked", 1, None),
        (Conflict("changed"), "due", 1, None),
        (Uncertain("who knows"), "due", 0, None),
        (ZeroDivisionError("ours"), "due", 1, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_the_table(error: BaseException, state: str, counts: int, pauses: str | None) -> None:
    decision = decided(error)
    assert (decision.state, decision.attempts) == (state, counts)
    assert (decision.pause.stream if decision.pause else None) == pauses
    assert decision.look_up == isinstance(error, Uncertain)
    assert decision.in_hand == isinstance(error, Unavailable | Uncertain)
    assert decision.due_at > START


def test_every_error_class_has_its_line() -> None:
    assert [kind.__name__ for kind, _ in POLICY][-1] == "Exception", "the last line takes what no other names"
    assert len({kind for kind, _ in POLICY}) == len(POLICY) == 11


@pytest.mark.parametrize(("error", "seconds"), [(Throttled("", retry_after=7), 7), (Busy("", retry_after=9), 9)])
def test_the_vendors_own_time_is_kept(error: BaseException, seconds: int) -> None:
    assert decided(error).due_at == START + timedelta(seconds=seconds)


def test_what_costs_no_attempt_is_bounded_otherwise() -> None:
    last = MAX_IN_HAND - 1
    assert decided(Unavailable(""), in_hand=last, others_pass=True).state == "parked"
    assert decided(Unavailable(""), in_hand=last).state == "due", "nobody gets through: it is not this record"
    assert decided(Uncertain(""), in_hand=last).state == "parked"
    assert decided(Busy(""), busy_since=START - MAX_BUSY).state == "parked"
    assert decided(Busy(""), busy_since=START - MAX_BUSY + timedelta(seconds=1)).state == "due"
    assert decided(Conflict(""), attempts=MAX_ATTEMPTS - 1).state == "parked"


async def three_customers(build: Build, *names: str) -> tuple[Town, Engine]:
    """Written one by one: what comes after the bad one has not been sent when its answer is here."""
    right = connection("right")
    right.body["limits"] = ONE_BY_ONE  # type: ignore[index]
    town, engine = await build(PLAIN[0], right, *PLAIN[2:])
    for name in names or ("good", "bad", "well"):
        town.save("left", name=name)
    return town, engine


async def bad_one(town: Town, engine: Engine) -> Any:
    (entity,) = [each for each in await town.entities(engine, "customer") if each.fields["name"] == "bad"]
    return await town.delivery(entity_id=entity.id)


async def paused_scopes(town: Town) -> set[tuple[str, str]]:
    return {(row.connection, row.stream) for row in await town.rows("SELECT connection, stream FROM pause")}


CONNECTION, STREAM = {("right", "")}, {("right", "customers")}


@pytest.mark.parametrize(
    ("error", "state", "pauses"),
    [
        ("Throttled", "due", CONNECTION),
        ("Unavailable", "due", CONNECTION),
        ("AuthFailed", "due", STREAM),
        ("ConfigInvalid", "due", STREAM),
        ("Busy", "due", set()),
        ("Rejected", "parked", set()),
        ("NotFound", "parked", set()),
        ("Conflict", "due", set()),
        ("Uncertain", "due", set()),
    ],
)
async def test_a_push_that_fails(build: Build, error: str, state: str, pauses: set[Any]) -> None:
    """What failed there pauses its scope; what failed for the record concerns it alone; then it goes through."""
    town, engine = await three_customers(build)
    town.refuse("right", error, match=BAD)
    await town.work(engine)
    row = await bad_one(town, engine)
    assert (row.state, row.error_class) == (state, error)
    assert row.error == "as the test wants it" and row.error_zh
    assert await paused_scopes(town) == pauses
    there = {record["name"] for record in town.table("right")}
    assert there == ({"good"} if pauses else {"good", "well"}), "neighbours go on, unless the door is closed to all"
    if state == "parked":
        async with town.db.begin("retry") as conn:
            await desk.retry(conn, "delivery", [row.id], "anna", town.clock.now())
    await town.again(engine, 4, minutes=3)
    assert await paused_scopes(town) == set()
    expected = "parked" if error == "Uncertain" else "done"  # nothing was created, and nobody can be sure
    assert (await bad_one(town, engine)).state == expected
    assert len(town.table("right")) == (2 if error == "Uncertain" else 3)


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        ("Throttled", ""),
        ("Unavailable", ""),
        ("AuthFailed", "customers"),
        ("ConfigInvalid", "customers"),
        ("Busy", None),
        ("Rejected", None),
        ("NotFound", None),
        ("Conflict", None),
        ("Uncertain", None),
    ],
)
async def test_a_pull_that_fails(build: Build, error: str, pauses: str | None) -> None:
    town, engine = await three_customers(build)
    town.refuse("left", error, match="/api/customers")
    await town.work(engine)
    (row,) = await town.rows("SELECT * FROM sync WHERE name = 'left-customers'")
    assert row.failures == 1 and row.error == "as the test wants it" and row.lease_until is None
    (run,) = await town.rows("SELECT state, error FROM run")
    # A first reading that is only cut off is the same one when it goes on.
    assert tuple(run) == ("failed" if pauses is None else "running", "as the test wants it")
    assert await paused_scopes(town) == (set() if pauses is None else {("left", pauses)})
    await town.again(engine, 4, minutes=3)
    (row,) = await town.rows("SELECT failures, error FROM sync WHERE name = 'left-customers'")
    assert tuple(row) == (0, None)
    assert len(town.table("right")) == 3 and await paused_scopes(town) == set()


async def test_a_fault_of_ours_in_a_pull_is_said_and_stops_nobody(build: Build, monkeypatch: Any) -> None:
    town, engine = await build(*PLAIN, sync("left-products", "products", "products", direction="in"), mappings=MAPS)
    town.save("left", name="云帆")
    town.save("left", "products", number="P1", name="pump")
    works = reading._sheet

    async def broken(ctx: Any, name: str, *more: Any) -> Any:
        if name == "customers":
            raise ZeroDivisionError("ours")
        return await works(ctx, name, *more)

    monkeypatch.setattr(reading, "_sheet", broken)
    await town.work(engine)
    assert len(await town.entities(engine, "product")) == 1
    (row,) = await town.rows("SELECT failures, error FROM sync WHERE name = 'left-customers'")
    assert row.failures == 1 and "a fault of ours" in row.error
    monkeypatch.setattr(reading, "_sheet", works)
    await town.again(engine, minutes=1)
    assert len(await town.entities(engine, "customer")) == 1


PRODUCTS = """
mapping: products
kind: product
key: id
match: [[number]]
fields: {number: number, name: name}
"""
MAPS = (CUSTOMERS, PRODUCTS)


async def test_one_bad_record_among_many_parks_alone(build: Build) -> None:
    names = [f"n{number}" for number in range(20)]
    town, engine = await three_customers(build, *names[:10], "bad", *names[10:])
    town.refuse("right", "Rejected", match=BAD, times=9)
    await town.again(engine, 2)
    assert {record["name"] for record in town.table("right")} == set(names)
    states = await town.states()
    assert (states["delivery done"], states["delivery parked"]) == (20, 1)
    (tried,) = await town.rows("SELECT count(*) AS n FROM attempt WHERE outcome = 'Rejected'")
    assert tried.n == 1, "it is not tried again by itself"


async def test_a_record_that_makes_the_other_side_ill_is_parked_while_others_get_through(build: Build) -> None:
    town, engine = await three_customers(build)
    town.refuse("right", "Unavailable", match=BAD, times=99)
    for number in range(6):
        town.save("left", name=f"later {number}")
        await town.again(engine, minutes=1)
    row = await bad_one(town, engine)
    assert (row.state, row.error_class, row.attempts) == ("parked", "Unavailable", 0)
    # One more where the others' success was not on record yet.
    assert row.in_hand in {MAX_IN_HAND, MAX_IN_HAND + 1}
    assert len(town.table("right")) == 8 and await paused_scopes(town) == set()


async def test_a_record_is_not_blamed_while_nobody_gets_through(build: Build) -> None:
    town, engine = await three_customers(build, "bad")
    town.refuse("right", "Unavailable", match=BAD, times=8)
    await town.again(engine, 6, minutes=1)
    assert (await bad_one(town, engine)).state == "due"
    await town.again(engine, 5, minutes=1)
    assert (await bad_one(town, engine)).state == "done"


async def test_a_locked_record_waits_alone_and_not_for_ever(build: Build) -> None:
    town, engine = await three_customers(build)
    await town.again(engine)
    locked = next(record for record in town.table("right") if record["name"] == "bad")
    town.save("right", "customers", locked["id"], locked=True)
    for key in ("1", "2", "3"):
        town.save("left", "customers", key, phone="5")
    await town.again(engine)
    row = await bad_one(town, engine)
    assert (row.state, row.error_class, row.attempts) == ("due", "Busy", 0)
    assert row.due_at == town.clock.now() + timedelta(seconds=30), "when the other side said"
    assert (await town.states())["delivery done"] == 2
    await town.again(engine, hours=3)
    assert (await bad_one(town, engine)).state == "due"
    await town.again(engine, hours=1)
    assert (await bad_one(town, engine)).state == "parked"


async def test_a_record_that_changed_there_is_read_merged_and_pushed_again(build: Build) -> None:
    """The tag we send is that of the version we know; a user there has saved meanwhile."""
    tagged = CUSTOMERS + "  custom.tag: {in: version, type: integer}\n"
    town, engine = await build(
        connection("left"),
        connection("right"),
        sync("left-customers"),
        sync("right-customers", every="1h"),
        owners("customer", email="right"),
        mappings=(tagged,),
    )
    town.save("left", name="云帆")
    await town.work(engine)
    town.save("right", "customers", "1", email="new@example.com")
    town.save("left", "customers", "1", phone="9")
    await town.again(engine)
    tries = await town.rows(
        "SELECT outcome FROM attempt a JOIN delivery d ON d.id = a.delivery_id"
        " WHERE sync = 'right-customers' ORDER BY a.id"
    )
    assert [row.outcome for row in tries] == ["done", "Conflict"]
    await town.again(engine)
    (record,) = town.table("right")
    assert (record["phone"], record["email"]) == ("9", "new@example.com")
    assert (await town.entity(engine, "customer")).fields["email"] == "new@example.com"
    assert (await town.delivery(connection="right")).state == "done"


async def test_a_conflict_without_end_is_parked(build: Build) -> None:
    town, engine = await three_customers(build, "bad")
    town.refuse("right", "Conflict", match=BAD, times=99)
    await town.again(engine, 8, minutes=30)
    row = await bad_one(town, engine)
    assert (row.state, row.attempts) == ("parked", MAX_ATTEMPTS)


async def test_a_pause_ends_by_a_probe_that_works(build: Build) -> None:
    town, engine = await three_customers(build, "good")
    town.fault("right", "status", status=401, times=3)
    await town.work(engine)
    (pause,) = await town.rows("SELECT * FROM pause")
    assert (pause.connection, pause.stream, pause.reason, pause.failures) == ("right", "", "AuthFailed", 1)
    calls = len(town.rest["right"].ledger.of("call"))
    await town.again(engine, seconds=10)
    assert len(town.rest["right"].ledger.of("call")) == calls, "nobody calls while it is paused"
    await town.again(engine, 2, minutes=6)
    (pause,) = await town.rows("SELECT failures FROM pause")
    assert pause.failures == 3
    await town.again(engine, minutes=6)
    assert await paused_scopes(town) == set() and len(town.table("right")) == 1


async def test_a_pause_by_a_person_ends_by_a_person(build: Build) -> None:
    town, engine = await three_customers(build, "good")
    async with town.db.begin("pause") as conn:
        await pause_by_person(conn, "left", "", "anna", town.clock.now())
    await town.again(engine, 3, hours=1)
    assert await town.count("inbox") == 0
    await town.change("DELETE FROM pause")
    await town.work(engine)
    assert len(town.table("right")) == 1


async def test_a_paused_stream_leaves_the_other_streams_alone(build: Build) -> None:
    town, engine = await build(*PLAIN, sync("left-products", "products", "products", direction="in"), mappings=MAPS)
    town.refuse("left", "ConfigInvalid", match="/api/customers")
    town.save("left", name="云帆")
    await town.work(engine)
    town.save("left", "products", number="P1", name="pump")
    await town.again(engine)
    assert await paused_scopes(town) == {("left", "customers")}
    assert len(await town.entities(engine, "product")) == 1 and await town.entities(engine, "customer") == []
