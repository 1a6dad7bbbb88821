"""The work desk: what a person does with what is parked: the same again, or settled as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db.wake import wake
from hub.security import audit

What = Literal["inbox", "delivery", "bell", "receipt"]

AGAIN: Final[Mapping[What, tuple[str, ...]]] = {
    "inbox": ("parked", "waiting"),
    "delivery": ("parked", "waiting"),
    "bell": ("parked", "waiting", "due"),
    "receipt": ("parked",),
}
OPEN: Final = ("due", "waiting", "parked")
_DUE = {
    "inbox": "due_at = :now, patient = false, attempts = 0, waiting_for = NULL, settled_at = NULL",
    "delivery": "due_at = :now, patient = false, attempts = 0, in_hand = 0, crashes = 0, lookups = 0, busy_since = NULL,"
    " waiting_for = NULL, settled_at = NULL,"
    # A person who retries a message has asked its reader: it may be sent again. A record is looked up first.
    " intent_at = CASE WHEN change_id <> 0 THEN NULL ELSE intent_at END",
    "bell": "due_at = :now, attempts = 0, in_hand = 0, failing_since = NULL",
    "receipt": "attempts = 0",
}
_NOTED: Final[Mapping[What, str]] = {
    "inbox": ", note = :reason",
    "delivery": ", note = :reason",
    "bell": ", error = :reason, error_zh = :reason",
    "receipt": ", reason = :reason, reason_zh = :reason",
}
_CLEAN = "error_class = NULL, error = NULL, error_zh = NULL, error_fields = NULL"


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
    return await _again(conn, "delivery", ids, who, now, act="absent")


async def _again(
    conn: AsyncConnection, what: What, ids: Sequence[int], who: str, now: datetime, act: str = "retry"
) -> list[int]:
    statement = text(
        f"UPDATE {what} SET state = 'due', {_DUE[what]}, {_CLEAN}"
        " WHERE id = ANY(:ids) AND state = ANY(:states) RETURNING id"
    )
    done = await conn.execute(statement, {"ids": list(ids), "states": list(AGAIN[what]), "now": now})
    return await said(conn, who, act, what, sorted(row.id for row in done), {})


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
        f"UPDATE {what} SET state = 'dismissed', owner = NULL{settled}{noted}"
        " WHERE id = ANY(:ids) AND state = ANY(:states) RETURNING id"
    )
    values = {"ids": list(ids), "states": list(OPEN), "reason": reason}
    done = await conn.execute(statement, {**values, "now": now} if settled else values)
    return await said(conn, who, "dismiss", what, sorted(row.id for row in done), {"reason": reason})


async def said(
    conn: AsyncConnection, who: str, act: str, what: str, ids: Sequence[int], detail: Mapping[str, Any]
) -> list[int]:
    """Put on record what was done and wake the engine."""
    if ids:
        await audit.record(conn, who, f"{what}.{act}", ",".join(map(str, ids)), detail)
        wake(conn)
    return list(ids)
