"""Part: a join was wrong. What was moved and not changed since goes back; what the loser's own systems said meanwhile
goes with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon import moving
from hub.canon.derived import origins_back
from hub.canon.entity import JOINED, JOINED_INTO, Entity, Fields, Setter
from hub.canon.identity import MatchSets
from hub.canon.join import Desk, edit_of
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
    (told,) = (await conn.execute(_CHANGES, {"ids": [record.change_id]})).all()
    since = [
        row.fields for row in await conn.execute(_SINCE, {"winner": winner.id, "version": told.version, "links": links})
    ]
    await moving.keys_back(conn, pair, moved["keys"])
    await moving.links_back(conn, pair, moved["links"])
    await moving.deliveries_back(conn, moved["deliveries"])
    await moving.mark_parted(conn, pair, moved["along"])
    await origins_back(conn, moved["origins"])
    shape, origin = desk.kinds.shape(record.kind), wish.origin([record.change_id])
    written = await desk.write([_winner(shape, winner, loser.id, told.fields, moved["setters"], origin)])
    origin = wish.origin(written)
    written += await desk.write(
        [_loser(loser, winner, since, origin), *await _referring(desk, moved["changes"], origin)]
    )
    await conn.execute(text("DELETE FROM join_record WHERE loser = :loser"), {"loser": record.loser})
    return written + changes


async def _both(desk: Desk, kind: str, pair: Pair) -> tuple[Entity, Entity]:
    await lock_entities(desk.conn, pair)
    found = await load(desk.conn, desk.kinds, kind, pair)
    loser, winner = found[pair[0]], found[pair[1]]
    if winner.joined_into is not None:
        raise joined_further(kind, winner.id, winner.joined_into)
    return loser, winner


def _winner(
    shape: Shape, winner: Entity, loser: int, change: Fields, setters: Mapping[str, Setter | None], origin: Origin
) -> Edit:
    fields, changed = undone(shape, winner.fields, change)
    kept = {name: said for name, said in winner.setters.items() if name not in changed}
    before = {name: (said[0], said[1]) for name in changed if (said := setters.get(name)) is not None}
    return edit_of(winner, fields, {**changed, JOINED: (loser, None)}, origin, kept | before)


def _loser(loser: Entity, winner: Entity, since: Iterable[Mapping[str, Any]], origin: Origin) -> Edit:
    """Lines stay as they were: those of the winner have other ids, and what is whose cannot be told."""
    fields, changed = dict(loser.fields), Changed()
    for name, entry in (pair for change in since for pair in change.items()):
        head, _, sub = name.partition(".")
        if isinstance(entry["to"], list) or isinstance(entry["from"], list) or (sub and head != CUSTOM):
            continue
        before: Fields = {head: fields.get(head)} if not sub else dict(fields.get(CUSTOM) or {})
        key = sub or head
        if before.get(key) != entry["to"]:
            changed[name] = (before.get(key), entry["to"])
            before[key] = entry["to"]
            fields |= {CUSTOM: {k: v for k, v in before.items() if v is not None}} if sub else before
    setters = {**loser.setters, **{name: winner.setters.get(name, (winner.created_by, None)) for name in changed}}
    setters = {name: said for name, said in setters.items() if said != (loser.created_by, None)}
    fields = {name: value for name, value in fields.items() if value is not None}
    return edit_of(
        replace(loser, joined_into=None), fields, {**changed, JOINED_INTO: (winner.id, None)}, origin, setters
    )


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
