"""The forecast: what would happen if a sync went live. What it read is matched and kept already; here it is worked out,
set by set, what every target would be owed by that. It reads; it never writes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity, reference_of
from hub.canon.identity import Link, links_by_entity
from hub.canon.store import load
from hub.config.runtime import BoundSync, Configuration
from hub.mapping import RecordError
from hub.sync.condition import condition_holds
from hub.sync.controls import Unknown
from hub.sync.prepare import as_called
from hub.sync.questions import in_question
from hub.sync.route import LIVE, row_for

PAGE: Final = 1_000
EXAMPLES: Final = 5
CORRELATION: Final = "go-live"


@dataclass(slots=True)
class Toward:
    """What one target would be owed. `ends`: what is deleted at its source, and stands there still; `waiting`: of the
    creates, those whose parent must be known there first; `asked`: those that are not created until a person has
    answered a question; `unreadable`: the mapping cannot write them."""

    sync: BoundSync
    creates: int = 0
    changes: int = 0
    ends: int = 0
    equal: int = 0
    waiting: int = 0
    asked: int = 0
    unreadable: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)
    owed: list[dict[str, Any]] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        numbers = ("creates", "changes", "ends", "equal", "waiting", "asked", "unreadable")
        return {
            "sync": self.sync.name,
            "connection": self.sync.connection,
            "stream": self.sync.stream,
            **{name: getattr(self, name) for name in numbers},
            "fields": dict(self.fields.most_common()),
            "examples": self.examples,
        }

    def example(self, what: str, entity: Entity, **more: Any) -> None:
        if sum(each["what"] == what for each in self.examples) < EXAMPLES:
            self.examples.append({"what": what, "entity": entity.id, **more})


@dataclass(frozen=True, slots=True)
class Forecast:
    """`complete`: it has been read to its end, so that the numbers grow no more. `fresh`: entities that it alone knows."""

    sync: BoundSync
    complete: bool
    linked: int
    fresh: int
    waiting: int
    questions: int
    parked: int
    asked: Sequence[Mapping[str, Any]]
    toward: Sequence[Toward]

    def told(self) -> dict[str, Any]:
        numbers = ("complete", "linked", "fresh", "waiting", "questions", "parked")
        return {
            "sync": self.sync.name,
            "mode": self.sync.mode,
            **{name: getattr(self, name) for name in numbers},
            "asked": [dict(each) for each in self.asked],
            "toward": [each.told() for each in self.toward],
        }


async def forecast(conn: AsyncConnection, configuration: Configuration, name: str) -> Forecast:
    """Raises Unknown."""
    sync = configuration.syncs.get(name)
    if sync is None:
        raise Unknown(
            f"there is no sync {name}; `hub sync list` shows all", f"没有同步任务 {name}，可用 hub sync list 查看"
        )
    standing = (await conn.execute(text(_STANDING), _place(sync))).one()
    asked = (await conn.execute(text(_ASKED), _place(sync))).mappings().all()
    toward = [await _toward(conn, configuration, sync, target) for target in targets(configuration, sync)]
    return Forecast(
        sync=sync,
        complete=bool(standing.complete) or not sync.reads,
        linked=standing.linked - standing.fresh,
        fresh=standing.fresh,
        waiting=standing.waiting,
        questions=standing.questions,
        parked=standing.parked,
        asked=[dict(row) for row in asked],
        toward=toward,
    )


def targets(configuration: Configuration, sync: BoundSync) -> list[BoundSync]:
    """Who would be owed something: the sync's own stream, and the live targets of what it reads."""
    if sync.is_message or sync.mapping is None:
        return []
    own = [sync] if sync.writes else []
    if not sync.reads or sync.mode == LIVE:
        return own
    others = configuration.outbound(sync.kind)
    place = (sync.connection, sync.stream)
    return own + [each for each in others if each.mode == LIVE and (each.connection, each.stream) != place]


def _place(sync: BoundSync) -> dict[str, str]:
    return {"connection": sync.connection, "stream": sync.stream, "name": sync.name}


_STANDING = """
SELECT coalesce((SELECT backfilled FROM sync WHERE name = :name), false) AS complete,
  (SELECT count(*) FROM link WHERE connection = :connection AND stream = :stream AND deleted_at IS NULL) AS linked,
  (SELECT count(*) FROM link l WHERE connection = :connection AND stream = :stream AND deleted_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM link o WHERE o.entity_id = l.entity_id AND o.id <> l.id)) AS fresh,
  count(*) FILTER (WHERE state IN ('due', 'waiting')) AS waiting,
  count(*) FILTER (WHERE state = 'parked' AND asks IS NOT NULL) AS questions,
  count(*) FILTER (WHERE state = 'parked' AND asks IS NULL) AS parked
FROM inbox WHERE connection = :connection AND stream = :stream AND state IN ('due', 'waiting', 'parked')
"""
_ASKED = """
SELECT id, key, asks, error, error_zh FROM inbox WHERE connection = :connection AND stream = :stream
  AND state = 'parked' AND asks IS NOT NULL ORDER BY id LIMIT 5
"""
_ALL = """
SELECT id FROM entity WHERE kind = :kind AND id > :after AND deleted_at IS NULL AND joined_into IS NULL
ORDER BY id LIMIT :page
"""
_OF_STREAM = """
SELECT e.id FROM entity e WHERE e.kind = :kind AND e.id > :after AND e.deleted_at IS NULL AND e.joined_into IS NULL
  AND EXISTS (SELECT 1 FROM link l WHERE l.entity_id = e.id AND l.connection = :connection AND l.stream = :stream)
ORDER BY e.id LIMIT :page
"""
_OVER = """
SELECT e.id, l.key FROM entity e JOIN link l ON l.entity_id = e.id AND l.connection = :there AND l.stream = :target_stream
WHERE e.kind = :kind AND e.id > :after AND e.deleted_at IS NOT NULL AND e.joined_into IS NULL AND l.deleted_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.sync = :target AND d.entity_id = e.id AND d.change_id = 0
    AND d.applied_version >= coalesce((SELECT max(c.version) FROM change c WHERE c.entity_id = e.id
      AND jsonb_exists(c.fields, '_deleted')), e.version))
  AND (:own OR EXISTS (SELECT 1 FROM link o WHERE o.entity_id = e.id AND o.connection = :connection AND o.stream = :stream))
ORDER BY e.id LIMIT :page
"""


async def _toward(conn: AsyncConnection, configuration: Configuration, sync: BoundSync, target: BoundSync) -> Toward:
    """Of everything for the sync's own stream; for another's, of what the sync has read."""
    found = Toward(target)
    own = target.name == sync.name
    place = {"kind": sync.kind, "page": PAGE, **({} if own else {k: v for k, v in _place(sync).items() if k != "name"})}
    after = 0
    while True:
        rows = await conn.execute(text(_ALL if own else _OF_STREAM), {**place, "after": after})
        ids = [row.id for row in rows]
        if not ids:
            break
        await _page(conn, configuration, found, ids)
        after = ids[-1]
    if target.spec.on_delete != "ignore":
        await _over(conn, configuration, found, sync)
    return found


async def _over(conn: AsyncConnection, configuration: Configuration, found: Toward, sync: BoundSync) -> None:
    """What was deleted at its source while its target was not told of anything."""
    target, after = found.sync, 0
    place = {"there": target.connection, "target_stream": target.stream, "target": target.name, "kind": target.kind}
    here = {"connection": sync.connection, "stream": sync.stream, "own": sync.name == target.name, "page": PAGE}
    while rows := (await conn.execute(text(_OVER), {**place, **here, "after": after})).all():
        entities = await load(conn, configuration.kinds, target.kind, [row.id for row in rows])
        for row in rows:
            found.ends += 1
            found.owed.append(row_for(target, entities[row.id], CORRELATION))
            found.example("end", entities[row.id], key=row.key)
        after = rows[-1].id


async def _page(conn: AsyncConnection, configuration: Configuration, found: Toward, ids: Sequence[int]) -> None:
    target = found.sync
    assert target.mapping is not None
    entities = await load(conn, configuration.kinds, target.kind, ids)
    links = await links_by_entity(conn, target.connection, target.stream, ids)
    asked = await in_question(conn, target.connection, target.stream, [i for i in ids if i not in links])
    wanted = {i: entity for i, entity in entities.items() if _concerns(target, entity, links.get(i))}
    called = await as_called(conn, target.connection, target.mapping, wanted, links)
    for entity in wanted.values():
        link, fields = links.get(entity.id), called[entity.id]
        if link is None:
            _create(found, entity, waits=isinstance(fields, tuple), asked=entity.id in asked)
        elif isinstance(fields, tuple):
            found.waiting += 1
            found.owed.append(row_for(target, entity, CORRELATION))
        else:
            _change(found, entity, link, fields)


def _concerns(target: BoundSync, entity: Entity, link: Link | None) -> bool:
    allowed = target.spec.push.create if link is None else target.spec.push.update and not link.deleted
    return bool(allowed and condition_holds(target, entity.fields))


def _create(found: Toward, entity: Entity, *, waits: bool, asked: bool) -> None:
    """One that a question is about is owed, too: it waits for the answer, and then it is known what it is."""
    found.owed.append(row_for(found.sync, entity, CORRELATION))
    if asked:
        found.asked += 1
        return
    found.creates += 1
    found.waiting += waits
    found.example("create", entity, fields=_short(entity))


def _change(found: Toward, entity: Entity, link: Link, fields: dict[str, Any]) -> None:
    mapping = found.sync.mapping
    assert mapping is not None
    reference = reference_of(entity.kind, entity.id)
    try:
        record = mapping.write(fields, creating=False, reference=reference)
        differing = mapping.differences(record, link.known) if link.known is not None else record
    except RecordError as error:
        found.unreadable += 1
        found.example("unreadable", entity, key=link.key, error=error.sentence_en, error_zh=error.sentence_zh)
        return
    if not differing:
        found.equal += 1
        return
    found.changes += 1
    found.fields.update(differing.keys())
    found.owed.append(row_for(found.sync, entity, CORRELATION))
    was = {name: (link.known or {}).get(name) for name in differing}
    found.example("change", entity, key=link.key, **{"from": was, "to": dict(differing)})


def _short(entity: Entity) -> dict[str, Any]:
    plain = {name: value for name, value in entity.fields.items() if not isinstance(value, list | dict)}
    return dict(list(plain.items())[:6])
