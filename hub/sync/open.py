"""Open: files become receipts, receipts become inbox records and bells."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import Bound
from hub.db import bulk
from hub.db.tables import inbox
from hub.sdk import jsontext
from hub.sdk.errors import ConnectorError
from hub.sdk.records import Flaw, Incoming, Opened, Refused
from hub.sync import suspects
from hub.sync.arrive import Source, store_records
from hub.sync.bells import Ring, ring
from hub.sync.engine import Engine
from hub.sync.pauses import paused, set_pause
from hub.sync.policy import Standing, decide, failure_of
from hub.sync.receipts import correlation_of, store_file
from hub.telemetry import trail
from hub.telemetry.log import correlated

OPEN_BATCH = 200


async def collect_files(engine: Engine) -> int:
    """Take the files waiting in connections' inboxes: receipt first, then out of the way."""
    taken = 0
    async with engine.db.read() as conn:
        closed = await paused(conn)
    for bound in engine.configuration.connections.values():
        if bound.connector.inbox is None or (bound.name, "") in closed:
            continue
        ctx = engine.outward.context(bound)
        try:
            files = await bound.connector.inbox.waiting(ctx)
            for file in files:
                async with engine.db.begin("file") as conn:
                    await store_file(conn, bound.name, file.name, file.body, engine.now())
                await bound.connector.inbox.taken(ctx, file)
                taken += 1
        except ConnectorError as error:
            await _pause(engine, bound.name, error)
    return taken


# Each connection that has something gets the same share, so that a storm of one keeps nobody else waiting.
_SHARES = """
WITH owing AS MATERIALIZED (SELECT name FROM unnest(CAST(:known AS text[])) AS name
  WHERE EXISTS (SELECT 1 FROM receipt WHERE state = 'due' AND connection = name))
SELECT r.* FROM owing CROSS JOIN LATERAL (SELECT {columns} FROM receipt WHERE state = 'due' AND connection = owing.name
  {only} ORDER BY id LIMIT (SELECT ceil(CAST(:limit AS numeric) / greatest(count(*), 1)) FROM owing) {lock}) r
ORDER BY r.id
"""
_COLUMNS = "id, connection, source, received_at, method, path, query, headers, body, attempts"
_DUE = _SHARES.replace("{columns}", _COLUMNS).replace("{lock}", "FOR UPDATE SKIP LOCKED")
_DUE_IDS = _SHARES.format(columns="id", only="", lock="")


async def open_receipts(engine: Engine) -> int:
    """Cut accepted receipts into records; each batch is one transaction."""
    values = {"known": list(engine.configuration.connections), "limit": OPEN_BATCH}
    only = await _carefully(engine, values) if engine.careful else None
    async with engine.db.begin("open") as conn:
        due = text(_DUE.format(only="" if only is None else "AND id = ANY(:only)"))
        rows = (await conn.execute(due, values if only is None else values | {"only": only})).all()
        if only is not None:
            await suspects.clear(conn, "receipt", only)
        for row in rows:
            with correlated(correlation=correlation_of(row.id)):
                await _open_one(engine, conn, row)
    trail.follow("opened", ({"receipt": row.id, "correlation": correlation_of(row.id)} for row in rows))
    return len(rows)


async def _carefully(engine: Engine, values: dict[str, Any]) -> list[int]:
    """After a start: noted before it is taken, for the last process may have died of one of these."""
    async with engine.db.read() as conn:
        due = [row.id for row in await conn.execute(text(_DUE_IDS), values)]
    taken = await suspects.take(engine, "receipt", due)
    async with engine.db.begin("park poison") as conn:
        for number in taken.dead:
            poison = (suspects.POISON.error_class, suspects.POISON.sentence, suspects.POISON.zh)
            await _settle(conn, number, engine.now(), state="parked", failure=poison)
        await suspects.clear(conn, "receipt", taken.dead)
    return list(taken.ids)


async def _open_one(engine: Engine, conn: AsyncConnection, row: Row[Any]) -> None:
    bound = engine.configuration.connections[row.connection]
    now = engine.now()
    try:
        opened = await _opened(bound, row)
    except Refused as error:
        await _settle(conn, row.id, now, state="parked", failure=("Refused", error.sentence, error.zh))
        return
    except Exception as error:
        failure = failure_of(error)
        await _settle(conn, row.id, now, state="parked", failure=(failure.error_class, failure.sentence, failure.zh))
        return
    count = await _store(engine, conn, row, opened, now)
    reason = (opened.nothing, opened.nothing) if opened.nothing else None
    await _settle(conn, row.id, now, state="done", records=count, reason=reason)


async def _opened(bound: Bound, row: Row[Any]) -> Opened:
    request = Incoming(bytes(row.body), row.received_at, row.method, row.path, row.query, row.headers)
    if row.source == "file":
        assert bound.connector.inbox is not None
        return await asyncio.to_thread(bound.connector.inbox.open, bound.config, request)
    assert bound.connector.hook is not None
    return bound.connector.hook.open(bound.config, request)


async def _store(engine: Engine, conn: AsyncConnection, row: Row[Any], opened: Opened, now: datetime) -> int:
    correlation = correlation_of(row.id)
    streams: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for arrived in opened.records:
        streams[arrived.stream].append(arrived.record)
    flaws = list(opened.flaws)
    count = 0
    for stream, records in streams.items():
        sync = engine.configuration.inbound(row.connection, stream)
        if sync is None:
            continue
        source = Source(row.connection, stream, engine.reads_live(sync), correlation, receipt_id=row.id)
        count += (await store_records(conn, sync, source, records, now)).stored
    await _park_flaws(conn, row, flaws, correlation, now)
    await ring(conn, row.connection, [Ring(b, "webhook") for b in opened.bells], correlation, now)
    return count + len(flaws)


async def _park_flaws(
    conn: AsyncConnection, row: Row[Any], flaws: Sequence[Flaw], correlation: str, now: datetime
) -> None:
    await bulk.insert(
        conn,
        inbox,
        [
            {
                "connection": row.connection,
                "stream": flaw.stream,
                "record": {"position": flaw.position, "raw": jsontext.storable(flaw.raw)},
                "digest": "",
                "received_at": now,
                "receipt_id": row.id,
                "correlation": correlation,
                "live": True,
                "state": "parked",
                "due_at": now,
                "error_class": "Refused",
                "error": flaw.sentence,
                "error_zh": flaw.zh,
            }
            for flaw in flaws
        ],
    )


_SETTLE = """
UPDATE receipt SET state = :state, opened_at = :now, records = :records, error_class = :class, error = :error,
  error_zh = :zh, reason = coalesce(:reason, reason), reason_zh = coalesce(:reason_zh, reason_zh),
  attempts = attempts + 1 WHERE id = :id
"""


async def _settle(
    conn: AsyncConnection,
    receipt_id: int,
    now: datetime,
    *,
    state: str,
    records: int | None = None,
    failure: tuple[str, str, str] | None = None,
    reason: tuple[str, str] | None = None,
) -> None:
    error_class, error, zh = failure or (None, None, None)
    why, why_zh = reason or (None, None)
    await conn.execute(
        text(_SETTLE),
        {
            "state": state,
            "now": now,
            "records": records,
            "class": error_class,
            "error": error,
            "zh": zh,
            "reason": why,
            "reason_zh": why_zh,
            "id": receipt_id,
        },
    )


async def _pause(engine: Engine, connection: str, error: ConnectorError) -> None:
    decision = decide(error, Standing(0, 0, None, False, 0), engine.now(), engine.random, engine.settings.speed)
    if decision.pause is not None:
        async with engine.db.begin("pause") as conn:
            await set_pause(conn, connection, decision.pause, decision, engine.now())
