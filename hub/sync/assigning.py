"""Whose turn it is, by a person's word: a group of failed work with what joins it later, single parked rows, drifts.
Who is assigned gets one message, by the same way as everything else that owners are told (`hub.sync.notices`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.channels import person_channel
from hub.config.runtime import Configuration
from hub.db import bulk
from hub.db.tables import SETTLED
from hub.db.tables import notice as notice_table
from hub.security import audit
from hub.settings import NoticeSettings
from hub.sync import groups
from hub.sync.desk import DeskError, Person
from hub.sync.views import Row, rows

What = Literal["inbox", "delivery", "bell", "receipt", "drift"]
TABLES: Final[Sequence[What]] = ("inbox", "delivery", "bell", "receipt", "drift")
ASSIGNED: Final = "assigned"
"""A notice of this sort is told once and is closed with that: nothing recovers."""


@dataclass(frozen=True, slots=True)
class Word:
    """What is said of something: whose turn it is (empty: the connection's owner again), a note. None: as it was."""

    owner: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Office:
    """Who assigns, when, and by what configuration people are told."""

    by: Person
    configuration: Configuration
    notices: NoticeSettings

    def ways(self, owner: str) -> Sequence[str]:
        """Where this person is told. Who takes something on knows it already."""
        return () if owner == self.by.name else ways_to(self.configuration, self.notices, owner)


@dataclass(frozen=True, slots=True)
class Assigned:
    """What was assigned, and by which ways its owner is told: the first that works; none: nobody is told."""

    done: Sequence[int | str]
    told: Sequence[str] = ()


def ways_to(configuration: Configuration, notices: NoticeSettings, person: str | None) -> Sequence[str]:
    """As a connection of that person says, as the name itself says (a mail address, `team/app_message:zhang`), else the
    fallback."""
    connections = sorted(configuration.connections.items())
    own = (bound.spec.notify for _, bound in connections if person and bound.spec.owner == person)
    named = (person,) if person and person_channel(person) else ()
    return next(filter(None, own), named or notices.fallback)


_GROUP = """
INSERT INTO assignment (cause, owner, note, who, at) VALUES (:group, :owner, :note, :who, :now)
ON CONFLICT (cause) DO UPDATE SET owner = CASE WHEN :names THEN excluded.owner ELSE assignment.owner END,
  note = coalesce(excluded.note, assignment.note), who = excluded.who, at = excluded.at
"""
_BEFORE = "SELECT owner FROM assignment WHERE cause = :group FOR UPDATE"


async def assign_group(conn: AsyncConnection, group: str, word: Word, office: Office) -> Assigned:
    """It is on record; every row that joins the group later is covered. Raises DeskError."""
    _demand_word(word)
    found = await groups.groups(conn, only=group)
    if not found:
        raise DeskError(
            f"there is no group {group} now: `hub failed` shows all", f"当前没有分组 {group}，可用 hub failed 查看"
        )
    before = (await conn.execute(text(_BEFORE), {"group": group})).scalar_one_or_none()
    values = {"group": group, "owner": word.owner or None, "note": word.note, "names": word.owner is not None}
    await conn.execute(text(_GROUP), {**values, "who": office.by.name, "now": office.by.now})
    await _on_record(conn, "failed.assign", group, word, office)
    subject = {**found[0], "subject": group, "since": found[0]["oldest"], "place": f"failed?group={group}"}
    return Assigned([group], await _tell(conn, [subject] if word.owner != before else [], word, office))


_PARKED = """
SELECT id, connection, owner, error, error_zh, {since} AS since, cause FROM {table}
WHERE id = ANY(:ids) AND state = 'parked' ORDER BY id FOR UPDATE
"""
_DRIFTS = """
SELECT id, connection, owner, what || ' ' || key AS error, NULL AS error_zh, found_at AS since, NULL AS cause FROM drift
WHERE id = ANY(:ids) AND state IN ('open', 'repairing') ORDER BY id FOR UPDATE
"""
_ASSIGN = "UPDATE {table} SET owner = :owner WHERE id = ANY(:ids)"


async def assign_rows(conn: AsyncConnection, what: What, ids: Sequence[int], word: Word, office: Office) -> Assigned:
    """Single rows, whatever their group says; those that are not parked (a drift: not open) are left alone."""
    _demand_word(word)
    since = {source.table: source.since for source in groups.SOURCES}
    question = _DRIFTS if what == "drift" else _PARKED.format(table=what, since=since[what])
    found = await rows(conn, question, {"ids": list(ids)})
    done = [row["id"] for row in found]
    if word.owner is not None:
        await conn.execute(text(_ASSIGN.format(table=what)), {"owner": word.owner or None, "ids": done})
    for row in found:
        named = (f"{what}.assign", str(row["id"])) if what == "drift" else ("failed.assign", f"{what} {row['id']}")
        await _on_record(conn, *named, word, office, group=row["cause"])
    fresh = [_subject(what, row, word) for row in found if row["owner"] != word.owner]
    return Assigned(done, await _tell(conn, fresh, word, office))


def _demand_word(word: Word) -> None:
    if word.owner is None and word.note is None:
        raise DeskError("say who, or write a note", "请填写负责人或备注")


async def _on_record(
    conn: AsyncConnection, act: str, what: str, word: Word, office: Office, group: str | None = None
) -> None:
    detail = {"owner": word.owner, "note": word.note, **({"group": group} if group else {})}
    await audit.record(conn, office.by.name, act, what, detail)


def _subject(what: What, row: Row, word: Word) -> Row:
    place = f"drifts/{row['id']}" if what == "drift" else f"failed?owner={quote(word.owner or '')}"
    return {**row, "subject": f"{what} {row['id']}", "place": place, "count": 1}


_UNSAID = "DELETE FROM notice WHERE what = :what AND subject = ANY(:subjects) AND phase = 'seen' AND intent_at IS NULL"


async def _tell(conn: AsyncConnection, subjects: Sequence[Row], word: Word, office: Office) -> Sequence[str]:
    """Note that the new owner is to be told; who was to be told before and was not yet, is not told any more."""
    if word.owner is None or not subjects:
        return ()
    named = [subject["subject"] for subject in subjects]
    await conn.execute(text(_UNSAID), {"what": ASSIGNED, "subjects": named})
    ways = office.ways(word.owner) if word.owner else ()
    if ways:
        await bulk.insert(conn, notice_table, [_notice(subject, word, office, ways) for subject in subjects])
    return ways


def _notice(subject: Row, word: Word, office: Office, ways: Sequence[str]) -> dict[str, Any]:
    by, error = office.by.name, _first_line(subject["error"])
    zh = _first_line(subject["error_zh"] or subject["error"])
    return {
        "subject": subject["subject"],
        "what": ASSIGNED,
        "owner": word.owner,
        "channels": list(ways),
        "size": subject["count"],
        "cause": f"By {by}{f' ({word.note})' if word.note else ''}: {error}",
        "cause_zh": f"由 {by} 指派{f'（{word.note}）' if word.note else ''}：{zh}",
        "place": subject["place"],
        "since": subject["since"] or office.by.now,
        "phase": "seen",
        "seen_at": office.by.now,
    }


def _first_line(sentence: str | None) -> str:
    return (sentence or "-").splitlines()[0]


_PENDING = "SELECT id, subject FROM notice WHERE what = :what AND phase = 'seen' AND intent_at IS NULL FOR UPDATE"
_STANDING = "SELECT '{table} ' || id AS subject FROM {table} WHERE id = ANY(:ids) AND state NOT IN ({settled})"
_CLOSED: Final[Mapping[str, str]] = {"drift": "'closed', 'dismissed'"}


async def withdraw(conn: AsyncConnection) -> None:
    """Nobody is told of what was settled before it was told."""
    pending = {row["subject"]: row["id"] for row in await rows(conn, _PENDING, {"what": ASSIGNED})}
    if not pending:
        return
    standing = {subject for subject in pending if " " not in subject and await groups.failed(conn, group=subject)}
    for table in TABLES:
        ids = [int(subject.split()[1]) for subject in pending if subject.startswith(f"{table} ")]
        statement = _STANDING.format(table=table, settled=_CLOSED.get(table, SETTLED))
        standing |= {row["subject"] for row in await rows(conn, statement, {"ids": ids})}
    gone = [number for subject, number in pending.items() if subject not in standing]
    await conn.execute(text("DELETE FROM notice WHERE id = ANY(:ids)"), {"ids": gone})
