"""Why a field has its value: the change that set it, what that change was caused by, back to where it came from.

Everything is read from the changes, which stay; the inbox only adds the raw value of a creating change, while it is
there, and the receipt its number.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity
from hub.canon.kinds import Kinds
from hub.canon.store import load
from hub.db.tables import KIND_TABLES

DEEPEST: Final = 10
MOST: Final = 200
NAMES: Final = ("number", "name", "title")
TELLING: Final = (*NAMES, "amount", "paid_on", "booked_on", "status")
"""Fields that say which thing a created entity is."""
CORRELATED = re.compile(r"receipt-(\d+)")

PathOf = Callable[[str, int, str], str | None]
"""(mapping, version, field) -> the path in the record that the field was read from."""


@dataclass(frozen=True, slots=True)
class Step:
    """One link of the chain. `field` None: the whole change, whose telling values are in `value`."""

    depth: int
    kind: str
    entity_id: int
    name: str | None
    field: str | None
    value: Any
    before: Any
    change: int
    version: int
    at: datetime
    who: str
    connection: str | None
    stream: str | None
    key: str | None
    path: str | None
    raw: Any
    mapping: str | None
    mapping_version: int | None
    receipt: int | None
    file: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Explained:
    """A field, its present value and the chain, nearest first."""

    kind: str
    entity_id: int
    field: str
    value: Any
    steps: Sequence[Step]


@dataclass(slots=True)
class _Walk:
    conn: AsyncConnection
    kinds: Kinds
    path_of: PathOf
    steps: list[Step] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    entities: dict[int, Entity | None] = field(default_factory=dict)

    async def entity(self, kind: str, entity_id: int) -> Entity | None:
        if entity_id not in self.entities:
            self.entities[entity_id] = (await load(self.conn, self.kinds, kind, [entity_id])).get(entity_id)
        return self.entities[entity_id]


async def explain(
    conn: AsyncConnection,
    kinds: Kinds,
    entity_id: int,
    name: str,
    path_of: PathOf = lambda _mapping, _version, _field: None,
) -> Explained:
    """The chain of a field; LookupError when there is no such entity, KeyError when its kind has no such field."""
    found = (await conn.execute(_KIND, {"id": entity_id})).one_or_none()
    if found is None:
        raise LookupError(entity_id)
    if name.partition(".")[0] not in kinds.shape(found.kind).fields:
        raise KeyError(name)
    walk = _Walk(conn, kinds, path_of)
    entity = await walk.entity(found.kind, entity_id)
    row = (await conn.execute(_SETTING, {"id": entity_id, "names": [name, name.partition(".")[0]]})).mappings().first()
    if row is not None:
        await _follow(walk, dict(row), name, 0)
    return Explained(found.kind, entity_id, name, _value(entity, name), walk.steps)


async def _follow(walk: _Walk, row: Mapping[str, Any], name: str | None, depth: int) -> None:
    """This change, then what caused it, each change once."""
    if row["id"] in walk.seen or len(walk.steps) >= MOST:
        return
    walk.seen.add(row["id"])
    walk.steps.append(await _step(walk, row, name, depth))
    if depth < DEEPEST and row["caused_by"]:
        causes = await walk.conn.execute(_CAUSES, {"ids": row["caused_by"]})
        for cause in causes.mappings().all():
            await _follow(walk, dict(cause), _only_field(cause["fields"]), depth + 1)


def _only_field(fields: Mapping[str, Any] | None) -> str | None:
    return next(iter(fields)) if fields and len(fields) == 1 else None


async def _step(walk: _Walk, row: Mapping[str, Any], name: str | None, depth: int) -> Step:
    entity = await walk.entity(row["kind"], row["entity_id"])
    entry = _entry(row["fields"], name)
    step = Step(
        depth=depth,
        kind=row["kind"],
        entity_id=row["entity_id"],
        name=next((str(_value(entity, part)) for part in NAMES if _value(entity, part)), None),
        field=name,
        value=_after(entity, row, name, entry),
        before=entry.get("from"),
        change=row["id"],
        version=row["version"],
        at=row["at"],
        who=row["who"],
        connection=row["connection"],
        stream=row["stream"],
        key=row["key"],
        path=entry.get("path"),
        raw=entry.get("raw"),
        mapping=row["mapping"],
        mapping_version=row["mapping_version"],
        receipt=None,
        file=None,
        reason=row["reason"],
    )
    return await _with_source(walk, row, _with_path(walk, step))


def _entry(fields: Mapping[str, Any] | None, name: str | None) -> Mapping[str, Any]:
    """What the change says of the field: from, to, path, raw; nothing when it created the entity."""
    if fields is None or name is None:
        return {}
    entry: Mapping[str, Any] = fields.get(name) or fields.get(name.partition(".")[0]) or {}
    return entry


def _after(entity: Entity | None, row: Mapping[str, Any], name: str | None, entry: Mapping[str, Any]) -> Any:
    if "to" in entry:
        return entry["to"]
    if name is not None:
        return _value(entity, name)
    if row["fields"]:
        return {part: values.get("to") for part, values in row["fields"].items()}
    return {part: _value(entity, part) for part in TELLING if _value(entity, part) is not None}


def _with_path(walk: _Walk, step: Step) -> Step:
    """A creating change keeps no paths: its mapping, by version, knows them."""
    if step.path is not None or step.field is None or step.mapping is None or step.mapping_version is None:
        return step
    return replace(step, path=walk.path_of(step.mapping, step.mapping_version, step.field))


async def _with_source(walk: _Walk, row: Mapping[str, Any], step: Step) -> Step:
    """Which receipt or file it came in, while that is known; and the raw value where the change did not keep it."""
    correlated = CORRELATED.fullmatch(row["correlation"])
    found = (
        await walk.conn.execute(
            _SOURCE, {"inbox": row["inbox_id"], "receipt": int(correlated[1]) if correlated else None}
        )
    ).one()
    raw = step.raw
    if raw is None and step.path is not None and found.record is not None:
        raw = at_path(found.record, step.path)
    return replace(step, receipt=found.receipt, file=found.file, raw=raw)


def at_path(record: Any, path: str) -> Any:
    """The value at a plain dotted path; None when the path is an expression or leads nowhere."""
    for part in path.split("."):
        if not isinstance(record, Mapping):
            return None
        record = record.get(part.strip('"'))
    return record


def _value(entity: Entity | None, name: str) -> Any:
    return None if entity is None else at_path(entity.fields, name)


async def find_entities(conn: AsyncConnection, kinds: Kinds, kind: str, wanted: str) -> list[int]:
    """Entities that are called so: our id or reference, a number or name of theirs, a key or name in any system."""
    kinds.shape(kind)
    number = wanted.removeprefix(f"{kind}-")
    own = int(number) if number.isascii() and number.isdecimal() and len(number) <= 18 else None
    statement = f"""
        SELECT DISTINCT coalesce(e.joined_into, e.id) AS id FROM entity e WHERE e.kind = :kind AND e.id IN (
            {_named(kinds, kind)}
            UNION ALL SELECT entity_id FROM link WHERE kind = :kind AND key = :wanted
            UNION ALL SELECT l.entity_id FROM link_name n JOIN link l ON l.id = n.link_id
                WHERE l.kind = :kind AND n.value = :wanted
        ) ORDER BY 1 LIMIT 50
    """
    rows = await conn.execute(text(statement), {"kind": kind, "wanted": wanted})
    found = [row.id for row in rows]
    if found or own is None:
        return found
    rows = await conn.execute(_OWN, {"kind": kind, "id": own})
    return [row.id for row in rows]


async def find_entity(conn: AsyncConnection, kinds: Kinds, kind: str, wanted: str) -> int:
    """The one entity that is called so; LookupError with a sentence when there is none, or more than one."""
    found = await find_entities(conn, kinds, kind, wanted)
    if len(found) == 1:
        return found[0]
    if not found:
        raise LookupError(f"no {kind} is called {wanted}, by number, name or id in any system")
    raise LookupError(f"{len(found)} of {kind} are called {wanted}: name one of {', '.join(map(str, found))}")


def _named(kinds: Kinds, kind: str) -> str:
    names = [name for name in NAMES if name in kinds.shape(kind).fields]
    table = KIND_TABLES.get(kind)
    if not names:
        return "SELECT NULL::bigint"
    if table is None:
        told = " OR ".join(f"fields ->> '{name}' = :wanted" for name in names)
        return f"SELECT id FROM own_kind WHERE kind = :kind AND ({told})"
    told = " OR ".join(f"{name} = :wanted" for name in names)
    return f"SELECT id FROM {table.name} WHERE {told}"


_COLUMNS = """id, entity_id, kind, version, at, who, fields, connection, stream, key, mapping, mapping_version,
    inbox_id, caused_by, reason, correlation"""
_KIND = text("SELECT kind FROM entity WHERE id = :id")
_OWN = text("SELECT coalesce(joined_into, id) AS id FROM entity WHERE kind = :kind AND id = :id")
_SETTING = text(
    f"""
    SELECT {_COLUMNS} FROM change
    WHERE entity_id = :id AND (fields IS NULL OR jsonb_exists_any(fields, CAST(:names AS text[])))
    ORDER BY version DESC LIMIT 1
    """
)
_CAUSES = text(f"SELECT {_COLUMNS} FROM change WHERE id = ANY(:ids) ORDER BY id DESC")
_SOURCE = text(
    """
    SELECT i.record, r.id AS receipt, coalesce(e.file, r.file) AS file FROM (SELECT 1) one
    LEFT JOIN LATERAL (
        SELECT record, receipt_id FROM inbox WHERE id = CAST(:inbox AS bigint)
        UNION ALL SELECT record, receipt_id FROM inbox_archive WHERE id = CAST(:inbox AS bigint) LIMIT 1
    ) i ON true
    CROSS JOIN LATERAL (SELECT coalesce(i.receipt_id, CAST(:receipt AS bigint)) AS number) told
    LEFT JOIN event e ON e.source = 'file' AND e.receipt_id = told.number
    LEFT JOIN LATERAL (
        SELECT id, CASE WHEN source = 'file' THEN path END AS file FROM receipt WHERE id = told.number
        UNION ALL SELECT id, CASE WHEN source = 'file' THEN path END FROM receipt_archive WHERE id = told.number LIMIT 1
    ) r ON true
    """
)
"""A file's name outlives its receipt."""
