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
from hub.mapping import RecordError
from hub.sdk.connector import Fetches, Finds
from hub.sdk.records import Bell
from hub.sync.arrive import Source, store_records
from hub.sync.engine import Engine
from hub.sync.pauses import paused, set_pause
from hub.sync.policy import Standing, decide

BELL_BATCH = 100


@dataclass(frozen=True, slots=True)
class Ring:
    """A bell with why it rings. `awaited`: what inbox records wait for until it is answered."""

    bell: Bell
    reason: str
    awaited: str | None = None


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
            "correlation": correlation,
            "state": "due",
            "due_at": now,
            "attempts": 0,
        }
        for r in rings
        if r.bell.key is not None
    ]
    await bulk.upsert(
        conn,
        bell_table,
        rows,
        conflict=["connection", "stream", "path", "text"],
        update=["reason", "awaited", "correlation", "state", "due_at", "attempts"],
    )
    await conn.execute(text("SELECT pg_notify('hub_work', '')"))


_BELLS = """
UPDATE bell SET state = 'running', attempts = attempts + 1, due_at = :lease WHERE id = ANY(ARRAY(
  SELECT id FROM bell WHERE state = 'due' AND due_at <= :now AND connection = ANY(:known) AND NOT connection = ANY(:closed)
  ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED))
RETURNING id, connection, stream, path, text, awaited, correlation, attempts
"""


async def answer_bells(engine: Engine) -> int:
    """Fetch what bells name; what is not there is said so to those who wait for it."""
    async with engine.db.begin("bells claim") as conn:
        closed = {connection for connection, stream in await paused(conn) if not stream}
        rows = (
            await conn.execute(
                text(_BELLS),
                {
                    "lease": engine.after(engine.settings.lease_seconds),
                    "now": engine.now(),
                    "known": list(engine.configuration.connections),
                    "closed": list(closed),
                    "limit": BELL_BATCH,
                },
            )
        ).all()
    groups: defaultdict[tuple[str, str, str], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[row.connection, row.stream, row.path].append(row)
    for (connection, stream, path), group in groups.items():
        await _answer(engine, connection, stream, path, group)
    return len(rows)


async def _answer(engine: Engine, connection: str, stream: str, path: str, bells: Sequence[Row[Any]]) -> None:
    bound = engine.configuration.connections[connection]
    sync = engine.configuration.inbound(connection, stream)
    source = bound.streams.get(stream)
    ctx = engine.outward.context(bound)
    found: list[dict[str, Any]] = []
    absent: list[Row[Any]] = []
    try:
        if sync is not None and path == "" and isinstance(source, Fetches):
            found = list(await source.fetch(ctx, [b.text for b in bells]))
            there = {key for key in map(partial(_key, sync), found) if key is not None}
            absent = [b for b in bells if b.text not in there]
        elif sync is not None and path and isinstance(source, Finds):
            for b in bells:
                records = await source.find(ctx, path, b.text)
                found += records
                if not records:
                    absent.append(b)
    except Exception as error:  # whatever it is: these bells are late, the others ring on
        await _bells_failed(engine, connection, bells, error)
        return
    async with engine.db.begin("bells answered") as conn:
        if sync is not None and found:
            origin = Source(connection, stream, engine.reads_live(sync), bells[0].correlation)
            await store_records(conn, sync, origin, found, engine.now())
        # One that rang again meanwhile is due: what was fetched may be older than what it says.
        await conn.execute(
            text("UPDATE bell SET state = 'done' WHERE id = ANY(:ids) AND state = 'running'"),
            {"ids": [b.id for b in bells]},
        )
        await _park_orphans(conn, absent, engine.now())


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


async def _bells_failed(engine: Engine, connection: str, bells: Sequence[Row[Any]], error: Exception) -> None:
    decision = decide(error, Standing(0, 0, None, False, 0), engine.now(), engine.random, engine.settings.speed)
    async with engine.db.begin("bells failed") as conn:
        if decision.pause is not None:
            await set_pause(conn, connection, decision.pause, decision, engine.now())
        await conn.execute(
            text(
                "UPDATE bell SET state = :state, due_at = :due, error_class = :class, error = :error, error_zh = :zh"
                " WHERE id = ANY(:ids) AND state = 'running'"
            ),
            {
                "state": decision.state,
                "due": decision.due_at,
                "class": decision.failure.error_class,
                "error": decision.failure.sentence,
                "zh": decision.failure.zh,
                "ids": [b.id for b in bells],
            },
        )
