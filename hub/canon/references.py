"""Who refers to an entity or to its lines, in any kind; and the same entities with those references turned elsewhere."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import JOINED, JOINED_INTO, Entity, Fields
from hub.canon.kinds import Kinds
from hub.canon.store import LINE_ID, load, referring_ids
from hub.canon.write import lock_entities
from hub.mapping.shape import CUSTOM, Shape

Moves = Mapping[str, Mapping[int, int | None]]
"""What is referred to (`customer`, `order.lines`) -> old id -> new id, None where there is none."""
Changed = dict[str, tuple[Any, Any]]
_EMPTY: tuple[Any, ...] = (None, "", [], {})


def reference_paths(kinds: Kinds, kind: str) -> list[tuple[str, str, str]]:
    """Every reference to the kind or to lines of it: (referring kind, path of the field, what it refers to)."""
    found = []
    for holder in kinds:
        for name, spec in kinds.shape(holder).fields.items():
            inner = (spec.fields or {}) if spec.type == "list" else {}
            told = {name: spec.ref, **{f"{name}.{sub}": line.ref for sub, line in inner.items()}}
            found += [(holder, path, ref) for path, ref in told.items() if ref and ref.partition(".")[0] == kind]
    return found


async def holders(conn: AsyncConnection, kinds: Kinds, kind: str, moves: Moves) -> list[Entity]:
    """Locked and as they are now: all who refer to what moves, joined and deleted ones too."""
    ids: dict[str, set[int]] = {}
    for holder, path, ref in reference_paths(kinds, kind):
        if moves.get(ref):
            ids.setdefault(holder, set()).update(await referring_ids(conn, holder, path, list(moves[ref])))
    return await locked(conn, kinds, ids)


async def locked(conn: AsyncConnection, kinds: Kinds, ids: Mapping[str, set[int]]) -> list[Entity]:
    """These entities, held until the transaction ends."""
    await lock_entities(conn, sorted({entity_id for wanted in ids.values() for entity_id in wanted}))
    found: list[Entity] = []
    for kind, wanted in ids.items():
        loaded = await load(conn, kinds, kind, wanted)
        found += [loaded[entity_id] for entity_id in sorted(loaded)]
    return found


def turned(shape: Shape, fields: Fields, moves: Moves) -> tuple[Fields, Changed]:
    """The fields with their references turned, and what changed."""
    after, changed = dict(fields), Changed()
    for name, spec in shape.fields.items():
        value = fields.get(name)
        if spec.type == "ref":
            value = _turned(moves.get(spec.ref or "", {}), value)
        elif spec.type == "list":
            targets = {sub: moves.get(line.ref or "", {}) for sub, line in (spec.fields or {}).items()}
            value = value and [_line(line, targets) for line in value]
        if value != fields.get(name):
            after[name] = value
            changed[name] = (fields.get(name), value)
    return {name: value for name, value in after.items() if value is not None}, changed


def _turned(targets: Mapping[int, int | None], value: Any) -> Any:
    return targets.get(value, value)


def _line(line: Fields, targets: Mapping[str, Mapping[int, int | None]]) -> Fields:
    told = {name: _turned(targets.get(name) or {}, value) for name, value in line.items()}
    return {name: value for name, value in told.items() if value is not None}


def filled(shape: Shape, winner: Entity, loser: Entity) -> tuple[Fields, Changed]:
    """The winner with its empty fields filled from the loser; copied lines have no ids yet."""
    after, changed = dict(winner.fields), Changed()
    for name, spec in shape.fields.items():
        value, mine = loser.fields.get(name), winner.fields.get(name)
        if name == CUSTOM:
            _fill_custom(after, changed, mine or {}, value or {})
        elif value is not None and value not in _EMPTY and mine in _EMPTY:
            if spec.type == "ref" and spec.ref == shape.kind and value in (loser.id, winner.id):
                continue
            after[name] = [without_id(line) for line in value] if spec.type == "list" else value
            changed[name] = (None, after[name])
    return after, changed


def _fill_custom(after: Fields, changed: Changed, mine: Fields, theirs: Fields) -> None:
    more = {name: value for name, value in theirs.items() if value not in _EMPTY and mine.get(name) in _EMPTY}
    if more:
        after[CUSTOM] = {**mine, **more}
        changed |= {f"{CUSTOM}.{name}": (None, value) for name, value in more.items()}


def without_id(line: Fields) -> Fields:
    return {name: value for name, value in line.items() if name != LINE_ID}


def undone(shape: Shape, current: Fields, change: Mapping[str, Any]) -> tuple[Fields, Changed]:
    """The fields with a change taken back wherever its value still stands, and what changed by that."""
    after, changed = dict(current), Changed()
    for name, entry in change.items():
        if name in (JOINED, JOINED_INTO):
            continue
        head, _, sub = name.partition(".")
        before = current.get(head)
        value = (before or {}).get(sub) if sub else before
        wanted = _wanted(value, entry["from"], entry["to"])
        if wanted == value:
            continue
        changed[name] = (value, wanted)
        after[head] = _said(after.get(head) or {}, sub, wanted) if sub else wanted
    return {name: value for name, value in after.items() if value not in (None, {})}, changed


def _wanted(value: Any, old: Any, new: Any) -> Any:
    if isinstance(value, list) and isinstance(old, list) and isinstance(new, list):
        was, became = ({line[LINE_ID]: line for line in lines} for lines in (old, new))
        return [_line_undone(line, was.get(line[LINE_ID], {}), became.get(line[LINE_ID], {})) for line in value]
    return old if value == new else value


def _line_undone(line: Fields, was: Fields, became: Fields) -> Fields:
    after = dict(line)
    for name in was.keys() | became.keys():
        if was.get(name) != became.get(name) == line.get(name):
            after[name] = was.get(name)
    return {name: value for name, value in after.items() if value is not None}


def _said(fields: Fields, name: str, value: Any) -> Fields:
    rest = {key: kept for key, kept in fields.items() if key != name}
    return rest if value is None else {**rest, name: value}
