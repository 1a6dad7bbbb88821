"""The pulse: every few seconds the engine writes down what was counted so far. So anybody sees that it lives, and how
much it got done in the last minute and hour."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db import tally
from hub.db.session import Database
from hub.telemetry.latency import LOOP, Stopwatch

BEAT_SECONDS: Final = 15.0
STILL_SECONDS: Final = 60.0
"""An engine that was silent so long is not at work."""
FLOWS: Final = ("received", "read", "applied", "pushed")

_TOTALS = """
    SELECT coalesce(jsonb_object_agg(key, n), '{}') AS totals FROM (
        SELECT what || ' ' || label AS key, sum(n) AS n FROM tally WHERE what = ANY(:flows) GROUP BY 1
    ) flows
"""
_BEAT = text(f"INSERT INTO pulse (at, totals) SELECT :now, totals FROM ({_TOTALS}) t ON CONFLICT (at) DO NOTHING")
_RATES = text(
    f"""
    SELECT now.totals, minute.totals AS minute, hour.totals AS hour, last.at AS last FROM ({_TOTALS}) now
    LEFT JOIN LATERAL (SELECT totals FROM pulse WHERE at <= :minute ORDER BY at DESC LIMIT 1) minute ON true
    LEFT JOIN LATERAL (SELECT totals FROM pulse WHERE at >= :hour ORDER BY at LIMIT 1) hour ON true
    LEFT JOIN LATERAL (SELECT at FROM pulse ORDER BY at DESC LIMIT 1) last ON true
    """
)


@dataclass(frozen=True, slots=True)
class Rates:
    """How much was done lately, by flow and label (`pushed done`); `beat`: when the engine last wrote its pulse."""

    minute: Mapping[str, int]
    hour: Mapping[str, int]
    beat: datetime | None


async def beat(db: Database, now: datetime, stopwatch: Stopwatch) -> None:
    """Write the pulse, and what the loops took meanwhile."""
    taken = stopwatch.take()
    try:
        async with db.begin("pulse") as conn:
            for (loop, label), n in taken.items():
                tally.count(conn, LOOP, loop, label, n)
            await conn.execute(_BEAT, {"now": now, "flows": list(FLOWS)})
    except BaseException:
        stopwatch.give_back(taken)
        raise


async def rates(conn: AsyncConnection, now: datetime) -> Rates:
    values = {"minute": now - timedelta(minutes=1), "hour": now - timedelta(hours=1), "flows": list(FLOWS)}
    row = (await conn.execute(_RATES, values)).one()
    return Rates(_since(row.totals, row.minute), _since(row.totals, row.hour), row.last)


def _since(now: Mapping[str, Any], then: Mapping[str, Any] | None) -> dict[str, int]:
    """What was added; with nothing to compare with, all of it."""
    past = then or {}
    return {key: int(n) - int(past.get(key, 0)) for key, n in now.items()}
