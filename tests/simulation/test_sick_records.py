"""S15: a record that makes the target ill, and one that somebody has open there, keep nobody else waiting."""

from datetime import datetime
from typing import Any

import httpx
import pytest

from connectors.rest.sandbox import Settings
from hub.jobs.crank import ALL, turn
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, owners, sync
from tests.simulation import limits
from tests.support.results import size, write_result

RECORDS = size(200, 1_000)
SICK, LOCKED = str(RECORDS - 1), "7"
LOCKED_MINUTES = 10
ILLNESSES = ("status", "drop_before", "half", "no answer", "status 503")[: size(3, 5)]
FOUND: list[dict[str, Any]] = []


@pytest.mark.parametrize("illness", ILLNESSES)
async def test_one_makes_the_target_ill_and_one_is_locked(build: Build, illness: str) -> None:
    town, engine = await build(
        connection("left"),
        connection("right"),
        sync("left-customers", reconcile="30d"),
        sync("right-customers", direction="out", reconcile="30d"),
        owners("customer", phone="left"),
    )
    town.rest["right"].settings = Settings(calls=1_000_000_000)
    await limits.arrive(town, engine, RECORDS)
    await town.work(engine)
    town.clock.advance(seconds=1)
    there = town.rest["right"]
    sick = f"/api/customers/{SICK}"
    _make_ill(town, illness, sick)
    there.tables["customers"][LOCKED]["locked"] = True
    stamp = town.clock.now().isoformat()
    changed = [
        {"id": f"L{n}", "name": f"customer {n}", "number": f"N{n}", "updated_at": stamp, "phone": "1"}
        for n in range(RECORDS)
    ]
    began, before = town.clock.now(), await town.count("attempt")
    await town.arrive(engine, "left-customers", *changed)
    longest = await _twenty_minutes(town, engine, began)
    rows = await town.rows(
        "SELECT d.*, l.key FROM delivery d JOIN link l USING (connection, stream, entity_id) WHERE connection = 'right'"
    )
    by_key = {row.key: row for row in rows}
    others = [row for row in rows if row.key not in {SICK, LOCKED}]
    tries = await town.rows(
        "SELECT count(*) AS n FROM attempt WHERE delivery_id = :id AND at >= :began", id=by_key[SICK].id, began=began
    )
    found = {
        "illness": illness,
        "records": RECORDS,
        "passed": sum(row.state == "done" and row.applied_version == row.wanted_version for row in others),
        "slowest of them s": round(max((row.settled_at - began).total_seconds() for row in others), 1),
        "the ill one": by_key[SICK].state,
        "after tries": tries[0].n,
        "the locked one": by_key[LOCKED].state,
        "went through after s": (by_key[LOCKED].settled_at or began).timestamp() - began.timestamp(),
        "longest pause s": longest,
    }
    FOUND.append(found)
    assert before and found["passed"] == RECORDS - 2 and found["slowest of them s"] <= 5, found
    assert (found["the ill one"], found["after tries"]) == ("parked", 3), found
    assert found["the locked one"] == "done" and 600 <= found["went through after s"] <= 660, found
    assert longest <= 60, found


def _make_ill(town: Town, illness: str, path: str) -> None:
    if illness == "no answer":

        async def never(request: httpx.Request) -> None:
            if request.url.path == path and request.url.host == "right.test":
                raise httpx.ReadTimeout("as the test wants it")

        town.meanwhile = never
    elif illness == "status 503":
        town.refuse("right", "Unavailable", match=path, times=99)
    else:
        town.fault("right", illness, match=path, times=99, status=500)


async def _twenty_minutes(town: Town, engine: Engine, began: datetime) -> float:
    """The longest time that the right was paused."""
    longest, since = 0.0, None
    await town.work(engine)
    while (past := (town.clock.now() - began).total_seconds()) < 1_200:
        if past >= LOCKED_MINUTES * 60:
            town.rest["right"].tables["customers"][LOCKED].pop("locked", None)
        paused = await town.rows("SELECT since FROM pause WHERE connection = 'right'")
        since = (since or town.clock.now()) if paused else None
        longest = max(longest, (town.clock.now() - since).total_seconds() if since else 0.0)
        if not await limits.to_next_moment(town):
            break
        while await turn(engine, ALL):
            pass
    return longest


def test_s15_is_written_down() -> None:
    if len(FOUND) == len(ILLNESSES):
        write_result("S15", {"rounds": len(FOUND), "each": FOUND})
        assert all(each["passed"] == RECORDS - 2 for each in FOUND)
