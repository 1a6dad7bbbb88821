"""Join: two entities were found to be one. The loser keeps its row and says into whom it was joined; part undoes it.

All in one transaction, with every other writer of entities and deliveries kept out: a join is rare and short."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon import moving
from hub.canon.derived import turn_origins
from hub.canon.entity import JOINED, JOINED_INTO, Entity, Fields, Setter
from hub.canon.identity import MatchSets
from hub.canon.joinable import Pair, both, check_in_flight, check_links
from hub.canon.kinds import Kinds
from hub.canon.lock import alone, every_writer
from hub.canon.merge import pair_lines
from hub.canon.ownership import PERSON
from hub.canon.references import Changed, Moves, filled, holders, turned, without_id
from hub.canon.store import LINE_ID
from hub.canon.write import Edit, Origin, lock_entities, write
from hub.db import bulk
from hub.db.tables import join_record
from hub.mapping.shape import Shape


@dataclass(frozen=True, slots=True)
class Join:
    """What a person wants: `loser` is `winner`."""

    kind: str
    loser: int
    winner: int
    person: str
    reason: str
    correlation: str

    @property
    def pair(self) -> Pair:
        return self.loser, self.winner

    def origin(self, caused_by: Iterable[int]) -> Origin:
        """No message follows from a join: nothing happened out there."""
        told = f"joined: {self.reason}" if self.reason else "joined"
        return Origin(PERSON + self.person, self.correlation, live=False, caused_by=tuple(caused_by), reason=told)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the work needs besides the wish."""

    conn: AsyncConnection
    kinds: Kinds
    match_sets: MatchSets
    now: datetime

    async def write(self, edits: list[Edit]) -> list[int]:
        return await write(self.conn, self.kinds, edits, self.match_sets, self.now)

    async def clear(self) -> None:
        """Keep the others out. Deliveries are locked before entities, as whoever corrects a delivery does."""
        await alone(self.conn, every_writer(self.kinds))
        await self.conn.execute(text("LOCK TABLE delivery IN EXCLUSIVE MODE"))


async def join(conn: AsyncConnection, kinds: Kinds, wish: Join, match_sets: MatchSets, now: datetime) -> list[int]:
    """The change ids, the winner's first. Raises CannotJoin with a sentence for the person."""
    desk = Desk(conn, kinds, match_sets, now)
    await desk.clear()
    return await _join(desk, wish, None)


async def _join(desk: Desk, wish: Join, parent: int | None) -> list[int]:
    conn = desk.conn
    await lock_entities(conn, wish.pair)
    loser, winner = await both(conn, desk.kinds, wish.kind, wish.pair)
    await check_links(conn, wish.kind, wish.pair)
    await check_in_flight(conn, wish.kind, wish.pair)
    moved: dict[str, Any] = {"keys": await moving.move_keys(conn, wish.pair)}
    edit = await _winner(desk, wish, loser, winner)
    moved["setters"] = {name: winner.setters.get(name) for name in edit.changed}
    changes = await desk.write([edit])
    lines = _lines(desk.kinds.shape(wish.kind), loser, edit)
    moved["links"] = await moving.move_links(
        conn, wish.pair, {a: b for pairs in lines.values() for a, b in pairs.items()}
    )
    moved["along"] = await moving.mark_joined(conn, wish.pair)
    moves: Moves = {wish.kind: {loser.id: winner.id}, **{f"{wish.kind}.{name}": pairs for name, pairs in lines.items()}}
    referring = [e for e in await holders(conn, desk.kinds, wish.kind, moves) if e.id not in wish.pair]
    origin = wish.origin(changes)
    gone = Changed({JOINED_INTO: (None, winner.id)})
    head = edit_of(replace(loser, joined_into=winner.id), loser.fields, gone, origin)
    written = await desk.write([head, *_turned(desk.kinds, referring, moves, origin)])
    moved |= {"changes": written[1:], "deliveries": await moving.supersede(conn, wish.pair, desk.now)}
    await moving.wake(conn, wish.kind, winner.id, moved["links"]["links"], desk.now)
    moved["origins"], twins = await turn_origins(conn, desk.kinds, wish.kind, wish.pair, referring)
    await _remember(desk, wish, changes[0], parent, moved)
    changes += written
    for kind, twin, own in twins:
        changes += await _join(desk, replace(wish, kind=kind, loser=twin, winner=own), loser.id)
    return changes


def edit_of(
    before: Entity, fields: Fields, changed: Changed, origin: Origin, setters: Mapping[str, Setter] | None = None
) -> Edit:
    """A version step that leaves open who may set the fields: a join says nothing about that."""
    kept = before.setters if setters is None else setters
    return Edit(
        before.id, before.kind, fields, changed, origin, before=before, deleted=before.deleted, setters=dict(kept)
    )


async def _winner(desk: Desk, wish: Join, loser: Entity, winner: Entity) -> Edit:
    """The winner with what the loser knows and it does not, set by whoever set it there."""
    shape = desk.kinds.shape(wish.kind)
    fields, changed = filled(shape, winner, loser)
    setters = as_said_by(loser, changed, winner)
    fields, cleared = turned(shape, fields, {wish.kind: {loser.id: None}})
    origin = wish.origin(await _causes(desk.conn, loser.id, changed))
    return edit_of(winner, fields, {**changed, **cleared, JOINED: (None, loser.id)}, origin, setters)


def as_said_by(source: Entity, changed: Changed, target: Entity) -> dict[str, Setter]:
    """The target's setters when these fields are taken over from the source with whoever set, or emptied, them there."""
    said = {name: source.setters.get(name, (source.created_by, None)) for name in changed}
    kept = {name: who for name, who in target.setters.items() if name not in said}
    own = (target.created_by, None)
    return kept | {name: who for name, who in said.items() if who != own or changed[name][1] is None}


_CAUSES = text(
    """
    SELECT DISTINCT (SELECT max(c.id) FROM change c WHERE c.entity_id = :id AND (c.fields IS NULL
      OR jsonb_exists_any(c.fields, ARRAY[name, split_part(name, '.', 1)]))) AS id
    FROM unnest(CAST(:names AS text[])) AS name ORDER BY 1
    """
)


async def _causes(conn: AsyncConnection, loser: int, changed: Changed) -> list[int]:
    """The changes that gave the loser these values: where an explanation goes on."""
    rows = await conn.execute(_CAUSES, {"id": loser, "names": list(changed)})
    return [row.id for row in rows if row.id is not None]


def _lines(shape: Shape, loser: Entity, edit: Edit) -> dict[str, dict[int, int | None]]:
    """List field -> the loser's line -> the winner's: its copy, else the one most alike."""
    found: dict[str, dict[int, int | None]] = {}
    for name, spec in shape.fields.items():
        if spec.type != "list" or not loser.fields.get(name):
            continue
        theirs, mine = loser.fields[name], edit.fields.get(name) or []
        copied = name in edit.changed and edit.changed[name][0] is None
        paired = mine if copied else pair_lines(mine, [without_id(line) for line in theirs], {})
        own = (line[LINE_ID] if line else None for line in paired)
        found[name] = {line[LINE_ID]: twin for line, twin in zip(theirs, own, strict=True)}
    return found


def _turned(kinds: Kinds, referring: Iterable[Entity], moves: Moves, origin: Origin) -> list[Edit]:
    edits = []
    for entity in referring:
        fields, changed = turned(kinds.shape(entity.kind), entity.fields, moves)
        edits.append(edit_of(entity, fields, changed, origin))
    return edits


async def _remember(desk: Desk, wish: Join, change: int, parent: int | None, moved: Mapping[str, Any]) -> None:
    row = {
        "loser": wish.loser,
        "winner": wish.winner,
        "kind": wish.kind,
        "change_id": change,
        "parent": parent,
        "at": desk.now,
        "moved": moved,
    }
    await bulk.insert(desk.conn, join_record, [row])
