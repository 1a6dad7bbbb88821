"""What a run says of itself: so many read, so many new, so many known already. An admin compares it with the source."""

from typing import Any

import httpx

from hub.sdk.sandbox import Fault
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync


async def runs(town: Town) -> list[tuple[Any, ...]]:
    rows = await town.rows("SELECT what, state, read, stored, unchanged FROM run ORDER BY id")
    return [tuple(row) for row in rows]


async def test_a_pull_counts_what_it_read(build: Build) -> None:
    town, engine = await build(connection("left"), sync("left-customers", direction="in"))
    for number in range(3):
        town.save("left", name=f"customer {number}")
    await town.again(engine)
    assert await runs(town) == [("backfill", "done", 3, 3, 0)]
    await town.again(engine, times=3)
    assert len(await runs(town)) == 1, "nothing new leaves no row"
    town.save("left", "customers", "2", phone="5")
    await town.again(engine)
    what, state, read, stored, unchanged = (await runs(town))[-1]
    assert (what, state, stored) == ("pull", "done", 1) and read == stored + unchanged
    await town.read_all_again()
    town.save("left", "customers", "3", phone="6")
    await town.again(engine)
    assert (await runs(town))[-1][1:] == ("done", 3, 1, 2)


async def test_many_pages_are_one_run(build: Build) -> None:
    town, engine = await build(connection("left"), sync("left-customers", direction="in"))
    for number in range(120):
        town.rest["left"].act_save({"table": "customers", "record": {"name": f"customer {number}"}, "id": None})
    await town.again(engine)
    assert await runs(town) == [("backfill", "done", 120, 120, 0)]


async def test_one_that_is_cut_off_says_how_far_it_came(build: Build) -> None:
    town, engine = await build(connection("left"), sync("left-customers", direction="in"))
    for number in range(120):
        town.rest["left"].act_save({"table": "customers", "record": {"name": f"customer {number}"}, "id": None})
    pages: list[str] = []

    async def next_fails(request: httpx.Request) -> None:
        pages.append(request.url.path)
        if len(pages) == 3:
            town.rest["left"].faults.append(Fault(kind="status", status=503))

    town.meanwhile = next_fails
    await town.again(engine)
    (row,) = await town.rows("SELECT * FROM run")
    assert (row.state, row.pages) == ("running", 2) and row.read == row.stored + row.unchanged == 100
    town.meanwhile = None
    await town.again(engine, times=3)
    ((what, state, read, stored, unchanged),) = await runs(town)
    assert (what, state, stored) == ("backfill", "done", 120) and read == stored + unchanged


async def test_an_attempt_says_why_and_a_success_clears_the_count(build: Build) -> None:
    """What is counted against a record must not outlive what was wrong with it."""
    town, engine = await build(connection("left"), connection("right"), sync("left-customers"), sync("right-customers"))
    town.refuse("right", "Conflict", match='"name":')
    town.save("left", name="one")
    await town.again(engine, times=3, seconds=60)
    tries = await town.rows("SELECT * FROM attempt ORDER BY id")
    assert [row.outcome for row in tries] == ["Conflict", "done"] and tries[0].error == "as the test wants it"
    row = await town.delivery(state="done")
    assert (row.attempts, row.in_hand, row.lookups, row.busy_since, row.error_class) == (0, 0, 0, None, None)
