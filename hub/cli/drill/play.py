"""The drill's course, minute by minute: the vendors' users work, calls meet faults, the hub is killed; then it is quiet."""

import asyncio
import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text

from hub.canon.write import PersonChange, person_change
from hub.cli.demo.cast import Cast
from hub.cli.demo.evidence import ActRefused, Evidence
from hub.cli.demo.story import make_story
from hub.cli.drill.world import HookDoor, World, is_template
from hub.jobs.crank import ALL, ARRIVE, turn
from hub.sdk import jsontext
from hub.sync import desk
from hub.sync.deliver import deliver_due, deliver_to
from hub.sync.engine import Engine
from hub.sync.rewind import clock_set_back
from hub.sync.sweep import take_back

MINUTE: Final = 60.0
STEP: Final = 20.0  # seconds of virtual time between two looks of the hub
MOST_TURNS: Final = 2000
CLOCK_STEP: Final = 600.0
WHO: Final = "drill"
INWARD: Final = tuple(step for step in ALL if step is not deliver_due)


@dataclass(slots=True)
class Course:
    """One drill from its first minute until nothing is left to do."""

    world: World
    minutes: int
    engine: Engine = field(init=False)
    cast: Cast | None = None
    dice: random.Random = field(init=False)
    delayed: list[tuple[float, str, int]] = field(default_factory=list)
    done: set[str] = field(default_factory=set)

    async def run(self) -> None:
        world = self.world
        self.dice = random.Random(f"course {world.plan.seed}")
        self.engine = await world.engine()
        if is_template(world):
            evidence = Evidence({name: world.url(name) for name in world.vendors}, world.http())
            evidence.look()
            self.cast = Cast(make_story(world.plan.seed), world, evidence, world.clock)
            self.cast.hang_the_hook()
        for _ in range(self.minutes):
            self._users()
            await self._one_minute()
        world.plan.on = False
        for hour in range(world.plan.quiet_hours):
            for _ in range(12):
                self._users()
                await self._one_minute(5)
            await self._persons()
            if hour and not await self._unfinished() and not self._undone():
                break

    async def _one_minute(self, units: int = 1) -> None:
        for _ in range(3):
            await self._meet_the_clock()
            self.world.clock.advance(STEP * units)
            await self.world.crooked.do_late()
            await self._post()
            await self._work()

    # the hub

    async def _work(self) -> None:
        """Turn until there is nothing to do now; killed, begin anew as a new process would."""
        self.world.crooked.killed.clear()
        work = asyncio.create_task(self._turns())
        killed = asyncio.create_task(self.world.crooked.killed.wait())
        await asyncio.wait((work, killed), return_when=asyncio.FIRST_COMPLETED)
        killed.cancel()
        if work.done():
            work.result()
            return
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        self.world.deaths += 1
        self.engine = await self.world.engine()
        self.engine.careful = f"engine {self.world.deaths}"
        await take_back(self.engine)

    async def _turns(self) -> None:
        """One thing after another, so that the same seed has the same history."""
        for _ in range(MOST_TURNS):
            done = sum([await step(self.engine) for step in ARRIVE]) + await turn(self.engine, INWARD)
            for name in sorted(self.world.vendors):
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
                await clock_set_back(self.engine)

    async def _post(self) -> None:
        """The vendors' calls to the hub: in turn, or late, twice and out of turn."""
        plan, door, now = self.world.plan, HookDoor(self.world, self.engine), self.world.clock.now().timestamp()
        for name in sorted(self.world.vendors):
            vendor = self.world.vendors[name]
            posts = list(vendor.posts.values())
            if len(posts) > 1 and plan.wants("reorder", 0.5):
                plan.note(self.world.clock.now(), "reorder", name)
                plan.dice.shuffle(posts)
                vendor.posts = {post.number: post for post in posts}
            if posts and plan.wants("delay", 0.3):
                until = now + plan.dice.uniform(1, 30) * MINUTE
                plan.note(self.world.clock.now(), "delay", f"{name}, {round((until - now) / MINUTE)} min")
                self.delayed.append((until, name, posts[0].number))
            if posts and plan.wants("duplicate", 0.3):
                plan.note(self.world.clock.now(), "duplicate", name)
                again = dict(vendor.posts)
                await vendor.deliver_posts(door, tries=50)
                vendor.posts = again
            if not any(until > now for until, delayed, _ in self.delayed if delayed == name):
                await vendor.deliver_posts(door, tries=50)

    async def _unfinished(self) -> int:
        rows = await self.world.rows(
            "SELECT (SELECT count(*) FROM inbox WHERE state IN ('due', 'running', 'waiting'))"
            " + (SELECT count(*) FROM delivery WHERE state IN ('due', 'running', 'waiting'))"
            " + (SELECT count(*) FROM receipt WHERE state = 'due') AS n"
        )
        return int(rows[0].n)

    # people

    def _scenes(self, cast: Cast) -> Sequence[tuple[str, Callable[[], bool], Callable[[], None]]]:
        """Name, when its time has come, what is done."""
        deals = cast.story.deals

        def ordered() -> bool:
            return "won" in self.done and all(map(cast.order_number, deals))

        return (
            ("books", lambda: True, cast.keep_books),
            ("customers", lambda: "books" in self.done, cast.find_customers),
            ("won", lambda: "customers" in self.done, cast.win),
            ("invoiced", ordered, cast.invoice),
            ("first trip", ordered, lambda: cast.ship(0)),
            ("second trip", lambda: "first trip" in self.done, lambda: cast.ship(1)),
            ("first statement", ordered, lambda: cast.book(0)),
            ("second statement", lambda: "first statement" in self.done, lambda: cast.book(1)),
        )

    def _users(self) -> None:
        """The vendors' users do the next thing of the story that can be done."""
        if self.cast is None:
            return
        self.cast.evidence.look()
        for name, ready, act in self._scenes(self.cast):
            if name not in self.done and ready():
                try:
                    act()
                except ActRefused:
                    return
                self.done.add(name)
                return

    def _undone(self) -> bool:
        return self.cast is not None and len(self.done) < len(self._scenes(self.cast))

    async def _persons(self) -> None:
        """Whose turn it is does it: the refused customer gets its right code; what else was parked is tried again,
        but what was perhaps sent or created stays with its owner."""
        now = self.engine.now()
        parked = await self.world.rows(
            "SELECT id, kind, entity_id, stream, error_class FROM delivery WHERE state = 'parked' ORDER BY id"
        )
        inbox = [row.id for row in await self.world.rows("SELECT id FROM inbox WHERE state = 'parked' ORDER BY id")]
        again = [row.id for row in parked if row.error_class not in ("PerhapsCreated", "Rejected")]
        async with self.world.db.begin("persons") as conn:
            for row in parked:
                if row.error_class == "Rejected" and row.kind == "customer" and self.cast is not None:
                    code = self.cast.story.customers[self.cast.story.refused].code
                    wish = PersonChange(row.kind, row.entity_id, {"uscc": code}, WHO, "the code was wrong", "correct")
                    await person_change(conn, self.engine.kinds, wish, self.engine.match_sets, now)
            await desk.retry(conn, "delivery", again, WHO, now)
            await desk.retry(conn, "inbox", inbox, WHO, now)


async def digest(world: World) -> str:
    """Of everything that happened: the vendors' ledgers and the hub's change log."""
    sum_ = hashlib.sha256()
    for name in sorted(world.vendors):
        for entry in world.vendors[name].ledger:
            sum_.update(jsontext.dumps([name, entry.number, entry.at.isoformat(), entry.event, entry.data]))
    async with world.db.read() as conn:
        for row in await conn.execute(text("SELECT row_to_json(c)::text AS line FROM change c ORDER BY id")):
            sum_.update(str(row.line).encode())
    return sum_.hexdigest()


async def told_states(world: World) -> dict[str, int]:
    """How many records and deliveries stand where."""
    rows: Sequence[Any] = await world.rows(
        "SELECT 'inbox ' || state AS name, count(*) AS n FROM inbox GROUP BY 1"
        " UNION ALL SELECT 'delivery ' || state, count(*) FROM delivery GROUP BY 1 ORDER BY 1"
    )
    return {row.name: row.n for row in rows}
