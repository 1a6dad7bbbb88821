"""Who is at work: each engine tells every few seconds that it lives and what it does, and one of them holds the office
of the scheduler for as long as it does so."""

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

SCHEDULER: Final = "scheduler"
MOST_TOLD: Final = 20  # of what one is doing
_GONE_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Self:
    """One engine process. `id`: of this start."""

    id: str
    name: str
    host: str
    pid: int

    @classmethod
    def here(cls, mark: str, name: str = "") -> "Self":
        host, pid = socket.gethostname(), os.getpid()
        return cls(mark, name or f"{host}-{pid}", host, pid)


@dataclass(frozen=True, slots=True)
class Beat:
    """What one tells with a heartbeat. `redis`: empty where none is configured, else ok or away."""

    now: datetime
    lease: timedelta
    doing: Sequence[str] = ()
    redis: str = ""


_ENLIST = """
INSERT INTO worker (id, name, host, pid, started_at, seen_at) VALUES (:id, :name, :host, :pid, :now, :now)
ON CONFLICT (id) DO NOTHING
"""
_BEAT = """
INSERT INTO worker AS w (id, name, host, pid, started_at, seen_at, doing, redis, redis_since)
VALUES (:id, :name, :host, :pid, :now, :now, CAST(:doing AS text[]), :redis, :now)
ON CONFLICT (id) DO UPDATE SET seen_at = :now, doing = excluded.doing, redis = excluded.redis,
  redis_since = CASE WHEN w.redis = excluded.redis THEN w.redis_since ELSE excluded.redis_since END
"""
_ALIVE = "SELECT id FROM worker WHERE seen_at > :since AND id <> :id ORDER BY id"
_LEAD = """
INSERT INTO leader AS l (office, holder, since, lease_until) VALUES (:office, :id, :now, :until)
ON CONFLICT (office) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until,
  since = CASE WHEN l.holder = excluded.holder THEN l.since ELSE excluded.since END
WHERE l.holder = :id OR l.lease_until <= :now OR NOT EXISTS (SELECT 1 FROM worker w WHERE w.id = l.holder)
RETURNING holder
"""


async def enlist(conn: AsyncConnection, me: Self, now: datetime, lease: timedelta) -> bool:
    """Come to work. Those who worked on this machine and died are struck off. Is nobody else at work?"""
    here = await conn.execute(text("SELECT id, pid FROM worker WHERE host = :host FOR UPDATE"), {"host": me.host})
    dead = [row.id for row in here if row.pid == me.pid or not _lives(row.pid)]
    await _strike_off(conn, dead)
    before = now - _GONE_AFTER
    await conn.execute(text("DELETE FROM worker WHERE seen_at < :before"), {"before": before})
    await conn.execute(text(_ENLIST), {"id": me.id, "name": me.name, "host": me.host, "pid": me.pid, "now": now})
    return not (await conn.execute(text(_ALIVE), {"since": now - lease, "id": me.id})).all()


async def beat(conn: AsyncConnection, me: Self, told: Beat) -> list[str]:
    """Tell that one lives; returns who else does."""
    values = {"id": me.id, "name": me.name, "host": me.host, "pid": me.pid, "now": told.now}
    await conn.execute(text(_BEAT), {**values, "doing": list(told.doing)[:MOST_TOLD], "redis": told.redis})
    alive = await conn.execute(text(_ALIVE), {"since": told.now - told.lease, "id": me.id})
    return [row.id for row in alive]


async def lead(conn: AsyncConnection, me: Self, now: datetime, lease: timedelta) -> bool:
    """Hold the scheduler's office, or take it over from who has let its lease run out. Is it mine?"""
    values = {"office": SCHEDULER, "id": me.id, "now": now, "until": now + lease}
    return (await conn.execute(text(_LEAD), values)).first() is not None


async def leave(conn: AsyncConnection, me: Self) -> None:
    """Go home: what one held is free for the others."""
    await _strike_off(conn, [me.id])


async def _strike_off(conn: AsyncConnection, ids: Sequence[str]) -> None:
    await conn.execute(text("DELETE FROM worker WHERE id = ANY(:ids)"), {"ids": list(ids)})
    await conn.execute(text("DELETE FROM leader WHERE holder = ANY(:ids)"), {"ids": list(ids)})


def _lives(pid: int) -> bool:
    """Is there such a process on this machine, and more of it than its number?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with suppress(OSError):
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[0] != "Z"
        )
    return True
