"""Entities as they are shown: newest first, with links and history."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.kinds import Kinds
from hub.canon.store import load

Row = dict[str, Any]

_NEWEST = text(
    """
    SELECT id FROM entity WHERE kind = :kind AND joined_into IS NULL
      AND (CAST(:before AS bigint) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :limit
    """
)
_LINKS = text(
    """
    SELECT l.connection, l.stream, l.part, l.key, l.mapping, l.mapping_version, l.record_version, l.deleted_at,
           l.updated_at, coalesce(jsonb_object_agg(n.name, n.value) FILTER (WHERE n.name IS NOT NULL), '{}') AS names
    FROM link l LEFT JOIN link_name n ON n.link_id = l.id
    WHERE l.entity_id = :id GROUP BY l.id ORDER BY l.connection, l.stream, l.part
    """
)
_CHANGES = text(
    """
    SELECT id, version, at, who, fields, connection, stream, key, mapping, mapping_version, inbox_id, caused_by,
           reason, correlation, live
    FROM change WHERE entity_id = :id AND kind = :kind AND (CAST(:before AS bigint) IS NULL OR id < :before)
    ORDER BY id DESC LIMIT :limit
    """
)
_JOINED = text("SELECT joined_into FROM entity WHERE id = :id")


async def newest(conn: AsyncConnection, kind: str, before: int | None, limit: int) -> list[int]:
    """Ids of a kind below `before`."""
    return list((await conn.execute(_NEWEST, {"kind": kind, "before": before, "limit": limit})).scalars())


async def entities(conn: AsyncConnection, kinds: Kinds, kind: str, ids: Sequence[int]) -> list[Row]:
    """These entities in this order."""
    found = await load(conn, kinds, kind, ids)
    return [
        {
            "id": entity.id,
            "kind": entity.kind,
            "version": entity.version,
            "created_by": entity.created_by,
            "deleted": entity.deleted,
            "fields": entity.fields,
        }
        for entity in (found[number] for number in ids if number in found)
    ]


async def links(conn: AsyncConnection, entity_id: int) -> list[Row]:
    return [dict(row) for row in (await conn.execute(_LINKS, {"id": entity_id})).mappings()]


async def joined_into(conn: AsyncConnection, entity_id: int) -> int | None:
    found: int | None = (await conn.execute(_JOINED, {"id": entity_id})).scalar_one()
    return found


async def changes(conn: AsyncConnection, kind: str, entity_id: int, before: int | None, limit: int) -> list[Row]:
    values = {"kind": kind, "id": entity_id, "before": before, "limit": limit}
    return [dict(row) for row in (await conn.execute(_CHANGES, values)).mappings()]
