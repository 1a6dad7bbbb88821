"""A delete is a version: what the source says is gone is marked on its link, and on the entity when its own creator
says so. Nothing is removed here: what a target is told follows from its sync's `on_delete`.

Concluded only from what the source says itself (a tombstone record, a key among a page's deleted ones) or from a
reading that proved complete (`hub.sync.extent`), never from a record that is merely absent."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import DELETED, Entity
from hub.canon.ownership import PERSON
from hub.canon.store import load
from hub.canon.write import Edit, Origin, lock_entities, write
from hub.config.runtime import BoundSync, Configuration
from hub.sdk import jsontext
from hub.security import audit
from hub.sync.batch import Batch, Item
from hub.sync.controls import Unknown
from hub.sync.engine import match_sets

_FRESH = """
SELECT key, entity_id FROM link WHERE connection = :connection AND stream = :stream AND key = ANY(:keys)
  AND deleted_at IS NULL
"""
_BURY = """
UPDATE link l SET deleted_at = coalesce(l.deleted_at, :now), digest = x.digest,
  record_version = coalesce(x.version, l.record_version), updated_at = :now
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(key text, digest text, version text)
WHERE l.connection = :connection AND l.stream = :stream AND l.key = x.key
"""


async def bury(batch: Batch, items: Sequence[Item]) -> None:
    """Mark what the batch's tombstones (key, digest, version) name: links, and entities of this connection's making.
    `items`: what the tombstones were read from, among others."""
    if not batch.gone:
        return
    sync = batch.sync
    scope = {"connection": sync.connection, "stream": sync.stream}
    keys = [key for key, _, _ in batch.gone]
    fresh = (await batch.conn.execute(text(_FRESH), {**scope, "keys": keys})).all()
    rows = [{"key": key, "digest": digest, "version": version} for key, digest, version in batch.gone]
    values = {**scope, "now": batch.now, "rows": jsontext.dumps(rows).decode()}
    await batch.conn.execute(text(_BURY), values)
    entities = await _entities(batch, [row.entity_id for row in fresh])
    told = {item.row.key: item for item in items}
    edits = [
        _edit(entity, _origin(sync, told[row.key], "deleted there"), True)
        for row in fresh
        if (entity := entities.get(row.entity_id)) is not None and _ends_with(entity, sync)
    ]
    await write(batch.conn, batch.engine.kinds, edits, batch.engine.match_sets, batch.now)


async def rise(batch: Batch, items: Sequence[Item]) -> None:
    """What was deleted there and is there again stands again."""
    sync = batch.sync
    back = [item for item in items if item.link is not None and item.link.deleted and item.entity_id]
    entities = await _entities(batch, [item.entity_id for item in back])
    edits = [
        _edit(entity, _origin(sync, item, "there again"), False)
        for item in back
        if (entity := entities.get(item.entity_id)) is not None
        and entity.deleted
        and entity.created_by == sync.connection
    ]
    await write(batch.conn, batch.engine.kinds, edits, batch.engine.match_sets, batch.now)


def _origin(sync: BoundSync, item: Item, reason: str) -> Origin:
    return Origin(
        who=sync.connection,
        correlation=item.row.correlation,
        live=item.row.live,
        connection=sync.connection,
        stream=sync.stream,
        key=item.row.key,
        inbox_id=item.row.id,
        arrived_at=item.received_at,
        reason=reason,
        observing=sync.mode == "observing",
    )


def _ends_with(entity: Entity, sync: BoundSync) -> bool:
    """Is the entity over when this connection's record of it is? Others only hold a copy."""
    return entity.created_by == sync.connection and not entity.deleted and entity.joined_into is None


async def _entities(batch: Batch, ids: Collection[int]) -> dict[int, Entity]:
    if not ids:
        return {}
    await lock_entities(batch.conn, sorted(set(ids)))
    return await load(batch.conn, batch.engine.kinds, batch.sync.kind, set(ids))


def _edit(entity: Entity, origin: Origin, deleted: bool) -> Edit:
    changed = {DELETED: (entity.deleted, deleted)}
    fields = dict(entity.fields)
    return Edit(entity.id, entity.kind, fields, changed, origin, entity, deleted=deleted, setters=entity.setters)


_OF_RUN = """
SELECT l.id, l.kind, l.entity_id, l.connection
FROM (SELECT connection, stream, key, run_id, deleted, state FROM inbox
  UNION ALL SELECT connection, stream, key, run_id, deleted, state FROM inbox_archive) i
JOIN link l ON l.connection = i.connection AND l.stream = i.stream AND l.key = i.key
WHERE i.run_id = :run AND i.deleted AND i.state = 'done' AND l.deleted_at IS NOT NULL
"""
_LIFT = "UPDATE link SET deleted_at = NULL, digest = NULL, updated_at = :now WHERE id = ANY(:ids)"
_UNDONE = """
UPDATE run SET state = CASE WHEN state = 'held' THEN 'dismissed' ELSE state END, note = :en, note_zh = :zh, owner = NULL
WHERE id = :run
"""
_SETTLED = """
UPDATE inbox SET state = 'dismissed', note = :note, settled_at = :now, waiting_for = NULL
WHERE run_id = :run AND deleted AND state IN ('done', 'due', 'waiting')
"""


async def undo(conn: AsyncConnection, configuration: Configuration, run: int, who: str, now: datetime) -> int:
    """Take back what a run deleted: its tombstones are lifted, their entities stand again, and what targets were told
    is told the other way round. Returns how many. Raises Unknown."""
    found = await conn.execute(text("SELECT 1 FROM run WHERE id = :run FOR UPDATE"), {"run": run})
    if found.first() is None:
        raise Unknown(f"there is no run {run}; `hub run list` shows all", f"没有执行 {run}，可用 hub run list 查看")
    rows = (await conn.execute(text(_OF_RUN), {"run": run})).all()
    await conn.execute(text(_LIFT), {"ids": [row.id for row in rows], "now": now})
    await conn.execute(text(_SETTLED), {"run": run, "now": now, "note": f"undone by {who}"})
    for kind in sorted({row.kind for row in rows}):
        await _stand_again(conn, configuration, [row for row in rows if row.kind == kind], (run, who), now)
    said = {"en": f"its {len(rows)} deletes were undone by {who}", "zh": f"{who} 已撤销其 {len(rows)} 条删除"}
    await conn.execute(text(_UNDONE), {"run": run, **said})
    await audit.record(conn, who, "run.undo", str(run), {"deletes": len(rows)})
    return len(rows)


async def _stand_again(
    conn: AsyncConnection, configuration: Configuration, rows: Sequence[Row[Any]], by: tuple[int, str], now: datetime
) -> None:
    run, who = by
    ids = sorted({row.entity_id for row in rows})
    await lock_entities(conn, ids)
    entities = await load(conn, configuration.kinds, rows[0].kind, ids)
    origin = Origin(PERSON + who, f"undo-{run}", live=False, reason=f"undo of run {run}")
    edits = [_edit(entity, origin, False) for entity in entities.values() if entity.deleted]
    await write(conn, configuration.kinds, edits, match_sets(configuration), now)
