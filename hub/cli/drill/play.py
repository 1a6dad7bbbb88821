"""The drill's course, minute by minute: the vendors' users work, calls meet faults, the hub is killed; then it is quiet."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from sqlalchemy import text

from hub.cli.drill.people import People
from hub.cli.drill.world import World
from hub.db.session import is_away
from hub.jobs.crank import ALL, ARRIVE, turn
from hub.sdk import jsontext
from hub.sync.deliver import deliver_due, deliver_to
from hub.sync.engine import Engine
from hub.sync.rewind import clock_set_back
from hub.sync.sweep import take_back

MINUTE: Final = 60.0
HOUR: Final = 3600.0
LOOKS_A_MINUTE: Final = 3  # of the hub, while faults happen
LOOKS_AN_HOUR: Final = 12  # and afterwards
MOST_TURNS: Final = 2000
CLOCK_STEP: Final = 600.0
INWARD: Final = tuple(step for step in ALL if step is not deliver_due)
T = TypeVar("T")


@dataclass(slots=True)
class Course:
    """One drill from its first minute until nothing is left to do."""

    world: World
    minutes: int
    engine: Engine = field(init=False)
    people: People = field(init=False)
    dice: random.Random = field(init=False)
    delayed: list[tuple[float, str]] = field(default_factory=list)

    async def run(self) -> None:
        world = self.world
        self.dice = random.Random(f"course {world.plan.seed}")
        self.engine = await world.engine()
        self.people = People(world.ground, self.engine)
        self.people.hang_the_hooks()
        for _ in range(self.minutes):
            self.people.act()
            for _ in range(LOOKS_A_MINUTE):
                await self._meet_the_clock()
                await self._go_on(MINUTE / LOOKS_A_MINUTE)
        world.plan.on = False
        for hour in range(world.plan.quiet_hours):
            for _ in range(LOOKS_AN_HOUR):
                self.people.act()
                await self._go_on(HOUR / LOOKS_AN_HOUR)
            await self.people.settle()
            if hour and not await self._unfinished() and not self.people.undone():
                break

    async def _go_on(self, seconds: float) -> None:
        """Time goes by; then everybody looks what there is to do."""
        self.world.clock.advance(seconds)
        await self.world.crooked.do_late()
        await self._post()
        await self._work()

    # the hub

    async def _work(self) -> None:
        """Turn until there is nothing to do now; killed, begin anew as a new process would. Without a database there is
        nothing to do now."""
        self.world.crooked.killed.clear()
        work = asyncio.create_task(self._turns())
        killed = asyncio.create_task(self.world.crooked.killed.wait())
        await asyncio.wait((work, killed), return_when=asyncio.FIRST_COMPLETED)
        killed.cancel()
        if work.done():
            await self._unless_away(work)
            return
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        self.world.deaths += 1
        self.engine = await self.world.engine()
        self.people.engine = self.engine
        self.engine.careful = f"engine {self.world.deaths}"
        await self._insist(lambda: take_back(self.engine))

    async def _unless_away(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            if not is_away(error):
                raise

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T:
        return await self.engine.db.retrying(work)

    async def _turns(self) -> None:
        """One thing after another, so that the same seed has the same history."""
        for _ in range(MOST_TURNS):
            done = sum([await step(self.engine) for step in ARRIVE]) + await turn(self.engine, INWARD)
            for name in sorted(self.world.sandboxes):
                done += await deliver_to(self.engine, name, 1)
            if not done:
                return
        raise RuntimeError(f"still at work after {MOST_TURNS} turns: something goes round in circles")

    async def _meet_the_clock(self) -> None:
        if self.world.plan.wants("clock", 0.02):
            seconds = self.dice.choice((CLOCK_STEP, -CLOCK_STEP))
            self.world.plan.note(self.world.clock.now(), "clock", f"{seconds:+.0f} s")
            self.world.clock.advance(seconds)
            if seconds < 0:
                await self._insist(lambda: clock_set_back(self.engine))

    async def _post(self) -> None:
        """The vendors' calls to the hub: in turn, or late, twice and out of turn."""
        plan, now = self.world.plan, self.world.clock.now()
        door = self.world.door(self.engine.configuration)
        for name in sorted(self.world.sandboxes):
            vendor = self.world.sandboxes[name]
            posts = list(vendor.posts.values())
            if len(posts) > 1 and plan.wants("reorder", 0.5):
                plan.note(now, "reorder", name)
                plan.dice.shuffle(posts)
                vendor.posts = {post.number: post for post in posts}
            if posts and plan.wants("delay", 0.3):
                seconds = plan.dice.uniform(1, 30) * MINUTE
                plan.note(now, "delay", f"{name}, {round(seconds / MINUTE)} min")
                self.delayed.append((now.timestamp() + seconds, name))
            if posts and plan.wants("duplicate", 0.3):
                plan.note(now, "duplicate", name)
                again = dict(vendor.posts)
                await vendor.deliver_posts(door, tries=50)
                vendor.posts = again
            if not any(until > now.timestamp() and delayed == name for until, delayed in self.delayed):
                await vendor.deliver_posts(door, tries=50)

    async def _unfinished(self) -> int:
        rows = await self.world.ground.rows(
            "SELECT (SELECT count(*) FROM inbox WHERE state IN ('due', 'running', 'waiting'))"
            " + (SELECT count(*) FROM delivery WHERE state IN ('due', 'running', 'waiting'))"
            " + (SELECT count(*) FROM receipt WHERE state = 'due') AS n"
        )
        return int(rows[0].n)


async def digest(world: World) -> str:
    """Of everything that happened: the vendors' ledgers and the hub's change log."""
    sum_ = hashlib.sha256()
    for name in sorted(world.sandboxes):
        for entry in world.sandboxes[name].ledger:
            sum_.update(jsontext.dumps([name, entry.number, entry.at.isoformat(), entry.event, entry.data]))
    async with world.ground.db.read() as conn:
        for row in await conn.execute(text("SELECT row_to_json(c)::text AS line FROM change c ORDER BY id")):
            sum_.update(str(row.line).encode())
    return sum_.hexdigest()
