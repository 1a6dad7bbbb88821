"""Reading and writing entities of any kind, set-based: one statement per table whatever the number of entities."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity, Fields
from hub.canon.kinds import Kinds
from hub.db import bulk
from hub.db.tables import KIND_TABLES, LINE_TABLES, own_kind
from hub.db.tables import entity as entity_table
from hub.mapping.shape import Field, Shape

LINE_ID = "_id"


def plain(value: Decimal) -> str:
    """Decimal text as mappings write it: no exponent, no trailing zeros."""
    if value == 0:
        return "0"
    return format(value.normalize(), "f")


def _read(field: Field, name: str, row: Mapping[str, Any]) -> Any:
    value = row.get(name)
    if value is None:
        return None
    if field.type == "money":
        return {"amount": plain(Decimal(value)), "currency": row.get(f"{name}_currency")}
    if field.type == "decimal":
        return plain(Decimal(value))
    if field.type == "instant":
        return str(value).replace("+00:00", "Z")
    return value


def _fields(fields: Mapping[str, Field], row: Mapping[str, Any]) -> Fields:
    found = {name: _read(field, name, row) for name, field in fields.items() if field.type != "list"}
    return {name: value for name, value in found.items() if value is not None}


def _row(fields: Mapping[str, Field], values: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, field in fields.items():
        value = values.get(name)
        if field.type == "money":
            row[name] = value and value["amount"]
            row[f"{name}_currency"] = value and value["currency"]
        elif field.type != "list":
            row[name] = value
    return row


async def new_ids(conn: AsyncConnection, count: int) -> list[int]:
    """Fresh ids for entities and lines."""
    if count == 0:
        return []
    rows = await conn.execute(
        text("SELECT nextval('entity_ids') AS id FROM generate_series(1, :count)"), {"count": count}
    )
    return [row.id for row in rows]


_HEAD = """
SELECT e.id, e.kind, e.version, e.created_by, e.setters, e.deleted_at IS NOT NULL AS deleted, e.joined_into,
       {body} AS body
FROM entity e JOIN {table} k ON k.id = e.id
WHERE e.id = ANY(:ids)
"""


async def load(conn: AsyncConnection, kinds: Kinds, kind: str, ids: Collection[int]) -> dict[int, Entity]:
    """Entities of one kind by id; those that do not exist are absent."""
    if not ids:
        return {}
    shape = kinds.shape(kind)
    table = KIND_TABLES.get(kind)
    body, name = ("to_jsonb(k)", table.name) if table is not None else ("k.fields", own_kind.name)
    rows = (await conn.execute(text(_HEAD.format(body=body, table=name)), {"ids": list(ids)})).all()
    found: dict[int, Fields] = {
        row.id: _fields(shape.fields, row.body) if table is not None else dict(row.body) for row in rows
    }
    if table is not None:
        await _load_lines(conn, shape, found)
    return {
        row.id: Entity(
            row.id,
            row.kind,
            row.version,
            row.created_by,
            found[row.id],
            {name: (who, stamp) for name, (who, stamp) in row.setters.items()},
            row.deleted,
            row.joined_into,
        )
        for row in rows
    }


def standing(found: Mapping[int, Entity]) -> dict[int, Entity]:
    """Those that were not joined into another."""
    return {key: entity for key, entity in found.items() if entity.joined_into is None}


async def _load_lines(conn: AsyncConnection, shape: Shape, found: dict[int, Fields]) -> None:
    for name, field in shape.fields.items():
        if field.type != "list" or field.fields is None:
            continue
        table = LINE_TABLES[shape.kind, name]
        rows = await conn.execute(
            text(
                f"SELECT l.entity_id, jsonb_agg(to_jsonb(l) ORDER BY l.position, l.id) AS lines FROM {table.name} l"
                " WHERE l.entity_id = ANY(:ids) GROUP BY l.entity_id"
            ),
            {"ids": list(found)},
        )
        for row in rows:
            found[row.entity_id][name] = [{LINE_ID: body["id"], **_fields(field.fields, body)} for body in row.lines]


async def save(conn: AsyncConnection, kinds: Kinds, entities: Sequence[Entity], now: datetime) -> None:
    """Write the given states of entities (new or changed): heads, typed rows, lines."""
    await bulk.upsert(
        conn,
        entity_table,
        [
            {
                "id": e.id,
                "kind": e.kind,
                "version": e.version,
                "created_by": e.created_by,
                "setters": dict(e.setters),
                "deleted_at": now if e.deleted else None,
                "created_at": now,
                "updated_at": now,
            }
            for e in entities
        ],
        conflict=["id"],
        update=["version", "setters", "deleted_at", "updated_at"],
    )
    by_kind: defaultdict[str, list[Entity]] = defaultdict(list)
    for e in entities:
        by_kind[e.kind].append(e)
    for kind in sorted(by_kind):
        await _save_kind(conn, kinds.shape(kind), by_kind[kind])


async def _save_kind(conn: AsyncConnection, shape: Shape, entities: Sequence[Entity]) -> None:
    table = KIND_TABLES.get(shape.kind)
    if table is None:
        rows = [{"id": e.id, "kind": e.kind, "fields": e.fields} for e in entities]
        await bulk.upsert(conn, own_kind, rows, conflict=["id"], update=["fields"])
        return
    await bulk.upsert(conn, table, [{"id": e.id, **_row(shape.fields, e.fields)} for e in entities], conflict=["id"])
    for name, field in shape.fields.items():
        if field.type == "list" and field.fields is not None:
            await _save_lines(conn, LINE_TABLES[shape.kind, name], field.fields, _lines_of(entities, name))


def _lines_of(entities: Iterable[Entity], name: str) -> dict[int, Sequence[Fields]]:
    return {e.id: e.fields.get(name) or [] for e in entities}


async def _save_lines(
    conn: AsyncConnection, table: Table, fields: Mapping[str, Field], lines: Mapping[int, Sequence[Fields]]
) -> None:
    rows = [
        {"id": line[LINE_ID], "entity_id": entity_id, "position": position, **_row(fields, line)}
        for entity_id, values in lines.items()
        for position, line in enumerate(values, 1)
    ]
    await conn.execute(
        text(f"DELETE FROM {table.name} WHERE entity_id = ANY(:ids) AND NOT id = ANY(:keep)"),
        {"ids": list(lines), "keep": [row["id"] for row in rows]},
    )
    await bulk.upsert(conn, table, rows, conflict=["id"])


async def referring(conn: AsyncConnection, kinds: Kinds, kind: str, path: str, ids: Collection[int]) -> list[Entity]:
    """Entities of `kind` whose reference `path` ("order", "lines.order") holds one of `ids`."""
    return await _in_order(conn, kinds, kind, await referring_ids(conn, kind, path, ids))


async def referring_ids(conn: AsyncConnection, kind: str, path: str, ids: Collection[int]) -> list[int]:
    """The same of any kind, by id; joined entities too."""
    head, _, sub = path.partition(".")
    values: dict[str, Any] = {"ids": list(ids)}
    if kind not in KIND_TABLES:
        values |= {"kind": kind, "head": head, **({"sub": sub} if sub else {})}
        query = _OWN_REFERRING[bool(sub)]
    elif sub:
        query = f'SELECT DISTINCT entity_id AS id FROM {LINE_TABLES[kind, head].name} WHERE "{sub}" = ANY(:ids)'
    else:
        query = f'SELECT id FROM {KIND_TABLES[kind].name} WHERE "{head}" = ANY(:ids)'
    return [row.id for row in await conn.execute(text(query), values)]


_OWN_REFERRING = {
    False: "SELECT id FROM own_kind WHERE kind = :kind AND CAST(fields ->> :head AS bigint) = ANY(:ids)",
    True: """SELECT id FROM own_kind WHERE kind = :kind AND EXISTS (
        SELECT 1 FROM jsonb_array_elements(coalesce(fields -> :head, '[]')) AS line
        WHERE CAST(line ->> :sub AS bigint) = ANY(:ids))""",
}


async def with_text(conn: AsyncConnection, kinds: Kinds, kind: str, field: str, texts: Collection[str]) -> list[Entity]:
    """Entities whose text field equals one of `texts`."""
    rows = await conn.execute(
        text(f'SELECT id FROM {KIND_TABLES[kind].name} WHERE "{field}" = ANY(:texts)'), {"texts": list(texts)}
    )
    return await _in_order(conn, kinds, kind, [row.id for row in rows])


async def _in_order(conn: AsyncConnection, kinds: Kinds, kind: str, ids: Sequence[int]) -> list[Entity]:
    found = standing(await load(conn, kinds, kind, ids))
    return [found[entity_id] for entity_id in sorted(found)]
