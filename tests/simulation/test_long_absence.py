"""R8 and R10: work that outlasts its lease, and a queue that stands still for three days. Virtual clock, real database."""

from typing import Any

import pytest

from hub.db.session import Database
from hub.sdk.records import Page
from hub.settings import RetentionSettings
from hub.sync.deliver import _claim
from hub.sync.engine import Engine
from hub.sync.pull import LeaseLost, Turn, _begin, _keep_page
from hub.sync.retention import tidy
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync
from tests.support.results import size, write_result

RIGHT = connection("right")
RIGHT.body["config"]["streams"]["customers"]["idempotency_header"] = "Idempotency-Key"  # type: ignore[index]
PARTS = (connection("left"), RIGHT, sync("left-customers"), sync("right-customers", direction="out"))
BLOCKED_SECONDS = 120
HOURS = 72


class Latecomer:
    """An engine that is cut off while it pushes, and finds its turn taken when it comes back."""

    def __init__(self, town: Town, slow: Engine, quick: Engine) -> None:
        self.town, self.slow, self.quick = town, slow, quick
        self.taken = 0

    async def push(self, phone: str) -> None:
        """The change it has in hand is followed by another one, brought by the other engine while it is away."""
        self.town.save("left", "customers", "1", phone=f"{phone}0")

        async def meanwhile(request: Any) -> None:
            if request.method != "PATCH":
                return
            self.town.meanwhile = None
            self.town.save("left", "customers", "1", phone=f"{phone}1")
            await self.town.again(self.quick, seconds=BLOCKED_SECONDS)
            self.taken += 1

        self.town.meanwhile = meanwhile
        await self.town.again(self.slow)
        assert self.town.meanwhile is None, "it had a push in hand"

    async def page(self) -> bool:
        """A page of a pull that was taken over is thrown away."""
        left = self.slow.configuration.syncs["left-customers"]
        self.town.clock.advance(seconds=10)  # it is due again
        turn = await _begin(self.slow, left)
        assert isinstance(turn, Turn)
        self.town.clock.advance(seconds=BLOCKED_SECONDS)
        assert await _begin(self.quick, left) is not None, "its lease has lapsed"
        await self.town.change("UPDATE sync SET lease_until = NULL")
        with pytest.raises(LeaseLost):
            await _keep_page(self.slow, turn, Page([{"id": "1", "name": "late"}], cursor="late"))
        return True


async def test_r8_who_comes_too_late_is_refused(build: Build) -> None:
    town, slow = await build(*PARTS)
    quick = await town.engine(seed=1)
    town.save("left", name="云帆", phone="0")
    await town.again(slow)
    late = Latecomer(town, slow, quick)
    rounds, refused, pages = size(5, 50), 0, 0
    for number in range(rounds):
        await late.push(f"{number}-")
        known = (await town.rows("SELECT known FROM link WHERE connection = 'right'"))[0].known
        row = await town.delivery()
        refused += known["phone"] == f"{number}-1" == town.table("right")[0]["phone"]
        assert (row.state, row.crashes, row.wanted_version) == ("done", 0, row.applied_version)
        pages += await late.page()
    quiet = await town.footprint()
    await town.again(quick, 2)
    write_result("R8", {"attempts": 2 * rounds, "stale_refused": refused + pages, "taken_over": late.taken})
    assert (refused, pages, late.taken) == (rounds, rounds, rounds)
    assert await town.footprint() == quiet
    assert not await town.rows("SELECT 1 FROM inbox WHERE record ->> 'name' = 'late'")


async def test_r10_three_days_without_an_engine(build: Build, db: Database) -> None:
    rounds, records = size(1, 5), size(200, 2000)
    ran = 0
    town, engine = await build(*PARTS)
    await town.again(engine)
    for number in range(rounds):
        names = [f"r{number}-{count}" for count in range(records)]
        for name in names[: records // 2]:  # these are owed already, and one batch was in hand
            town.save("left", name=name, number=name)
        await town.change("INSERT INTO pause (connection, stream, reason, since, who) VALUES ('right', '', 'person', :n, 'a')",
                          n=town.clock.now())  # fmt: skip
        await town.again(engine)
        await town.change("DELETE FROM pause")
        plans, _ = await _claim(engine, "right", 10)
        assert len(plans) == 10
        for name in names[records // 2 :]:  # these have arrived and nobody looked at them
            record = town.rest["left"].act_save({"table": "customers", "record": {"name": name, "number": name}})
            await town.arrive(engine, "left-customers", record)
        for _ in range(HOURS):
            town.clock.advance(hours=1)
            await tidy(db, town.clock.now(), RetentionSettings())
        await town.again(engine, 3)
        there = {row["number"] for row in town.table("right")}
        ran += len(there & set(names))
        assert len(town.table("right")) == len(there), "none twice"
    states = await town.states()
    expired = sum(count for state, count in states.items() if not state.endswith(("done", "superseded")))
    write_result("R10", {"hours": HOURS, "rounds": rounds, "jobs": rounds * records, "ran": ran, "left": expired})
    assert (ran, expired) == (rounds * records, 0)
