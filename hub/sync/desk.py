"""The work desk: what a person does with what is parked. To correct is to write, never to alter a payload."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.write import PersonChange, person_change
from hub.config.runtime import Configuration
from hub.db import bulk
from hub.db.tables import inbox
from hub.mapping import RecordError
from hub.mapping.shape import Field
from hub.security import audit
from hub.sync.engine import match_sets
from hub.sync.typed import WrongValue, typed

What = Literal["inbox", "delivery", "bell", "receipt"]

AGAIN: Final[Mapping[What, tuple[str, ...]]] = {
    "inbox": ("parked", "waiting"),
    "delivery": ("parked", "waiting"),
    "bell": ("parked", "waiting", "due"),
    "receipt": ("parked",),
}
OPEN: Final = ("due", "waiting", "parked")
_DUE = {
    "inbox": "due_at = :now, attempts = 0, waiting_for = NULL, settled_at = NULL",
    "delivery": "due_at = :now, attempts = 0, in_hand = 0, crashes = 0, lookups = 0, busy_since = NULL,"
    " waiting_for = NULL, settled_at = NULL,"
    # A person who retries a message has asked its reader: it may be sent again. A record is looked up first.
    " intent_at = CASE WHEN change_id <> 0 THEN NULL ELSE intent_at END",
    "bell": "due_at = :now, attempts = 0",
    "receipt": "attempts = 0",
}
_NOTED: Final[Mapping[What, str]] = {
    "inbox": ", note = :reason",
    "delivery": ", note = :reason",
    "bell": ", error = :reason, error_zh = :reason",
    "receipt": ", reason = :reason, reason_zh = :reason",
}
_CLEAN = "error_class = NULL, error = NULL, error_zh = NULL, error_fields = NULL, owner = NULL"


@dataclass(frozen=True, slots=True)
class Person:
    """Who does it, and when."""

    name: str
    now: datetime


class DeskError(Exception):
    """It cannot be done; why and what to do instead, in both languages."""

    def __init__(self, sentence: str, zh: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh


class NotThere(DeskError):
    """There is no such row."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"there is no {what} {number}", f"没有编号为 {number} 的 {what}")


async def retry(conn: AsyncConnection, what: What, ids: Sequence[int], who: str, now: datetime) -> list[int]:
    """The same again, now; returns what was retried. What is not parked or waiting is left alone."""
    return await _again(conn, what, ids, who, now)


async def create_again(conn: AsyncConnection, ids: Sequence[int], who: str, now: datetime) -> list[int]:
    """A person looked: what was perhaps created is not there. Deliveries are made due as if never sent."""
    await conn.execute(
        text("UPDATE delivery SET intent_at = NULL WHERE id = ANY(:ids) AND state = ANY(:states)"),
        {"ids": list(ids), "states": list(AGAIN["delivery"])},
    )
    return await _again(conn, "delivery", ids, who, now, said="absent")


async def _again(
    conn: AsyncConnection, what: What, ids: Sequence[int], who: str, now: datetime, said: str = "retry"
) -> list[int]:
    statement = text(
        f"UPDATE {what} SET state = 'due', {_DUE[what]}, {_CLEAN}"
        " WHERE id = ANY(:ids) AND state = ANY(:states) RETURNING id"
    )
    done = await conn.execute(statement, {"ids": list(ids), "states": list(AGAIN[what]), "now": now})
    return await _said(conn, who, said, what, sorted(row.id for row in done), {})


async def dismiss(
    conn: AsyncConnection, what: What, ids: Sequence[int], reason: str, who: str, now: datetime
) -> list[int]:
    """Settle this version alone: the next one is worked on again. A reason is asked for."""
    if not reason.strip():
        raise DeskError("say why: a dismissal needs a reason", "请填写忽略的原因")
    settled = {
        "inbox": ", settled_at = :now",
        "delivery": ", settled_at = :now, applied_version = greatest(applied_version, wanted_version)",
    }.get(what, "")
    noted = _NOTED[what]
    statement = text(
        f"UPDATE {what} SET state = 'dismissed'{settled}{noted}"
        " WHERE id = ANY(:ids) AND state = ANY(:states) RETURNING id"
    )
    values = {"ids": list(ids), "states": list(OPEN), "reason": reason}
    done = await conn.execute(statement, {**values, "now": now} if settled else values)
    return await _said(conn, who, "dismiss", what, sorted(row.id for row in done), {"reason": reason})


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
    row = await _open_row(conn, number)
    fresh: dict[str, Any] = {name: row[name] for name in _KEPT}
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
    await _said(conn, by.name, "correct", "inbox", [number], {**detail, "by": made["id"]})
    return int(made["id"])


_KEPT = (
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


async def _open_row(conn: AsyncConnection, number: int) -> dict[str, Any]:
    found = await conn.execute(text("SELECT * FROM inbox WHERE id = :id FOR UPDATE"), {"id": number})
    row = found.mappings().one_or_none()
    if row is None:
        raise NotThere("inbox", number)
    if row["state"] not in OPEN:
        raise DeskError(
            f"inbox {number} is {row['state']}: only a record that is parked, waiting or due can be corrected",
            f"入站记录 {number} 的状态是 {row['state']}，只有待人工处理、等待中或待处理的记录可以更正",
        )
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
    await conn.execute(text("SELECT pg_notify('hub_work', '')"))
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
    await _said(conn, by.name, "correct", wish.kind, [wish.entity_id], {"values": dict(wish.values)})
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


async def _said(
    conn: AsyncConnection, who: str, act: str, what: str, ids: Sequence[int], detail: Mapping[str, Any]
) -> list[int]:
    """Put on record what was done and wake the engine."""
    if ids:
        await audit.record(conn, who, f"{what}.{act}", ",".join(map(str, ids)), detail)
        await conn.execute(text("SELECT pg_notify('hub_work', '')"))
    return list(ids)
