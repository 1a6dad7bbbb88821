"""The loops of one engine process: one per thing that may be slow, woken by bells, looking by themselves every second
for what no bell announced."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import Row, text

from hub.db.session import is_away, is_passing
from hub.jobs import configured, errands
from hub.jobs.crank import INNER, Step, turn
from hub.jobs.errands import SLICE_SECONDS, Errand
from hub.jobs.hearing import hear
from hub.jobs.outage import Outage
from hub.jobs.presence import HERE_SECONDS, Presence
from hub.jobs.tasks import Tasks
from hub.settings import Settings
from hub.sync.bells import answer_bells, ringing
from hub.sync.deliver import deliver_to
from hub.sync.engine import Engine
from hub.sync.notices import notices_due
from hub.sync.open import collect_files
from hub.sync.pauses import probe, take_probes
from hub.sync.retention import tidy
from hub.sync.rewind import clock_set_back
from hub.sync.sweep import sweep
from hub.sync.workers import Self
from hub.telemetry.latency import STOPWATCH
from hub.telemetry.pulse import BEAT_SECONDS, beat

if TYPE_CHECKING:
    from hub.jobs.many import Many

log = structlog.get_logger(__name__)

IDLE_SECONDS: Final = 1.0  # how long a loop sleeps when no bell rings
TICK_SECONDS: Final = 0.2  # how often errands and files are looked for
BREATH_SECONDS: Final = 0.1  # between two pages of a comparison
JUMP_SECONDS: Final = 2.0  # the database's clock against ours, from one look to the next
AGAIN_SECONDS: Final = 3.0  # before what was rung and is still due is rung again
STEPS: Final[Sequence[Step]] = tuple(step for step in INNER if step is not answer_bells)
"""Bells are answered by calls, and a source that is slow must not keep the others waiting."""

_OWING: Final = """
SELECT DISTINCT connection FROM delivery d WHERE state = 'due' AND due_at <= :now AND NOT EXISTS
  (SELECT 1 FROM pause p WHERE p.connection = d.connection AND p.stream = '' AND NOT p.trial)
"""


class Loops:
    """`many`: what goes through Redis; None where there is none. `number`: of the configuration the engine has."""

    def __init__(self, engine: Engine, settings: Settings, url: str, number: int, many: "Many | None" = None) -> None:
        self._engine = engine
        self._settings = settings
        self._url = url
        self._number = number
        self._many = many
        self._rings = many.rings(self._take) if many else None
        self._work = asyncio.Event()
        self._owed = asyncio.Event()
        self._stop = asyncio.Event()
        self._tasks = Tasks(self._failed)
        self._outage = Outage()
        self._rung: dict[Errand, float] = {}
        me = Self.here(engine.me, settings.worker_name)
        redis = (lambda: many.link.state) if many else str
        self._presence = Presence(engine, me, redis, lambda: self._tasks.names)

    def stop(self) -> None:
        for event in (self._stop, self._work, self._owed):
            event.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            ours = (self._listen, self._inner, self._outward, self._arrive, self._look_after, self._here, self._beat)
            for loop in (*ours, self._tidy, self._notices, *self._over_redis()):
                group.create_task(self._guard(loop))
        await self._tasks.finish()  # only now nobody starts anything any more
        await self._presence.leave()

    def _over_redis(self) -> Sequence[Callable[[], Awaitable[None]]]:
        many, rings, stop = self._many, self._rings, self._stop
        if many is None or rings is None:
            return ()

        async def link() -> None:
            await many.link.keep(stop)

        async def publish() -> None:
            await many.chimes.publish(stop)

        async def hearing() -> None:
            await many.chimes.hear(stop, self._heard)

        async def answer() -> None:
            await rings.answer(stop)

        return link, publish, hearing, answer

    async def _guard(self, loop: Callable[[], Awaitable[None]]) -> None:
        """A loop goes on whatever happens; a database that is away is waited for."""
        while not self._stop.is_set():
            try:
                await loop()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._failed(getattr(loop, "__name__", "loop").lstrip("_"), error)
                await self._pause(self._stop, IDLE_SECONDS)

    def _failed(self, what: str, error: Exception) -> None:
        if is_away(error):
            self._outage.met(what, error)
        elif is_passing(error):
            log.warning("the database turned this away, it comes again", what=what, error=type(error).__name__)
        else:
            log.error("failed, going on", what=what, exc_info=error)

    async def _pause(self, event: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()

    # --- records ---------------------------------------------------------------------------------------------------

    async def _inner(self) -> None:
        """Open, apply, derive, route: in this process one after another, each a batch."""
        while not self._stop.is_set():
            self._work.clear()
            done = await turn(self._engine, STEPS)
            if done:
                self._owed.set()
            else:
                await self._pause(self._work, IDLE_SECONDS)

    async def _outward(self) -> None:
        """One task per connection that is owed something, one per connection that is to be asked: a slow one keeps
        nobody else waiting."""
        while not self._stop.is_set():
            self._owed.clear()
            for name in await self._owing():
                self._tasks.start(f"deliver {name}", partial(self._deliver_all, name))
            for name in await ringing(self._engine):
                self._tasks.start(f"fetch {name}", partial(self._fetch_all, name))
            await self._pause(self._owed, IDLE_SECONDS)

    async def _owing(self) -> list[str]:
        async with self._engine.db.read() as conn:
            return [row.connection for row in await conn.execute(text(_OWING), {"now": self._engine.now()})]

    async def _deliver_all(self, connection: str) -> None:
        while not self._stop.is_set():
            with STOPWATCH.turn("deliver"):
                done = await deliver_to(self._engine, connection)
            if not done:
                return
            self._work.set()

    async def _fetch_all(self, connection: str) -> None:
        while not self._stop.is_set() and await answer_bells(self._engine, [connection]):
            self._work.set()

    # --- errands ---------------------------------------------------------------------------------------------------

    async def _arrive(self) -> None:
        """Look what is due. With Redis one looks for all and rings; without it each takes what it finds."""
        while not self._stop.is_set():
            self._tasks.start("files", self._collect)
            by_ring = self._rings is not None and self._rings.works()
            if not by_ring or self._presence.leads:
                found = await errands.due(self._engine)
                self._rung = {errand: self._rung[errand] for errand in found if errand in self._rung}
                for errand in found:
                    if not by_ring:
                        self._run(errand)
                    else:
                        await self._ring(errand)
            await self._pause(self._stop, TICK_SECONDS)

    async def _ring(self, errand: Errand) -> None:
        assert self._rings is not None
        if time.monotonic() - self._rung.get(errand, float("-inf")) < AGAIN_SECONDS:
            return
        if await self._rings.ring(errand):
            self._rung[errand] = time.monotonic()
        else:
            self._run(errand)

    def _run(self, errand: Errand) -> asyncio.Task[None]:
        return self._tasks.start(str(errand), partial(self._go, errand))

    async def _take(self, errand: Errand) -> None:
        """One that was rung here. What takes long goes on by itself, and the place is free for the next."""
        if not self._stop.is_set():
            await asyncio.wait((self._run(errand),), timeout=SLICE_SECONDS)

    async def _go(self, errand: Errand) -> None:
        if await errands.go(self._engine, errand, lambda: self._pause(self._stop, BREATH_SECONDS)):
            self._work.set()

    async def _collect(self) -> None:
        if await collect_files(self._engine):
            self._work.set()

    # --- this process and the others -------------------------------------------------------------------------------

    async def _here(self) -> None:
        while not self._stop.is_set():
            await self._presence.beat()
            await self._pause(self._stop, self._settings.engine.scaled(HERE_SECONDS))

    async def _look_after(self) -> None:
        every = self._settings.engine.scaled(self._settings.engine.sweep_seconds)
        while not self._stop.is_set():
            await self._tell_the_time()
            self._outage.over()
            if self._presence.leads:
                await self._sweep()
            await self._reload()
            await self._pause(self._stop, min(every, IDLE_SECONDS))

    async def _sweep(self) -> None:
        if self._outage.leases_count():
            with STOPWATCH.turn("sweep"):
                await sweep(self._engine)
        for scope in await take_probes(self._engine):
            name = f"probe {scope.connection} {scope.stream}".rstrip()
            self._tasks.start(name, partial(self._probe, scope))

    async def _probe(self, scope: Row[Any]) -> None:
        await probe(self._engine, scope)

    async def _tell_the_time(self) -> None:
        jump = await self._engine.db.clock().resync()
        if abs(jump) > JUMP_SECONDS:
            settings = self._settings.engine
            self._outage.clock_set(jump, settings.scaled(settings.heartbeat_seconds))
        if jump < -JUMP_SECONDS:
            await clock_set_back(self._engine)

    async def _beat(self) -> None:
        while not self._stop.is_set():
            await beat(self._engine.db, self._engine.now(), STOPWATCH)
            await self._pause(self._stop, self._settings.engine.scaled(BEAT_SECONDS))

    async def _tidy(self) -> None:
        """After the others: it is nobody's business how soon a settled row leaves."""
        while not self._stop.is_set():
            with STOPWATCH.turn("tidy"):
                done = await tidy(self._engine.db, self._engine.now(), self._settings.retention)
            if done:
                log.info("tidied", **done.told())
            await self._pause(self._stop, self._settings.retention.every_minutes * 60)

    async def _notices(self) -> None:
        """Owners are told of troubles; a way to them that is slow keeps nobody else waiting."""
        while not self._stop.is_set():
            if self._presence.leads:
                with STOPWATCH.turn("notices"):
                    await notices_due(self._engine, self._settings)
            await self._pause(self._stop, self._settings.engine.scaled(self._settings.notices.every_seconds))

    async def _reload(self) -> None:
        if await configured.number(self._engine.db) != self._number:
            configuration, self._number = await configured.load(self._engine.db, self._settings)
            for name in configuration.connections:
                self._engine.outward.forget_tokens(name)
            self._engine.configuration = configuration
            self._heard()

    async def _listen(self) -> None:
        await hear(self._url, self._stop, self._heard)

    def _heard(self) -> None:
        self._work.set()
        self._owed.set()
