"""Retention: what is settled leaves the tables that the engine works on, is kept by month, and goes when its time is over.

Each batch is one statement: rows are deleted here and inserted there. What is parked or waits stays where it is, and so
does whatever decides if a record is new (`hub.sync.arrive`). Before a month goes, what something open came from is
taken back. Writers of hot tables never wait: no lock is taken on those tables but on the rows that leave."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db.partitions import LOCK_TIMEOUT, Month, Partition, detach, ensure, span, there
from hub.db.session import Database
from hub.db.tables import SETTLED, attempt, inbox, receipt
from hub.settings import RetentionSettings

log = structlog.get_logger(__name__)

BATCH: Final = 2000
LOCK_NOT_AVAILABLE: Final = "55P03"
PACE: Final = 0.1  # seconds between two batches: others go first
PULSE_DAYS: Final = 2
_LOCK: Final = 0x6F3272  # one process at a time

_OPEN: Final = f"state NOT IN ({SETTLED})"
# In two parts, for each has its index.
_OPEN_INBOX: Final = """
    SELECT receipt_id, correlation FROM inbox WHERE state = 'due'
    UNION ALL SELECT receipt_id, correlation FROM inbox WHERE state IN ('parked', 'waiting')
"""
# The changes that open deliveries still have to bring somewhere.
_OWED: Final = f"""
    SELECT c.inbox_id, c.correlation FROM delivery d JOIN change c ON c.entity_id = d.entity_id
      AND (c.id = d.change_id OR d.change_id = 0 AND c.version > d.applied_version)
    WHERE d.{_OPEN}
"""
# The same as `arrive` asks of the last row of a key: it is open, or a person's word on this very record.
_DECIDES: Final = "o.corrects IS NULL AND NOT o.from_link AND (o.state NOT IN ('done', 'superseded') OR o.note IS NOT DISTINCT FROM 'corrected')"


@dataclass(frozen=True, slots=True)
class Rule:
    """How one table is kept small. All SQL is about the row `t`."""

    table: Table
    came: str  # the column in which rows of rising ids rise too
    settled_at: str
    finished: str  # nobody works on it any more and nothing is decided by it
    wanted: str  # something open came from it
    days: str  # the setting

    @property
    def archive(self) -> str:
        return f"{self.table.name}_archive"

    @property
    def columns(self) -> list[str]:
        return [column.name for column in self.table.columns if column.computed is None]


RULES: Final[Sequence[Rule]] = (
    Rule(
        inbox,
        came="received_at",
        settled_at="coalesce(t.settled_at, t.received_at)",
        finished=f"""t.state IN ({SETTLED}) AND (t.key IS NOT NULL OR t.digest = '')
          AND NOT EXISTS (SELECT 1 FROM inbox c WHERE c.corrects = t.id)
          AND (t.corrects IS NOT NULL OR t.from_link OR (
            NOT EXISTS (SELECT 1 FROM inbox o WHERE o.connection = t.connection AND o.stream = t.stream
              AND o.key = t.key AND o.id < t.id AND {_DECIDES})
            AND (t.state = 'done' OR t.state = 'superseded' AND t.note IS DISTINCT FROM 'corrected'
              OR EXISTS (SELECT 1 FROM inbox n WHERE n.connection = t.connection AND n.stream = t.stream
                AND n.key = t.key AND n.id > t.id AND n.corrects IS NULL AND NOT n.from_link))))""",
        wanted=f"t.id IN (SELECT inbox_id FROM ({_OWED}) owed WHERE inbox_id IS NOT NULL)",
        days="inbox_days",
    ),
    Rule(
        receipt,
        came="received_at",
        settled_at="t.received_at",
        finished=f"t.state IN ({SETTLED}) AND coalesce(t.opened_at, t.received_at) < :before",
        wanted=f"""t.id IN (SELECT receipt_id FROM ({_OPEN_INBOX}) opened WHERE receipt_id IS NOT NULL)
          OR 'receipt-' || t.id IN (SELECT correlation FROM ({_OPEN_INBOX}) opened
            UNION ALL SELECT correlation FROM bell WHERE {_OPEN} UNION ALL SELECT correlation FROM ({_OWED}) owed)""",
        days="receipt_days",
    ),
    Rule(
        attempt,
        came="at",
        settled_at="t.at",
        finished="true",
        wanted=f"t.delivery_id IN (SELECT id FROM delivery WHERE {_OPEN})",
        days="attempt_days",
    ),
)

_FORGOTTEN: Final = {
    "event": ("source = 'hook' AND at < :event", "at"),
    "bell": ("state IN ('done', 'dismissed') AND due_at < :inbox", "id"),
    "delivery": (f"change_id <> 0 AND state IN ({SETTLED}) AND settled_at < :attempt", "id"),
    "pulse": ("at < :pulse", "at"),
}
"""Rows that are kept in no archive: their use is over."""


@dataclass(slots=True)
class Tidied:
    """What one round came to: rows by table, months by name."""

    moved: Counter[str] = field(default_factory=Counter)
    pruned: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)  # taken back from a month that went
    dropped: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """For a line of the log."""
        counts = {"moved": self.moved, "pruned": self.pruned, "taken_back": self.kept}
        said = {name: {table: n for table, n in count.items() if n} for name, count in counts.items()}
        return {**{name: count for name, count in said.items() if count}, "months_dropped": self.dropped}

    def __bool__(self) -> bool:
        return any((*self.moved.values(), *self.pruned.values(), self.dropped))


class _Elsewhere(Exception):
    """Another process is at it."""


async def tidy(db: Database, now: datetime, keep: RetentionSettings, *, pace: float = PACE) -> Tidied:
    """One round: move what is settled, give up what is over. Safe to leave at any point and to enter again."""
    done = Tidied()
    before = now - timedelta(hours=keep.hot_hours)
    try:
        for rule in RULES:
            horizon = now - timedelta(days=getattr(keep, rule.days))
            await _make_months(db, rule, horizon, now)
            await _move(db, rule, before, horizon, pace, done)
            await _give_up_months(db, rule, horizon, done)
        await _forget(db, now, keep, pace, done)
    except _Elsewhere:
        log.debug("another process tidies up")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        log.info("somebody reads what is to go: the rest comes in the next round")
    return done


async def _alone(conn: AsyncConnection) -> None:
    await conn.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    if not (await conn.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK})).scalar_one():
        raise _Elsewhere


async def _make_months(db: Database, rule: Rule, horizon: datetime, now: datetime) -> None:
    """From the oldest row that can move to the month after this one."""
    name = rule.table.name
    async with db.begin("months") as conn:
        await _alone(conn)
        first = await conn.execute(text(f"SELECT {rule.came} FROM {name} ORDER BY id LIMIT 1"))
        oldest = max(horizon, min(first.scalar_one_or_none() or now, now))
        await ensure(conn, rule.archive, [*span(oldest, now), Month.of(now).next()])


def _move_statement(rule: Rule) -> str:
    columns = ", ".join(rule.columns)
    given = ", ".join(f"{rule.settled_at} AS {name}" if name == "settled_at" else f"t.{name}" for name in rule.columns)
    name = rule.table.name
    return f"""
        WITH slice AS MATERIALIZED (
            SELECT id, {rule.came} AS came FROM {name} WHERE id > :after ORDER BY id LIMIT :limit
        ), gone AS (
            DELETE FROM {name} t USING slice WHERE t.id = slice.id AND {rule.settled_at} < :before AND {rule.finished}
              AND ({rule.settled_at} >= :horizon OR NOT ({rule.wanted}))
            RETURNING {given}, {rule.settled_at} >= :horizon AS moves
        ), moved AS (
            INSERT INTO {rule.archive} ({columns}) SELECT {columns} FROM gone WHERE moves
        )
        SELECT (SELECT max(id) FROM slice) AS last, (SELECT min(came) FROM slice) AS oldest,
          count(*) FILTER (WHERE moves) AS moved, count(*) FILTER (WHERE NOT moves) AS pruned FROM gone
    """


async def _move(db: Database, rule: Rule, before: datetime, horizon: datetime, pace: float, done: Tidied) -> None:
    """Through the table in slices by id, up to where everything is too young."""
    statement, name, after = text(_move_statement(rule)), rule.table.name, 0
    while True:
        values = {"after": after, "limit": BATCH, "before": before, "horizon": horizon}
        async with db.begin("archive") as conn:
            await _alone(conn)
            row = (await conn.execute(statement, values)).one()
        done.moved[name] += row.moved
        done.pruned[name] += row.pruned
        if row.last is None or row.oldest >= before:
            return
        after = row.last
        await asyncio.sleep(pace)


async def _give_up_months(db: Database, rule: Rule, horizon: datetime, done: Tidied) -> None:
    async with db.read() as conn:
        over = [month for month in await there(conn, rule.archive) if month.month.end() <= horizon]
    for partition in over:
        await detach(db, rule.archive, partition)
        await _drop(db, rule, partition, done)


async def _drop(db: Database, rule: Rule, partition: Partition, done: Tidied) -> None:
    """Take back what something open came from, then drop the rest, in one transaction."""
    columns = ", ".join(column.name for column in rule.table.columns if column.computed is None)
    async with db.begin("drop month") as conn:
        await _alone(conn)
        kept = await conn.execute(
            text(
                f"INSERT INTO {rule.table.name} ({columns}) SELECT {columns} FROM {partition.table} t WHERE {rule.wanted}"
            )
        )
        await conn.execute(text(f"DROP TABLE {partition.table}"))
    done.kept[rule.table.name] += kept.rowcount
    done.dropped.append(partition.table)


async def _forget(db: Database, now: datetime, keep: RetentionSettings, pace: float, done: Tidied) -> None:
    horizons = {
        "event": now - timedelta(days=keep.event_days),
        "inbox": now - timedelta(days=keep.inbox_days),
        "attempt": now - timedelta(days=keep.attempt_days),
        "pulse": now - timedelta(days=PULSE_DAYS),
    }
    for table, (condition, order) in _FORGOTTEN.items():
        values = {name: moment for name, moment in horizons.items() if f":{name}" in condition}
        statement = text(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {condition}"
            f" ORDER BY {order} LIMIT {BATCH} FOR UPDATE SKIP LOCKED))"
        )
        gone = BATCH
        while gone == BATCH:
            async with db.begin("forget") as conn:
                await _alone(conn)
                gone = (await conn.execute(statement, values)).rowcount
            done.pruned[table] += gone
            await asyncio.sleep(pace if gone == BATCH else 0)
