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
from hub.mapping import CompiledMapping, RecordError, Ref
from hub.sdk.records import Push
from hub.sync.condition import condition_holds
from hub.sync.engine import Engine
from hub.sync.outgoing import Outcome, Plan
from hub.sync.policy import Failure, failure_of
from hub.sync.route import owe, row_for

Names = Mapping[tuple[str, str], Mapping[int, str]]
"""(kind, by) -> entity id -> how the target calls it."""


async def prepare_records(
    engine: Engine, conn: AsyncConnection, sync: BoundSync, rows: Sequence[Row[Any]]
) -> tuple[list[Plan], list[Outcome]]:
    """Plans for what must be sent, outcomes for what needs no call."""
    ids = [row.entity_id for row in rows]
    entities = await load(conn, engine.kinds, sync.kind, ids)
    links = await links_by_entity(conn, sync.connection, sync.stream, ids)
    assert sync.mapping is not None
    names = await _names(conn, sync, sync.mapping, entities)
    plans: list[Plan] = []
    settled: list[Outcome] = []
    parents: dict[tuple[str, int], Row[Any]] = {}
    for row in rows:
        entity = entities.get(row.entity_id)
        if entity is None:
            settled.append(Outcome(row, sync, "done", row.wanted_version, note="the entity is gone"))
            continue
        if entity.joined_into is not None:
            note = f"joined into {entity.joined_into}"
            settled.append(Outcome(row, sync, "done", row.wanted_version, note=note))
            continue
        answer = _prepare(sync, sync.mapping, row, entity, links.get(entity.id), names)
        if isinstance(answer, Plan):
            plans.append(answer)
        elif isinstance(answer, Outcome):
            settled.append(answer)
        else:
            settled.append(_for_parent(engine, sync, row, answer))
            parents[answer] = row
    await _owe_parents(engine, conn, sync, parents)
    return plans, settled


async def _names(
    conn: AsyncConnection, sync: BoundSync, mapping: CompiledMapping, entities: Mapping[int, Entity]
) -> Names:
    wanted: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for line in mapping.refs:
        if line.outward:
            for entity in entities.values():
                wanted[line.kind, line.by] |= set(_ids_at(entity.fields, line.field))
    return {
        (kind, by): await names_of(conn, sync.connection, kind, by, ids) for (kind, by), ids in wanted.items() if ids
    }


def _ids_at(fields: Fields, path: str) -> list[int]:
    head, _, sub = path.partition("[].")
    if not sub:
        value = fields.get(head)
        return [value] if isinstance(value, int) else []
    return [line[sub] for line in fields.get(head) or [] if isinstance(line.get(sub), int)]


def _prepare(
    sync: BoundSync, mapping: CompiledMapping, row: Row[Any], entity: Entity, link: Link | None, names: Names
) -> Plan | Outcome | tuple[str, int]:
    """A plan, a settled outcome, or (kind, id) of a parent the target does not know yet."""
    if link is not None and link.deleted:
        return Outcome(row, sync, "parked", entity.version, failure=_deleted_there(link))
    if link is None and not sync.spec.push.create and row.intent_at is None:
        return Outcome(
            row, sync, "done", entity.version, note="the target does not have it, and this sync creates none"
        )
    asked = condition_holds(sync, entity.fields)
    if isinstance(asked, Failure):
        return Outcome(row, sync, "parked", entity.version, failure=asked)
    named = _with_names(mapping, _said(entity), names)
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
    except RecordError as error:
        return Outcome(row, sync, "parked", entity.version, failure=failure_of(error))
    if link is not None and not record and not unfinished:
        return Outcome(row, sync, "done", entity.version, note="nothing to send")
    push = Push(
        action="create" if creating else "update",
        record=record,
        reference=reference,
        # A create has one key for ever: what changes between two tries must not make it another create.
        idempotency_key=f"{sync.name}:{reference}" if creating else f"{sync.name}:{reference}:{entity.version}",
        key=link.key if link else None,
        known=known,
    )
    return Plan(row, sync, entity, link, push, wanted, look_up=unfinished and link is None)


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


def _with_names(mapping: CompiledMapping, fields: Fields, names: Names) -> Fields | tuple[str, int]:
    """References as the target calls them; the first one it does not know ends it."""
    answer = dict(fields)
    for line in mapping.refs:
        if not line.outward:
            continue
        known = names.get((line.kind, line.by), {})
        head, _, sub = line.field.partition("[].")
        for entity_id in _ids_at(fields, line.field):
            if entity_id not in known:
                return line.kind.partition(".")[0], entity_id
        if sub:
            answer[head] = [_named(row, sub, line.kind, line.by, known) for row in answer.get(head) or []]
        else:
            answer = _named(answer, head, line.kind, line.by, known)
    return answer


def _named(fields: Fields, name: str, kind: str, by: str, known: Mapping[int, str]) -> Fields:
    value = fields.get(name)
    return {**fields, name: Ref(kind, by, known[value])} if isinstance(value, int) else fields


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


def _for_parent(engine: Engine, sync: BoundSync, row: Row[Any], parent: tuple[str, int]) -> Outcome:
    kind, entity_id = parent
    target = engine.configuration.target(sync.connection, kind)
    if target is None or not target.spec.push.create:
        return Outcome(row, sync, "parked", row.wanted_version, failure=_no_parent_there(sync, kind, entity_id))
    return Outcome(row, sync, "waiting", waiting_for=awaited_link(sync.connection, kind, entity_id))


async def _owe_parents(
    engine: Engine, conn: AsyncConnection, sync: BoundSync, parents: Mapping[tuple[str, int], Row[Any]]
) -> None:
    """The target needs the parents first: owe them, unless they are owed already."""
    rows = []
    for (kind, entity_id), row in parents.items():
        target = engine.configuration.target(sync.connection, kind)
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


def _no_parent_there(sync: BoundSync, kind: str, entity_id: int) -> Failure:
    return Failure(
        "ReferenceMissing",
        f"{sync.connection} does not know {kind} {entity_id}, and no sync creates {kind} there: create it there, "
        "let it be read, then retry",
        f"{sync.connection} 中没有对应的 {kind} {entity_id}，也没有同步任务会在那里新建：请先在对方建档并读入，再重试",
    )
