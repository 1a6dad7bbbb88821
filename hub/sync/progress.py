"""The run of a pull: one row that tells how far it is, kept in the transaction of each page, continued after a kill,
an outage or a rest."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.sdk.records import Doubt
from hub.sync.arrive import Stored


@dataclass(slots=True)
class Progress:
    """`run_id` is there once there is something to tell: a pull that found nothing new leaves its mark on the sync, not
    a row for each minute of the year. `read`: in this turn; the others since the run began."""

    sync: str
    what: str
    started_at: datetime
    run_id: int | None = None
    turn_read: int = 0
    read: int = 0
    stored: int = 0
    unchanged: int = 0
    pages: int = 0
    gone: int = 0
    total: int | None = None
    number: int | None = None  # taken for the run, whether or not it comes to a row

    def count(self, part: Stored, total: int | None) -> None:
        self.turn_read += part.read
        self.read += part.read
        self.stored += part.stored
        self.unchanged += part.unchanged
        self.pages += 1
        self.total = total if total is not None else self.total


_UNFINISHED = """
SELECT id, what, started_at, read, stored, unchanged, pages, gone, total FROM run
WHERE sync = :sync AND what IN ('pull', 'backfill') AND state = 'running' ORDER BY id DESC LIMIT 1
"""


async def begin(conn: AsyncConnection, sync: str, what: str, now: datetime, *, anew: bool) -> Progress:
    """A run that was cut off goes on; `anew`: reading begins at the start, so an old one has come to its end."""
    row = (await conn.execute(text(_UNFINISHED), {"sync": sync})).first()
    if row is None:
        return Progress(sync, what, now)
    if anew:
        await conn.execute(
            text(
                "UPDATE run SET state = 'failed', ended_at = :now, error = 'it was begun anew', error_zh = '已从头重新开始'"
                " WHERE id = :run"
            ),
            {"run": row.id, "now": now},
        )
        return Progress(sync, what, now)
    return Progress(
        sync, row.what, row.started_at, row.id, 0, row.read, row.stored, row.unchanged, row.pages, row.gone, row.total
    )


async def number(conn: AsyncConnection, progress: Progress) -> int:
    """The run's number, which its records carry, before anybody knows whether it has any."""
    if progress.run_id is not None:
        return progress.run_id
    if progress.number is None:
        taken = await conn.execute(text("SELECT nextval(pg_get_serial_sequence('run', 'id'))"))
        progress.number = int(taken.scalar_one())
    return progress.number


async def make(conn: AsyncConnection, progress: Progress) -> int:
    """The run's row, made when the first thing is to be said about it."""
    if progress.run_id is None:
        progress.run_id = await number(conn, progress)
        await conn.execute(
            text(
                "INSERT INTO run (id, sync, what, state, started_at, updated_at)"
                " VALUES (:id, :sync, :what, 'running', :at, :at)"
            ),
            {"id": progress.run_id, "sync": progress.sync, "what": progress.what, "at": progress.started_at},
        )
    return progress.run_id


_TELL = """
UPDATE run SET read = :read, stored = :stored, unchanged = :unchanged, pages = :pages, gone = :gone, total = :total,
  cursor = :cursor, updated_at = :now, error = NULL, error_zh = NULL WHERE id = :run
"""


async def tell(conn: AsyncConnection, progress: Progress, cursor: str | None, now: datetime) -> None:
    """How far it is now."""
    if progress.run_id is not None:
        await conn.execute(text(_TELL), {**_figures(progress), "cursor": cursor, "now": now})


_CLOSE = """
UPDATE run SET state = CASE WHEN state = 'held' THEN 'held' ELSE :state END, ended_at = :ended, read = :read,
  stored = :stored, unchanged = :unchanged, pages = :pages, gone = :gone, total = :total, cursor = :cursor,
  updated_at = :now, error = :error, error_zh = :zh WHERE id = :run
"""


async def close(
    conn: AsyncConnection, progress: Progress, state: str, why: Doubt | None, cursor: str | None, now: datetime
) -> None:
    """How it ended; `running`: it goes on later."""
    if progress.run_id is None:
        return
    said = {"error": why and why.sentence, "zh": why and why.zh, "cursor": cursor, "now": now, "state": state}
    ended = None if state == "running" else now
    await conn.execute(text(_CLOSE), {**_figures(progress), **said, "ended": ended})


def _figures(progress: Progress) -> dict[str, Any]:
    return {
        "run": progress.run_id,
        "read": progress.read,
        "stored": progress.stored,
        "unchanged": progress.unchanged,
        "pages": progress.pages,
        "gone": progress.gone,
        "total": progress.total,
    }
