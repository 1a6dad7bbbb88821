"""Suspects are looked at again, by key, before anybody is told.

Most of what a reading finds different is only on its way: changed there a moment ago and not pulled yet, written by us
and not shown in a list yet, waiting in the inbox. So a suspect is a drift only if it looks the same a second time, a
minute later, with nothing open about it and nothing moved here since, and after the sync's own pull, begun after the
first look, has had its chance to bring it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.identity import links_by_key
from hub.config.runtime import BoundSync
from hub.sdk.connector import Pulls
from hub.sync import drift
from hub.sync.comparing import compare
from hub.sync.finding import MISSING_THERE, Finding
from hub.sync.reconcile_turn import Turn, end, hold, rest, tell
from hub.sync.standing import There, stand, stream_of

LAG_SECONDS: Final = 60.0  # vendors' lists show late what they took
AGAIN_SECONDS: Final = 10.0
ROUNDS: Final = 30  # looks at one suspect in one run
BATCH: Final = 500

_ROWS = """
SELECT id, key, entity_id, what, state, fields, digest, seen_at, look_at, rounds, note, note_zh FROM drift
WHERE sync = :sync AND ((state = 'suspect' AND look_at <= :now) OR (state = 'open' AND look_at < :since))
ORDER BY id LIMIT :limit
"""
_LEFT = """
SELECT min(look_at) AS next FROM drift WHERE sync = :sync AND state = 'suspect'
"""
_PULL = """
SELECT lease_until > :now AS at_work, failures = 0 AND NOT EXISTS (SELECT 1 FROM run r WHERE r.sync = s.name
  AND r.what IN ('pull', 'backfill') AND r.state = 'running') AS through, last_pull_at, mode
FROM sync s WHERE name = :sync
"""
_NUDGE = """
UPDATE sync SET next_pull_at = least(next_pull_at, CAST(:at AS timestamptz)) WHERE name = :sync
"""


async def look(turn: Turn) -> int:
    """Go through what is to be looked at now; the run ends when nothing is left. Returns how many were looked at."""
    looked = 0
    while True:
        now = turn.engine.now()
        async with turn.engine.db.read() as conn:
            pull = (await conn.execute(text(_PULL), {"sync": turn.sync.name, "now": now})).one()
            rows = await _rows(turn, conn, now) if not _pulling(turn, pull) else []
        if not rows:
            await _rest_or_end(turn, pull)
            return looked
        there = await stand(turn.engine, turn.sync, [row.key for row in rows])
        async with turn.engine.db.begin("reconcile look") as conn:
            await _judge(turn, conn, rows, there, _Look(now, pull.last_pull_at if pull.through else None))
            await tell(turn, conn)
            await hold(turn, conn)
        looked += len(rows)


async def _rows(turn: Turn, conn: AsyncConnection, now: datetime) -> Sequence[Row[Any]]:
    since = datetime.fromisoformat(turn.detail["looking_since"])
    values = {"sync": turn.sync.name, "now": now, "since": since, "limit": BATCH}
    return (await conn.execute(text(_ROWS), values)).all()


def _pulling(turn: Turn, pull: Row[Any]) -> bool:
    """While a pull is at work nobody can say whether it saw what a look sees."""
    return bool(pull.at_work) and _has_pull(turn)


def _has_pull(turn: Turn) -> bool:
    return turn.sync.reads and isinstance(stream_of(turn.engine, turn.sync), Pulls)


async def _rest_or_end(turn: Turn, pull: Row[Any]) -> None:
    async with turn.engine.db.begin("reconcile rest") as conn:
        await hold(turn, conn)
        next_at = (await conn.execute(text(_LEFT), {"sync": turn.sync.name})).scalar_one()
        if next_at is None and not _pulling(turn, pull):
            await end(turn, conn)
            return
        soon = turn.engine.after(AGAIN_SECONDS)
        await rest(turn, conn, soon if next_at is None or _pulling(turn, pull) else max(next_at, turn.engine.now()))
        if _has_pull(turn) and next_at is not None:
            await conn.execute(text(_NUDGE), {"sync": turn.sync.name, "at": next_at})


@dataclass(frozen=True, slots=True)
class _Look:
    """One moment at which records were asked for by key. `pulled`: when the last pull came to its end."""

    at: datetime
    pulled: datetime | None


async def _judge(turn: Turn, conn: AsyncConnection, rows: Sequence[Row[Any]], there: There, at: _Look) -> None:
    engine, sync = turn.engine, turn.sync
    found = await compare(engine, conn, sync, there.records, there.absent)
    told = await drift.settled_by_person(conn, sync, found.values(), digests(sync, there))
    entities = _referred(sync, there)
    asked = [(row.key, row.entity_id or entities.get(row.key), _since(row, at)) for row in rows]
    busy = await drift.under_way(conn, sync, asked)
    gone: list[int] = []
    changed: list[dict[str, Any]] = []
    for row in rows:
        finding = None if row.key in told else found.get(row.key)
        if row.state == "open":
            changed.append(_open(row, finding, at, busy=row.key in busy))
        elif finding is None:
            gone.append(row.id)
        elif row.rounds >= ROUNDS:
            gone.append(row.id)
            turn.detail["undecided"] = turn.detail.get("undecided", 0) + 1
        else:
            changed.append(_suspect(turn, row, finding, at, busy=row.key in busy))
    await _count_left_out(turn, conn, rows, there)
    await drift.forget(conn, gone)
    await drift.change(conn, changed, engine.now())


def _since(row: Row[Any], at: _Look) -> datetime:
    """Since when nothing may have moved about it."""
    seen: datetime | None = row.seen_at if row.state == "suspect" else None
    return seen or at.at


def _open(row: Row[Any], finding: Finding | None, at: _Look, *, busy: bool) -> dict[str, Any]:
    """One that is known already: does it still stand?"""
    if finding is None:
        return drift.as_row(row, state="closed", look_at=at.at, note="both sides agree", note_zh="两侧已一致")
    if busy:
        return drift.as_row(row, look_at=at.at)
    return drift.as_row(row, **_as_found(finding), look_at=at.at)


def _suspect(turn: Turn, row: Row[Any], finding: Finding, at: _Look, *, busy: bool) -> dict[str, Any]:
    lag = timedelta(seconds=turn.engine.settings.scaled(LAG_SECONDS))
    again = {"look_at": turn.engine.after(AGAIN_SECONDS), "rounds": row.rounds + 1}
    if row.seen_at is None or row.digest != finding.digest or busy:
        first = {"seen_at": at.at, "look_at": at.at + lag + timedelta(milliseconds=1)}
        return drift.as_row(row, **_as_found(finding), **{**again, **first})
    settled = row.seen_at + lag
    pulled = not _has_pull(turn) or (at.pulled is not None and at.pulled > settled)
    if at.at < settled or not pulled:
        return drift.as_row(row, **again)
    return drift.as_row(row, **_as_found(finding), state="open", look_at=at.at, rounds=0)


def _as_found(finding: Finding) -> dict[str, Any]:
    return {
        "what": finding.what,
        "fields": finding.told(),
        "digest": finding.digest,
        "entity_id": finding.entity_id,
    }


def digests(sync: BoundSync, there: There) -> Mapping[str, str]:
    """Of the records as they stand there, as the inbox tells records apart."""
    assert sync.mapping is not None
    return {key: sync.mapping.digest_of(record) for key, record in there.records.items()}


def _referred(sync: BoundSync, there: There) -> dict[str, int]:
    """Records that carry our reference: a create of ours whose answer is still out."""
    mapping = sync.mapping
    assert mapping is not None
    path = tuple(mapping.reference_path.split(".")) if mapping.reference_path else ()
    found: dict[str, int] = {}
    for key, record in there.records.items():
        value: Any = record
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        kind, _, number = value.rpartition("-") if path and isinstance(value, str) else ("", "", "")
        if kind == sync.kind and number.isdecimal():
            found[key] = int(number)
    return found


async def _count_left_out(turn: Turn, conn: AsyncConnection, rows: Sequence[Row[Any]], there: There) -> None:
    """A list that leaves out what is there is not to be trusted with the rest."""
    keys = [r.key for r in rows if r.what == MISSING_THERE and r.state == "suspect" and r.seen_at is None]
    keys = [key for key in keys if key in there.records]
    if not keys:
        return
    links = await links_by_key(conn, turn.sync.connection, turn.sync.stream, keys)
    old = [link for link in links.values() if link.updated_at is not None and link.updated_at < turn.started_at]
    turn.detail["left_out"] = turn.detail.get("left_out", 0) + len(old)
