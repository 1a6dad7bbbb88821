"""Bells: 'record X changed' or 'something changed' is answered by fetching, finding or pulling."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync
from hub.db import bulk
from hub.db.tables import bell as bell_table
from hub.db.wake import wake
from hub.mapping import RecordError
from hub.sdk.connector import Fetches, Finds
from hub.sdk.records import Bell
from hub.sync.arrive import Source, store_records
from hub.sync.engine import Engine
from hub.sync.pauses import failures_of, set_pause
from hub.sync.policy import Pause, Standing, decide

BELL_BATCH = 100


@dataclass(frozen=True, slots=True)
class Ring:
    """A bell with why it rings. `awaited`: what inbox records wait for until it is answered. `correlation`: of the
    record that asks for it, where the bells of a batch have several."""

    bell: Bell
    reason: str
    awaited: str | None = None
    correlation: str | None = None


_RINGS_ANEW = {
    **{name: f"excluded.{name}" for name in ("reason", "awaited", "correlation", "state", "due_at")},
    # A bell that failed and is rung again goes on counting until it was answered or a person looked.
    **{
        name: f"CASE WHEN t.state = 'due' THEN t.{name} ELSE excluded.{name} END"
        for name in ("attempts", "in_hand", "busy_since", "failing_since")
    },
}


async def ring(conn: AsyncConnection, connection: str, rings: Sequence[Ring], correlation: str, now: datetime) -> None:
    """Remember that records are to be fetched. A bell that is already rung and not answered stays one bell."""
    for bell in (r.bell for r in rings):
        if bell.key is None:
            await conn.execute(
                text("UPDATE sync SET next_pull_at = :now WHERE connection = :connection AND stream = :stream"),
                {"now": now, "connection": connection, "stream": bell.stream},
            )
    rows = [
        {
            "connection": connection,
            "stream": r.bell.stream,
            "path": r.bell.path,
            "text": r.bell.key,
            "reason": r.reason,
            "awaited": r.awaited,
            "correlation": r.correlation or correlation,
            "state": "due",
            "due_at": now,
            "attempts": 0,
            "in_hand": 0,
            "busy_since": None,
            "failing_since": None,
        }
        for r in rings
        if r.bell.key is not None
    ]
    await bulk.upsert(
        conn,
        bell_table,
        rows,
        conflict=["connection", "stream", "path", "text"],
        update=_RINGS_ANEW,
    )
    wake(conn)


_BELLS = """
UPDATE bell SET state = 'running', due_at = :lease WHERE id = ANY(ARRAY(
  SELECT id FROM bell WHERE state = 'due' AND due_at <= :now AND connection = ANY(:known)
    AND NOT EXISTS (SELECT 1 FROM pause p WHERE p.connection = bell.connection AND p.stream IN ('', bell.stream))
  ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED))
RETURNING id, connection, stream, path, text, awaited, correlation, attempts, in_hand, busy_since, failing_since
"""
_RELEASE = "UPDATE bell SET state = 'due', due_at = :now WHERE id = ANY(:ids) AND state = 'running'"


async def ringing(engine: Engine) -> list[str]:
    """The connections whose bells want to be answered now."""
    async with engine.db.read() as conn:
        rows = await conn.execute(
            text("SELECT DISTINCT connection FROM bell WHERE state = 'due' AND due_at <= :now"), {"now": engine.now()}
        )
        return sorted(row.connection for row in rows if row.connection in engine.configuration.connections)


async def answer_bells(engine: Engine, of: Sequence[str] | None = None) -> int:
    """Fetch what bells name (`of`: those of these connections); what is not there is said so to those who wait for it. Bells that failed together ring
    alone from then on, so that the one that is to blame shows; a scope that is paused meanwhile is left in peace."""
    async with engine.db.begin("bells claim") as conn:
        values = {
            "lease": engine.after(engine.settings.lease_seconds),
            "now": engine.now(),
            "known": list(engine.configuration.connections if of is None else of),
            "limit": BELL_BATCH,
        }
        rows = (await conn.execute(text(_BELLS), values)).all()
    groups: defaultdict[tuple[str, str, str, int], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[row.connection, row.stream, row.path, row.id if row.failing_since else 0].append(row)
    closed: set[tuple[str, str]] = set()
    kept: list[int] = []
    for (connection, stream, path, _), group in groups.items():
        if {(connection, ""), (connection, stream)} & closed:
            kept += [row.id for row in group]
            continue
        pause = await _answer(engine, connection, stream, path, group)
        if pause is not None:
            closed.add((connection, pause.stream))
    if kept:
        async with engine.db.begin("bells kept") as conn:
            await conn.execute(text(_RELEASE), {"ids": kept, "now": engine.now()})
    return len(rows)


async def _answer(engine: Engine, connection: str, stream: str, path: str, bells: Sequence[Row[Any]]) -> Pause | None:
    """The pause that a failure led to, if any."""
    bound = engine.configuration.connections[connection]
    sync = engine.configuration.inbound(connection, stream)
    source = bound.streams.get(stream)
    ctx = engine.outward.context(bound)
    found: list[dict[str, Any]] = []
    absent: list[Row[Any]] = []
    asked = {b.text: b.correlation for b in bells} if path == "" else {}
    try:
        if sync is not None and path == "" and isinstance(source, Fetches):
            found = list(await source.fetch(ctx, [b.text for b in bells]))
            there = {key for key in map(partial(_key, sync), found) if key is not None}
            absent = [b for b in bells if b.text not in there]
        elif sync is not None and path and isinstance(source, Finds):
            for b in bells:
                records = await source.find(ctx, path, b.text)
                found += records
                asked |= {key: b.correlation for key in map(partial(_key, sync), records) if key is not None}
                if not records:
                    absent.append(b)
    except Exception as error:  # whatever it is: these bells are late, the others ring on
        return await _bells_failed(engine, connection, stream, bells, error)
    async with engine.db.begin("bells answered") as conn:
        if sync is not None and found:
            origin = Source(connection, stream, engine.reads_live(sync), bells[0].correlation, asked=asked)
            await store_records(conn, sync, origin, found, engine.now())
        # One that rang again meanwhile is due: what was fetched may be older than what it says.
        await conn.execute(text(_ANSWERED), {"ids": [b.id for b in bells], "now": engine.now()})
        await _park_orphans(conn, absent, engine.now())
    return None


_ANSWERED = """
UPDATE bell SET state = 'done', due_at = :now, attempts = 0, in_hand = 0, busy_since = NULL, failing_since = NULL,
  owner = NULL WHERE id = ANY(:ids) AND state = 'running'
"""


def _key(sync: BoundSync, record: dict[str, Any]) -> str | None:
    assert sync.mapping is not None
    try:
        return sync.mapping.key_of(record)
    except RecordError:
        return None  # it is parked when it is stored


_ORPHANS = """
UPDATE inbox SET state = 'parked', settled_at = :now, error_class = 'ReferenceMissing', waiting_for = NULL,
  error = 'it refers to ' || split_part(waiting_for, '|', 3) || ' ' || split_part(waiting_for, '|', 5)
    || ', which does not exist there; create it there, then retry',
  error_zh = '引用的资料 ' || split_part(waiting_for, '|', 5) || ' 在来源系统中不存在；请先在那里建档，然后重试'
WHERE state = 'waiting' AND waiting_for = ANY(:awaited)
"""


async def _park_orphans(conn: AsyncConnection, absent: Sequence[Row[Any]], now: datetime) -> None:
    """Records that wait for a parent nobody has are a person's turn."""
    awaited = [b.awaited for b in absent if b.awaited]
    if awaited:
        await conn.execute(text(_ORPHANS), {"awaited": awaited, "now": now})


_FAILED = """
UPDATE bell SET state = :state, due_at = :due, attempts = :attempts, in_hand = :in_hand, busy_since = :busy_since,
  failing_since = coalesce(failing_since, :now), error_class = :class, error = :error, error_zh = :zh
WHERE id = ANY(:ids) AND state = 'running'
"""
_OTHERS = """
SELECT EXISTS (SELECT 1 FROM bell WHERE connection = :connection AND stream = :stream AND state = 'done'
    AND due_at > :since)
  OR EXISTS (SELECT 1 FROM sync WHERE connection = :connection AND stream = :stream AND failures = 0
    AND last_pull_at > :since) AS pass
"""


async def _bells_failed(
    engine: Engine, connection: str, stream: str, bells: Sequence[Row[Any]], error: Exception
) -> Pause | None:
    """One alone bears its failure, as any piece of work does; several together only come again, each alone."""
    first, now = bells[0], engine.now()
    async with engine.db.begin("bells failed") as conn:
        scope = {"connection": connection, "stream": stream, "since": first.failing_since or now}
        others = bool((await conn.execute(text(_OTHERS), scope)).scalar_one())
        failures = await failures_of(conn, connection)
        standing = Standing(first.attempts, first.in_hand, first.busy_since, others, failures)
        decision = decide(error, standing, now, engine.random, engine.settings.speed)
        if decision.pause is not None:
            await set_pause(conn, connection, decision.pause, decision, now)
        alone = len(bells) == 1
        values = {
            "state": decision.state if alone else "due",
            "due": decision.due_at if alone or decision.pause is not None else now,
            "attempts": decision.attempts if alone else 0,
            "in_hand": decision.in_hand if alone else 0,
            "busy_since": decision.busy_since if alone else None,
            "now": now,
            "class": decision.failure.error_class,
            "error": decision.failure.sentence,
            "zh": decision.failure.zh,
            "ids": [b.id for b in bells],
        }
        await conn.execute(text(_FAILED), values)
    return decision.pause
