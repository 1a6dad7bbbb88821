"""Re-mapping: when another version of a mapping comes into force, what links know is read again by it.

A run in pages, each one transaction: first it is measured what would change (far more than usual: a person is asked),
then the links are put into the inbox without a record of their own, and apply takes what the link knows at that moment.
So a push or a newer record in between is never undone, the old inbox is not needed, and nobody gets a message. A sync
that only writes owes what its target would be told otherwise. Killed at any point it goes on where it stood."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from sqlalchemy import Row, text

from hub.config.force import REMAP
from hub.config.runtime import BoundSync
from hub.db.session import is_passing
from hub.sync import settle
from hub.sync.batch import Batch
from hub.sync.controls import READ_AGAIN
from hub.sync.engine import Engine
from hub.sync.holding import Tally, hold, too_much, usual
from hub.sync.measuring import measure, to_write
from hub.sync.policy import Failure, failure_of
from hub.sync.pull import BACK_PRESSURE, reads_by_pull, waiting_records
from hub.sync.remap_turn import OF_STREAM, Turn, end, links, pairs, progress, version_of, written_by
from hub.sync.rereading import keeps_more
from hub.sync.route import owe, row_for


async def remap_due(engine: Engine) -> int:
    """One page of every run of re-mapping that is to go on; returns how many links were looked at."""
    async with engine.db.read() as conn:
        rows = await conn.execute(
            text("SELECT id FROM run WHERE what = :what AND state = 'running' ORDER BY id"), {"what": REMAP}
        )
        ids = [row.id for row in rows]
    return sum([await _take_turn(engine, run) for run in ids])


async def _take_turn(engine: Engine, run: int) -> int:
    try:
        return await engine.db.retrying(lambda: _page(engine, run))
    except Exception as error:  # a fault of ours: this run alone stops, and a person sees why
        if is_passing(error):
            raise
        await _failed(engine, run, failure_of(error))
        return 1


async def _page(engine: Engine, run: int) -> int:
    async with engine.db.begin("remap") as conn:
        found = await conn.execute(
            text(
                "SELECT id, sync, cursor, detail FROM run WHERE id = :id AND state = 'running' FOR UPDATE SKIP LOCKED"
            ),
            {"id": run},
        )
        row = found.one_or_none()
        sync = _sync_of(engine, row) if row is not None else None
        if row is None or sync is None:
            return 0
        turn = Turn(engine, conn, sync, row.id, int(row.cursor or 0), dict(row.detail))
        return await _PHASES[turn.detail["phase"]](turn)


def _sync_of(engine: Engine, run: Row[Any]) -> BoundSync | None:
    """The sync the run is for, when this process works by the version the run is about."""
    sync = engine.configuration.syncs.get(run.sync)
    if sync is None or sync.mode == "paused" or sync.mapping is None:
        return None
    asked = (run.detail.get("mapping"), run.detail.get("version"))
    return sync if (sync.spec.mapping, sync.mapping_version) == asked else None


# --- the phases ----------------------------------------------------------------------------------------------------

_STALE = (
    f"{OF_STREAM} AND (l.mapping, l.mapping_version) IS DISTINCT FROM (CAST(:mapping AS text), CAST(:version AS int))"
)
# Rows as they would stand in the inbox, which the steps of apply can be asked about.
_TO_MEASURE = f"""
SELECT i.*, l.mapping AS read_by, l.mapping_version AS read_by_version
FROM (SELECT l.* {_STALE} ORDER BY l.id LIMIT :limit) l
CROSS JOIN LATERAL jsonb_populate_record(CAST(NULL AS inbox), jsonb_build_object('id', l.id, 'key', l.key,
  'record', jsonb_build_object(), 'digest', '', 'deleted', false, 'received_at', l.updated_at, 'live', false,
  'correlation', '', 'from_link', true)) i ORDER BY i.id
"""


async def _measure(turn: Turn) -> int:
    """What would change? Far more than usual: the run is held for a person."""
    if not turn.sync.reads:
        return await _measure_writes(turn)
    rows = (await turn.conn.execute(text(_TO_MEASURE), turn.values)).all()
    if not rows:
        return await _measured(turn)
    tally = Tally.of(turn.detail)
    batch = Batch(turn.engine, turn.conn, turn.sync, turn.engine.now(), settle.Verdicts())
    await measure(batch, rows, tally)
    read_by = {f"{row.read_by}@{row.read_by_version}" for row in rows} | {*turn.detail.get("read_by", ())}
    seen = turn.detail.get("seen", 0) + len(rows)
    await progress(turn, rows[-1].id, {**tally.kept(), "read_by": sorted(read_by), "seen": seen})
    return len(rows)


async def _measure_writes(turn: Turn) -> int:
    rows = await links(turn)
    if not rows:
        return await _measured(turn)
    found = await pairs(turn, rows)
    tally = Tally.of(turn.detail)
    owed = len(to_write(turn.sync, written_by(turn), found))
    tally.rewrites += owed
    tally.pushes += owed
    await progress(turn, rows[-1].id, {**tally.kept(), "seen": turn.detail.get("seen", 0) + len(rows)})
    return len(rows)


async def _measured(turn: Turn) -> int:
    """Go on, or wait for a person."""
    tally, holding = Tally.of(turn.detail), turn.engine.settings.holding
    mean = await usual(turn.conn, turn.sync, holding, turn.engine.now())
    phase = "apply" if turn.sync.reads else "owe"
    await progress(turn, 0, {"phase": phase}, total=turn.detail.get("seen", 0))
    if too_much(tally, mean, holding):
        await hold(turn.engine, turn.conn, turn.sync, turn.id, tally, mean)
    return 1


_PUT = f"""
WITH page AS (SELECT l.id, l.key {_STALE} {{more}} ORDER BY l.id LIMIT :limit),
put AS (INSERT INTO inbox (connection, stream, key, record, digest, received_at, run_id, correlation, live, from_link,
    state, due_at)
  SELECT :connection, :stream, key, '{{{{}}}}', '', :now, CAST(:run AS bigint), 'run-' || CAST(:run AS bigint), false, true, 'due', :now
  FROM page ORDER BY id)
SELECT count(*) AS n, max(id) AS last FROM page
"""
_PUT_PAGE = _PUT.format(more="")
# Links that came to know something by the old version while the run was under way.
_PUT_REST = _PUT.format(
    more="AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.connection = :connection AND i.stream = :stream"
    " AND i.key = l.key AND i.run_id = CAST(:run AS bigint))"
)


async def _apply(turn: Turn) -> int:
    """Put the next links into the inbox, while few of their stream wait there."""
    if await waiting_records(turn.conn, turn.sync) >= BACK_PRESSURE:
        return 0
    page = (await turn.conn.execute(text(_PUT_PAGE), {**turn.values, "now": turn.engine.now()})).one()
    if page.n:
        await progress(turn, page.last, {})
        return int(page.n)
    await progress(turn, 0, {"phase": "finish"})
    return 1


_DUE = """
SELECT count(*) FILTER (WHERE state = 'due') AS due, count(*) FILTER (WHERE state IN ('waiting', 'parked')) AS open
FROM inbox WHERE connection = :connection AND stream = :stream AND state IN ('due', 'waiting', 'parked')
  AND run_id = :run AND from_link
"""


async def _finish(turn: Turn) -> int:
    """All are in the inbox: when none is due any more, the run is through."""
    values = {name: turn.values[name] for name in ("connection", "stream", "run")}
    left = (await turn.conn.execute(text(_DUE), values)).one()
    if left.due:
        return 0
    rest = (await turn.conn.execute(text(_PUT_REST), {**turn.values, "cursor": 0, "now": turn.engine.now()})).one()
    if rest.n:
        await turn.conn.execute(
            text("UPDATE run SET total = total + :n WHERE id = :run"), {"n": rest.n, "run": turn.id}
        )
        return int(rest.n)
    if left.open:
        turn.notes.append((f"{left.open} wait for a parent or a person", f"{left.open} 条等待上级资料或人工处理"))
    await _read_again(turn)
    await end(turn)
    return 1


async def _read_again(turn: Turn) -> None:
    """What the version looks at and no link kept is read from the source."""
    old = [version_of(turn, *name.rsplit("@", 1)) for name in turn.detail.get("read_by", ())]
    mapping = turn.sync.mapping
    if mapping is None or not any(each is not None and keeps_more(each, mapping) for each in old):
        return
    if reads_by_pull(turn.engine, turn.sync):
        values = {"name": turn.sync.name, "now": turn.engine.now()}
        await turn.conn.execute(text(READ_AGAIN), values)
        turn.notes.append(
            (
                "it looks at more than was kept: the stream is read again",
                "该版本读取了以前未保留的内容：正在从来源重新读取",
            )
        )
    else:
        turn.notes.append(
            (
                "it looks at more than was kept, and the stream cannot be asked: those fields fill when records arrive again",
                "该版本读取了以前未保留的内容，且该接口对象不能主动读取：这些字段将在记录再次到达时补齐",
            )
        )


async def _owe(turn: Turn) -> int:
    """A sync that only writes: what its target would be told otherwise is owed to it."""
    rows = await links(turn)
    if not rows:
        await end(turn)
        return 1
    entities = to_write(turn.sync, written_by(turn), await pairs(turn, rows))
    owed = [row_for(turn.sync, entity, f"run-{turn.id}", patient=True) for entity in entities]
    await owe(turn.conn, owed, turn.engine)
    await turn.conn.execute(
        text(
            "UPDATE link SET mapping_version = :version WHERE id = ANY(:ids) AND mapping = :mapping"
            " AND mapping_version <> :version"
        ),
        {"ids": [row.id for row in rows], "mapping": turn.values["mapping"], "version": turn.values["version"]},
    )
    await turn.conn.execute(
        text("UPDATE run SET done = done + :n, changed = changed + :owed WHERE id = :run"),
        {"n": len(rows), "owed": len(owed), "run": turn.id},
    )
    await progress(turn, rows[-1].id, {})
    return len(rows)


_PHASES: Final[Mapping[str, Callable[[Turn], Awaitable[int]]]] = {
    "measure": _measure,
    "apply": _apply,
    "finish": _finish,
    "owe": _owe,
}


async def _failed(engine: Engine, run: int, failure: Failure) -> None:
    async with engine.db.begin("remap failed") as conn:
        await conn.execute(
            text("UPDATE run SET state = 'failed', ended_at = :now, error = :error, error_zh = :zh WHERE id = :run"),
            {"now": engine.now(), "error": failure.sentence, "zh": failure.zh, "run": run},
        )
