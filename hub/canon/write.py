"""The only writer of canonical tables: an edit is one version step of one entity, with where it came from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity, Fields, Setter
from hub.canon.identity import MatchSets, keep_match_keys
from hub.canon.kinds import Kinds
from hub.canon.ownership import PERSON
from hub.canon.store import LINE_ID, load, new_ids, save
from hub.db import bulk
from hub.db.tables import change as change_table
from hub.db.wake import wake


@dataclass(slots=True)
class Origin:
    """Where an edit came from. `who`: a connection, `hub`, or `person:NAME`. `live` False: backfill, import, join."""

    who: str
    correlation: str
    live: bool
    connection: str | None = None
    stream: str | None = None
    key: str | None = None
    mapping: str | None = None
    mapping_version: int | None = None
    inbox_id: int | None = None
    arrived_at: datetime | None = None  # what led to it reached us; None: nothing did
    caused_by: Sequence[int] = ()
    reason: str | None = None
    stamp: str | None = None  # the vendor's modification time
    observing: bool = False  # owes nothing to anyone


@dataclass(slots=True)
class Edit:
    """`before` None for a new entity, whose `id` is then fresh. `changed`: field -> (old, new). `raw`: field -> what the
    record said and where."""

    id: int
    kind: str
    fields: Fields
    changed: Mapping[str, tuple[Any, Any]]
    origin: Origin
    before: Entity | None = None
    raw: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    deleted: bool | None = None  # None: as it was
    setters: Mapping[str, Setter] | None = None  # where `origin` is not who sets the changed fields
    late: Collection[str] = ()  # of what changed: somebody else has spoken about it later, and remains who did

    @property
    def version(self) -> int:
        return self.before.version + 1 if self.before else 1


async def write(
    conn: AsyncConnection, kinds: Kinds, edits: Sequence[Edit], match_sets: MatchSets, now: datetime
) -> list[int]:
    """Write all edits; returns their change ids in order. New lines get their ids here."""
    if not edits:
        return []
    await _number_lines(conn, kinds, edits)
    entities = [_after(edit) for edit in edits]
    await save(conn, kinds, entities, now)
    await keep_match_keys(conn, kinds, entities, match_sets)
    rows = await bulk.insert(conn, change_table, [_change_row(edit, now) for edit in edits], returning=["id"])
    wake(conn)
    return [row["id"] for row in rows]


async def _number_lines(conn: AsyncConnection, kinds: Kinds, edits: Sequence[Edit]) -> None:
    fresh = [
        line
        for edit in edits
        for name, spec in kinds.shape(edit.kind).fields.items()
        if spec.type == "list"
        for line in edit.fields.get(name) or []
        if LINE_ID not in line
    ]
    for line, line_id in zip(fresh, await new_ids(conn, len(fresh)), strict=True):
        line[LINE_ID] = line_id


def _after(edit: Edit) -> Entity:
    created_by = edit.before.created_by if edit.before else edit.origin.who
    joined_into = edit.before.joined_into if edit.before else None
    was_deleted = edit.before.deleted if edit.before else False
    deleted = was_deleted if edit.deleted is None else edit.deleted
    setters = _setters(edit, created_by) if edit.setters is None else edit.setters
    return Entity(edit.id, edit.kind, edit.version, created_by, edit.fields, setters, deleted, joined_into)


def _setters(edit: Edit, created_by: str) -> dict[str, Setter]:
    origin = edit.origin
    setters: dict[str, Setter] = dict(edit.before.setters) if edit.before else {}
    for name in edit.changed.keys() - set(edit.late):
        # An emptied field keeps its setter: absent with a setter is "said to be empty", absent without one "never said".
        if origin.who == created_by and origin.stamp is None and edit.changed[name][1] is not None:
            setters.pop(name, None)
        else:
            setters[name] = (origin.who, origin.stamp)
    return setters


def _change_row(edit: Edit, now: datetime) -> dict[str, Any]:
    origin = edit.origin
    fields = {name: {"from": old, "to": new, **edit.raw.get(name, {})} for name, (old, new) in edit.changed.items()}
    return {
        "entity_id": edit.id,
        "kind": edit.kind,
        "version": edit.version,
        "at": now,
        "who": origin.who,
        "fields": fields if edit.before else None,
        "connection": origin.connection,
        "stream": origin.stream,
        "key": origin.key,
        "mapping": origin.mapping,
        "mapping_version": origin.mapping_version,
        "inbox_id": origin.inbox_id,
        "caused_by": list(origin.caused_by),
        "reason": origin.reason,
        "correlation": origin.correlation,
        "arrived_at": origin.arrived_at,
        "live": origin.live,
        "derived": False,
        "routed": origin.observing,
    }


async def lock_entities(conn: AsyncConnection, ids: Sequence[int]) -> None:
    """Hold the heads of these entities until the transaction ends, in a fixed order."""
    await conn.execute(text("SELECT id FROM entity WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"), {"ids": list(ids)})


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What a person sets: canonical values by field; None empties a field."""

    kind: str
    entity_id: int
    fields: Mapping[str, Any]
    person: str
    reason: str
    correlation: str


async def person_change(
    conn: AsyncConnection, kinds: Kinds, wish: PersonChange, match_sets: MatchSets, now: datetime
) -> int | None:
    """A change by a person, whatever the ownership rules; returns its change id, None when nothing differs."""
    await lock_entities(conn, [wish.entity_id])
    before = (await load(conn, kinds, wish.kind, [wish.entity_id])).get(wish.entity_id)
    if before is None:
        raise LookupError(f"{wish.kind} {wish.entity_id} does not exist")
    if before.joined_into is not None:
        raise LookupError(f"{wish.kind} {wish.entity_id} was joined into {before.joined_into}: correct that one")
    changed = {
        name: (before.fields.get(name), value)
        for name, value in wish.fields.items()
        if before.fields.get(name) != value
    }
    if not changed:
        return None
    fields = {**before.fields, **{name: new for name, (_, new) in changed.items()}}
    edit = Edit(
        id=before.id,
        kind=before.kind,
        fields={name: value for name, value in fields.items() if value is not None},
        changed=changed,
        before=replace(before),
        origin=Origin(PERSON + wish.person, wish.correlation, live=True, reason=wish.reason),
    )
    return (await write(conn, kinds, [edit], match_sets, now))[0]
