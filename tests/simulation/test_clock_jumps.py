"""R6: the database's clock jumps under a hub at work, and a machine's own clock is wrong. Real processes; the database
tells them another time by a function of its own that stands before PostgreSQL's."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.simulation.fire import LEASE_SECONDS, SPEED, WALL_CLOCK, Street, street, until
from tests.support.database import command, data_folder
from tests.support.results import size, write_result

JUMPS = ("10 minutes", "-10 minutes", "1 day", "-1 day")
SKEWS = (300.0, -300.0)
EVERY = 1.0
SCHEMA = """
CREATE SCHEMA other_time;
CREATE TABLE other_time.away (by interval NOT NULL);
INSERT INTO other_time.away VALUES ('0');
CREATE FUNCTION other_time.clock_timestamp() RETURNS timestamptz VOLATILE LANGUAGE sql AS
  $$ SELECT pg_catalog.clock_timestamp() + by FROM other_time.away $$;
CREATE ROLE timeless LOGIN SUPERUSER PASSWORD 'timeless';
ALTER ROLE timeless SET search_path = other_time, pg_catalog, public;
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as path:
        yield path


@pytest.fixture
def other_time(database_url: str) -> Iterator[str]:
    """How the hub reaches the database so that it hears the other time."""
    command(database_url, SCHEMA)
    yield f"postgresql+asyncpg://timeless:timeless@{database_url.rsplit('@', 1)[1]}"
    command(database_url, "DROP OWNED BY timeless", "DROP ROLE timeless")


async def watched(town: Street, jump: str) -> tuple[int, int, int]:
    """Jump while a push is under way, which lasts longer than a lease, and look at the schedule meanwhile: how often the
    push's lease was taken for lapsed, slots that were skipped, slots that were used twice."""
    slow = town.slow
    slow.writing.clear()
    slow.seconds = 1.5 * LEASE_SECONDS
    count = len(town.left.tables["customers"])
    town.save("left", "customers", name=f"during {jump}", number=f"J{count}")

    async def writing() -> bool:
        return slow.writing.is_set()

    await until(writing, town.fire.said)
    (before,) = await town.rows("SELECT id, fence, crashes FROM delivery WHERE state = 'running'")
    await jump_by(town, jump)
    schedule = asyncio.create_task(schedule_kept(town))

    async def done() -> bool:
        return not await town.rows("SELECT 1 FROM delivery WHERE state = 'running'")

    await until(done, town.fire.said)
    (after,) = await town.rows("SELECT fence, crashes, state FROM delivery WHERE id = :id", id=before.id)
    slow.seconds = 0
    stolen = int(after.fence - before.fence) + after.crashes + (after.state != "done")
    return stolen, *await schedule


async def jump_by(town: Street, jump: str) -> None:
    async with town.db.begin("jump") as conn:
        await conn.exec_driver_sql(f"UPDATE other_time.away SET by = by + interval '{jump}'")


async def schedule_kept(town: Street) -> tuple[int, int]:
    """Over the next four pulls: slots that were skipped by anybody's watch, and slots used twice by the database's."""
    seen: list[tuple[float, datetime]] = []

    async def four_more() -> bool:
        (row,) = await town.rows("SELECT last_pull_at FROM sync WHERE name = 'left-customers'")
        if row.last_pull_at is not None and row.last_pull_at not in [slot for _, slot in seen]:
            seen.append((time.monotonic(), row.last_pull_at))
        return len(seen) > 4

    seen.append((time.monotonic(), datetime.max.replace(tzinfo=UTC)))
    with suppress(AssertionError):
        await until(four_more, patience=20 * EVERY)
    late = sum(after[0] - before[0] > 4 * EVERY for before, after in pairwise(seen)) + (len(seen) <= 4)
    gaps = [(after[1] - before[1]).total_seconds() for before, after in pairwise(seen[1:])]
    return late, sum(0 <= gap < EVERY / 2 for gap in gaps)


def added(first: tuple[int, int, int], second: tuple[int, int, int]) -> tuple[int, int, int]:
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]


async def test_r6_the_clock_jumps(other_time: str, database_url: str, folder: Path) -> None:
    rounds = size(1, 17)
    found = (0, 0, 0)
    async with street(
        database_url, folder, hub_url=other_time, every=f"{EVERY * SPEED:.0f}s", shape="across", hooked=False
    ) as town:
        town.fire.start("engine")
        for number in range(rounds):
            for jump in JUMPS:
                found = added(found, await watched(town, jump))
            for skew in SKEWS[: size(1, 2)]:
                town.fire.kill("engine")
                town.fire.more[WALL_CLOCK] = str(skew)
                town.fire.start("engine")
                found = added(found, await watched(town, "0 seconds"))
            print(f"  round {number + 1}: stolen, skipped, twice {found}")
        await town.settled()
        there = len(town.right.tables["customers"]), len(town.left.tables["customers"])
    events = rounds * (len(JUMPS) + size(1, 2))
    stolen, skipped, twice = found
    write_result("R6", {"events": events, "stolen": stolen, "skipped_slots": skipped, "slots_twice": twice})
    assert found == (0, 0, 0)
    assert there[0] == there[1] == events
