"""Reconciliation: both sides of a sync compared, record by record, however few of them changed lately.

A run reads the other side in pages, whole and from its start, and leaves the sync's own cursor alone. Each page is
compared with what we hold, in the transaction that keeps how far the run is; what differs is only suspected. When all is
read, links that were not met are suspected too, but only if the reading proves complete. Then every suspect is looked at
again (`hub.sync.looking`), and what remains is a drift. Killed at any point it goes on where it stood."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync
from hub.db.session import is_passing
from hub.sdk.connector import Fetches, Lists, Pulls
from hub.sdk.errors import Throttled
from hub.sdk.records import Doubt, Page
from hub.sync import drift
from hub.sync.comparing import compare
from hub.sync.engine import Engine
from hub.sync.looking import look
from hub.sync.pauses import failures_of, paused, set_pause
from hub.sync.policy import Standing, decide
from hub.sync.reconcile_turn import UNDER_WAY, LeaseLost, Turn, hold, make_run, next_time, rest, tell
from hub.sync.standing import context_of, is_comparable, keyed, pages, stream_of

MOST_FAILURES: Final = 5  # of ours in a row, before a run is given up until its next time

Breath = Callable[[], Awaitable[None]]
"""Awaited between pages: whoever turns the crank lets others go first."""


async def no_breath() -> None:
    """For those who are alone."""


# --- when ----------------------------------------------------------------------------------------------------------


_DUE = """
SELECT s.name, s.reconcile_at, s.backfilled,
  EXISTS (SELECT 1 FROM run r WHERE r.sync = s.name AND r.what = 'reconcile' AND r.state = 'running') AS asked
FROM sync s WHERE s.mode <> 'paused' AND coalesce(s.reconcile_at, :now) <= :now
  AND (s.reconcile_lease IS NULL OR s.reconcile_lease < :now) ORDER BY s.name
"""


async def reconcile_due(engine: Engine) -> int:
    """A turn of every comparison whose time has come; returns how much was read or looked at."""
    return sum([await reconcile(engine, sync) for sync in await reconcile_candidates(engine)])


async def reconcile_candidates(engine: Engine) -> list[BoundSync]:
    """The syncs whose comparison is due, or under way and to go on."""
    async with engine.db.read() as conn:
        rows = (await conn.execute(text(_DUE), {"now": engine.now()})).all()
        closed = await paused(conn) if rows else set()
    found: list[BoundSync] = []
    fresh: list[BoundSync] = []
    for row in rows:
        sync = engine.configuration.syncs.get(row.name)
        if sync is None or not is_comparable(engine, sync):
            continue
        waits = sync.reads and isinstance(stream_of(engine, sync), Pulls) and not row.backfilled
        if not row.asked and (waits or sync.spec.reconcile is None):
            continue
        if {(sync.connection, ""), (sync.connection, sync.stream)} & closed:
            continue
        (found if row.asked or row.reconcile_at is not None else fresh).append(sync)
    if fresh:
        await _plan(engine, fresh)
    return found


async def _plan(engine: Engine, fresh: list[BoundSync]) -> None:
    async with engine.db.begin("reconcile plan") as conn:
        for sync in fresh:
            assert sync.spec.reconcile is not None
            values = {"name": sync.name, "at": next_time(sync.name, sync.spec.reconcile, engine.now())}
            await conn.execute(text("UPDATE sync SET reconcile_at = :at WHERE name = :name"), values)


# --- a turn --------------------------------------------------------------------------------------------------------

_CLAIM = """
UPDATE sync SET reconcile_lease = :lease, reconcile_fence = reconcile_fence + 1 WHERE name = :name AND mode <> 'paused'
  AND (reconcile_lease IS NULL OR reconcile_lease < :now) AND coalesce(reconcile_at, :now) <= :now
RETURNING reconcile_fence
"""


async def reconcile(engine: Engine, sync: BoundSync, breath: Breath = no_breath) -> int:
    """Go on with the comparison of one sync as far as it goes now; returns the pages read and the records looked at."""
    turn = await _begin(engine, sync)
    if turn is None:
        return 0
    before, looked = turn.pages, 0
    try:
        if turn.detail["phase"] == "read":
            await _read(turn, breath)
        looked = await look(turn)
    except LeaseLost:
        pass
    except Exception as error:
        if is_passing(error):
            raise  # the database was away: when the lease has run out it goes on behind what was kept
        await _failed(turn, error)
    return turn.pages - before + looked


async def _begin(engine: Engine, sync: BoundSync) -> Turn | None:
    async with engine.db.begin("reconcile begin") as conn:
        now = engine.now()
        values = {"name": sync.name, "now": now, "lease": engine.after(engine.settings.lease_seconds)}
        claimed = (await conn.execute(text(_CLAIM), values)).first()
        if claimed is None:
            return None
        await make_run(conn, sync.name, now)
        row = (await conn.execute(text(UNDER_WAY), {"sync": sync.name})).one()
        return Turn(
            engine, sync, row.id, claimed.reconcile_fence, row.started_at, row.cursor, dict(row.detail), row.pages
        )


# --- reading -------------------------------------------------------------------------------------------------------

_SEEN = """
INSERT INTO reconcile_seen (run_id, key) SELECT :run, key FROM unnest(CAST(:keys AS text[])) AS key ORDER BY key
ON CONFLICT DO NOTHING
"""


async def _read(turn: Turn, breath: Breath) -> None:
    whole = not turn.cursor
    async for page in pages(context_of(turn.engine, turn.sync), turn.stream, turn.cursor or None):
        await _keep(turn, page, whole=whole)
        await breath()
    listed = await _list(turn)
    await _conclude(turn, listed=listed)


async def _keep(turn: Turn, page: Page, *, whole: bool) -> None:
    """`whole`: this turn reads from the start, so that the count the source tells is that of all."""
    engine, sync = turn.engine, turn.sync
    records = keyed(sync, page.records)
    keyless = [f"\x01{turn.pages}-{number}" for number in range(len(page.records) - len(records))]
    if page.total is not None and whole:
        turn.detail["total"] = page.total
    if page.doubt is not None:
        turn.detail["doubt"] = [page.doubt.sentence, page.doubt.zh]
    async with engine.db.begin("reconcile page") as conn:
        await conn.execute(text(_SEEN), {"run": turn.run, "keys": [*records, *keyless]})
        found = await compare(engine, conn, sync, records, page.deleted)
        await drift.suspect(conn, sync, turn.run, found.values(), engine.now())
        turn.cursor, turn.pages = page.cursor, turn.pages + 1
        turn.detail.pop("failures", None)
        await tell(turn, conn)
        await hold(turn, conn)  # last: the sync's own pull wants this row, too


async def _list(turn: Turn) -> bool:
    """Where the source tells no count, its list of keys shows what there is. Is the reading proved complete by it?"""
    if "total" in turn.detail or not isinstance(turn.stream, Lists):
        return False
    if not isinstance(turn.stream, Pulls):
        return True  # it was read by its keys
    async with turn.engine.db.read() as conn:
        counts = await _counts(turn, conn)
    if not counts.missing:
        return False  # nothing depends on it
    async for keys in turn.stream.keys(context_of(turn.engine, turn.sync)):
        async with turn.engine.db.begin("reconcile keys") as conn:
            await hold(turn, conn)
            await conn.execute(text(_SEEN), {"run": turn.run, "keys": list(keys)})
    return True


_MISSING = """
SELECT (SELECT count(*) FROM reconcile_seen WHERE run_id = :run) AS seen, (SELECT count(*) FROM link l
  LEFT JOIN reconcile_seen s ON s.run_id = :run AND s.key = l.key
  WHERE l.connection = :connection AND l.stream = :stream AND l.deleted_at IS NULL AND s.key IS NULL
    AND l.updated_at < :started) AS missing
"""


async def _counts(turn: Turn, conn: AsyncConnection) -> Row[Any]:
    scope = {"connection": turn.sync.connection, "stream": turn.sync.stream}
    return (await conn.execute(text(_MISSING), {"run": turn.run, "started": turn.started_at, **scope})).one()


async def _conclude(turn: Turn, *, listed: bool) -> None:
    """Everything is read: what was not met is missing there, if the reading proves complete."""
    engine, sync, now = turn.engine, turn.sync, turn.engine.now()
    async with engine.db.begin("reconcile read") as conn:
        await hold(turn, conn)
        counts = await _counts(turn, conn)
        doubt = _doubt(turn, counts.seen, counts.missing, listed=listed)
        if doubt is None:
            fetches = isinstance(turn.stream, Fetches)
            await drift.suspect_unseen(conn, sync, turn.run, turn.started_at, now, fetches=fetches)
        else:
            turn.detail["doubt"] = [doubt.sentence, doubt.zh]
        turn.detail |= {"phase": "look", "looking_since": now.isoformat(), "read": counts.seen}
        await tell(turn, conn)


def _doubt(turn: Turn, seen: int, missing: int, *, listed: bool) -> Doubt | None:
    """Why what was not met may be there all the same."""
    told = turn.detail.get("doubt")
    if told is not None:
        return Doubt(*told)
    total = turn.detail.get("total")
    if total is not None and seen < total:
        return Doubt(
            f"the source says it has {total} records and gave {seen}: none of the others is taken for missing; look "
            "there for a page that fails",
            f"来源称共有 {total} 条记录，实际只返回 {seen} 条：其余记录不视为缺失；请检查来源是否有页面出错",
        )
    if missing and not seen:
        return Doubt(
            f"the source answered with no record at all where {missing} are known: none is taken for missing; look "
            "there whether data or rights were taken away",
            f"已知 {missing} 条记录，来源却一条也没有返回：均不视为缺失；请检查来源的数据与权限",
        )
    if missing and total is None and not listed:
        return Doubt(
            f"{missing} known records were not met, and the source tells neither a count nor its keys: none is taken "
            "for missing; let the connection declare a total",
            f"有 {missing} 条已知记录未读到，而来源既不提供总数，也不提供主键清单：均不视为缺失；请在连接中声明总数",
        )
    return None


async def _failed(turn: Turn, error: Exception) -> None:
    """The other side's failures pause what they pause, but to be asked too often is our own fault: only the run rests.
    What fails time and again for another reason ends the run."""
    engine, sync = turn.engine, turn.sync
    async with engine.db.begin("reconcile failed") as conn:
        standing = Standing(0, 0, None, False, await failures_of(conn, sync.connection))
        decision = decide(error, standing, engine.now(), engine.random, engine.settings.speed)
        if decision.pause is not None and not isinstance(error, Throttled):
            await set_pause(conn, sync.connection, decision.pause, decision, engine.now())
        failures = turn.detail.get("failures", 0) + (decision.pause is None)
        over = failures >= MOST_FAILURES
        said = {"error": decision.failure.sentence, "zh": decision.failure.zh, "n": failures, "run": turn.run}
        await conn.execute(
            text(
                "UPDATE run SET error = :error, error_zh = :zh, updated_at = :now, state = :state, ended_at = :ended,"
                " detail = detail || jsonb_build_object('failures', CAST(:n AS int)) WHERE id = :run"
            ),
            {
                **said,
                "now": engine.now(),
                "state": "failed" if over else "running",
                "ended": engine.now() if over else None,
            },
        )
        every = sync.spec.reconcile or timedelta(days=1)
        await rest(turn, conn, next_time(sync.name, every, engine.now()) if over else decision.due_at)
        if over:
            await conn.execute(text("DELETE FROM reconcile_seen WHERE run_id = :run"), {"run": turn.run})
            doubt = {"en": said["error"], "zh": said["zh"], "name": sync.name}
            await conn.execute(
                text("UPDATE sync SET reconcile_doubt = :en, reconcile_doubt_zh = :zh WHERE name = :name"), doubt
            )
