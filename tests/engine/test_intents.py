"""What a crash leaves in doubt: of creates that nothing can repeat safely only those that were really under way."""

import asyncio
from contextlib import suppress
from typing import Any

import httpx
import pytest

from hub.sync.deliver import deliver_to
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import Part, Town, connection, sync

AT_ONCE = 2


def target(*, keyed: bool) -> Part:
    """Two calls at once; `keyed`: it knows a create it has seen before (grade A)."""
    part = connection("right")
    body: Any = part.body
    body["limits"] = [{"interface": "*", "concurrency": AT_ONCE}]
    if keyed:
        body["config"]["streams"]["customers"]["idempotency_header"] = "Idempotency-Key"
    return part


async def owed(build: Build, *, keyed: bool, count: int = 12) -> tuple[Town, Engine]:
    """So many creates are due."""
    town, engine = await build(
        connection("left"), target(keyed=keyed), sync("left-customers"), sync("right-customers", direction="out")
    )
    await town.change("INSERT INTO pause (connection, stream, reason, since, who) VALUES ('right', '', 'person', :n, 'a')",
                      n=town.clock.now())  # fmt: skip
    for number in range(count):
        town.save("left", name=f"n{number}")
    await town.again(engine)
    await town.change("DELETE FROM pause")
    return town, engine


async def dies_at(town: Town, engine: Engine, call: int) -> None:
    """The process ends when that call has been answered and nobody has written it down."""
    reached, seen = asyncio.Event(), 0

    async def count(request: httpx.Request) -> None:
        nonlocal seen
        seen += request.method == "POST"
        if seen >= call:
            reached.set()
            await asyncio.Event().wait()

    town.meanwhile = count
    work = asyncio.create_task(deliver_to(engine, "right"))
    await reached.wait()
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    town.meanwhile = None


@pytest.mark.parametrize(("keyed", "most"), [(False, 3 * AT_ONCE), (True, 12)])
async def test_a_crash_leaves_little_in_doubt(build: Build, keyed: bool, most: int) -> None:
    town, engine = await owed(build, keyed=keyed)
    await dies_at(town, engine, 5)
    rows = await town.rows("SELECT state, intent_at IS NOT NULL AS doubtful FROM delivery WHERE state <> 'done'")
    doubtful = sum(row.doubtful for row in rows)
    assert {row.state for row in rows} == {"running"}
    assert 1 <= doubtful <= most
    assert len(rows) - doubtful >= 12 - most - 4, "the others were not begun"
    await town.again(await town.engine(seed=1), 12, minutes=2)
    names = [record["name"] for record in town.table("right")]
    assert len(names) == len(set(names)), "none twice: found again by our reference"
    asked = await town.rows("SELECT error_class FROM delivery WHERE state = 'parked'")
    assert len(names) + len(asked) == 12
    assert len(asked) <= (0 if keyed else AT_ONCE), "noted and not yet sent: nobody can tell"
    assert {row.error_class for row in asked} <= {"PerhapsCreated"}


async def test_what_was_taken_over_is_not_sent(build: Build) -> None:
    """The lease ran out while it waited for its turn: another has it in hand now."""
    town, engine = await owed(build, keyed=False, count=6)
    posts = 0

    async def stolen(request: httpx.Request) -> None:
        nonlocal posts
        posts += request.method == "POST"
        if posts == 1:
            await town.change("UPDATE delivery SET fence = fence + 1 WHERE intent_at IS NULL")

    town.meanwhile = stolen
    await deliver_to(engine, "right")
    town.meanwhile = None
    assert posts <= AT_ONCE, "only what had begun by then"
