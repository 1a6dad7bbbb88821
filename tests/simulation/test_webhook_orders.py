"""S3: a webhook comes one to five times, in any order, up to an hour late, while polls go on: in the end the hub knows
what one call each, in order, would have told it, and on the way it never went back."""

import random
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import pytest

from hub.sdk import jsontext
from hub.sdk.records import Incoming
from hub.sync.engine import Engine
from hub.sync.receipts import ReceiptRow, digest_id, store
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Town, connection, owners, sync
from tests.support.results import size, write_result

CALLS = size(10_000, 500_000)
DELAYS = (0.0, 0.0, 1.0, 20.0, 119.0, 121.0, 600.0, 3600.0)
BUSY = 20
HOUR = 3720.0
S3: dict[str, dict[str, int]] = {}


Calls = list[tuple[datetime, bytes]]


def busy_minute(rng: random.Random, town: Town, keys: list[str], calls: int) -> Calls:
    """People at work, many in the same second; when each call about it reaches us, and what it says."""
    due: Calls = []
    while len(due) < calls:
        if rng.random() < 0.1 or not keys:
            values = {"name": f"n{len(keys)}", "number": f"N{len(keys)}", "remark": "0"}
            made = town.rest["left"].act_save({"table": "customers", "record": values})
            keys.append(made["id"])
        else:
            key = rng.choice(keys[-40:])
            count = int(town.rest["left"].tables["customers"][key]["remark"]) + 1
            changed = {"remark": str(count), rng.choice(("phone", "email")): f"{count}"}
            made = town.rest["left"].act_save({"table": "customers", "record": changed, "id": key})
        body = jsontext.dumps({"type": "customer.updated", "data": made})
        for _ in range(rng.randint(1, 5)):
            due.append((town.clock.now() + timedelta(seconds=rng.choice(DELAYS) * rng.random()), body))
        town.clock.advance(milliseconds=rng.choice((1, 5, 200)))
    return due


async def called(town: Town, engine: Engine, bodies: list[bytes]) -> None:
    """The vendor's calls, as the HTTP route takes them: checked one by one, stored together."""
    bound, now = engine.configuration.connections["left"], town.clock.now()
    rows = []
    for body in bodies:
        headers = {"authorization": f"Bearer {town.lookup()['REST_TOKEN']}"}
        assert bound.connector.hook is not None
        accepted = bound.connector.hook.accept(bound.config, Incoming(body, now, "POST", "", {}, headers))
        rows.append(ReceiptRow("left", now, body, event_id=accepted.event_id or digest_id(body)))
    async with town.db.begin("receipts") as conn:
        await store(conn, rows, now)


@pytest.mark.parametrize("polls", ["1d", "10s"])
async def test_calls_in_any_order(build: Build, polls: str) -> None:
    rng = random.Random(polls)
    parts = (
        connection("left", hook_secret="${env:REST_TOKEN}"),
        connection("right"),
        sync("left-customers", direction="in", every=polls),
        sync("right-customers", direction="out"),
        owners("customer", phone="left", email="left", remark="left", name="left"),
    )
    town, engine = await build(*parts, mappings=(CUSTOMERS,))
    await town.again(engine)
    waiting: Calls = []
    keys: list[str] = []
    sent: list[bytes] = []
    for minute in range(2 * BUSY):
        if minute < BUSY:
            waiting += busy_minute(rng, town, keys, CALLS // 2 // BUSY)
        now = [body for at, body in waiting if at <= town.clock.now()]
        waiting = [call for call in waiting if call[0] > town.clock.now()]
        rng.shuffle(now)
        for first in range(0, len(now), 500):
            await called(town, engine, now[first : first + 500])
        sent += now
        await town.pass_time(engine, seconds=HOUR / BUSY)
    assert not waiting
    counts = {"calls": len(sent), **await judged(town, engine, set(sent))}
    S3["hooks alone" if polls == "1d" else "hooks and polls"] = counts
    assert counts["wrong"] == counts["went_back"] == counts["events_lost"] == counts["wrong_at_target"] == 0


async def judged(town: Town, engine: Engine, bodies: set[bytes]) -> dict[str, int]:
    """Against the source itself, which is what one call each in order would have told."""
    known = {entity.fields["number"]: entity.fields for entity in await town.entities(engine, "customer")}
    theirs = {record["number"]: record for record in town.table("left")}
    mirrored = {record["number"]: record for record in town.table("right")}
    names = ("name", "phone", "email", "remark")

    def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
        return all(one.get(name) == other.get(name) for name in names)

    rows = await town.rows("SELECT key, fields FROM change WHERE connection = 'left' ORDER BY entity_id, version")
    told: defaultdict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row.fields and "remark" in row.fields:
            told[row.key].append(int(row.fields["remark"]["to"]))
    accepted = await town.rows("SELECT count(DISTINCT body) AS n FROM receipt WHERE verdict = 'accepted'")
    duplicates = await town.rows("SELECT count(*) AS n FROM receipt WHERE verdict = 'duplicate'")
    return {
        "events": len(bodies),
        "records": len(theirs),
        "duplicates": duplicates[0].n,
        "events_lost": len(bodies) - accepted[0].n,
        "wrong": sum(not same(known.get(number, {}), record) for number, record in theirs.items()),
        "wrong_at_target": sum(not same(mirrored.get(number, {}), record) for number, record in theirs.items()),
        "went_back": sum(counts != sorted(counts) for counts in told.values()),
        "changes": len(rows),
    }


def test_s3_is_written_down() -> None:
    if len(S3) == 2:
        names = next(iter(S3.values()))
        write_result("S3", {name: sum(each[name] for each in S3.values()) for name in names})
