"""What a person does to syncs and connections: mode, run now, backfill, pause, resume. All of it is audited."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db.wake import wake
from hub.security import audit
from hub.sync import schema_drift
from hub.sync.pauses import pause_by_person, resume

SyncAct = Literal["run", "backfill", "observe", "live", "pause"]

MODES: Final[Mapping[str, str]] = {"observe": "observing", "live": "live", "pause": "paused"}
# A backfill reads everything again: no cursor, and nobody gets messages until it is through. The fence takes the turn
# from a pull that is at work.
READ_AGAIN: Final = (
    "UPDATE sync SET next_pull_at = :now, cursor = NULL, backfilled = false, lease_until = NULL, fence = fence + 1"
    " WHERE name = :name"
)
_ACTS: Final[Mapping[str, str]] = {
    "run": "UPDATE sync SET next_pull_at = :now WHERE name = :name",
    "backfill": READ_AGAIN,
    **{act: f"UPDATE sync SET mode = '{mode}', next_pull_at = :now WHERE name = :name" for act, mode in MODES.items()},
}


class Unknown(LookupError):
    """There is no such thing; a sentence in both languages."""

    def __init__(self, sentence: str, zh: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh


async def act_on_sync(conn: AsyncConnection, name: str, act: SyncAct, who: str, now: datetime) -> None:
    """Do one act to one sync and wake the engine; raises Unknown."""
    done = await conn.execute(text(_ACTS[act]), {"name": name, "now": now})
    if not done.rowcount:
        raise Unknown(
            f"there is no sync {name}; `hub sync list` shows all", f"没有同步任务 {name}，可用 hub sync list 查看"
        )
    await audit.record(conn, who, f"sync.{act}", name)
    if act in MODES:
        await conn.execute(text("NOTIFY hub_config"))
    else:
        wake(conn)


async def accept_schema(conn: AsyncConnection, name: str, who: str, now: datetime) -> int:
    """A person takes the records of a sync's stream as they look now; returns how many changes that were told of."""
    found = await conn.execute(text("SELECT connection, stream FROM sync WHERE name = :name"), {"name": name})
    row = found.first()
    if row is None:
        raise Unknown(
            f"there is no sync {name}; `hub sync list` shows all", f"没有同步任务 {name}，可用 hub sync list 查看"
        )
    count = await schema_drift.accept(conn, row.connection, row.stream, who, now)
    await conn.execute(text("UPDATE sync SET next_pull_at = :now WHERE name = :name"), {"name": name, "now": now})
    await audit.record(conn, who, "sync.accept", name, {"changes": count})
    wake(conn)
    return count


async def pause_connection(conn: AsyncConnection, name: str, who: str, now: datetime) -> None:
    await _demand_connection(conn, name)
    await pause_by_person(conn, name, "", who, now)
    await audit.record(conn, who, "connection.pause", name)


async def resume_connection(conn: AsyncConnection, name: str, who: str) -> int:
    """End all pauses of a connection and its streams; returns how many there were."""
    await _demand_connection(conn, name)
    scopes = await conn.execute(text("SELECT stream FROM pause WHERE connection = :name"), {"name": name})
    streams = [row.stream for row in scopes]
    for stream in streams:
        await resume(conn, name, stream)
    await audit.record(conn, who, "connection.resume", name, {"scopes": streams})
    return len(streams)


async def _demand_connection(conn: AsyncConnection, name: str) -> None:
    found = await conn.execute(text("SELECT 1 FROM connection WHERE name = :name"), {"name": name})
    if found.first() is None:
        raise Unknown(
            f"there is no connection {name}; `hub connection list` shows all",
            f"没有连接 {name}，可用 hub connection list 查看",
        )
