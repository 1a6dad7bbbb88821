"""S9: a quota is never run against for long, whether the other side says when to come again or not, and nothing is
parked for it."""

import asyncio
from dataclasses import dataclass

import pytest

from connectors.rest.sandbox import Settings
from hub.jobs.crank import settle
from tests.engine.conftest import Build
from tests.simulation import limits
from tests.support.results import FULL, write_result

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0


@dataclass(frozen=True)
class Scene:
    """`hint`: the other side says when to come again. `declared`: we know the quota. `engines` share 20 workers."""

    name: str
    quota: int
    per: float
    hint: bool = True
    declared: bool = False
    engines: int = 1
    workers: int = 10


QUICK = (
    Scene("a minute, told when, two engines", 500, MINUTE, engines=2, workers=3),
    Scene("an hour, not told when", 600, HOUR, hint=False, workers=2),
    Scene("a day, declared", 300, DAY, declared=True),
)
WHOLE = (
    *QUICK,
    Scene("a minute, not told when", 2_000, MINUTE, hint=False),
    Scene("a minute, not told when, two engines", 2_000, MINUTE, hint=False, engines=2),
    Scene("a minute, declared", 1_000, MINUTE, declared=True),
    Scene("a day, told when", 2_000, DAY),
    Scene("a day, told when, two engines", 2_000, DAY, engines=2),
    Scene("a day, not told when, two engines", 5_000, DAY, hint=False, engines=2),
    Scene("a day, not told when", 3_000, DAY, hint=False, workers=2),
)
SCENES = WHOLE if FULL else QUICK
FOUND: dict[str, dict[str, float]] = {}


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_a_quota_is_kept(build: Build, scene: Scene) -> None:
    declared = {"calls": scene.quota, "per": scene.per} if scene.declared else {}
    town, first = await limits.street(build, concurrency=scene.workers, **declared)
    town.rest["right"].settings = Settings(scene.quota, scene.per, scene.hint)
    engines = [first, *[await town.engine(seed) for seed in range(1, scene.engines)]]
    town.meanwhile = lambda request: asyncio.sleep(0)
    needed = scene.quota + scene.quota // 10
    await limits.arrive(town, first, needed)
    began = town.clock.now()
    for _ in range(500):
        await asyncio.gather(*(settle(engine) for engine in engines))
        if len(town.table("right")) == needed or not await limits.to_next_moment(town):
            break
    made = limits.calls(town)
    found = {
        "records": needed,
        "calls": len(made),
        "most in a window": limits.most_within(made, scene.per),
        "refused": len(made) - needed,
        "failed": limits.parked(await town.states()),
        "windows": round((town.clock.now() - began).total_seconds() / scene.per, 2),
    }
    FOUND[scene.name] = found
    assert len(town.table("right")) == needed and found["failed"] == 0, found
    assert found["most in a window"] <= scene.quota * 1.01 and found["calls"] <= needed * 1.2, found
    assert found["windows"] <= 1.2 or not scene.hint or scene.declared, found


def test_s9_is_written_down() -> None:
    if len(FOUND) == len(SCENES):
        totals = {
            name: sum(each[name] for each in FOUND.values()) for name in ("records", "calls", "refused", "failed")
        }
        over = max(FOUND[each.name]["most in a window"] / each.quota - 1 for each in SCENES)
        write_result("S9", {"scenes": len(FOUND), **totals, "most over quota, %": round(100 * over, 2), "each": FOUND})
        assert totals["failed"] == 0 and totals["calls"] <= 1.2 * totals["records"]
