"""Deletes of one reading stay together until it is through: a few pass, a mass is held for a person, and what a run
deleted can be undone."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync
from hub.db import bulk
from hub.db.tables import inbox
from hub.db.wake import wake
from hub.mapping import CompiledMapping, RecordError
from hub.mapping.faults import Fault
from hub.mapping.json_values import is_false
from hub.mapping.shape import ABSENT
from hub.sdk import jsontext
from hub.sdk.records import Doubt, Record
from hub.sync.arrive import Source
from hub.sync.engine import Engine
from hub.sync.progress import Progress, make

GONE: Final = "gone"
"""Stands where a digest would: the key was named as deleted, no record came with it."""
MASS: Final = 50
SHARE: Final = 20  # one in so many records of the stream: 5 %
FEW: Final = 3  # never a mass, however small the stream
REMEMBERED: Final = timedelta(days=7)  # so long a person's no to a delete stands against the next reading


def gathered(sync: BoundSync) -> str:
    """What tombstones of a reading under way wait for."""
    return f"reading|{sync.connection}|{sync.stream}"


def held_by(run_id: int) -> str:
    """What tombstones wait for that a person must confirm."""
    return f"held|{run_id}"


_FRESH = """
SELECT key FROM link l WHERE connection = :connection AND stream = :stream AND key = ANY(:keys) AND deleted_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.connection = l.connection AND i.stream = l.stream AND i.key = l.key
    AND i.deleted AND (i.state IN ('due', 'waiting') OR (i.state = 'dismissed' AND i.settled_at > :since)))
"""


async def store_gone(conn: AsyncConnection, sync: BoundSync, source: Source, keys: Sequence[str], now: datetime) -> int:
    """Put tombstones into the inbox for records we know; what we never had is nothing to us. Those of a reading wait
    for its end."""
    if not keys:
        return 0
    scope = {"connection": source.connection, "stream": source.stream}
    fresh = await conn.execute(text(_FRESH), {**scope, "keys": list(keys), "since": now - REMEMBERED})
    of_reading = source.run_id is not None
    rows = [
        {
            **scope,
            "key": row.key,
            "record": {},
            "digest": GONE,
            "deleted": True,
            "received_at": now,
            "run_id": source.run_id,
            "correlation": source.correlation,
            "live": source.live,
            "state": "waiting" if of_reading else "due",
            "waiting_for": gathered(sync) if of_reading else None,
            "due_at": now,
        }
        for row in fresh
    ]
    await bulk.insert(conn, inbox, rows)
    return len(rows)


def dead(mapping: CompiledMapping, records: Sequence[Record]) -> list[str]:
    """Keys of records that say of themselves that they are deleted. One that cannot be read says nothing here."""
    source = mapping.head.deleted
    found: list[str] = []
    for record in records if source is not None else ():
        assert source is not None
        with suppress(Fault, RecordError):
            said = source.get(record, record)
            if said is not ABSENT and not is_false(said):
                found.append(mapping.key_of(record))
    return found


_GATHER = """
UPDATE inbox SET state = 'waiting', waiting_for = :gathered, deleted = true
WHERE run_id = :run AND connection = :connection AND stream = :stream AND key = ANY(:keys) AND state = 'due'
"""


async def gather(conn: AsyncConnection, sync: BoundSync, source: Source, keys: Sequence[str]) -> None:
    """Records of this reading that say they are deleted wait with the other tombstones."""
    if keys:
        values = {"gathered": gathered(sync), "run": source.run_id, "keys": list(keys)}
        await conn.execute(text(_GATHER), {**values, "connection": sync.connection, "stream": sync.stream})


async def any_gathered(conn: AsyncConnection, sync: BoundSync) -> bool:
    found = await conn.execute(
        text("SELECT EXISTS (SELECT 1 FROM inbox WHERE state = 'waiting' AND waiting_for = :what)"),
        {"what": gathered(sync)},
    )
    return bool(found.scalar_one())


_COUNT = """
SELECT count(*) FILTER (WHERE i.waiting_for = :gathered AND l.deleted_at IS NULL) AS gone,
  (SELECT count(*) FROM link WHERE connection = :connection AND stream = :stream AND deleted_at IS NULL) AS standing,
  count(*) AS waiting
FROM inbox i LEFT JOIN link l ON l.connection = i.connection AND l.stream = i.stream AND l.key = i.key
WHERE i.state = 'waiting' AND i.waiting_for = :gathered
"""
_RELEASE = (
    "UPDATE inbox SET state = 'due', due_at = :now, waiting_for = NULL WHERE state = 'waiting' AND waiting_for = :what"
)
_HOLD = "UPDATE inbox SET waiting_for = :held, run_id = :run WHERE state = 'waiting' AND waiting_for = :gathered"


def limit(standing: int) -> int:
    """So many deletes of one reading pass by themselves."""
    return max(FEW, min(MASS, standing // SHARE))


async def standing(conn: AsyncConnection, sync: BoundSync) -> int:
    """How many records of the stream we know."""
    rows = await conn.execute(
        text("SELECT count(*) FROM link WHERE connection = :connection AND stream = :stream AND deleted_at IS NULL"),
        {"connection": sync.connection, "stream": sync.stream},
    )
    return int(rows.scalar_one())


_HELD = """
UPDATE run SET state = 'held', owner = :owner, note = :en, note_zh = :zh,
  detail = detail || jsonb_build_object('deletes', CAST(:gone AS int), 'examples', CAST(:examples AS jsonb))
WHERE id = :run
"""
_EXAMPLES = """
SELECT coalesce(jsonb_agg(jsonb_build_object('field', '-', 'key', key)), '[]') AS some FROM (
  SELECT key FROM inbox WHERE state = 'waiting' AND waiting_for = :held ORDER BY id LIMIT 20) x
"""


async def judge(engine: Engine, conn: AsyncConnection, sync: BoundSync, run: Progress) -> None:
    """The reading is through: let its deletes pass, or hold them all."""
    values = {"gathered": gathered(sync), "connection": sync.connection, "stream": sync.stream}
    row = (await conn.execute(text(_COUNT), values)).one()
    if row.gone <= limit(row.standing):
        await conn.execute(text(_RELEASE), {"what": gathered(sync), "now": engine.now()})
        wake(conn)
        return
    number = await make(conn, run)
    await conn.execute(text(_HOLD), {"held": held_by(number), "run": number, "gathered": gathered(sync)})
    examples = (await conn.execute(text(_EXAMPLES), {"held": held_by(number)})).scalar_one()
    bound = engine.configuration.connections.get(sync.connection)
    said = {
        "run": number,
        "owner": bound.spec.owner if bound else None,
        "gone": row.gone,
        "examples": jsontext.dumps(examples).decode(),
        "en": f"{row.gone} of {row.standing} records were deleted there in one reading; nothing follows from it until a"
        f" person decides: `hub run confirm {number}`, or `hub run dismiss {number} --reason …`",
        "zh": f"一次读取发现来源的 {row.standing} 条记录中有 {row.gone} 条被删除；人工确认之前不产生任何影响："
        f"hub run confirm {number} 放行，或 hub run dismiss {number} 忽略",
    }
    await conn.execute(text(_HELD), said)


async def held_doubt(conn: AsyncConnection, sync: str) -> Doubt | None:
    """Deletes that wait for a person leave a sync in doubt."""
    rows = await conn.execute(
        text(
            "SELECT note, note_zh FROM run WHERE sync = :sync AND state = 'held' AND what IN ('pull', 'backfill')"
            " ORDER BY id LIMIT 1"
        ),
        {"sync": sync},
    )
    row = rows.first()
    return Doubt(row.note, row.note_zh) if row else None


_WAITING = """
SELECT id, key FROM inbox WHERE connection = :connection AND stream = :stream AND deleted AND state = 'waiting'
"""
_RETURNED = """
UPDATE inbox SET state = 'superseded', note = 'it is there again', settled_at = :now, waiting_for = NULL
WHERE id = ANY(:ids) AND state = 'waiting'
"""
_EMPTIED = """
UPDATE run SET state = 'dismissed', ended_at = :now, owner = NULL, note = 'all are there again',
  note_zh = '这些记录已重新出现'
WHERE sync = :sync AND state = 'held' AND what IN ('pull', 'backfill')
  AND NOT EXISTS (SELECT 1 FROM inbox WHERE state = 'waiting' AND waiting_for = 'held|' || run.id)
"""


async def pending(conn: AsyncConnection, sync: BoundSync) -> dict[str, int]:
    """Keys whose delete waits for the end of a reading or for a person -> the tombstone."""
    rows = await conn.execute(text(_WAITING), {"connection": sync.connection, "stream": sync.stream})
    return {row.key: row.id for row in rows}


async def take_back(conn: AsyncConnection, sync: BoundSync, tombstones: Sequence[int], now: datetime) -> None:
    """A whole reading brought these records: nobody need decide about them."""
    await conn.execute(text(_RETURNED), {"ids": list(tombstones), "now": now})
    await conn.execute(text(_EMPTIED), {"sync": sync.name, "now": now})


async def confirmed(conn: AsyncConnection, run_id: int, now: datetime) -> int:
    """A person agrees: the deletes of this run pass; returns how many."""
    passed = await conn.execute(text(_RELEASE), {"what": held_by(run_id), "now": now})
    await conn.execute(
        text("UPDATE run SET state = 'done', ended_at = :now WHERE id = :run"), {"run": run_id, "now": now}
    )
    return int(passed.rowcount)


_DISMISS = """
UPDATE inbox SET state = 'dismissed', settled_at = :now, waiting_for = NULL, note = :note
WHERE state = 'waiting' AND waiting_for = :held
"""


async def dismissed(conn: AsyncConnection, run_id: int, reason: str, now: datetime) -> int:
    """A person says that nothing was deleted: the tombstones settle without effect."""
    done = await conn.execute(text(_DISMISS), {"held": held_by(run_id), "now": now, "note": f"no delete: {reason}"})
    return int(done.rowcount)
