"""Which entity is this record? Linked, matched by a strong key, new, or doubtful: then a person is asked."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Fields
from hub.canon.identity import Link, find_matches, links_by_entity, match_values
from hub.canon.store import new_ids
from hub.config.runtime import BoundSync
from hub.sync.engine import Engine
from hub.sync.policy import Failure

NEW = "new"
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(slots=True)
class Identified:
    """One record's question and its answer: `entity_id`, or `question` for a person. `linked`: already known.
    `answer`: what a person said before (`new` or an entity id). `reference`: our own, where the record carries one."""

    row_id: int
    fields: Fields
    linked: int | None
    answer: str | None
    reference: str | None = None
    entity_id: int | None = None
    question: Failure | None = None
    asks: Sequence[int] = ()  # the entities the question is about


async def identify(engine: Engine, conn: AsyncConnection, sync: BoundSync, items: Sequence[Identified]) -> None:
    """Fill in the answers for a whole batch."""
    unknown = _unknown(items)
    sets = engine.match_sets.get(sync.kind, ())
    strong = {item.row_id: match_values(item.fields, sets, weak=False) for item in unknown}
    weak = {item.row_id: match_values(item.fields, sets, weak=True) for item in unknown}
    ours = await _referred(conn, sync.kind, unknown)
    for row_id, entity_id in ours.items():
        strong[row_id].append(f"reference={entity_id}")
    hits = await find_matches(conn, sync.kind, {v for values in strong.values() for v in values}, weak=False)
    hints = await find_matches(conn, sync.kind, {v for values in weak.values() for v in values}, weak=True)
    matched = {i for ids in hits.values() for i in ids} | set(ours.values())
    taken = await links_by_entity(conn, sync.connection, sync.stream, matched)
    fresh: list[Identified] = []
    in_batch: dict[str, Identified] = {}
    for item in unknown:
        found = sorted({i for value in strong[item.row_id] for i in hits.get(value, ())})
        found = [ours[item.row_id]] if item.row_id in ours else found
        doubtful = sorted({i for value in weak[item.row_id] for i in hints.get(value, ())} - set(found))
        twin = next((in_batch[value] for value in strong[item.row_id] if value in in_batch), None)
        if item.answer != NEW:
            item.question = _question(found, doubtful, taken, twin)
            item.asks = found or doubtful
        if item.question is None and found and item.answer != NEW:
            item.entity_id = found[0]
        elif item.question is None:
            fresh.append(item)
        for value in strong[item.row_id]:
            in_batch.setdefault(value, item)
    for item, entity_id in zip(fresh, await new_ids(conn, len(fresh)), strict=True):
        item.entity_id = entity_id
    await _check_answers(conn, sync, [item for item in items if item.answer not in (None, NEW)])


def _unknown(items: Sequence[Identified]) -> list[Identified]:
    """Those that neither a link nor a person has answered."""
    unknown = []
    for item in items:
        if item.linked is not None:
            item.entity_id = item.linked
        elif item.answer not in (None, NEW):
            item.entity_id = int(item.answer or 0)
        else:
            unknown.append(item)
    return unknown


async def _referred(conn: AsyncConnection, kind: str, items: Sequence[Identified]) -> dict[int, int]:
    """Row -> the entity whose reference its record carries: we wrote it there, whatever became of the answer."""
    prefix = f"{kind}-"
    said = {
        item.row_id: int(item.reference.removeprefix(prefix))
        for item in items
        if item.reference and item.reference.startswith(prefix) and _NUMBER.fullmatch(item.reference, len(prefix))
    }
    rows = await conn.execute(
        text("SELECT id, coalesce(joined_into, id) AS now FROM entity WHERE id = ANY(:ids) AND kind = :kind"),
        {"ids": list(said.values()), "kind": kind},
    )
    known = {row.id: row.now for row in rows}
    return {row_id: known[number] for row_id, number in said.items() if number in known}


def _question(
    found: Sequence[int], doubtful: Sequence[int], taken: Mapping[int, Link], twin: Identified | None
) -> Failure | None:
    """What a person must be asked about a record nobody linked yet; None when the answer is plain."""
    if len(found) > 1:
        return _several(found)
    if found and found[0] in taken:
        return _twin(found[0], taken[found[0]].key)
    if twin is not None:
        return _twin_in_batch(twin.row_id)
    if not found and doubtful:
        return _doubtful(doubtful)
    return None


async def _check_answers(conn: AsyncConnection, sync: BoundSync, items: Sequence[Identified]) -> None:
    """An entity a person named must exist and be of the right kind."""
    if not items:
        return
    rows = await conn.execute(
        text("SELECT id FROM entity WHERE id = ANY(:ids) AND kind = :kind AND joined_into IS NULL"),
        {"ids": [item.entity_id for item in items], "kind": sync.kind},
    )
    known = {row.id for row in rows}
    taken = await links_by_entity(conn, sync.connection, sync.stream, known)
    for item in items:
        if item.linked is None and item.entity_id in taken:
            item.question, item.asks = _twin(item.entity_id, taken[item.entity_id].key), [item.entity_id]
        elif item.linked is None and item.entity_id not in known:
            item.question = Failure(
                "Ambiguous",
                f"{sync.kind} {item.entity_id} does not exist; link another one or say new",
                f"{sync.kind} {item.entity_id} 不存在；请改选其他业务对象，或选择新建",
            )


def _several(found: Sequence[int]) -> Failure:
    ids = ", ".join(map(str, found))
    return Failure(
        "Ambiguous",
        f"this record matches {len(found)} of ours ({ids}): say which one with --link, or join them",
        f"该记录同时匹配 {len(found)} 个业务对象（{ids}）：请用 --link 指定其中一个，或先将它们并入",
    )


def _twin(entity_id: int, key: str) -> Failure:
    return Failure(
        "Ambiguous",
        f"record {key} of the same stream already is {entity_id}: a double there? remove it there, or correct with new",
        f"同一来源中的记录 {key} 已关联到 {entity_id}：可能在来源系统重复建档；请在来源处理，或更正为 new",
    )


def _twin_in_batch(row_id: int) -> Failure:
    return Failure(
        "Ambiguous",
        f"inbox record {row_id} of the same stream has the same key: a double there? remove it there, or correct with new",
        f"与同一来源的入站记录 {row_id} 匹配键相同：可能在来源系统重复建档；请在来源处理，或更正为 new",
    )


def _doubtful(found: Sequence[int]) -> Failure:
    ids = ", ".join(map(str, found[:5]))
    return Failure(
        "Ambiguous",
        f"this record looks like {ids}, but nothing proves it: link it with --link ID, or say new",
        f"该记录疑似为 {ids}，但没有可靠依据：请用 --link 指定，或选择 new 新建",
    )
