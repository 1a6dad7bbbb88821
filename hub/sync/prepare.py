"""Prepare: what exactly is owed to the target for each claimed delivery of one sync, for the whole batch at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity, Fields, reference_of
from hub.canon.identity import Link, awaited_link, links_by_entity, names_of
from hub.canon.store import load
from hub.config.runtime import BoundSync
from hub.mapping import CompiledMapping, RecordError, Ref, RefLine
from hub.sdk.records import Push
from hub.sync.condition import condition_holds
from hub.sync.ending import ending, make_room
from hub.sync.engine import Engine
from hub.sync.outgoing import Outcome, Plan
from hub.sync.policy import Failure, failure_of
from hub.sync.questions import in_question, question_about
from hub.sync.rereading import as_read
from hub.sync.route import owe, row_for
from hub.sync.spellings import unsent

Names = Mapping[tuple[str, str, str], Mapping[int, str]]
"""(connection, kind, by) -> entity id -> how that connection calls it."""
Parent = tuple[str, str, int]
"""(connection, kind, id) of an entity that the connection does not know yet."""


async def prepare_records(
    engine: Engine, conn: AsyncConnection, sync: BoundSync, rows: Sequence[Row[Any]]
) -> tuple[list[Plan], list[Outcome]]:
    """Plans for what must be sent, outcomes for what needs no call."""
    ids = [row.entity_id for row in rows]
    entities = await load(conn, engine.kinds, sync.kind, ids)
    links = await links_by_entity(conn, sync.connection, sync.stream, ids)
    bound = {entity_id: as_read(engine, sync, links.get(entity_id)) for entity_id in entities}
    names = await _names(conn, sync.connection, [each.mapping for each in bound.values() if each.mapping], entities)
    plans: list[Plan] = []
    settled: list[Outcome] = []
    parents: dict[Parent, Row[Any]] = {}
    anew = await make_room(conn, sync, rows, entities, engine.now())
    asked = await in_question(conn, sync.connection, sync.stream, [i for i in entities if i not in links])
    for row in rows:
        entity = entities.get(row.entity_id)
        if row.entity_id in anew:
            settled.append(anew[row.entity_id])
            continue
        if entity is None:
            settled.append(Outcome(row, sync, "done", row.wanted_version, note="the entity is gone"))
            continue
        if entity.joined_into is not None:
            note = f"joined into {entity.joined_into}"
            settled.append(Outcome(row, sync, "done", row.wanted_version, note=note))
            continue
        if entity.id in asked and row.intent_at is None:
            settled.append(Outcome(row, sync, "waiting", waiting_for=question_about(sync, entity.id)))
            continue
        answer = _prepare(bound[entity.id], row, entity, links.get(entity.id), names)
        if isinstance(answer, Plan):
            plans.append(answer)
        elif isinstance(answer, Outcome):
            settled.append(answer)
        else:
            settled.append(_for_parent(engine, sync, row, answer))
            parents[answer] = row
    await _owe_parents(engine, conn, parents)
    return plans, settled


async def as_called(
    conn: AsyncConnection,
    connection: str,
    mapping: CompiledMapping,
    entities: Mapping[int, Entity],
    links: Mapping[int, Link],
) -> dict[int, Fields | Parent]:
    """Each entity as this mapping is given it: references as the connection calls them, lines with its keys; or the
    parent that must be known first. `links`: those of the target, by entity."""
    names = await _names(conn, connection, [mapping], entities)
    found: dict[int, Fields | Parent] = {}
    for entity in entities.values():
        named = _with_names(connection, mapping, _said(entity), names)
        found[entity.id] = named if isinstance(named, tuple) else _with_line_keys(named, links.get(entity.id))
    return found


async def _names(
    conn: AsyncConnection, connection: str, mappings: Sequence[CompiledMapping], entities: Mapping[int, Entity]
) -> Names:
    wanted: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)
    for line in {line for refs in {mapping.refs for mapping in mappings} for line in refs}:
        if line.outward:
            for entity in entities.values():
                wanted[_asked(connection, line)] |= set(_ids_at(entity.fields, line.field))
    return {asked: await names_of(conn, *asked, ids) for asked, ids in wanted.items() if ids}


def _asked(connection: str, line: RefLine) -> tuple[str, str, str]:
    return line.system or connection, line.kind, line.by


def _ids_at(fields: Fields, path: str) -> list[int]:
    head, _, sub = path.partition("[].")
    if not sub:
        value = fields.get(head)
        return [value] if isinstance(value, int) else []
    return [line[sub] for line in fields.get(head) or [] if isinstance(line.get(sub), int)]


def _prepare(
    sync: BoundSync, row: Row[Any], entity: Entity, link: Link | None, names: Names
) -> Plan | Outcome | Parent:
    """A plan, a settled outcome, or a parent that must be known first."""
    mapping = sync.mapping
    assert mapping is not None
    ended = ending(sync, row, entity, link)
    if ended is not None:
        return ended
    if link is not None and link.deleted:
        return Outcome(row, sync, "parked", entity.version, failure=_deleted_there(link))
    if link is None and not sync.spec.push.create and row.intent_at is None:
        return Outcome(
            row, sync, "done", entity.version, note="the target does not have it, and this sync creates none"
        )
    asked = condition_holds(sync, entity.fields)
    if isinstance(asked, Failure):
        return Outcome(row, sync, "parked", entity.version, failure=asked)
    named = _with_names(sync.connection, mapping, _said(entity), names)
    if isinstance(named, tuple):
        return named
    fields = _with_line_keys(named, link)
    reference = reference_of(entity.kind, entity.id)
    unfinished = row.intent_at is not None
    creating = link is None or (unfinished and row.applied_version == 0)
    try:
        wanted = mapping.write(fields, creating=creating, reference=reference)
        known = link.known if link else None
        record = wanted if known is None or creating else mapping.differences(wanted, known)
        if link is not None and link.accepted:
            record = unsent(link, entity.fields, mapping, record)
    except RecordError as error:
        return Outcome(row, sync, "parked", entity.version, failure=failure_of(error))
    if link is not None and not record and not unfinished:
        return Outcome(row, sync, "done", entity.version, note="nothing to send")
    push = Push(
        action="create" if creating else "update",
        record=record,
        reference=reference,
        # A create has one key for ever: what changes between two tries must not make it another create.
        idempotency_key=_create_key(sync, reference, row) if creating else f"{sync.name}:{reference}:{entity.version}",
        key=link.key if link else None,
        known=known,
    )
    return Plan(row, sync, entity, link, push, wanted, look_up=unfinished and link is None)


def _create_key(sync: BoundSync, reference: str, row: Row[Any]) -> str:
    """One that was deleted there and is created anew is another create."""
    return f"{sync.name}:{reference}#{row.remade}" if row.remade else f"{sync.name}:{reference}"


def _said(entity: Entity) -> Fields:
    """The entity's fields, with None for what somebody emptied: the target is to empty it too."""
    fields = dict(entity.fields)
    for name in entity.setters:
        head, _, sub = name.partition(".")
        if sub:
            fields[head] = {sub: None, **(fields.get(head) or {})}
        else:
            fields.setdefault(head, None)
    return fields


def _with_names(connection: str, mapping: CompiledMapping, fields: Fields, names: Names) -> Fields | Parent:
    """References as the target calls them, or the system a line names; the first one unknown there ends it."""
    answer = dict(fields)
    for line in mapping.refs:
        if not line.outward:
            continue
        known = names.get(_asked(connection, line), {})
        head, _, sub = line.field.partition("[].")
        for entity_id in _ids_at(fields, line.field):
            if entity_id not in known:
                return line.system or connection, line.kind.partition(".")[0], entity_id
        if sub:
            answer[head] = [_named(row, sub, line, known) for row in answer.get(head) or []]
        else:
            answer = _named(answer, head, line, known)
    return answer


def _named(fields: Fields, name: str, line: RefLine, known: Mapping[int, str]) -> Fields:
    value = fields.get(name)
    return {**fields, name: Ref(line.kind, line.by, known[value], line.system)} if isinstance(value, int) else fields


def _with_line_keys(fields: Fields, link: Link | None) -> Fields:
    if link is None:
        return fields
    answer = dict(fields)
    for path, keys in link.lines.items():
        by_id = {line_id: key for key, line_id in keys.items()}
        answer[path] = [
            {**line, "_key": by_id[line["_id"]]} if line.get("_id") in by_id else line
            for line in fields.get(path) or []
        ]
    return answer


def _for_parent(engine: Engine, sync: BoundSync, row: Row[Any], parent: Parent) -> Outcome:
    connection, kind, entity_id = parent
    target = engine.configuration.target(connection, kind)
    if target is None or not target.spec.push.create:
        return Outcome(row, sync, "parked", row.wanted_version, failure=_no_parent_there(*parent))
    return Outcome(row, sync, "waiting", waiting_for=awaited_link(connection, kind, entity_id))


async def _owe_parents(engine: Engine, conn: AsyncConnection, parents: Mapping[Parent, Row[Any]]) -> None:
    """The target needs the parents first: owe them, unless they are owed already."""
    rows = []
    for (connection, kind, entity_id), row in parents.items():
        target = engine.configuration.target(connection, kind)
        found = (await load(conn, engine.kinds, kind, [entity_id])).get(entity_id)
        if target is not None and found is not None and target.spec.push.create:
            rows.append(row_for(target, found, row.correlation))
    await owe(conn, rows, engine, only_new=True)


def _deleted_there(link: Link) -> Failure:
    return Failure(
        "NotFound",
        f"deleted there: {link.key} is gone from {link.connection}; recreate it there or dismiss",
        f"对方已删除：{link.connection} 中的 {link.key} 已不存在；请在对方恢复，或忽略",
    )


def _no_parent_there(connection: str, kind: str, entity_id: int) -> Failure:
    return Failure(
        "ReferenceMissing",
        f"{connection} does not know {kind} {entity_id}, and no sync creates {kind} there: create it there, "
        "let it be read, then retry",
        f"{connection} 中没有对应的 {kind} {entity_id}，也没有同步任务会在那里新建：请先在对方建档并读入，再重试",
    )
