"""Part: a join was wrong. What was moved and not changed since goes back; what the loser's own systems said meanwhile
goes with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon import moving
from hub.canon.derived import origins_back
from hub.canon.entity import JOINED, JOINED_INTO, Entity, Fields, Setter
from hub.canon.identity import MatchSets
from hub.canon.join import Desk, as_said_by, edit_of
from hub.canon.joinable import Pair, check_not_written, joined_along, joined_further, not_joined
from hub.canon.kinds import Kinds
from hub.canon.ownership import PERSON
from hub.canon.references import Changed, locked, undone
from hub.canon.store import load
from hub.canon.write import Edit, Origin, lock_entities
from hub.mapping.shape import CUSTOM, Shape


@dataclass(frozen=True, slots=True)
class Part:
    """What a person wants: `loser` stands for itself again."""

    kind: str
    loser: int
    person: str
    reason: str
    correlation: str

    def origin(self, caused_by: Iterable[int]) -> Origin:
        told = f"parted: {self.reason}" if self.reason else "parted"
        return Origin(PERSON + self.person, self.correlation, live=False, caused_by=tuple(caused_by), reason=told)


@dataclass(frozen=True, slots=True)
class Told:
    """What the join said of the winner, and what was said since. `written`: their records changed meanwhile, so what
    the merged entity brought into them must be emptied there: a setter of an empty field says that."""

    loser: int
    change: Fields
    setters: Mapping[str, Setter | None]
    since: Sequence[Mapping[str, Any]]
    written: bool


_RECORD = text("SELECT loser, winner, kind, change_id, parent, moved FROM join_record WHERE loser = :loser FOR UPDATE")
_ALONG = text("SELECT loser FROM join_record WHERE parent = :loser ORDER BY change_id DESC")
_CHANGES = text("SELECT entity_id, kind, version, fields FROM change WHERE id = ANY(:ids) ORDER BY id")
_SINCE = text(
    """
    SELECT c.fields FROM change c WHERE c.entity_id = :winner AND c.version > :version AND c.fields IS NOT NULL
      AND EXISTS (SELECT 1 FROM link l WHERE l.id = ANY(:links) AND l.connection = c.connection AND l.stream = c.stream)
    ORDER BY c.version
    """
)


async def part(conn: AsyncConnection, kinds: Kinds, wish: Part, match_sets: MatchSets, now: datetime) -> list[int]:
    """The change ids, the winner's first. Raises CannotJoin with a sentence for the person."""
    desk = Desk(conn, kinds, match_sets, now)
    await desk.clear()
    record = (await conn.execute(_RECORD, {"loser": wish.loser})).one_or_none()
    if record is None or record.kind != wish.kind:
        raise not_joined(wish.kind, wish.loser)
    if record.parent is not None:
        raise joined_along(wish.kind, wish.loser, record.parent)
    return await _part(desk, wish, record)


async def _part(desk: Desk, wish: Part, record: Row[Any]) -> list[int]:
    conn, moved, pair = desk.conn, record.moved, (record.loser, record.winner)
    links = [row["id"] for row in moved["links"]["links"]]
    changes: list[int] = []
    for (child,) in (await conn.execute(_ALONG, {"loser": record.loser})).all():
        changes += await _part(desk, wish, (await conn.execute(_RECORD, {"loser": child})).one())
    loser, winner = await _both(desk, record.kind, pair)
    await check_not_written(conn, record.kind, links)
    (change,) = (await conn.execute(_CHANGES, {"ids": [record.change_id]})).all()
    since = await conn.execute(_SINCE, {"winner": winner.id, "version": change.version, "links": links})
    written = await moving.written_since(conn, moved["links"]["known"])
    told = Told(loser.id, change.fields, moved["setters"], [row.fields for row in since], written)
    await moving.keys_back(conn, pair, moved["keys"])
    await moving.links_back(conn, pair, moved["links"])
    await moving.deliveries_back(conn, moved["deliveries"])
    await moving.mark_parted(conn, pair, moved["along"])
    await origins_back(conn, moved["origins"])
    shape, origin = desk.kinds.shape(record.kind), wish.origin([record.change_id])
    first = await desk.write([_winner(shape, winner, told, origin)])
    origin = wish.origin(first)
    referring = await _referring(desk, moved["changes"], origin)
    rest = await desk.write([_loser(loser, winner, told, origin), *referring])
    await conn.execute(text("DELETE FROM join_record WHERE loser = :loser"), {"loser": record.loser})
    return first + rest + changes


async def _both(desk: Desk, kind: str, pair: Pair) -> tuple[Entity, Entity]:
    await lock_entities(desk.conn, pair)
    found = await load(desk.conn, desk.kinds, kind, pair)
    loser, winner = found[pair[0]], found[pair[1]]
    if winner.joined_into is not None:
        raise joined_further(kind, winner.id, winner.joined_into)
    return loser, winner


def _winner(shape: Shape, winner: Entity, told: Told, origin: Origin) -> Edit:
    fields, changed = undone(shape, winner.fields, told.change)
    kept = {name: said for name, said in winner.setters.items() if name not in changed}
    before = {name: (said[0], said[1]) for name in changed if (said := told.setters.get(name)) is not None}
    emptied = {name for name, (_, value) in changed.items() if value is None} if told.written else ()
    setters = dict.fromkeys(emptied, (origin.who, None)) | kept | before
    return edit_of(winner, fields, {**changed, JOINED: (told.loser, None)}, origin, setters)


def _loser(loser: Entity, winner: Entity, told: Told, origin: Origin) -> Edit:
    """Lines stay as they were: those of the winner have other ids, and what is whose cannot be told."""
    fields, changed = dict(loser.fields), Changed()
    for name, entry in (pair for change in told.since for pair in change.items()):
        if not isinstance(entry["to"] or entry["from"], list):
            _take(fields, changed, name, entry["to"])
    foreign = _names(winner.fields) - _names(fields) - loser.setters.keys() if told.written else ()
    setters = dict.fromkeys(foreign, (origin.who, None)) | as_said_by(winner, changed, loser)
    fields = {name: value for name, value in fields.items() if value is not None}
    back = {**changed, JOINED_INTO: (winner.id, None)}
    return edit_of(replace(loser, joined_into=None), fields, back, origin, setters)


def _take(fields: Fields, changed: Changed, name: str, value: Any) -> None:
    head, _, sub = name.partition(".")
    before = (fields.get(head) or {}).get(sub) if sub else fields.get(head)
    if before == value:
        return
    changed[name] = (before, value)
    inner = {**(fields.get(head) or {}), sub: value} if sub else {}
    fields[head] = {key: kept for key, kept in inner.items() if kept is not None} if sub else value


def _names(fields: Fields) -> set[str]:
    """Filled fields but lists, custom ones by their own names."""
    plain = {name for name, value in fields.items() if name != CUSTOM and not isinstance(value, list)}
    return plain | {f"{CUSTOM}.{name}" for name in fields.get(CUSTOM) or {}}


async def _referring(desk: Desk, ids: list[int], origin: Origin) -> list[Edit]:
    """The entities whose references the join turned, with those turned back that still stand as it left them."""
    told = {row.entity_id: row for row in await desk.conn.execute(_CHANGES, {"ids": ids})}
    wanted: dict[str, set[int]] = {}
    for row in told.values():
        wanted.setdefault(row.kind, set()).add(row.entity_id)
    edits = []
    for entity in await locked(desk.conn, desk.kinds, wanted):
        fields, changed = undone(desk.kinds.shape(entity.kind), entity.fields, told[entity.id].fields)
        if changed:
            edits.append(edit_of(entity, fields, changed, origin))
    return edits
