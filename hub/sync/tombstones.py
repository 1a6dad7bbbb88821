"""A delete is a version: what the source says is gone is marked on its link; the entity and its other records stay.

Concluded only from what the source says itself (a tombstone record, a key among a page's deleted ones), never from a
record that is merely absent."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync
from hub.db import bulk
from hub.db.tables import inbox
from hub.sdk import jsontext
from hub.sync.arrive import Source

GONE = "gone"
"""Stands where a digest would: the key was named as deleted, no record came with it."""

_FRESH = """
SELECT key FROM link WHERE connection = :connection AND stream = :stream AND key = ANY(:keys) AND deleted_at IS NULL
"""


async def store_gone(conn: AsyncConnection, source: Source, keys: Sequence[str], now: datetime) -> int:
    """Put tombstones into the inbox for records we know; what we never had is nothing to us."""
    if not keys:
        return 0
    values = {"connection": source.connection, "stream": source.stream, "keys": list(keys)}
    rows = [
        {
            "connection": source.connection,
            "stream": source.stream,
            "key": row.key,
            "record": {},
            "digest": GONE,
            "deleted": True,
            "received_at": now,
            "run_id": source.run_id,
            "correlation": source.correlation,
            "live": source.live,
            "state": "due",
            "due_at": now,
        }
        for row in await conn.execute(text(_FRESH), values)
    ]
    await bulk.insert(conn, inbox, rows)
    return len(rows)


_BURY = """
UPDATE link l SET deleted_at = :now, digest = x.digest, record_version = coalesce(x.version, l.record_version),
  updated_at = :now
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(key text, digest text, version text)
WHERE l.connection = :connection AND l.stream = :stream AND l.key = x.key
"""


async def bury(
    conn: AsyncConnection, sync: BoundSync, gone: Sequence[tuple[str, str, str | None]], now: datetime
) -> None:
    """Mark links as deleted there; `gone`: key, digest, version of the tombstone."""
    if gone:
        rows = [{"key": key, "digest": digest, "version": version} for key, digest, version in gone]
        values = {"connection": sync.connection, "stream": sync.stream, "now": now}
        await conn.execute(text(_BURY), {**values, "rows": jsontext.dumps(rows).decode()})
