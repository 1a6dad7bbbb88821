"""Sweep: finds what a crash left behind and what no bell announced: lapsed leases, moments that came."""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.identity import resolve
from hub.mapping import Ref
from hub.sync import settle
from hub.sync.circles import park_circles
from hub.sync.engine import Engine
from hub.sync.questions import wake_answered
from hub.sync.references import awaited

MAX_CRASHES = 3

_LAPSED = """
UPDATE delivery SET fence = fence + 1, crashes = crashes + 1, lease_until = NULL,
  state = CASE WHEN crashes + 1 >= :max THEN 'parked' ELSE 'due' END, due_at = :now,
  error_class = CASE WHEN crashes + 1 >= :max THEN 'Poison' ELSE error_class END,
  error = CASE WHEN crashes + 1 >= :max THEN 'the process died three times while it worked on this' ELSE error END,
  error_zh = CASE WHEN crashes + 1 >= :max THEN '处理该记录时进程连续三次中断，请联系集成人员' ELSE error_zh END
WHERE state = 'running' AND lease_until <= :now
"""


async def sweep(engine: Engine) -> int:
    """Give lapsed work back; returns how much."""
    async with engine.db.begin("sweep") as conn:
        now = engine.now()
        lapsed = await conn.execute(text(_LAPSED), {"now": now, "max": MAX_CRASHES})
        bells = await conn.execute(
            text("UPDATE bell SET state = 'due' WHERE state = 'running' AND due_at <= :now"), {"now": now}
        )
        missed = await _wake_missed(conn, now) + await wake_answered(conn, now)
        return lapsed.rowcount + bells.rowcount + missed + await park_circles(engine, conn, now)


_MISSED_LINKS = """
UPDATE delivery d SET state = 'due', due_at = :now, waiting_for = NULL FROM link l
WHERE d.state = 'waiting' AND l.deleted_at IS NULL
  AND d.waiting_for = concat_ws('|', 'link', l.connection, l.kind, l.entity_id)
  AND l.entity_id = CAST(nullif(split_part(d.waiting_for, '|', 4), '') AS bigint)
"""
_AWAITED = "SELECT DISTINCT waiting_for FROM inbox WHERE state = 'waiting' AND waiting_for LIKE 'ref|%' LIMIT 1000"


async def _wake_missed(conn: AsyncConnection, now: datetime) -> int:
    """Who sat down to wait just while what he waits for came in: two engines pass each other like that."""
    missed = await conn.execute(text(_MISSED_LINKS), {"now": now})
    refs: defaultdict[str, list[Ref]] = defaultdict(list)
    for row in await conn.execute(text(_AWAITED)):
        _, connection, kind, by, name = row.waiting_for.split("|", 4)
        refs[connection].append(Ref(kind, by, name))
    there = [
        awaited(connection, ref) for connection, asked in refs.items() for ref in await resolve(conn, connection, asked)
    ]
    await settle.wake(conn, there, now)
    return missed.rowcount + len(there)


async def take_back(engine: Engine) -> int:
    """At the start of the only engine of an installation nobody else can be at work: what is running is lapsed."""
    async with engine.db.begin("take back") as conn:
        await conn.execute(
            text("UPDATE delivery SET lease_until = :now WHERE state = 'running'"), {"now": engine.now()}
        )
        await conn.execute(text("UPDATE sync SET lease_until = NULL WHERE lease_until IS NOT NULL"))
        await conn.execute(text("UPDATE bell SET due_at = :now WHERE state = 'running'"), {"now": engine.now()})
    return await sweep(engine)
