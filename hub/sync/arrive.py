"""Records on their way into the inbox: only what is new or different enters, whether pulled, fetched or sent to us."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.identity import links_by_key
from hub.config.runtime import BoundSync
from hub.db import bulk, tally
from hub.db.tables import inbox
from hub.db.wake import wake
from hub.mapping import RecordError
from hub.sdk import jsontext
from hub.sync.policy import Failure, failure_of

MAX_RECORD = 1_000_000  # bytes as JSON; attachments travel as addresses (invariant 12)
SHORT = 1_000  # characters of a value kept of a record that is too large


@dataclass(frozen=True, slots=True)
class Source:
    """Where a batch of records came from. `asked`: key -> the correlation of the call that asked for this record."""

    connection: str
    stream: str
    live: bool
    correlation: str
    receipt_id: int | None = None
    run_id: int | None = None
    asked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """How many of a batch were read, entered the inbox, or were known already; and which entered."""

    read: int
    stored: int
    unchanged: int
    fresh: Sequence[dict[str, Any]] = ()


_LAST = """
SELECT DISTINCT ON (key) key, digest, state, note FROM inbox
WHERE connection = :connection AND stream = :stream AND key = ANY(:keys) AND corrects IS NULL AND NOT from_link
ORDER BY key, id DESC
"""


async def store_records(
    conn: AsyncConnection, sync: BoundSync, source: Source, records: Sequence[dict[str, Any]], now: datetime
) -> Stored:
    """Put records into the inbox unless nothing about them is new. One that has no readable key is parked."""
    assert sync.mapping is not None
    keyed: dict[str, tuple[dict[str, Any], str, Failure | None]] = {}
    broken: list[tuple[dict[str, Any], Failure]] = []
    for record in records:
        clean = jsontext.storable(record)
        try:
            flaw = None if clean is record else _too_long(sync.mapping.project(record))
            size = len(jsontext.dumps(clean))
            if size > MAX_RECORD:
                clean, flaw = _cut_down(sync.mapping.project(clean)), _too_large(size)
            keyed[sync.mapping.key_of(clean)] = (clean, sync.mapping.digest_of(clean), flaw)
        except RecordError as error:
            broken.append((clean, failure_of(error)))
    known = await _known(conn, sync, source, keyed)
    rows = [
        _row(source, key, record, digest, now, flaw)
        for key, (record, digest, flaw) in keyed.items()
        if digest not in known[key]
    ]
    rows += await _keyless(conn, source, broken, now)
    await bulk.insert(conn, inbox, rows)
    tally.count(conn, "read", sync.name, "stored", len(rows))
    tally.count(conn, "read", sync.name, "unchanged", len(records) - len(rows))
    if rows:
        wake(conn)
    fresh = [record for key, (record, digest, _) in keyed.items() if digest not in known[key]]
    return Stored(len(records), len(rows), len(records) - len(rows), [*fresh, *(record for record, _ in broken)])


def _cut_down(record: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a record that is too large: the short values, so that a person sees which one it is."""
    return {
        name: value for name, value in record.items() if not isinstance(value, dict | list) and len(str(value)) < SHORT
    }


def _too_large(size: int) -> Failure:
    megabytes = f"{size / 1_000_000:.1f}"
    return Failure(
        "MappingError",
        f"the record has {megabytes} MB; at most 1 MB is taken: let the source send attachments as addresses",
        f"记录大小为 {megabytes} MB，超过 1 MB 上限：附件请以地址形式发送",
    )


def _too_long(record: dict[str, Any]) -> Failure | None:
    """A number of what the mapping reads that cannot be kept exactly."""
    path = jsontext.too_long(record)
    if path is None:
        return None
    return Failure(
        "MappingError",
        f"the number at {path} is longer than a number can be here (64 bits): let the source send it as text",
        f"路径 {path} 的数字过长（超过 64 位）：请在来源系统中以文本形式发送",
        [{"path": path, "sentence": "数字过长，请以文本形式发送"}],
    )


async def _keyless(
    conn: AsyncConnection, source: Source, broken: Sequence[tuple[dict[str, Any], Failure]], now: datetime
) -> list[dict[str, Any]]:
    """Parked rows for records without a key; the same one is parked once, however often it is read."""
    rows = {hashlib.sha256(jsontext.canonical(record)).hexdigest(): (record, failure) for record, failure in broken}
    seen = await conn.execute(
        text(
            "SELECT digest FROM inbox WHERE connection = :connection AND stream = :stream AND key IS NULL"
            " AND digest = ANY(:digests)"
        ),
        {"connection": source.connection, "stream": source.stream, "digests": list(rows)},
    )
    for row in seen:
        rows.pop(row.digest, None)
    return [_row(source, None, record, digest, now, failure) for digest, (record, failure) in rows.items()]


def not_for_us(sync: BoundSync) -> str:
    """The note of a record that this version of the mapping leaves out."""
    return f"not for us: the condition of {sync.spec.mapping} v{sync.mapping_version} does not hold"


DELETED_THERE = "deleted there"


async def _known(conn: AsyncConnection, sync: BoundSync, source: Source, keyed: dict[str, Any]) -> dict[str, set[str]]:
    """Per key the digests that bring nothing new: the link's last known record, and the source's last row when that is
    still waiting for its turn, for a person, or was dismissed or corrected (the same bad record does not return), or
    was found to be nothing to us."""
    known: dict[str, set[str]] = {key: set() for key in keyed}
    links = await links_by_key(conn, source.connection, source.stream, keyed)
    for key, link in links.items():
        if link.digest is not None:
            known[key].add(link.digest)
    last = await conn.execute(
        text(_LAST), {"connection": source.connection, "stream": source.stream, "keys": list(keyed)}
    )
    for row in last:
        if row.state != "done" and not (row.state == "superseded" and row.note != "corrected"):
            known[row.key] = {row.digest}
        elif row.note == not_for_us(sync) or (row.note == DELETED_THERE and row.key not in links):
            known[row.key].add(row.digest)
    return known


def _row(
    source: Source,
    key: str | None,
    record: dict[str, Any],
    digest: str,
    now: datetime,
    failure: Failure | None = None,
) -> dict[str, Any]:
    return {
        "connection": source.connection,
        "stream": source.stream,
        "key": key,
        "record": record,
        "digest": digest,
        "received_at": now,
        "receipt_id": source.receipt_id,
        "run_id": source.run_id,
        "correlation": source.asked.get(key, source.correlation) if key else source.correlation,
        "live": source.live,
        "patient": source.run_id is not None and not source.live,
        "state": "due" if failure is None else "parked",
        "due_at": now,
        "error_class": failure and failure.error_class,
        "error": failure and failure.sentence,
        "error_zh": failure and failure.zh,
        "error_fields": list(failure.fields) if failure else None,
    }
