"""The whole hub at one look: what is connected, how each sync stands, whose turn it is, what was done lately."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db.tables import SETTLED
from hub.sync import views
from hub.sync.views import Row
from hub.telemetry import pulse
from hub.telemetry.pulse import Rates

WORST_FIRST: Final = ("failing", "behind", "drifting", "paused", "observing", "unverified", "reconciled")

# Whose turn it is: the row's own owner, the one its group was assigned to, else the connection's.
_PEOPLE: Final = """
WITH parked AS (
    SELECT 'inbox' AS what, connection, owner, cause, error_class, coalesce(settled_at, received_at) AS since
        FROM inbox WHERE state IN ('parked', 'waiting') AND state = 'parked'
    UNION ALL SELECT 'delivery', connection, owner, cause, error_class, coalesce(settled_at, owed_since)
        FROM delivery WHERE {open} AND state = 'parked'
    UNION ALL SELECT 'bell', connection, owner, cause, error_class, due_at FROM bell WHERE {open} AND state = 'parked'
    UNION ALL SELECT 'receipt', connection, owner, cause, error_class, received_at
        FROM receipt WHERE {open} AND state = 'parked'
    UNION ALL SELECT 'run', s.connection, r.owner, NULL, 'Held', r.started_at FROM run r JOIN sync s ON s.name = r.sync
        WHERE r.state = 'held'
), owned AS (
    SELECT coalesce(p.owner, a.owner, c.spec ->> 'owner') AS owner, p.connection, p.what, p.error_class, p.since
    FROM parked p LEFT JOIN connection c ON c.name = p.connection LEFT JOIN assignment a ON a.cause = p.cause
)
SELECT owner, connection, what, error_class, count(*) AS count, min(since) AS since FROM owned
GROUP BY owner, connection, what, error_class ORDER BY count(*) DESC, min(since)
""".format(open=f"state NOT IN ({SETTLED})")
_RUNS: Final = """
SELECT id, sync, what, state, started_at, read, stored, unchanged, total, done FROM run
WHERE state IN ('running', 'held') ORDER BY started_at DESC LIMIT 50
"""
_WORKERS: Final = """
SELECT w.id, w.name, w.host, w.pid, w.started_at, w.seen_at, w.doing, w.redis, w.redis_since, w.seen_at > :still AS lives,
  coalesce(l.holder = w.id, false) AS schedules
FROM worker w LEFT JOIN leader l ON l.office = 'scheduler' ORDER BY w.name, w.started_at
"""


@dataclass(frozen=True, slots=True)
class Overlook:
    """What `hub status` shows. `people`: what is parked by owner, connection, stage and class, most first."""

    at: datetime
    connections: Sequence[Row]
    syncs: Sequence[Row]
    work: Sequence[Row]
    people: Sequence[Row]
    runs: Sequence[Row]
    rates: Rates
    database_bytes: int
    channels: Sequence[Row] = ()  # ways to people that do not work now
    workers: Sequence[Row] = ()

    @property
    def silent_seconds(self) -> float | None:
        """Since an engine wrote its pulse; None: never."""
        return None if self.rates.beat is None else max((self.at - self.rates.beat).total_seconds(), 0)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "at": self.at,
            "engine": {"at_work": self.at_work, "beat": self.rates.beat},
            "workers": self.workers,
            "last_minute": self.rates.minute,
            "last_hour": self.rates.hour,
            "connections": self.connections,
            "syncs": self.syncs,
            "people": self.people,
            "runs": self.runs,
            "broken_channels": self.channels,
            "work": self.work,
            "database_bytes": self.database_bytes,
        }

    @property
    def at_work(self) -> bool:
        silent = self.silent_seconds
        return silent is not None and silent < pulse.STILL_SECONDS


async def overlook(conn: AsyncConnection, now: datetime) -> Overlook:
    """One snapshot."""
    size = (await conn.execute(text("SELECT pg_database_size(current_database())"))).scalar_one()
    return Overlook(
        at=now,
        connections=await views.connections(conn),
        syncs=sorted(await views.syncs(conn), key=_worst_first),
        work=await views.work_left(conn),
        people=await views.rows(conn, _PEOPLE),
        runs=await views.rows(conn, _RUNS),
        rates=await pulse.rates(conn, now),
        database_bytes=int(size),
        channels=await views.rows(conn, "SELECT * FROM notice_channel ORDER BY channel"),
        workers=await views.rows(conn, _WORKERS, {"still": now - timedelta(seconds=pulse.STILL_SECONDS)}),
    )


def _worst_first(sync: Mapping[str, Any]) -> tuple[int, str]:
    health = sync["health"]
    return WORST_FIRST.index(health) if health in WORST_FIRST else 0, sync["name"]
