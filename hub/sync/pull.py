"""Pull: read what changed, page by page; a page's records, its cursor and how far the run is are committed together.

A reading that began at the source's start and came to its end is looked at as a whole (`hub.sync.extent`): what it did
not bring is a delete, or a doubt."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync
from hub.db.session import is_passing
from hub.sdk.connector import Pulls, Stream
from hub.sdk.context import Context
from hub.sdk.records import Doubt, Page
from hub.sync import deletes, progress
from hub.sync.arrive import Source, Stored, store_records
from hub.sync.engine import Engine
from hub.sync.extent import Concluded, Extent, Missing, conclude, unseen
from hub.sync.pauses import failures_of, paused, set_pause
from hub.sync.policy import Decision, Standing, decide, failure_of
from hub.sync.progress import Progress
from hub.sync.schema_drift import Eye, SchemaDrift, keep_look, note, open_eye

BACK_PRESSURE = 10_000  # records of a stream that may wait before the next page is asked for (invariant 12)


@dataclass(slots=True)
class Turn:
    """One pull that this process holds the lease of. `backfill`: the first whole reading is not through yet.
    `ended`: the source was read to its end. `doubted`: what the last reading left in doubt. `begun_anew`: somebody
    wanted everything read."""

    sync: BoundSync
    stream: Stream
    cursor: str | None
    fence: int
    started_at: datetime
    backfill: bool
    run: Progress
    extent: Extent
    eye: Eye
    doubted: str | None = None
    begun_anew: bool = False
    ended: bool = False


class LeaseLost(Exception):
    """Another process took this pull over; what this one read after that is thrown away."""


_CLAIM = """
UPDATE sync SET lease_until = :lease, fence = fence + 1 WHERE name = :name
  AND (lease_until IS NULL OR lease_until < :now) AND mode <> 'paused' AND coalesce(next_pull_at, :now) <= :now
RETURNING cursor, fence, backfilled, doubt
"""


async def pull_due(engine: Engine) -> int:
    """Pull every sync whose time has come, one after another; returns how many records entered the inbox."""
    return sum([await pull(engine, sync) for sync in await pull_candidates(engine)])


async def pull_candidates(engine: Engine) -> list[BoundSync]:
    """The syncs whose time to pull has come, that nobody pulls, and whose connection is not paused."""
    async with engine.db.read() as conn:
        rows = await conn.execute(
            text(
                "SELECT name FROM sync WHERE coalesce(next_pull_at, :now) <= :now AND mode <> 'paused'"
                " AND (lease_until IS NULL OR lease_until < :now) ORDER BY name"
            ),
            {"now": engine.now()},
        )
        due = [row.name for row in rows]
        closed = await paused(conn)
    syncs = [engine.configuration.syncs[name] for name in due if name in engine.configuration.syncs]
    return [
        sync
        for sync in syncs
        if reads_by_pull(engine, sync) and not {(sync.connection, ""), (sync.connection, sync.stream)} & closed
    ]


def reads_by_pull(engine: Engine, sync: BoundSync) -> bool:
    """Does this sync read by asking?"""
    bound = engine.configuration.connections.get(sync.connection)
    return bool(sync.reads and bound and isinstance(bound.streams.get(sync.stream), Pulls))


async def pull(engine: Engine, sync: BoundSync) -> int:
    """One pull of one sync; a failure is recorded on the run and the sync, and pauses what it must."""
    turn = await _begin(engine, sync)
    if turn is None:
        return 0
    stored = turn.run.stored
    failure: Exception | None = None
    doubt: Doubt | None = None
    try:
        await _read(engine, turn)
        if turn.ended:
            doubt = await _judge(engine, turn)
    except LeaseLost:
        return turn.run.stored - stored
    except Exception as error:
        if is_passing(error):
            await _let_go(engine, turn)
            raise  # the database was away: what was kept is kept, the next turn goes on behind it
        failure = error
    await _end(engine, turn, failure, doubt)
    return turn.run.stored - stored


async def _begin(engine: Engine, sync: BoundSync) -> Turn | None:
    bound = engine.configuration.connections[sync.connection]
    stream = bound.streams[sync.stream]
    async with engine.db.begin("pull begin") as conn:
        now = engine.now()
        lease = now + timedelta(seconds=engine.settings.lease_seconds)
        row = (await conn.execute(text(_CLAIM), {"name": sync.name, "now": now, "lease": lease})).first()
        if row is None:
            return None
        backfill, whole = not row.backfilled, not row.cursor
        run = await progress.begin(conn, sync.name, "backfill" if backfill else "pull", now, anew=whole)
        eye = await open_eye(conn, sync, stream.schema)
        return Turn(
            sync, stream, row.cursor, row.fence, now, backfill, run, Extent(whole), eye, row.doubt, row.cursor is None
        )


async def _let_go(engine: Engine, turn: Turn) -> None:
    """Who is cut off by an outage gives the turn back as soon as there is somebody to give it to."""

    async def release() -> None:
        async with engine.db.begin("pull let go") as conn:
            await conn.execute(
                text("UPDATE sync SET lease_until = NULL WHERE name = :name AND fence = :fence"),
                {"name": turn.sync.name, "fence": turn.fence},
            )

    with suppress(Exception):  # then the lease runs out by itself, and the outage is told by who met it first
        await engine.db.retrying(release, engine.settings.lease_seconds)


async def _read(engine: Engine, turn: Turn) -> None:
    assert isinstance(turn.stream, Pulls)
    async for page in turn.stream.pull(_context(engine, turn), turn.cursor):
        await _keep_page(engine, turn, page)
        async with engine.db.read() as conn:
            if await waiting_records(conn, turn.sync) >= BACK_PRESSURE:
                return
    turn.ended = True


def _context(engine: Engine, turn: Turn) -> Context:
    return engine.outward.context(engine.configuration.connections[turn.sync.connection])


async def _keep_page(engine: Engine, turn: Turn, page: Page) -> None:
    """The page's records and its cursor, in one transaction. A page that says nothing costs none."""
    turn.extent.see(turn.sync, page)
    if not page.records and not page.deleted and page.cursor == (turn.cursor or ""):
        return
    now, run = engine.now(), replace(turn.run)
    try:
        async with engine.db.begin("page") as conn:
            stored = await _store(engine, conn, turn, run, page)
            await keep_look(conn, turn.eye, now, stored.fresh, run.run_id)
            run.count(stored, page.total)
            await progress.tell(conn, run, page.cursor, now)
            await _move(engine, conn, turn, page.cursor)
    except SchemaDrift as drift:
        async with engine.db.begin("drift") as conn:
            await note(conn, turn.sync.connection, turn.sync.stream, drift.told, now, turn.run.run_id)
        raise
    turn.run, turn.cursor = run, page.cursor


async def _store(engine: Engine, conn: AsyncConnection, turn: Turn, run: Progress, page: Page) -> Stored:
    """The run gets its row when it has something to tell: what is new, or that everything is read."""
    sync, now = turn.sync, engine.now()
    assert sync.mapping is not None
    if page.deleted or turn.backfill or turn.begun_anew:
        await progress.make(conn, run)
    source = _source(engine, turn, await progress.number(conn, run))
    stored = await store_records(conn, sync, source, page.records, now)
    if stored.stored:
        await progress.make(conn, run)
        await deletes.gather(conn, sync, source, deletes.dead(sync.mapping, page.records))
    gone = await deletes.store_gone(conn, sync, source, page.deleted, now)
    run.gone += gone
    return replace(stored, read=stored.read + len(page.deleted), stored=stored.stored + gone)


async def _move(engine: Engine, conn: AsyncConnection, turn: Turn, cursor: str) -> None:
    lease = engine.now() + timedelta(seconds=engine.settings.lease_seconds)
    values = {"cursor": cursor, "lease": lease, "name": turn.sync.name, "fence": turn.fence}
    held = await conn.execute(
        text("UPDATE sync SET cursor = :cursor, lease_until = :lease WHERE name = :name AND fence = :fence"), values
    )
    if held.rowcount != 1:
        raise LeaseLost(turn.sync.name)


def _source(engine: Engine, turn: Turn, run_id: int) -> Source:
    sync = turn.sync
    live = engine.reads_live(sync) and not turn.backfill
    return Source(sync.connection, sync.stream, live, f"run-{run_id}", run_id=run_id)


async def _judge(engine: Engine, turn: Turn) -> Doubt | None:
    """The source was read to its end: what is gone, and what is doubtful."""
    sync, extent = turn.sync, turn.extent
    found = Concluded(doubt=extent.doubt)
    async with engine.db.read() as conn:
        missing = await unseen(conn, sync, extent, turn.started_at) if extent.whole else []
        most = deletes.limit(await deletes.standing(conn, sync)) if missing else 0
        pending = await deletes.pending(conn, sync) if extent.whole else {}
        waiting = await deletes.any_gathered(conn, sync)
        held = await deletes.held_doubt(conn, sync.name)
    if extent.whole:
        found = await conclude(_context(engine, turn), sync, turn.stream, extent, Missing(missing, most))
    back = [number for key, number in pending.items() if hash(key) in extent.seen - extent.ended]
    if found.gone or found.left_out or waiting or back:
        run = replace(turn.run)
        async with engine.db.begin("pull judged") as conn:
            source = _source(engine, turn, await progress.make(conn, run))
            stored = await store_records(conn, sync, source, found.left_out, engine.now())
            run.gone += await deletes.store_gone(conn, sync, source, found.gone, engine.now())
            run.stored += stored.stored
            await deletes.take_back(conn, sync, back, engine.now())
            await deletes.judge(engine, conn, sync, run)
            await _move(engine, conn, turn, turn.cursor or "")
            held = await deletes.held_doubt(conn, sync.name)
        turn.run = run
    return found.doubt or held


_END_SYNC = """
UPDATE sync SET lease_until = NULL, last_pull_at = :now, last_read = :read, next_pull_at = :next,
  backfilled = backfilled OR :whole, failures = CASE WHEN :failed THEN failures + 1 ELSE 0 END,
  cursor = CASE WHEN :again THEN NULL ELSE cursor END, error = :error, error_zh = :zh,
  doubt = CASE WHEN :ended THEN :doubt ELSE doubt END, doubt_zh = CASE WHEN :ended THEN :doubt_zh ELSE doubt_zh END
WHERE name = :name AND fence = :fence
"""
AGAIN_SECONDS = 600.0  # before a reading that fell short of the source's own count is begun anew


async def _end(engine: Engine, turn: Turn, error: Exception | None, doubt: Doubt | None) -> None:
    now = engine.now()
    failure = failure_of(error) if error else None
    again = turn.ended and turn.extent.whole and turn.extent.short and bool(turn.cursor)
    wait = turn.sync.spec.every.total_seconds()
    async with engine.db.begin("pull end") as conn:
        next_at = engine.after(max(wait, AGAIN_SECONDS) if again else wait) if turn.ended else now
        state = ("unverified" if doubt else "done") if turn.ended else "running"
        if error is not None:
            decision = await _pause(engine, conn, turn, error)
            next_at = decision.due_at
            # A first reading that was only cut off is the same one when it goes on.
            state = "running" if turn.backfill and decision.pause is not None else "failed"
            await progress.make(conn, turn.run)
        elif doubt is not None and doubt.sentence != turn.doubted:
            await progress.make(conn, turn.run)
        values = {
            "now": now,
            "read": turn.run.turn_read,
            "next": next_at,
            "whole": turn.ended and doubt is None,
            "failed": error is not None,
            "again": again,
            "error": failure and failure.sentence,
            "zh": failure and failure.zh,
            "ended": turn.ended,
            "doubt": doubt and doubt.sentence,
            "doubt_zh": doubt and doubt.zh,
            "name": turn.sync.name,
            "fence": turn.fence,
        }
        await conn.execute(text(_END_SYNC), values)
        why = Doubt(failure.sentence, failure.zh) if failure else doubt
        await progress.close(conn, turn.run, state, why, turn.cursor, now)


async def _pause(engine: Engine, conn: AsyncConnection, turn: Turn, error: Exception) -> Decision:
    failures = await failures_of(conn, turn.sync.connection)
    standing = Standing(0, 0, None, False, failures)
    decision = decide(error, standing, engine.now(), engine.random, engine.settings.speed)
    if decision.pause is not None:
        await set_pause(conn, turn.sync.connection, decision.pause, decision, engine.now())
    return decision


async def waiting_records(conn: AsyncConnection, sync: BoundSync) -> int:
    """Records of a stream that still wait for apply."""
    rows = await conn.execute(
        text("SELECT count(*) FROM inbox WHERE connection = :connection AND stream = :stream AND state = 'due'"),
        {"connection": sync.connection, "stream": sync.stream},
    )
    return int(rows.scalar_one())
