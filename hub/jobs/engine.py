"""The engine process: loops over the steps, woken by the database's bell, found by the sweep when a bell was missed."""

import asyncio
import random
import secrets
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
import structlog
from sqlalchemy import text

from hub.db.embedded import EmbeddedServer
from hub.db.session import Database, is_away, is_passing, plain_url
from hub.jobs import configured
from hub.jobs.collector import calm
from hub.jobs.crank import turn
from hub.jobs.outage import Outage
from hub.sdk.transport import AiohttpTransport
from hub.settings import Settings, load_settings
from hub.sync.deliver import deliver_to
from hub.sync.engine import Engine
from hub.sync.mending import mend_due
from hub.sync.notices import notices_due
from hub.sync.open import collect_files
from hub.sync.outward import Outward
from hub.sync.pauses import probe_paused
from hub.sync.pull import pull, pull_candidates
from hub.sync.recheck import recheck_due
from hub.sync.reconcile import reconcile, reconcile_candidates
from hub.sync.retention import tidy
from hub.sync.rewind import clock_set_back
from hub.sync.sweep import sweep, take_back
from hub.telemetry.latency import STOPWATCH
from hub.telemetry.log import configure
from hub.telemetry.pulse import BEAT_SECONDS, beat

log = structlog.get_logger(__name__)

IDLE_SECONDS = 1.0  # how long a loop sleeps when no bell rings
TICK_SECONDS = 0.2  # how often pulls and files are looked for
BREATH_SECONDS = 0.1  # between two pages of a comparison
CONNECT_SECONDS = 10.0
JUMP_SECONDS = 2.0  # the database's clock against ours, from one look to the next
BELLS = ("hub_work", "hub_config")


class Loops:
    """The loops of one engine process. One loop per thing that may be slow: the store, each target, each source."""

    def __init__(self, engine: Engine, settings: Settings, url: str, number: int) -> None:
        self._engine = engine
        self._settings = settings
        self._url = url
        self._number = number
        self._work = asyncio.Event()
        self._owed = asyncio.Event()
        self._stop = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._outage = Outage()

    def stop(self) -> None:
        for event in (self._stop, self._work, self._owed):
            event.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            ours = (self._listen, self._inner, self._deliver, self._arrive, self._sweep, self._beat, self._tidy)
            for loop in (*ours, self._notices):
                group.create_task(self._guard(loop))
        await self._finish()  # only now nobody starts anything any more

    async def _guard(self, loop: Callable[[], Awaitable[None]]) -> None:
        """A loop goes on whatever happens; a database that is away is waited for."""
        while not self._stop.is_set():
            try:
                await loop()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._failed(loop.__name__.lstrip("_"), error)
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

    async def _inner(self) -> None:
        """Open, fetch, apply, derive, route: in this process one after another, each a batch."""
        while not self._stop.is_set():
            self._work.clear()
            done = await turn(self._engine)
            if done:
                self._owed.set()
            else:
                await self._pause(self._work, IDLE_SECONDS)

    async def _deliver(self) -> None:
        """One task per connection that owes something; a slow one keeps nobody else waiting."""
        while not self._stop.is_set():
            self._owed.clear()
            for name in await self._owing():
                self._start(f"deliver {name}", self._deliver_all(name))
            await self._pause(self._owed, IDLE_SECONDS)

    async def _owing(self) -> list[str]:
        async with self._engine.db.read() as conn:
            rows = await conn.execute(
                text(
                    "SELECT DISTINCT connection FROM delivery d WHERE state = 'due' AND due_at <= :now AND NOT EXISTS"
                    " (SELECT 1 FROM pause p WHERE p.connection = d.connection AND p.stream = '' AND NOT p.trial)"
                ),
                {"now": self._engine.now()},
            )
            return [row.connection for row in rows]

    async def _deliver_all(self, connection: str) -> None:
        while not self._stop.is_set():
            with STOPWATCH.turn("deliver"):
                done = await deliver_to(self._engine, connection)
            if not done:
                return
            self._work.set()

    async def _arrive(self) -> None:
        while not self._stop.is_set():
            if await collect_files(self._engine):
                self._work.set()
            for sync in await pull_candidates(self._engine):
                self._start(f"pull {sync.name}", self._pull(sync.name))
            for sync in await reconcile_candidates(self._engine):
                self._start(f"reconcile {sync.name}", self._reconcile(sync.name))
            self._start("recheck", self._recheck())
            self._start("mend", self._mend())
            await self._pause(self._stop, TICK_SECONDS)

    async def _recheck(self) -> None:
        if await recheck_due(self._engine):
            self._work.set()

    async def _reconcile(self, name: str) -> None:
        """Behind everybody else: a comparison lets them go first between two pages."""
        sync = self._engine.configuration.syncs.get(name)
        if sync is None:
            return
        with STOPWATCH.turn("reconcile"):
            await reconcile(self._engine, sync, lambda: self._pause(self._stop, BREATH_SECONDS))

    async def _mend(self) -> None:
        if await mend_due(self._engine):
            self._work.set()

    async def _pull(self, name: str) -> None:
        sync = self._engine.configuration.syncs.get(name)
        if sync is None:
            return
        with STOPWATCH.turn("pull"):
            found = await pull(self._engine, sync)
        if found:
            self._work.set()

    def _start(self, name: str, work: Awaitable[None]) -> None:
        """Run `work` as the one task of this name; while one is at work another is not started."""
        running = self._busy.get(name)
        if running is not None and not running.done():
            work.close()  # type: ignore[attr-defined]
            return
        self._busy[name] = asyncio.ensure_future(self._told(name, work))

    async def _told(self, name: str, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            self._failed(name, error)

    async def _finish(self) -> None:
        """Let what is under way end; its results are worth keeping."""
        await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _sweep(self) -> None:
        every = self._settings.engine.scaled(self._settings.engine.sweep_seconds)
        while not self._stop.is_set():
            await self._tell_the_time()
            self._outage.over()
            if self._outage.leases_count():
                with STOPWATCH.turn("sweep"):
                    await sweep(self._engine)
            await probe_paused(self._engine)
            await self._reload()
            await self._pause(self._stop, min(every, IDLE_SECONDS))

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
            with STOPWATCH.turn("notices"):
                await notices_due(self._engine, self._settings)
            await self._pause(self._stop, self._settings.engine.scaled(self._settings.notices.every_seconds))

    async def _reload(self) -> None:
        if await configured.number(self._engine.db) != self._number:
            configuration, self._number = await configured.load(self._engine.db, self._settings)
            for name in configuration.connections:
                self._engine.outward.forget_tokens(name)
            self._engine.configuration = configuration
            self._work.set()
            self._owed.set()

    async def _listen(self) -> None:
        """Hear NOTIFY: work came in, or a configuration was applied."""
        connection = await asyncpg.connect(plain_url(self._url), timeout=CONNECT_SECONDS)
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            for bell in BELLS:
                await connection.add_listener(bell, self._heard)
            self._heard()  # what rang before we listened
            while not self._stop.is_set() and not lost.is_set():
                await self._pause(self._stop, IDLE_SECONDS)
        finally:
            with suppress(Exception):
                await connection.close(timeout=2)

    def _heard(self, *_: object) -> None:
        self._work.set()
        self._owed.set()


async def run(settings: Settings, url: str) -> None:
    """Run the engine until SIGTERM or SIGINT."""
    db = Database(url)
    await db.retrying(db.clock().resync)
    configuration, number = await configured.load(db, settings)
    rng = random.Random()
    transport = AiohttpTransport()
    engine = Engine(db, configuration, db.clock(), rng, Outward(transport, db.clock(), rng), settings.engine)
    engine.careful = secrets.token_hex(8)
    await clock_set_back(engine)
    await take_back(engine)
    loops = Loops(engine, settings, url, number)
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, loops.stop)
    try:
        await loops.run()
    finally:
        await transport.aclose()
        await db.close()


def main() -> None:
    """Entry of the engine process."""
    settings = load_settings()
    configure(settings.log.level, settings.log.format)
    given = settings.database_url
    url = given.get_secret_value() if given else EmbeddedServer(settings.data_dir).start()
    calm()
    asyncio.run(run(settings, url))


if __name__ == "__main__":
    main()
