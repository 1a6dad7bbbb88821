"""S10: a target that is down is left in peace, tried now and then, and not overrun when it is back."""

import time
from datetime import datetime

import pytest

from hub.jobs.crank import ALL, turn
from hub.sdk import limiter
from tests.engine.conftest import Build
from tests.simulation import limits
from tests.support.results import FULL, size, write_result

WAITING = size(1_000, 10_000)
STEADY = WAITING // 20  # calls a second, as the connection declares
MODES = ("status", "drop_before", "half", "drop_after") if FULL else ("status",)
ROUNDS = [(mode, minutes) for minutes, mode in zip((60, 60, 60, 60, 61), [*MODES, "status"], strict=False)]
FOUND: list[dict[str, float]] = []


@pytest.mark.parametrize(("mode", "minutes"), ROUNDS[: size(1, 5)])
async def test_a_target_that_is_down_for_an_hour(
    build: Build, mode: str, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "PATIENCE", 0.0)  # nobody sleeps through a virtual second
    town, engine = await limits.street(build, calls=STEADY, per=1)
    await limits.arrive(town, engine, WAITING // 10)
    while not await _is_through(town):
        await _pass(town, engine, 0.25)
    town.fault("right", mode, status=502, times=1_000_000)
    down = town.clock.now()
    await limits.arrive(town, engine, WAITING, first=WAITING)
    opened = None
    while (past := (town.clock.now() - down).total_seconds()) < 12:
        await _pass(town, engine, 0.5)
        paused = await town.rows("SELECT reason FROM pause")
        opened = opened or (past if paused and paused[0].reason != "Throttled" else None)
    asked = len(limits.calls(town))
    while (town.clock.now() - down).total_seconds() < minutes * 60:
        if not await limits.to_next_moment(town):
            break
        await turn(engine, ALL)
    probes = limits.calls(town)[asked:]
    town.rest["right"].faults.clear()
    back, watch = town.clock.now(), time.perf_counter()
    while not await _is_through(town) and (town.clock.now() - back).total_seconds() < 600:
        await _pass(town, engine, 0.25)
    drained = (town.clock.now() - back).total_seconds()
    later = [moment for moment in probes if (moment - down).total_seconds() > 60]
    first_minute = [moment for moment in limits.calls(town) if moment >= back]
    found = {
        "waiting": WAITING,
        "opened after s": round(opened or 9_999, 1),
        "calls while down": len([moment for moment in limits.calls(town) if down <= moment < back]),
        "most probes in 30 s": limits.most_within(later, 30),
        "drained after s": round(drained, 1),
        "drained by the wall clock s": round(time.perf_counter() - watch, 1),
        "steady calls a second": STEADY,
        "most calls a second after": limits.most_within(first_minute, 1),
        "parked": limits.parked(await town.states()),
        "twins": len(town.table("right")) - len({row["number"] for row in town.table("right")}),
    }
    FOUND.append(found)
    assert len(town.table("right")) == WAITING + WAITING // 10 and found["parked"] == found["twins"] == 0, found
    assert found["opened after s"] <= 10 and found["most probes in 30 s"] <= 1, found
    assert drained <= 60 and found["most calls a second after"] <= STEADY * 1.1, found


async def _is_through(town: limits.Town) -> bool:
    states = await town.states()
    return set(states) <= {"inbox done", "delivery done", "delivery parked"}


async def _pass(town: limits.Town, engine: limits.Engine, seconds: float) -> datetime:
    town.clock.advance(seconds=seconds)
    while await turn(engine, ALL):
        pass
    return town.clock.now()


def test_s10_is_written_down() -> None:
    if FOUND:
        write_result("S10", {"rounds": len(FOUND), "each": FOUND})
        assert len(FOUND) == size(1, 5) or not FULL
