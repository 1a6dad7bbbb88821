"""S4: nothing is lost at the edge of a cursor. S5: nor where clocks are put forward and back, and no date shifts.

Scripted sources misbehave in every way the row names: equal stamps across pages, rows that appear up to a minute late
with a stamp in the past, rows that change or go while they are read, stamps that tell a second, a minute or a day."""

import os
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.engine.conftest import Build
from tests.engine.town import Part
from tests.simulation import lists
from tests.simulation.listening import MAPPING, engine_for, known, parts, work, write_result
from tests.simulation.lists import Unrest, VendorList
from tests.support.sdk import FixedClock

FULL = os.environ.get("HUB_TEST_FULL") == "1"
S4_ROWS = 1_000_000 if FULL else 20_000
S5_ROWS = 10_000 if FULL else 200


@dataclass(frozen=True)
class Scene:
    """One kind of source."""

    name: str
    stamped: lists.Stamped
    zone: str = "UTC"
    paging: str = "page"
    ordered: bool = True
    deletes: bool = False


SCENES = (
    Scene("milliseconds by page", lists.milliseconds),
    Scene("milliseconds by link", lists.milliseconds, paging="next_link"),
    Scene("epoch milliseconds by offset", lists.epoch_milliseconds, paging="offset", deletes=True),
    Scene("epoch seconds by page", lists.epoch_seconds, deletes=True),
    Scene("local seconds by link", lists.local_seconds, "Asia/Shanghai", "next_link", deletes=True),
    Scene("local minutes by page", lists.local_minutes, "America/New_York"),
    Scene("days by offset", lists.local_day, "Asia/Shanghai", "offset"),
    Scene("days as midnight by page", lists.day_as_midnight, "Europe/London"),
    Scene("in no order by page", lists.milliseconds, ordered=False),
    Scene("seconds in no order by offset", lists.epoch_seconds, paging="offset", ordered=False),
)
FOUND: dict[str, dict[str, int]] = {}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_nothing_is_lost_at_the_edge_of_a_cursor(build: Build, scene: Scene) -> None:
    """Until the rows are made: people write, the hub reads; then all is quiet for a few minutes."""
    most = S4_ROWS // len(SCENES)
    vendor = VendorList(FixedClock(), scene.stamped, ZoneInfo(scene.zone), scene.paging, 100, scene.ordered)
    town, _ = await build(*parts(vendor), mappings=(MAPPING,))
    vendor.clock = town.clock
    engine = await engine_for(town, vendor)
    unrest = Unrest(vendor, random.Random(scene.name), most, scene.deletes)
    vendor.between = unrest.between
    while unrest.made < most:
        unrest.burst(unrest.random.choice((1, 30, 250, most // 8)))
        town.clock.advance(seconds=unrest.random.choice((0.2, 5, 11, 40)))
        await work(engine)
    vendor.between = None
    for _ in range(3):
        town.clock.advance(seconds=70)
        await work(engine)
    there = {str(key): row.values["name"] for key, row in vendor.rows.items()}
    here = await known(town)
    lost = {key for key in there if key not in here}
    stale = {key for key in there if key in here and here[key] != there[key]}
    states = await town.states()
    inbox = sum(count for name, count in states.items() if name.startswith("inbox"))
    FOUND[scene.name] = {"rows": unrest.made, "edits": unrest.revision, "missing": len(lost), "stale": len(stale)}
    assert (sorted(lost), sorted(stale)) == ([], [])
    assert set(states) <= {"inbox done", "inbox superseded"} and inbox <= unrest.revision, "an overlap enters no inbox"


def test_s4_is_written_down() -> None:
    if len(FOUND) == len(SCENES):
        totals = {name: sum(each[name] for each in FOUND.values()) for name in ("rows", "edits", "missing", "stale")}
        write_result("S4", scenes=len(FOUND), **totals)
        assert totals["rows"] == S4_ROWS and totals["missing"] == totals["stale"] == 0


# --- S5 ------------------------------------------------------------------------------------------------------------

DATED = """
mapping: dated
kind: dated
key: id
fields:
  name: {path: name, required: yes}
  day: {path: day, type: date}
  at: {path: at, type: instant}
  on: {in: at, type: date}
"""
DATED_KIND = Part(
    "kinds", "dated", {"kind": "dated", "fields": {"name": "text", "day": "date", "at": "instant", "on": "date"}}
)
GAP, FOLD = "spring", "autumn"
CHANGES = {
    "America/New_York": {GAP: datetime(2026, 3, 8, 7, tzinfo=UTC), FOLD: datetime(2026, 11, 1, 6, tzinfo=UTC)},
    "Europe/London": {GAP: datetime(2026, 3, 29, 1, tzinfo=UTC), FOLD: datetime(2026, 10, 25, 1, tzinfo=UTC)},
}
NO_CHANGE = {GAP: datetime(2026, 3, 28, 16, tzinfo=UTC), FOLD: datetime(2026, 10, 31, 18, 15, tzinfo=UTC)}
ZONES = ("UTC", "Asia/Shanghai", "America/New_York", "Europe/London", "Asia/Kathmandu")
WAYS: tuple[tuple[lists.Stamped, str], ...] = ((lists.local_seconds, "page"), (lists.local_day, "offset"))
FOUND_S5: list[dict[str, int]] = []


@pytest.mark.parametrize("season", [GAP, FOLD])
@pytest.mark.parametrize("way", WAYS, ids=["seconds", "days"])
@pytest.mark.parametrize("zone_name", ZONES)
async def test_nothing_is_lost_and_no_date_shifts(
    build: Build, zone_name: str, way: tuple[lists.Stamped, str], season: str
) -> None:
    """Rows are written every few minutes while clocks are put forward or back, in the vendor's own local time."""
    zone, (stamped, paging) = ZoneInfo(zone_name), way
    moment, count = CHANGES.get(zone_name, NO_CHANGE)[season], S5_ROWS // (len(WAYS) * 2)
    vendor = VendorList(FixedClock(), stamped, zone, paging, 20)
    town, _ = await build(*parts(vendor, mapping="dated"), DATED_KIND, mappings=(DATED,))
    vendor.clock = town.clock
    town.clock.advance(seconds=(moment - timedelta(hours=3) - town.clock.now()).total_seconds())
    engine = await engine_for(town, vendor)
    expected: dict[str, tuple[str, str, str]] = {}
    step = timedelta(hours=6) / count
    for number in range(1, count + 1):
        local = town.clock.now().astimezone(zone)
        day, at = local.strftime("%Y-%m-%d"), local.isoformat(timespec="seconds")
        vendor.save(number, late=(number * 7) % 60, name=f"n{number}", day=day, at=at)
        expected[str(number)] = (day, local.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), day)
        town.clock.advance(seconds=step.total_seconds())
        if number % 7 == 0:
            await work(engine)
    for _ in range(3):
        town.clock.advance(seconds=90)
        await work(engine)
    rows = await town.rows(
        "SELECT l.key, o.fields->>'day' AS day, o.fields->>'at' AS at, o.fields->>'on' AS \"on\" FROM link l"
        " JOIN own_kind o ON o.id = l.entity_id WHERE l.stream = 'rows'"
    )
    here = {row.key: (row.day, row.at.replace("+00:00", "Z").replace(" ", "T"), row.on) for row in rows}
    shifted = {key: (said, here[key]) for key, said in expected.items() if key in here and here[key] != said}
    missing = set(expected) - set(here)
    FOUND_S5.append({"rows": len(expected), "missing": len(missing), "shifted": len(shifted)})
    assert (missing, shifted) == (set(), {})


def test_s5_is_written_down() -> None:
    if len(FOUND_S5) == len(ZONES) * len(WAYS) * 2:
        totals = {name: sum(each[name] for each in FOUND_S5) for name in ("rows", "missing", "shifted")}
        write_result("S5", zones=len(ZONES), **totals)
        assert totals == {"rows": len(ZONES) * S5_ROWS, "missing": 0, "shifted": 0}
