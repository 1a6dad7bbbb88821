"""Pull: read what changed, page by page; a page's records and its cursor are committed together."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync
from hub.db.session import is_passing
from hub.sdk.connector import Pulls
from hub.sdk.records import Page
from hub.sync.arrive import Source, Stored, store_records
from hub.sync.engine import Engine
from hub.sync.pauses import failures_of, paused, set_pause
from hub.sync.policy import Standing, decide, failure_of
from hub.sync.tombstones import store_gone

BACK_PRESSURE = 10_000  # records of a stream that may wait before the next page is asked for (invariant 12)


@dataclass(slots=True)
class Turn:
    """One pull that this process holds the lease of. `backfill`: the first whole reading is not through yet.
    `run_id` is there once something was read: a pull that found nothing leaves its mark on the sync, not a row for
    each minute of the year. `whole`: the source was read to its end."""

    sync: BoundSync
    cursor: str | None
    fence: int
    started_at: datetime
    backfill: bool
    run_id: int | None = None
    whole: bool = False


class LeaseLost(Exception):
    """Another process took this pull over; what this one read after that is thrown away."""


_CLAIM = """
UPDATE sync SET lease_until = :lease, fence = fence + 1 WHERE name = :name
  AND (lease_until IS NULL OR lease_until < :now) AND mode <> 'paused'
RETURNING cursor, fence, backfilled
"""


async def pull_due(engine: Engine) -> int:
    """Pull every sync whose time has come, one after another; returns how many records entered the inbox."""
    return sum([await pull(engine, sync) for sync in await pull_candidates(engine)])


async def pull_candidates(engine: Engine) -> list[BoundSync]:
    """The syncs whose time to pull has come and whose connection is not paused."""
    async with engine.db.read() as conn:
        rows = await conn.execute(
            text("SELECT name FROM sync WHERE coalesce(next_pull_at, :now) <= :now AND mode <> 'paused' ORDER BY name"),
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
    total = Stored(0, 0, 0)
    failure: Exception | None = None
    try:
        async for part in _pages(engine, turn):
            total = Stored(total.read + part.read, total.stored + part.stored, total.unchanged + part.unchanged)
    except LeaseLost:
        return total.stored
    except Exception as error:
        if is_passing(error):
            raise  # the database is away: the lease is taken back, nothing is lost
        failure = error
    await _end(engine, turn, total, failure)
    return total.stored


async def _begin(engine: Engine, sync: BoundSync) -> Turn | None:
    async with engine.db.begin("pull begin") as conn:
        lease = engine.now() + timedelta(seconds=engine.settings.lease_seconds)
        row = (await conn.execute(text(_CLAIM), {"name": sync.name, "now": engine.now(), "lease": lease})).first()
        if row is None:
            return None
        return Turn(sync, row.cursor, row.fence, engine.now(), backfill=not row.backfilled)


async def _pages(engine: Engine, turn: Turn) -> AsyncIterator[Stored]:
    sync = turn.sync
    bound = engine.configuration.connections[sync.connection]
    stream = bound.streams[sync.stream]
    assert isinstance(stream, Pulls)
    async for page in stream.pull(engine.outward.context(bound), turn.cursor):
        yield await _keep_page(engine, turn, page)
        async with engine.db.read() as conn:
            if await waiting_records(conn, sync) >= BACK_PRESSURE:
                return
    turn.whole = True


async def _keep_page(engine: Engine, turn: Turn, page: Page) -> Stored:
    """The page's records and its cursor, in one transaction. A page that says nothing costs none."""
    if not page.records and not page.deleted and page.cursor == turn.cursor:
        return Stored(0, 0, 0)
    now = engine.now()
    async with engine.db.begin("page") as conn:
        run_id = await _run_id(conn, turn) if page.records else 0
        source = _source(engine, turn, run_id)
        stored = await store_records(conn, turn.sync, source, page.records, now)
        gone = await store_gone(conn, source, page.deleted, now)
        values = {
            "cursor": page.cursor,
            "lease": now + timedelta(seconds=engine.settings.lease_seconds),
            "name": turn.sync.name,
            "fence": turn.fence,
        }
        held = await conn.execute(
            text("UPDATE sync SET cursor = :cursor, lease_until = :lease WHERE name = :name AND fence = :fence"), values
        )
        if held.rowcount != 1:
            raise LeaseLost(turn.sync.name)
    turn.cursor = page.cursor
    return Stored(stored.read + len(page.deleted), stored.stored + gone, stored.unchanged)


def _source(engine: Engine, turn: Turn, run_id: int) -> Source:
    sync = turn.sync
    live = engine.reads_live(sync) and not turn.backfill
    return Source(sync.connection, sync.stream, live, f"run-{run_id}", run_id=run_id or None)


async def _run_id(conn: AsyncConnection, turn: Turn) -> int:
    """The run's row, made when the first thing is to be said about it."""
    if turn.run_id is None:
        run = await conn.execute(
            text("INSERT INTO run (sync, what, state, started_at) VALUES (:sync, :what, 'running', :at) RETURNING id"),
            {"sync": turn.sync.name, "what": "backfill" if turn.backfill else "pull", "at": turn.started_at},
        )
        turn.run_id = run.scalar_one()
    return turn.run_id


_END_SYNC = """
UPDATE sync SET lease_until = NULL, last_pull_at = :now, last_read = :read, next_pull_at = :next,
  backfilled = backfilled OR :whole, failures = CASE WHEN :failed THEN failures + 1 ELSE 0 END,
  error = :error, error_zh = :zh WHERE name = :name AND fence = :fence
"""
_END_RUN = """
UPDATE run SET state = :state, ended_at = :now, read = :read, stored = :stored, unchanged = :unchanged,
  cursor = :cursor, error = :error, error_zh = :zh WHERE id = :run
"""


async def _end(engine: Engine, turn: Turn, total: Stored, error: Exception | None) -> None:
    now = engine.now()
    failure = failure_of(error) if error else None
    said = {"now": now, "read": total.read, "error": failure and failure.sentence, "zh": failure and failure.zh}
    async with engine.db.begin("pull end") as conn:
        next_at = engine.after(turn.sync.spec.every.total_seconds()) if turn.whole else now
        if error is not None:
            next_at = await _pause(engine, conn, turn, error)
            await _run_id(conn, turn)
        sync_values = {"next": next_at, "whole": turn.whole, "failed": error is not None, "name": turn.sync.name}
        await conn.execute(text(_END_SYNC), {**said, **sync_values, "fence": turn.fence})
        if turn.run_id is not None:
            run_values = {"stored": total.stored, "unchanged": total.unchanged, "cursor": turn.cursor}
            state = "failed" if error else "done"
            await conn.execute(text(_END_RUN), {**said, **run_values, "state": state, "run": turn.run_id})


async def _pause(engine: Engine, conn: AsyncConnection, turn: Turn, error: Exception) -> datetime:
    failures = await failures_of(conn, turn.sync.connection)
    standing = Standing(0, 0, None, False, failures)
    decision = decide(error, standing, engine.now(), engine.random, engine.settings.speed)
    if decision.pause is not None:
        await set_pause(conn, turn.sync.connection, decision.pause, decision, engine.now())
    return decision.due_at


async def waiting_records(conn: AsyncConnection, sync: BoundSync) -> int:
    """Records of a stream that still wait for apply."""
    rows = await conn.execute(
        text("SELECT count(*) FROM inbox WHERE connection = :connection AND stream = :stream AND state = 'due'"),
        {"connection": sync.connection, "stream": sync.stream},
    )
    return int(rows.scalar_one())
