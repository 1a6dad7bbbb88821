"""Route: it alone makes deliveries. A record's delivery is one row per (sync, entity, part), brought to the newest
version; a message is one row per (sync, change)."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity, is_join
from hub.canon.identity import Link, links_by_entity
from hub.canon.store import load, standing
from hub.config.runtime import BoundSync
from hub.db.wake import wake
from hub.sdk import jsontext
from hub.sync.condition import condition_holds
from hub.sync.ending import is_owed
from hub.sync.engine import Engine
from hub.telemetry import trail

ROUTE_BATCH = 500
LIVE = "live"

_CHANGES = """
SELECT id, entity_id, kind, version, fields, connection, stream, live, at, coalesce(arrived_at, at) AS since, correlation
FROM change
WHERE derived AND NOT routed ORDER BY live DESC, id LIMIT :limit FOR UPDATE SKIP LOCKED
"""

_OWE = """
INSERT INTO delivery AS d (sync, connection, stream, kind, entity_id, change_id, wanted_version, state, due_at,
  patient, correlation, created_at, owed_since)
SELECT x.sync, x.connection, x.stream, x.kind, x.entity_id, x.change_id, x.version, 'due', :now,
  x.patient, x.correlation, :now,
  coalesce(x.since, CAST(:now AS timestamptz))
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(sync text, connection text, stream text, kind text, entity_id bigint,
  change_id bigint, version int, patient bool, correlation text, since timestamptz)
ORDER BY x.sync, x.entity_id, x.change_id
ON CONFLICT (sync, entity_id, part, change_id) DO UPDATE SET
  patient = excluded.patient AND (d.patient OR d.state IN ('done', 'superseded', 'dismissed')),
  wanted_version = greatest(d.wanted_version, excluded.wanted_version), correlation = excluded.correlation,
  owed_since = CASE WHEN d.state IN ('done', 'superseded', 'dismissed') THEN excluded.owed_since
    ELSE least(d.owed_since, excluded.owed_since) END,
  state = CASE WHEN d.state = 'running' THEN 'running' ELSE 'due' END, due_at = excluded.due_at,
  attempts = 0, in_hand = 0, crashes = 0, busy_since = NULL, waiting_for = NULL, settled_at = NULL, note = NULL,
  error_class = NULL, error = NULL, error_zh = NULL, error_fields = NULL
WHERE d.change_id = 0 AND (NOT :only_new OR d.state IN ('done', 'superseded'))
"""


async def route_due(engine: Engine) -> int:
    """Take changes not yet routed and write down who is owed what; returns how many were taken."""
    return await engine.db.retrying(lambda: _route_batch(engine))


async def _route_batch(engine: Engine) -> int:
    async with engine.db.begin("route") as conn:
        rows = (await conn.execute(text(_CHANGES), {"limit": ROUTE_BATCH})).all()
        by_kind: defaultdict[str, list[Row[Any]]] = defaultdict(list)
        for row in rows:
            by_kind[row.kind].append(row)
        owed: list[dict[str, Any]] = []
        for kind, changes in by_kind.items():
            owed += await _owed(engine, conn, kind, changes)
        await owe(conn, owed, engine)
        if rows:
            await conn.execute(
                text("UPDATE change SET routed = true WHERE id = ANY(:ids)"), {"ids": [row.id for row in rows]}
            )
    steps = ({"sync": to["sync"], "entity": to["entity_id"], "correlation": to["correlation"]} for to in owed)
    trail.follow("owed", steps)
    return len(rows)


async def owe(conn: AsyncConnection, rows: Sequence[dict[str, Any]], engine: Engine, *, only_new: bool = False) -> None:
    """Write deliveries down: new ones, or old ones brought to a newer version (`only_new`: those that are not settled
    yet are left as they are)."""
    await owe_at(conn, rows, engine.now(), only_new=only_new)


async def owe_at(
    conn: AsyncConnection, rows: Sequence[dict[str, Any]], now: datetime, *, only_new: bool = False
) -> None:
    """The same where no engine is at work."""
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = (row["sync"], row["entity_id"], row["change_id"])
        if key not in newest or newest[key]["version"] < row["version"]:
            newest[key] = row
    if newest:
        rows_text = jsontext.dumps(list(newest.values())).decode()
        values = {"rows": rows_text, "now": now, "only_new": only_new}
        await conn.execute(text(_OWE), values)
        wake(conn)


async def _owed(engine: Engine, conn: AsyncConnection, kind: str, changes: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    targets = [sync for sync in engine.configuration.outbound(kind) if sync.mode == LIVE]
    messages = [sync for sync in engine.configuration.messages(kind) if sync.mode == LIVE]
    if not targets and not messages:
        return []
    entities = standing(await load(conn, engine.kinds, kind, {row.entity_id for row in changes}))
    owed = []
    for sync in targets:
        links = await links_by_entity(conn, sync.connection, sync.stream, list(entities))
        for change in changes:
            entity = entities.get(change.entity_id)
            if entity is not None and _is_owed(sync, change, entity, links.get(entity.id)):
                owed.append(row_for(sync, entity, change.correlation, change.since, patient=not change.live))
    for sync in messages:
        told = {
            change.entity_id: change
            for change in changes
            if (entity := entities.get(change.entity_id)) is not None and _is_told(engine, sync, change, entity)
        }
        # A message says how it stands now: of several changes at once the last is told, which covers the others.
        for entity_id, change in told.items():
            row = row_for(sync, entities[entity_id], change.correlation, change.since)
            owed.append({**row, "change_id": change.id})
    return owed


def row_for(
    sync: BoundSync, entity: Entity, correlation: str, since: datetime | None = None, *, patient: bool = False
) -> dict[str, Any]:
    """A delivery of an entity's present version by a sync. `since`: when what it brings reached us; None: now.
    `patient`: of a backfill or a re-mapping, others go before it."""
    return {
        "sync": sync.name,
        "connection": sync.connection,
        "stream": sync.stream,
        "kind": sync.kind,
        "entity_id": entity.id,
        "change_id": 0,
        "version": entity.version,
        "patient": patient,
        "correlation": correlation,
        "since": since and since.isoformat(),
    }


def _is_owed(sync: BoundSync, change: Row[Any], entity: Entity, link: Link | None) -> bool:
    """Does this target want this change? Not its own, not what it does not hold, not what its filter excludes."""
    if (change.connection, change.stream) == (sync.connection, sync.stream) or sync.mapping is None:
        return False
    decided = is_owed(sync, change.fields, entity, link)
    if decided is not None:
        return decided
    if link is None and not sync.spec.push.create:
        return False
    if link is not None and not (sync.spec.push.update and _touches(sync.mapping.fields_out, change.fields)):
        return False
    return bool(condition_holds(sync, entity.fields))


def _touches(fields_out: Collection[str], fields: dict[str, Any] | None) -> bool:
    if fields is None or is_join(fields):
        return True
    return any(name in fields_out or name.partition(".")[0] in fields_out for name in fields)


def _is_told(engine: Engine, sync: BoundSync, change: Row[Any], entity: Entity) -> bool:
    """Is a message due? Only for a live and fresh change of a field it is about."""
    spec = sync.spec.message
    if spec is None or not change.live or engine.now() - change.at > sync.spec.max_age:
        return False
    names = set(entity.fields) if change.fields is None else set(change.fields)
    if spec.when_changed and not names & set(spec.when_changed):
        return False
    return bool(condition_holds(sync, entity.fields))
