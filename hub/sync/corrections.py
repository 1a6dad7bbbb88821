"""Corrections: to correct is to write, never to alter a payload. A record gets a new row that names the old one, an entity
a change by that person."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.write import PersonChange, person_change
from hub.config.runtime import Configuration
from hub.db import bulk
from hub.db.tables import inbox
from hub.db.wake import wake
from hub.mapping import RecordError
from hub.mapping.shape import Field
from hub.sync.desk import OPEN, DeskError, NotThere, Person, retry, said
from hub.sync.engine import match_sets
from hub.sync.typed import WrongValue, typed
from hub.sync.views import last_known


@dataclass(frozen=True, slots=True)
class Linking:
    """A person's word on what a doubtful record is: that entity, or (None) a new one."""

    entity_id: int | None


async def correct_inbox(
    conn: AsyncConnection,
    configuration: Configuration,
    number: int,
    correction: Mapping[str, Any] | Linking,
    by: Person,
) -> int:
    """A new row that names the old one: the record with other values (by vendor path), or a word on what it is."""
    row = await open_row(conn, number)
    fresh: dict[str, Any] = {name: row[name] for name in KEPT}
    if isinstance(correction, Linking) and row["from_link"]:
        raise DeskError(
            f"inbox {number} is a known record that is read again: what it is needs no saying; correct its values",
            f"入站记录 {number} 是对已关联记录的重新映射，无需指定关联：请更正它的值",
        )
    if isinstance(correction, Linking):
        fresh["identity"] = "new" if correction.entity_id is None else str(correction.entity_id)
        detail: dict[str, Any] = {"link": fresh["identity"]}
    else:
        fresh |= _rewritten(configuration, row, correction)
        detail = {"values": dict(correction)}
    fresh |= {"state": "due", "due_at": by.now, "received_at": by.now, "corrects": number}
    (made,) = await bulk.insert(conn, inbox, [fresh], returning=["id"])
    await conn.execute(
        text("UPDATE inbox SET state = 'superseded', note = 'corrected', settled_at = :now WHERE id = :id"),
        {"id": number, "now": by.now},
    )
    await said(conn, by.name, "correct", "inbox", [number], {**detail, "by": made["id"]})
    return int(made["id"])


KEPT: Final = (
    "connection",
    "stream",
    "key",
    "record",
    "digest",
    "deleted",
    "receipt_id",
    "run_id",
    "correlation",
    "live",
    "identity",
    "owner",
)


def _rewritten(configuration: Configuration, row: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The record with the values, and the key and digest it has now; a record still without a key cannot go on."""
    record: dict[str, Any] = row["record"]
    for path, value in values.items():
        record = with_value(record, path, value)
    sync = configuration.inbound(row["connection"], row["stream"])
    if sync is None or sync.mapping is None:
        raise DeskError(
            f"no sync reads {row['stream']} of {row['connection']} any more: dismiss this record",
            f"已没有同步任务读取 {row['connection']} 的 {row['stream']}，请忽略该记录",
        )
    try:
        return {
            "record": record,
            "key": sync.mapping.key_of(record),
            "digest": sync.mapping.digest_of(record),
            "identity": None,
        }
    except RecordError as error:
        raise DeskError(error.sentence_en, error.sentence_zh) from error


async def open_row(conn: AsyncConnection, number: int) -> dict[str, Any]:
    found = await conn.execute(text("SELECT * FROM inbox WHERE id = :id FOR UPDATE"), {"id": number})
    row = found.mappings().one_or_none()
    if row is None:
        raise NotThere("inbox", number)
    if row["state"] not in OPEN:
        raise DeskError(
            f"inbox {number} is {row['state']}: only a record that is parked, waiting or due can be corrected",
            f"入站记录 {number} 的状态是 {row['state']}，只有待人工处理、等待中或待处理的记录可以更正",
        )
    if row["from_link"]:
        return {**row, "record": await last_known(conn, dict(row))}
    return dict(row)


def with_value(record: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the record with one value set; `FCustId.FNumber`, `FEntry.0.FQty`. Raises DeskError."""
    head, _, rest = path.partition(".")
    copied: Any = dict(record)
    if not rest:
        return {**copied, head: value}
    inner = copied.get(head)
    if isinstance(inner, list):
        return {**copied, head: _in_list(inner, rest, path, value)}
    if inner is not None and not isinstance(inner, dict):
        raise _no_such_path(path)
    return {**copied, head: with_value(inner or {}, rest, value)}


def _in_list(items: list[Any], rest: str, path: str, value: Any) -> list[Any]:
    index, _, inner = rest.partition(".")
    if not index.isdecimal() or int(index) >= len(items):
        raise _no_such_path(path)
    position = int(index)
    replaced = with_value(items[position], inner, value) if inner else value
    return [*items[:position], replaced, *items[position + 1 :]]


def _no_such_path(path: str) -> DeskError:
    return DeskError(
        f"the record has nothing at {path}; lines are counted from 0, as in FEntry.0.FQty",
        f"记录中没有路径 {path}；行号从 0 开始，例如 FEntry.0.FQty",
    )


async def correct_delivery(
    conn: AsyncConnection, configuration: Configuration, number: int, values: Mapping[str, Any], by: Person
) -> int | None:
    """Change the entity that is owed, as this person, and owe it at once; returns the change, None if nothing differs."""
    found = await conn.execute(
        text("SELECT entity_id, kind, correlation, state FROM delivery WHERE id = :id FOR UPDATE"), {"id": number}
    )
    row = found.one_or_none()
    if row is None:
        raise NotThere("delivery", number)
    wish = Wish(row.kind, row.entity_id, values, row.correlation, f"delivery {number} corrected")
    change = await correct_entity(conn, configuration, wish, by)
    await retry(conn, "delivery", [number], by.name, by.now)
    await conn.execute(
        text(
            "UPDATE delivery SET wanted_version = (SELECT version FROM entity WHERE id = :entity) WHERE id = :id"
            " AND change_id = 0"
        ),
        {"entity": row.entity_id, "id": number},
    )
    wake(conn)
    return change


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants an entity to say; values may be text as typed."""

    kind: str
    entity_id: int
    values: Mapping[str, Any]
    correlation: str = ""
    reason: str = "corrected"


async def correct_entity(conn: AsyncConnection, configuration: Configuration, wish: Wish, by: Person) -> int | None:
    """A change by a person, whatever the ownership rules say."""
    fields = configuration.kinds.shape(wish.kind).fields
    converted = {name: _converted(wish.kind, fields, name, value) for name, value in wish.values.items()}
    correlation = wish.correlation or f"person-{uuid.uuid4().hex}"
    change = PersonChange(wish.kind, wish.entity_id, converted, by.name, wish.reason, correlation)
    try:
        made = await person_change(conn, configuration.kinds, change, match_sets(configuration), by.now)
    except LookupError:
        raise NotThere(wish.kind, wish.entity_id) from None
    await said(conn, by.name, "correct", wish.kind, [wish.entity_id], {"values": dict(wish.values)})
    return made


def _converted(kind: str, fields: Mapping[str, Field], name: str, value: Any) -> Any:
    field = fields.get(name)
    if field is None:
        raise DeskError(
            f"{kind} has no field {name}; it has {', '.join(sorted(fields))}",
            f"{kind} 没有字段 {name}，可用字段：{'、'.join(sorted(fields))}",
        )
    try:
        return typed(field, value)
    except WrongValue as error:
        raise DeskError(f"field {name}: {error.sentence}", f"字段 {name}：{error.zh}") from None
