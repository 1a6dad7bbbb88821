"""Pauses of a connection or stream: set by an error or a person, ended by a probe, a person or a new configuration."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.sdk.errors import ConnectorError
from hub.sync.engine import Engine
from hub.sync.policy import Decision, Pause, Standing, decide

PERSON = "person"

_SET = """
INSERT INTO pause (connection, stream, reason, error, error_zh, since, probe_at, failures, who)
VALUES (:connection, :stream, :reason, :error, :zh, :now, :probe_at, 1, 'hub')
ON CONFLICT (connection, stream) DO UPDATE SET
  reason = excluded.reason, error = excluded.error, error_zh = excluded.error_zh,
  probe_at = excluded.probe_at, failures = pause.failures + 1
WHERE pause.reason <> 'person'
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


async def set_pause(conn: AsyncConnection, connection: str, pause: Pause, decision: Decision, now: datetime) -> None:
    """Pause a scope because of an error."""
    await conn.execute(
        text(_SET),
        {
            "connection": connection,
            "stream": pause.stream,
            "reason": decision.failure.error_class,
            "error": decision.failure.sentence,
            "zh": decision.failure.zh,
            "now": now,
            "probe_at": pause.until,
        },
    )


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
    await conn.execute(text("SELECT pg_notify('hub_work', '')"))
    return bool(done.rowcount)


async def probe_paused(engine: Engine) -> int:
    """Try the paused scopes whose time has come with a cheap read; returns how many came back."""
    async with engine.db.begin("probe claim") as conn:
        rows = (
            await conn.execute(
                text(
                    "UPDATE pause SET probe_at = :later WHERE probe_at <= :now"
                    " RETURNING connection, stream, reason, failures"
                ),
                {"now": engine.now(), "later": engine.after(60)},
            )
        ).all()
    back = 0
    for row in rows:
        back += await _probe(engine, row.connection, row.stream, row.reason, row.failures)
    return back


async def _probe(engine: Engine, connection: str, stream: str, reason: str, failures: int) -> int:
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
                await set_pause(conn, connection, pause, decision, engine.now())
            return 0
    async with engine.db.begin("resume") as conn:
        await resume(conn, connection, stream)
    return 1
