"""Messages to people: made from the entity as it is now, sent once per change; of several that are owed about one entity
the last is sent, for it says what the others would."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity
from hub.canon.store import load
from hub.config.model import MessageSpec
from hub.config.runtime import BoundSync
from hub.sdk.records import Message
from hub.sync.condition import condition_holds
from hub.sync.engine import Engine
from hub.sync.outgoing import Outcome, Plan
from hub.sync.policy import Failure

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.]*)(?:\|(zh|en))?\}")

WORDS: Mapping[str, tuple[str, str]] = {
    "none": ("未开始", "none"),
    "complete": ("已完成", "complete"),
    "unpaid": ("未收款", "unpaid"),
    "partial": ("部分收款", "partly paid"),
    "paid": ("已收清", "paid"),
    "overpaid": ("多收", "overpaid"),
    "open": ("未收款", "open"),
    "settled": ("已结清", "settled"),
    "draft": ("草稿", "draft"),
    "confirmed": ("已审核", "confirmed"),
    "cancelled": ("已作废", "cancelled"),
}
"""State -> (zh, en), by the glossary; written `{payment_status|zh}` in a message."""
OF_FIELD: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "shipping_status": {
        "none": ("未发货", "not shipped"),
        "partial": ("部分发货", "partly shipped"),
        "complete": ("已发货", "shipped"),
    },
    "invoicing_status": {
        "none": ("未开票", "not invoiced"),
        "partial": ("部分开票", "partly invoiced"),
        "complete": ("已开票", "invoiced"),
    },
}
"""Where a state has a word of its own in one field."""


async def prepare_messages(
    engine: Engine, conn: AsyncConnection, sync: BoundSync, rows: Sequence[Row[Any]]
) -> tuple[list[Plan], list[Outcome]]:
    """Plans with the finished text; one that has nobody to go to is parked."""
    spec = sync.spec.message
    assert spec is not None
    entities = await load(conn, engine.kinds, sync.kind, [row.entity_id for row in rows])
    views = await _views(engine, conn, list(entities.values()))
    newest = await _newest_owed(conn, sync, [row.entity_id for row in rows])
    plans: list[Plan] = []
    settled: list[Outcome] = []
    for row in rows:
        entity = entities.get(row.entity_id)
        if entity is None:
            settled.append(Outcome(row, sync, "done", row.wanted_version, note="the entity is gone"))
            continue
        later = newest.get(row.entity_id, 0)
        if later > row.change_id and row.intent_at is None:
            settled.append(Outcome(row, sync, "done", entity.version, note=f"told with change {later}"))
            continue
        asked = condition_holds(sync, entity.fields)
        if isinstance(asked, Failure):
            settled.append(Outcome(row, sync, "parked", entity.version, failure=asked))
            continue
        view = views[entity.id]
        to = str(_at(view, spec.to) or "") if spec.to else ""
        if spec.to and not to:
            settled.append(Outcome(row, sync, "parked", entity.version, failure=_nobody(spec)))
            continue
        message = Message(to, fill(spec.title, view), fill(spec.text, view), f"{sync.name}:{row.change_id}")
        plans.append(Plan(row, sync, entity, message=message, look_up=row.intent_at is not None))
    return plans, settled


_NEWEST = """
SELECT entity_id, max(change_id) AS newest FROM delivery
WHERE sync = :sync AND entity_id = ANY(:ids) AND change_id > 0 AND state IN ('due', 'running') GROUP BY entity_id
"""


async def _newest_owed(conn: AsyncConnection, sync: BoundSync, ids: Sequence[int]) -> dict[int, int]:
    found = await conn.execute(text(_NEWEST), {"sync": sync.name, "ids": list(ids)})
    return {row.entity_id: row.newest for row in found}


async def _views(engine: Engine, conn: AsyncConnection, entities: Sequence[Entity]) -> dict[int, dict[str, Any]]:
    """Each entity's fields with its references replaced by what they mean, one level deep."""
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    for entity in entities:
        for name, field in engine.kinds.shape(entity.kind).fields.items():
            if field.type == "ref" and field.ref and isinstance(entity.fields.get(name), int):
                wanted[field.ref].add(entity.fields[name])
    known: dict[int, Entity] = {}
    for kind, ids in wanted.items():
        known |= await load(conn, engine.kinds, kind, ids)
    return {entity.id: _view(engine, entity, known) for entity in entities}


def _view(engine: Engine, entity: Entity, known: Mapping[int, Entity]) -> dict[str, Any]:
    view = dict(entity.fields)
    for name, field in engine.kinds.shape(entity.kind).fields.items():
        if field.type == "ref" and view.get(name) in known:
            view[name] = known[view[name]].fields
    return view


def _at(view: Mapping[str, Any], path: str) -> Any:
    value: Any = view
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def fill(template: str, view: Mapping[str, Any]) -> str:
    """`{customer.name}`, `{paid}`, `{payment_status|zh}`: what is not known reads as a dash."""

    def value(match: re.Match[str]) -> str:
        found = _at(view, match[1])
        if isinstance(found, Mapping) and "amount" in found:
            return f"{found['amount']} {found.get('currency') or ''}".strip()
        words = {**WORDS, **OF_FIELD.get(match[1].rpartition(".")[2], {})}
        if match[2] and isinstance(found, str) and found in words:
            return words[found][match[2] == "en"]
        return "-" if found is None else str(found)

    return _PLACE.sub(value, template)


def _nobody(spec: MessageSpec) -> Failure:
    return Failure(
        "NobodyToTell",
        f"there is nobody to tell: {spec.to} is empty; fill it in its source system, or dismiss",
        f"没有接收人：{spec.to} 为空；请在来源系统中补充后重试，或忽略",
    )
