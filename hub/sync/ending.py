"""What a target is told when the thing is deleted at its source, and what becomes of a record that was deleted there."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import DELETED, Entity, reference_of
from hub.canon.identity import Link
from hub.config.runtime import BoundSync
from hub.sdk import jsontext
from hub.sdk.records import Push
from hub.sync.outgoing import Outcome, Plan


def tells_of_deletion(fields: Mapping[str, Any] | None) -> bool:
    """Is this change that its entity was deleted at its source, or is there again?"""
    return fields is not None and DELETED in fields


def is_owed(sync: BoundSync, fields: Mapping[str, Any] | None, entity: Entity, link: Link | None) -> bool | None:
    """Is the target to be told of this change, as far as deletes decide it? None: they do not."""
    if link is None:
        return False if entity.deleted else None
    if tells_of_deletion(fields):
        return sync.spec.on_delete != "ignore"
    return False if entity.deleted and sync.spec.on_delete != "ignore" else None


def ending(sync: BoundSync, row: Row[Any], entity: Entity, link: Link | None) -> Plan | Outcome | None:
    """How a target that does not ignore deletes is told of one; None when there is none to tell of."""
    action = sync.spec.on_delete
    if not entity.deleted or (link is None and row.intent_at is not None):
        return None  # perhaps created: that is found out first
    if link is None:
        return Outcome(row, sync, "done", entity.version, note="deleted at its source before it came here")
    if action == "ignore":
        return None
    if link.deleted:
        return Outcome(row, sync, "done", entity.version, note="gone there too")
    reference = reference_of(entity.kind, entity.id)
    push = Push(
        action=action,
        record={},
        reference=reference,
        idempotency_key=f"{sync.name}:{reference}:{entity.version}",
        key=link.key,
        known=link.known,
    )
    return Plan(row, sync, entity, link, push)


_DEAD = """
SELECT entity_id, id FROM link WHERE connection = :connection AND stream = :stream AND entity_id = ANY(:ids)
  AND deleted_at IS NOT NULL AND (deleted_by = 'hub' OR :recreate)
"""


async def make_room(
    conn: AsyncConnection, sync: BoundSync, rows: Sequence[Row[Any]], entities: Mapping[int, Entity], now: datetime
) -> dict[int, Outcome]:
    """Records that are gone from the target and are to be created anew: their dead links give way, and the delivery
    comes again at once as a create of its own. By entity."""
    wanted = {row.entity_id: row for row in rows if (e := entities.get(row.entity_id)) and not e.deleted}
    scope = {"connection": sync.connection, "stream": sync.stream, "recreate": sync.spec.recreate}
    dead = (await conn.execute(text(_DEAD), {**scope, "ids": list(wanted)})).all()
    if not dead:
        return {}
    links = {"ids": [row.id for row in dead]}
    await conn.execute(text("DELETE FROM link_name WHERE link_id = ANY(:ids)"), links)
    await conn.execute(text("DELETE FROM line_link WHERE link_id = ANY(:ids)"), links)
    await conn.execute(text("DELETE FROM link WHERE id = ANY(:ids)"), links)
    again = [wanted[row.entity_id] for row in dead]
    await conn.execute(
        text("UPDATE delivery SET remade = remade + 1, intent_at = NULL, applied_version = 0 WHERE id = ANY(:ids)"),
        {"ids": [row.id for row in again]},
    )
    note = "it is gone there: it is created anew"
    return {row.entity_id: Outcome(row, sync, "waiting", due_at=now, note=note) for row in again}


async def bury_ended(conn: AsyncConnection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """What we deleted there is gone by our own doing."""
    plans = [outcome.plan for outcome in outcomes if outcome.plan is not None and outcome.pushed is not None]
    gone = [(plan.sync, plan.push.key) for plan in plans if plan.push is not None and plan.push.action == "delete"]
    rows = [{"connection": sync.connection, "stream": sync.stream, "key": key} for sync, key in gone]
    if rows:
        await conn.execute(
            text(
                "UPDATE link l SET deleted_at = :now, deleted_by = 'hub'"
                " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(connection text, stream text, key text)"
                " WHERE l.connection = x.connection AND l.stream = x.stream AND l.key = x.key"
            ),
            {"now": now, "rows": jsontext.dumps(rows).decode()},
        )
