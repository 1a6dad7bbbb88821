"""S7: a mass of deletes in one reading is held for a person, and what was let go can be undone."""

import pytest

from hub.sync import holding, tombstones
from tests.engine.conftest import Build
from tests.simulation.listening import health, reading, settled, write_result
from tests.simulation.lists import VendorList
from tests.support.sdk import FixedClock

S7: list[dict[str, int]] = []
CASES = ((100, 6), (100, 30), (100, 99), (60, 5), (20, 4), (1200, 51), (300, 60), (40, 10), (1100, 300), (500, 51))


@pytest.mark.parametrize(("size", "count"), CASES)
async def test_a_mass_of_deletes_is_held_and_undone(build: Build, size: int, count: int) -> None:
    vendor = VendorList(FixedClock(), size=200, cursor=False, told=True)
    town, engine = await reading(build, vendor)
    for number in range(1, size + 1):
        vendor.save(number, name=f"n{number}")
    await settled(town, engine)
    kept = {number: vendor.rows[number].values for number in range(1, count + 1)}
    for number in kept:
        vendor.remove(number)
    for _ in range(3):
        await settled(town, engine)
    buried = "SELECT count(*) AS n FROM link l JOIN entity e ON e.id = l.entity_id WHERE l.deleted_at IS NOT NULL"
    assert (await town.rows(buried))[0].n == 0
    (run,) = await town.rows("SELECT * FROM run WHERE state = 'held'")
    row = await health(town)
    assert (
        run.detail["deletes"] == count and row["health"] == "unverified" and f"hub run confirm {run.id}" in row["doubt"]
    )
    async with town.db.begin("confirm") as conn:
        await holding.confirm(conn, run.id, "anna", town.clock.now())
    await settled(town, engine)
    assert (await town.rows(f"{buried} AND e.deleted_at IS NOT NULL"))[0].n == count
    async with town.db.begin("undo") as conn:
        undone = await tombstones.undo(conn, engine.configuration, run.id, "anna", town.clock.now())
    for _ in range(3):
        await settled(town, engine)
    left = (await town.rows("SELECT count(*) AS n FROM link WHERE deleted_at IS NOT NULL"))[0].n
    left += (await town.rows("SELECT count(*) AS n FROM entity WHERE deleted_at IS NOT NULL"))[0].n
    S7.append({"deletes": count, "held": 1, "undone": undone, "left": left})
    assert (undone, left) == (count, 0)


def test_s7_is_written_down() -> None:
    if len(S7) == len(CASES):
        write_result("S7", cases=len(S7), **{name: sum(each[name] for each in S7) for name in S7[0]})
