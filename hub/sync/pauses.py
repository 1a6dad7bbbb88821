"""Pauses of a connection or stream: set by an error or a person, ended by a probe, a person or a new configuration."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db import tally
from hub.db.wake import wake
from hub.sdk.errors import ConnectorError
from hub.sync.engine import Engine
from hub.sync.policy import Decision, Pause, Standing, decide

PERSON = "person"

_SET = """
INSERT INTO pause (connection, stream, reason, error, error_zh, since, probe_at, failures, who)
VALUES (:connection, :stream, :reason, :error, :zh, :now, :probe_at, 1, 'hub')
ON CONFLICT (connection, stream) DO UPDATE SET
  reason = excluded.reason, error = excluded.error, error_zh = excluded.error_zh,
  probe_at = excluded.probe_at, failures = pause.failures + CASE WHEN :again THEN 1 ELSE 0 END, trial = false
WHERE pause.reason <> 'person'
RETURNING xmax = 0 AS fresh
"""


async def paused(conn: AsyncConnection) -> set[tuple[str, str]]:
    """All paused scopes: (connection, stream), stream '' for the whole connection."""
    rows = await conn.execute(text("SELECT connection, stream FROM pause"))
    return {(row.connection, row.stream) for row in rows}


async def failures_of(conn: AsyncConnection, connection: str) -> int:
    """How often in a row the probes of this connection failed."""
    rows = await conn.execute(
        text("SELECT coalesce(max(failures), 0) AS n FROM pause WHERE connection = :connection"),
        {"connection": connection},
    )
    return int(rows.scalar_one())


async def set_pause(
    conn: AsyncConnection, connection: str, pause: Pause, decision: Decision, now: datetime, *, again: bool = False
) -> None:
    """Pause a scope because of an error. `again`: a try to end it failed; what was still under way when the scope was
    paused says nothing new."""
    paused = await conn.execute(
        text(_SET),
        {
            "connection": connection,
            "stream": pause.stream,
            "reason": decision.failure.error_class,
            "error": decision.failure.sentence,
            "zh": decision.failure.zh,
            "now": now,
            "probe_at": pause.until,
            "again": again,
        },
    )
    if any(row.fresh for row in paused):  # not a pause that goes on
        tally.count(conn, "paused", connection, decision.failure.error_class)


async def pause_by_person(conn: AsyncConnection, connection: str, stream: str, who: str, now: datetime) -> None:
    """Pause until a person resumes."""
    await conn.execute(
        text(
            "INSERT INTO pause (connection, stream, reason, since, failures, who)"
            " VALUES (:connection, :stream, 'person', :now, 0, :who)"
            " ON CONFLICT (connection, stream) DO UPDATE SET reason = 'person', who = excluded.who, probe_at = NULL"
        ),
        {"connection": connection, "stream": stream, "who": who, "now": now},
    )


async def resume(conn: AsyncConnection, connection: str, stream: str = "") -> bool:
    """End a pause; what waited for it is due by itself."""
    done = await conn.execute(
        text("DELETE FROM pause WHERE connection = :connection AND stream = :stream"),
        {"connection": connection, "stream": stream},
    )
    wake(conn)
    return bool(done.rowcount)


async def probe_paused(engine: Engine) -> int:
    """Try the paused scopes whose time has come with a cheap read; returns how many came back."""
    return sum([await probe(engine, row) for row in await take_probes(engine)])


async def take_probes(engine: Engine) -> Sequence[Row[Any]]:
    """The paused scopes that are to be tried now, and by nobody else for a minute."""
    async with engine.db.begin("probe claim") as conn:
        return (
            await conn.execute(
                text(
                    "UPDATE pause SET probe_at = :later WHERE probe_at <= :now"
                    " RETURNING connection, stream, reason, failures"
                ),
                {"now": engine.now(), "later": engine.after(60)},
            )
        ).all()


async def probe(engine: Engine, scope: Row[Any]) -> int:
    """Try one of them; 1 when it may be used again, if only by one push."""
    connection, stream, reason, failures = scope.connection, scope.stream, scope.reason, scope.failures
    bound = engine.configuration.connections.get(connection)
    if bound is not None and reason != "Throttled":
        if reason == "AuthFailed":
            engine.outward.forget_tokens(connection)
        try:
            await bound.connector.probe(engine.outward.context(bound))
        except ConnectorError as error:
            decision = decide(
                error, Standing(0, 0, None, False, failures), engine.now(), engine.random, engine.settings.speed
            )
            async with engine.db.begin("probe failed") as conn:
                pause = Pause(stream, decision.pause.until if decision.pause else decision.due_at)
                await set_pause(conn, connection, pause, decision, engine.now(), again=True)
            return 0
    async with engine.db.begin("resume") as conn:
        if not await _on_trial(conn, connection, stream, engine.now()):
            await resume(conn, connection, stream)
    return 1


_TRY = """
UPDATE pause SET trial = true WHERE connection = :connection AND stream = :stream AND EXISTS (
  SELECT 1 FROM delivery d WHERE d.connection = :connection AND :stream IN ('', d.stream) AND d.state = 'due'
    AND d.due_at <= :now)
"""
_TAKE = """
UPDATE pause SET trial = false WHERE (connection, stream) IN (
  SELECT t.connection, t.stream FROM pause t WHERE t.connection = :connection AND t.trial
    AND NOT EXISTS (SELECT 1 FROM pause w WHERE w.connection = t.connection AND w.stream = '' AND NOT w.trial)
  ORDER BY t.stream LIMIT 1 FOR UPDATE)
AND trial RETURNING stream
"""


async def _on_trial(conn: AsyncConnection, connection: str, stream: str, now: datetime) -> bool:
    """A read says little about writes: where some are owed, one of them goes first, and only then all."""
    done = await conn.execute(text(_TRY), {"connection": connection, "stream": stream, "now": now})
    wake(conn)
    return bool(done.rowcount)


async def take_trial(conn: AsyncConnection, connection: str) -> str | None:
    """The paused scope of this connection to which one push may go: whoever asks first has it."""
    row = (await conn.execute(text(_TAKE), {"connection": connection})).one_or_none()
    return row.stream if row else None


async def put_trial_back(conn: AsyncConnection, connection: str, stream: str) -> None:
    """The push had nothing to send after all: the next one tries."""
    values = {"connection": connection, "stream": stream}
    await conn.execute(
        text("UPDATE pause SET trial = true WHERE connection = :connection AND stream = :stream"), values
    )
