"""What is written for things as they arrive: one statement for a whole group, each event accepted once.

An accepted event is remembered in a table of its own: whether something came before does not depend on how long its
receipt is kept (docs/decisions/0013-retention.md)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db import tally, wake
from hub.sdk import jsontext

Verdict = Literal["accepted", "duplicate", "refused"]

REPEAT = timedelta(minutes=2)
"""How long a call without an id of its own counts as the repetition of an equal one. Later it is news again:
'record 7 changed' reads the same every time."""
KEPT_BODY = 64 * 1024  # of a call that came again
HASHED = "sha256:"


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One thing as it arrived; headers are redacted and `path` is without secrets before they come here."""

    connection: str
    received_at: datetime
    body: bytes
    source: Literal["hook", "file"] = "hook"
    method: str = "POST"
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    event_id: str | None = None
    verdict: Verdict = "accepted"
    reason: str | None = None
    reason_zh: str | None = None
    state: Literal["due", "done"] = "due"


@dataclass(frozen=True, slots=True)
class Placed:
    """The number a receipt got, and what became of it."""

    receipt: int
    verdict: Verdict

    @property
    def correlation(self) -> str:
        return correlation_of(self.receipt)


def correlation_of(receipt: int) -> str:
    """What everything that follows from this receipt is found by, up to the push."""
    return f"receipt-{receipt}"


async def store(connection: AsyncConnection, rows: Sequence[ReceiptRow], now: datetime) -> list[Placed]:
    """Write receipts inside the caller's transaction and ring the bell; the answers are in the order of the rows."""
    values: dict[str, object] = {name: [getattr(row, name) for row in rows] for name in _PLAIN}
    for name in _JSON:
        values[name] = [jsontext.dumps(getattr(row, name)).decode() for row in rows]
    notify = wake.notifies(connection)
    values |= {"horizon": now - REPEAT, "kept": KEPT_BODY, "slot": tally.slot(), "notify": notify}
    found = await connection.execute(_STORE, {**values, "again": _AGAIN, "again_zh": _AGAIN_ZH})
    placed = [Placed(row.id, row.verdict) for row in found]
    if not notify and any(each.verdict == "accepted" for each in placed):
        wake.wake(connection)
    return placed


async def store_file(
    connection: AsyncConnection, source: str, name: str, body: bytes, received_at: datetime
) -> tuple[int, Verdict]:
    """The receipt of a file of connection `source`: its number and whether the same bytes were here before."""
    row = ReceiptRow(source, received_at, body, "file", "FILE", name, event_id=digest_id(body))
    (placed,) = await store(connection, [row], received_at)
    return placed.receipt, placed.verdict


def digest_id(body: bytes, *more: str) -> str:
    """The id of something that brings none: a hash of what it says."""
    digest = hashlib.sha256(body)
    for part in more:
        digest.update(b"\0" + part.encode())
    return HASHED + digest.hexdigest()


_AGAIN = "the same event was accepted before; nothing is done twice"
_AGAIN_ZH = "同一事件此前已接收，不会重复处理"
_PLAIN: dict[str, str] = {
    "connection": "text",
    "source": "text",
    "received_at": "timestamptz",
    "method": "text",
    "path": "text",
    "body": "bytea",
    "event_id": "text",
    "verdict": "text",
    "reason": "text",
    "reason_zh": "text",
    "state": "text",
}
_JSON = ("query", "headers")
_JUDGED = {
    "body": "CASE WHEN again THEN substring(body FOR CAST(:kept AS int)) ELSE body END",
    "verdict": "CASE WHEN again THEN 'duplicate' ELSE verdict END",
    "reason": "CASE WHEN again THEN CAST(:again AS text) ELSE reason END",
    "reason_zh": "CASE WHEN again THEN CAST(:again_zh AS text) ELSE reason_zh END",
    "state": "CASE WHEN again THEN 'done' ELSE state END",
    **{name: f"CAST({name} AS jsonb)" for name in _JSON},
}


def _store_statement() -> TextClause:
    names = [*_PLAIN, *_JSON]
    arrays = [f"CAST(:{name} AS {_PLAIN.get(name, 'text')}[])" for name in names]
    return text(
        f"""
        WITH given AS MATERIALIZED (
            SELECT nextval('receipt_id_seq') AS id, rows.*
            FROM unnest({", ".join(arrays)}) WITH ORDINALITY AS rows({", ".join(names)}, place)
        ), fresh AS (
            INSERT INTO event AS e (connection, event_id, source, at, receipt_id, file)
            SELECT DISTINCT ON (connection, event_id) connection, event_id, source, received_at, id,
                CASE WHEN source = 'file' THEN path END
            FROM given WHERE verdict = 'accepted' AND event_id IS NOT NULL ORDER BY connection, event_id, place
            ON CONFLICT (connection, event_id) DO UPDATE SET at = excluded.at, receipt_id = excluded.receipt_id
            WHERE e.source = 'hook' AND e.event_id LIKE '{HASHED}%' AND e.at < :horizon
            RETURNING receipt_id
        ), judged AS (
            SELECT *, verdict = 'accepted' AND event_id IS NOT NULL AND id NOT IN (SELECT receipt_id FROM fresh) AS again
            FROM given
        ), new AS (
            INSERT INTO receipt (id, {", ".join(names)})
            SELECT id, {", ".join(_JUDGED.get(name, name) for name in names)} FROM judged
            RETURNING id, connection, verdict
        ), counted AS (
            INSERT INTO tally AS t (what, name, label, slot, n)
            SELECT 'received', connection, verdict, CAST(:slot AS int), count(*) FROM new
            GROUP BY connection, verdict ORDER BY connection, verdict
            ON CONFLICT (what, name, label, slot) DO UPDATE SET n = t.n + excluded.n
        )
        SELECT id, verdict, CASE WHEN :notify AND verdict = 'accepted' THEN CAST({wake.NOTIFY} AS text) END
        FROM new ORDER BY id
        """
    )


_STORE = _store_statement()
