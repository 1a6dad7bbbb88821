"""A run of reconciliation: its lease, how far it is, when the next one is, how it ends."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync
from hub.sdk import jsontext
from hub.sdk.connector import Stream
from hub.sdk.records import Doubt
from hub.sync.engine import Engine
from hub.sync.standing import stream_of

KEPT: Final = timedelta(days=90)  # closed drifts


class LeaseLost(Exception):
    """Another process took this run over; what this one read after that is thrown away."""


@dataclass(slots=True)
class Turn:
    """One run that this process holds the lease of. `detail`: phase (read, look), total, doubt, failures, undecided,
    left_out, looking_since."""

    engine: Engine
    sync: BoundSync
    run: int
    fence: int
    started_at: datetime
    cursor: str | None
    detail: dict[str, Any] = field(default_factory=dict)
    pages: int = 0

    @property
    def stream(self) -> Stream:
        return stream_of(self.engine, self.sync)


def next_time(name: str, every: timedelta, now: datetime) -> datetime:
    """The sync's own moment within each interval: always the same one, and not everybody's."""
    span = every.total_seconds()
    share = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
    slots = (now.timestamp() - share * span) // span + 1
    at = datetime.fromtimestamp((slots + share) * span, UTC)
    return at if at - now > timedelta(seconds=1) else at + every  # asked at that very moment


UNDER_WAY = """
SELECT id, started_at, cursor, pages, detail FROM run WHERE sync = :sync AND what = 'reconcile' AND state = 'running'
ORDER BY id LIMIT 1
"""
_MAKE = """
INSERT INTO run (sync, what, state, started_at, updated_at, detail) VALUES (:sync, 'reconcile', 'running', :now, :now,
  '{"phase": "read"}') RETURNING id
"""


async def make_run(conn: AsyncConnection, sync: str, now: datetime) -> int:
    """The run under way, or a new one."""
    row = (await conn.execute(text(UNDER_WAY), {"sync": sync})).first()
    if row is not None:
        return int(row.id)
    return int((await conn.execute(text(_MAKE), {"sync": sync, "now": now})).scalar_one())


async def hold(turn: Turn, conn: AsyncConnection) -> None:
    """Keep the lease in the transaction that keeps the work; raises LeaseLost."""
    lease = turn.engine.after(turn.engine.settings.lease_seconds)
    values = {"lease": lease, "name": turn.sync.name, "fence": turn.fence}
    held = await conn.execute(
        text("UPDATE sync SET reconcile_lease = :lease WHERE name = :name AND reconcile_fence = :fence"), values
    )
    if held.rowcount != 1:
        raise LeaseLost(turn.sync.name)


async def rest(turn: Turn, conn: AsyncConnection, until: datetime) -> None:
    """It goes on later."""
    await conn.execute(
        text(
            "UPDATE sync SET reconcile_lease = NULL, reconcile_at = :at WHERE name = :name AND reconcile_fence = :fence"
        ),
        {"at": until, "name": turn.sync.name, "fence": turn.fence},
    )


_TELL = """
UPDATE run SET cursor = :cursor, pages = :pages, total = :total, detail = CAST(:detail AS jsonb), updated_at = :now,
  read = (SELECT count(*) FROM reconcile_seen WHERE run_id = :run), error = NULL, error_zh = NULL WHERE id = :run
"""


async def tell(turn: Turn, conn: AsyncConnection) -> None:
    """How far it is now."""
    values = {
        "cursor": turn.cursor,
        "pages": turn.pages,
        "total": turn.detail.get("total"),
        "detail": jsontext.dumps(turn.detail).decode(),
        "now": turn.engine.now(),
        "run": turn.run,
    }
    await conn.execute(text(_TELL), values)


# --- the end -------------------------------------------------------------------------------------------------------

_CLOSE = """
UPDATE run SET state = :state, ended_at = :now, updated_at = :now, done = read, changed = :drifts, note = :note,
  note_zh = :zh, detail = CAST(:detail AS jsonb) WHERE id = :run
"""
_END = """
UPDATE sync SET reconcile_lease = NULL, reconcile_at = :next, reconcile_doubt = :note, reconcile_doubt_zh = :zh,
  reconciled_at = CASE WHEN :complete THEN CAST(:now AS timestamptz) ELSE reconciled_at END
WHERE name = :name AND reconcile_fence = :fence
"""
_COUNTS = "SELECT what, count(*) AS n FROM drift WHERE sync = :sync AND state IN ('open', 'repairing') GROUP BY what"


async def end(turn: Turn, conn: AsyncConnection) -> None:
    """Everything is read and looked at."""
    now, sync = turn.engine.now(), turn.sync
    counts = {row.what: row.n for row in await conn.execute(text(_COUNTS), {"sync": sync.name})}
    turn.detail |= {"phase": "done", "drifts": counts}
    doubt = _remaining_doubt(turn.detail)
    said = {"note": doubt and doubt.sentence, "zh": doubt and doubt.zh, "now": now}
    run = {"run": turn.run, "drifts": sum(counts.values()), "detail": jsontext.dumps(turn.detail).decode()}
    await conn.execute(text(_CLOSE), {**said, **run, "state": "unverified" if doubt else "done"})
    every = sync.spec.reconcile
    at = {"next": next_time(sync.name, every, now) if every else None, "complete": doubt is None}
    await conn.execute(text(_END), {**said, **at, "name": sync.name, "fence": turn.fence})
    await conn.execute(text("DELETE FROM reconcile_seen WHERE run_id = :run"), {"run": turn.run})
    await conn.execute(
        text("DELETE FROM drift WHERE sync = :sync AND state = 'closed' AND closed_at < :before"),
        {"sync": sync.name, "before": now - KEPT},
    )


def _remaining_doubt(detail: Mapping[str, Any]) -> Doubt | None:
    if detail.get("doubt"):
        return Doubt(*detail["doubt"])
    if detail.get("left_out"):
        count = detail["left_out"]
        return Doubt(
            f"the list left out {count} records that are there: look there for a page that fails",
            f"列表漏掉了 {count} 条仍然存在的记录：请检查来源的列表是否有页面出错",
        )
    if detail.get("undecided"):
        count = detail["undecided"]
        return Doubt(
            f"{count} records kept changing while they were compared: they are compared again next time",
            f"有 {count} 条记录在核对期间一直在变化：下次再核对",
        )
    return None
