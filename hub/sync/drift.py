"""The list of drifts: where two systems differ although nothing is under way, and what is still to be looked at again."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync
from hub.sdk import jsontext
from hub.sync.finding import Finding

_SUSPECT = """
INSERT INTO drift AS d (sync, connection, stream, kind, key, entity_id, what, state, fields, digest, run_id, look_at)
SELECT :sync, :connection, :stream, :kind, x.key, x.entity_id, x.what, 'suspect', x.fields, '', :run, :now
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(key text, entity_id bigint, what text, fields jsonb) ORDER BY x.key
ON CONFLICT (sync, key) WHERE state IN ('suspect', 'open', 'repairing') DO UPDATE SET run_id = excluded.run_id
"""


def scope_of(sync: BoundSync) -> dict[str, Any]:
    return {"sync": sync.name, "connection": sync.connection, "stream": sync.stream, "kind": sync.kind}


async def suspect(conn: AsyncConnection, sync: BoundSync, run: int, findings: Iterable[Finding], now: datetime) -> None:
    """Remember what is to be looked at again; what stands in the list already stays as it is."""
    rows = [{"key": f.key, "entity_id": f.entity_id, "what": f.what, "fields": f.told()} for f in findings]
    if rows:
        values = {**scope_of(sync), "run": run, "now": now, "rows": jsontext.dumps(rows).decode()}
        await conn.execute(text(_SUSPECT), values)


_UNSEEN = """
INSERT INTO drift AS d (sync, connection, stream, kind, key, entity_id, what, state, digest, run_id, look_at)
SELECT CAST(:sync AS text), l.connection, l.stream, l.kind, l.key, l.entity_id, 'missing_there', 'suspect', '', :run, :now
FROM link l LEFT JOIN reconcile_seen s ON s.run_id = :run AND s.key = l.key
WHERE l.connection = :connection AND l.stream = :stream AND l.deleted_at IS NULL AND s.key IS NULL
  AND (:any OR l.updated_at < :started) ORDER BY l.key
ON CONFLICT (sync, key) WHERE state IN ('suspect', 'open', 'repairing') DO UPDATE SET run_id = excluded.run_id
"""


async def suspect_unseen(
    conn: AsyncConnection, sync: BoundSync, run: int, started: datetime, now: datetime, *, fetches: bool
) -> None:
    """Linked records that a complete reading did not meet. `fetches`: one that came meanwhile can be asked for."""
    values = {"sync": sync.name, "connection": sync.connection, "stream": sync.stream, "run": run}
    await conn.execute(text(_UNSEEN), {**values, "started": started, "now": now, "any": fetches})


_UNDER_WAY = """
SELECT x.key, EXISTS (SELECT 1 FROM inbox i WHERE i.connection = :connection AND i.stream = :stream AND i.key = x.key
    AND i.state = 'parked')
  OR EXISTS (SELECT 1 FROM delivery d WHERE d.entity_id = coalesce(l.entity_id, x.entity_id)
    AND d.connection = :connection AND d.stream = :stream AND d.change_id = 0 AND d.state = 'parked') AS parked
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(key text, entity_id bigint, since timestamptz)
LEFT JOIN link l ON l.connection = :connection AND l.stream = :stream AND l.key = x.key
WHERE l.updated_at > x.since
  OR EXISTS (SELECT 1 FROM inbox i WHERE i.connection = :connection AND i.stream = :stream AND i.key = x.key
    AND (i.state IN ('due', 'running', 'waiting', 'parked') OR i.received_at > x.since))
  OR EXISTS (SELECT 1 FROM bell b WHERE b.connection = :connection AND b.stream = :stream AND b.path = ''
    AND b.text = x.key AND b.state IN ('due', 'running', 'waiting', 'parked'))
  OR EXISTS (SELECT 1 FROM delivery d WHERE d.entity_id = coalesce(l.entity_id, x.entity_id)
    AND d.connection = :connection AND d.stream = :stream AND d.change_id = 0
    AND (d.state IN ('due', 'running', 'waiting', 'parked') OR d.settled_at > x.since))
  OR EXISTS (SELECT 1 FROM change c WHERE c.entity_id = l.entity_id
    AND (NOT c.derived OR NOT c.routed OR c.at > x.since))
"""


async def under_way(
    conn: AsyncConnection, sync: BoundSync, rows: Sequence[tuple[str, int | None, datetime]]
) -> dict[str, bool]:
    """Of these (key, entity, since) the keys about which something is open or has moved since, and whether it waits for
    a person."""
    told = [{"key": key, "entity_id": entity, "since": since.isoformat()} for key, entity, since in rows]
    values = {"connection": sync.connection, "stream": sync.stream, "rows": jsontext.dumps(told).decode()}
    return {row.key: bool(row.parked) for row in await conn.execute(text(_UNDER_WAY), values)}


_SETTLED = """
SELECT x.key FROM jsonb_to_recordset(CAST(:rows AS jsonb))
  AS x(key text, entity_id bigint, sign text, digest text, inward boolean)
WHERE EXISTS (SELECT 1 FROM drift d WHERE d.sync = :sync AND d.key = x.key AND d.state = 'dismissed'
    AND d.digest = x.sign)
  OR (x.inward AND (SELECT i.state = 'dismissed' AND i.digest = x.digest FROM inbox i WHERE i.connection = :connection
    AND i.stream = :stream AND i.key = x.key ORDER BY i.id DESC LIMIT 1))
  OR (NOT x.inward AND EXISTS (SELECT 1 FROM delivery d JOIN entity e ON e.id = d.entity_id
    WHERE d.entity_id = x.entity_id AND d.sync = :sync AND d.change_id = 0 AND d.state = 'dismissed'
    AND d.wanted_version >= e.version))
"""


async def settled_by_person(
    conn: AsyncConnection, sync: BoundSync, findings: Iterable[Finding], digests: Mapping[str, str]
) -> set[str]:
    """The keys whose difference, just as it is, a person has dismissed: as a drift, a record or a delivery. `digests`:
    key -> digest of the record as it stands there."""
    rows = [
        {
            "key": f.key,
            "entity_id": f.entity_id,
            "sign": f.digest,
            "digest": digests.get(f.key),
            "inward": f.comes_here,
        }
        for f in findings
    ]
    values = {"sync": sync.name, "connection": sync.connection, "stream": sync.stream}
    found = await conn.execute(text(_SETTLED), {**values, "rows": jsontext.dumps(rows).decode()})
    return {row.key for row in found}


_CHANGE = """
UPDATE drift d SET state = x.state, what = x.what, fields = x.fields, digest = x.digest, entity_id = x.entity_id,
  seen_at = x.seen_at, look_at = x.look_at, rounds = x.rounds, note = x.note, note_zh = x.note_zh,
  found_at = CASE WHEN x.state = 'open' THEN coalesce(d.found_at, CAST(:now AS timestamptz)) ELSE d.found_at END,
  closed_at = CASE WHEN x.state = 'closed' THEN CAST(:now AS timestamptz) END
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(id bigint, was text, state text, what text, fields jsonb, digest text,
  entity_id bigint, seen_at timestamptz, look_at timestamptz, rounds int, note text, note_zh text)
WHERE d.id = x.id AND d.state = x.was
"""


async def change(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Write drifts down as they are now; one that a person took up meanwhile is left alone (`was`)."""
    if rows:
        await conn.execute(text(_CHANGE), {"rows": jsontext.dumps(list(rows)).decode(), "now": now})


def as_row(row: Any, **new: Any) -> dict[str, Any]:
    """A drift as `change` takes it."""
    names = ("id", "state", "what", "fields", "digest", "entity_id", "seen_at", "look_at", "rounds", "note", "note_zh")
    told = {name: getattr(row, name) for name in names} | {"was": row.state} | new
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in told.items()}


async def forget(conn: AsyncConnection, ids: Sequence[int]) -> None:
    """Suspects about which there was nothing."""
    if ids:
        await conn.execute(text("DELETE FROM drift WHERE id = ANY(:ids) AND state = 'suspect'"), {"ids": list(ids)})
