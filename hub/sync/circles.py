"""Circles: records that wait for one another would wait for ever. One of each circle becomes a person's turn; when it is
mended, the others go on by themselves."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.mapping import RecordError, Ref
from hub.sdk import jsontext
from hub.sync.engine import Engine
from hub.sync.references import awaited

PATIENCE: Final = timedelta(seconds=60)
"""Parents are mostly on their way: who waits for less than this is left alone."""
MOST: Final = 20_000

_RECORDS = """
SELECT id, connection, stream, key, record, waiting_for FROM inbox
WHERE state = 'waiting' AND waiting_for LIKE 'ref|%' AND NOT from_link AND due_at <= :before ORDER BY id LIMIT :most
"""
_DELIVERIES = """
SELECT id, connection, kind, entity_id, waiting_for FROM delivery
WHERE state = 'waiting' AND waiting_for LIKE 'link|%' AND due_at <= :before ORDER BY id LIMIT :most
"""


async def park_circles(engine: Engine, conn: AsyncConnection, now: datetime) -> int:
    """Park one of each circle, in and out; returns how many."""
    values = {"before": now - PATIENCE, "most": MOST}
    records = (await conn.execute(text(_RECORDS), values)).all()
    deliveries = (await conn.execute(text(_DELIVERIES), values)).all()
    found = circles({row.id: row.waiting_for for row in records}, _answered_by(engine, records))
    going = circles({row.id: row.waiting_for for row in deliveries}, _brought_by(deliveries))
    await _park(conn, "inbox", found, {row.id: f"{row.stream} {row.key}" for row in records}, now)
    await _park(conn, "delivery", going, {row.id: f"{row.kind} {row.entity_id}" for row in deliveries}, now)
    return len(found) + len(going)


def circles(waits: Mapping[int, str], answered_by: Mapping[str, int]) -> list[list[int]]:
    """Each circle once, from its lowest row on. Everybody waits for one thing at a time, so a walk finds it."""
    seen: set[int] = set()
    found = []
    for start in waits:
        walk: list[int] = []
        row: int | None = start
        while row is not None and row not in seen:
            seen.add(row)
            walk.append(row)
            row = answered_by.get(waits[row])
        if row in walk:
            circle = walk[walk.index(row) :]
            lowest = circle.index(min(circle))
            found.append(circle[lowest:] + circle[:lowest])
    return found


def _answered_by(engine: Engine, rows: Iterable[Row[Any]]) -> dict[str, int]:
    """What may be waited for -> the waiting record that would bring it: by its key, or by a name it bears."""
    asked = {row.waiting_for for row in rows}
    found: dict[str, int] = {}
    for row in rows:
        sync = engine.configuration.inbound(row.connection, row.stream)
        if sync is None or sync.mapping is None:
            continue
        refs = [Ref(sync.kind, "key", row.key)]
        with suppress(RecordError):  # no longer to be read, as it stands: it is known by its key
            refs += [Ref(sync.kind, name, said) for name, said in sync.mapping.read(row.record).names.items()]
        found |= {said: row.id for said in (awaited(row.connection, ref) for ref in refs) if said in asked}
    return found


def _brought_by(rows: Iterable[Row[Any]]) -> dict[str, int]:
    return {f"link|{row.connection}|{row.kind}|{row.entity_id}": row.id for row in rows}


_PARK = """
UPDATE {table} t SET state = 'parked', settled_at = :now, waiting_for = NULL, error_class = 'ReferenceMissing',
  error = x.error, error_zh = x.zh
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(id bigint, error text, zh text)
WHERE t.id = x.id AND t.state = 'waiting'
"""


async def _park(
    conn: AsyncConnection, table: str, found: Sequence[Sequence[int]], called: Mapping[int, str], now: datetime
) -> None:
    if not found:
        return
    rows = [{"id": circle[0], **_sentence([called[row] for row in (*circle, circle[0])])} for circle in found]
    await conn.execute(text(_PARK.format(table=table)), {"rows": jsontext.dumps(rows).decode(), "now": now})


def _sentence(names: Sequence[str]) -> dict[str, str]:
    shown = [*names[:4], "…", names[-1]] if len(names) > 6 else names
    way = " → ".join(shown)
    return {
        "error": f"these wait for one another: {way}; clear this reference in one of them, let it pass, then set it again",
        "zh": f"互相引用、彼此等待：{way}；请先清空其中一条的引用，待其通过后再补上",
    }
