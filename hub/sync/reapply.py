"""A window of time read again: the records that came in then go through today's mapping, oldest first.

Only the newest record of a key counts, and only if nothing newer came after the window; what comes of it is told to
nobody. Reading the same window twice changes nothing the second time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync
from hub.db import bulk as database
from hub.db.tables import inbox
from hub.db.wake import wake
from hub.mapping import RecordError
from hub.sdk import jsontext
from hub.security import audit
from hub.sync.controls import Unknown
from hub.sync.corrections import KEPT
from hub.sync.desk import DeskError, Person
from hub.sync.engine import Engine
from hub.sync.pull import BACK_PRESSURE, waiting_records

REAPPLY: Final = "reapply"
PAGE: Final = 500

_THERE = """
SELECT id, connection, stream, key, record, digest, received_at, receipt_id, correlation, state, deleted, from_link
FROM {table} WHERE connection = :connection AND stream = :stream AND received_at >= :since AND received_at < :until
  AND key IS NOT NULL AND NOT from_link
"""
_WINDOW: Final = " UNION ALL ".join(_THERE.format(table=table) for table in ("inbox", "inbox_archive"))
_EXTENT: Final = f"SELECT count(*) AS n, coalesce(max(id), 0) AS last FROM ({_WINDOW}) came"
# The newest row of the same key, wherever it is, but for what is only a link read again.
_NEWER = """
SELECT 1 FROM {table} n WHERE n.connection = came.connection AND n.stream = came.stream AND n.key = came.key
  AND n.id > came.id AND NOT n.from_link
"""
_PAGE: Final = f"""
SELECT *, NOT deleted AND state IN ('done', 'superseded', 'parked') AND NOT EXISTS ({_NEWER.format(table="inbox")})
  AND NOT EXISTS ({_NEWER.format(table="inbox_archive")}) AS counts
FROM ({_WINDOW}) came WHERE id > :cursor AND id <= :upto ORDER BY id LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Window:
    """From, and up to but without."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Came:
    """What one page came to: rows read, stored once more, and left because something newer or a person's word stands."""

    cursor: int
    read: int = 0
    stored: int = 0
    left: int = 0
    ended: bool = False


_START = """
INSERT INTO run (sync, what, state, started_at, updated_at, cursor, total, detail)
VALUES (:sync, 'reapply', 'running', :now, :now, '0', :total, CAST(:detail AS jsonb)) RETURNING id
"""
_SAME = """
SELECT id FROM run WHERE what = 'reapply' AND state = 'running' AND sync = :sync AND detail -> 'asked' = CAST(:asked AS jsonb)
"""


async def start(conn: AsyncConnection, sync: str, window: Window, by: Person) -> int:
    """Begin a run for the records of this sync's stream; returns its number. Raises Unknown, DeskError."""
    if window.since >= window.until:
        raise DeskError("the window ends before it begins", "时间窗口的结束早于开始")
    found = (await conn.execute(text("SELECT connection, stream FROM sync WHERE name = :name"), {"name": sync})).first()
    if found is None:
        raise Unknown(
            f"there is no sync {sync}; `hub sync list` shows all", f"没有同步任务 {sync}，可用 hub sync list 查看"
        )
    asked = {"sync": sync, "since": window.since.isoformat(), "until": window.until.isoformat()}
    plain = jsontext.dumps(asked).decode()
    same = (await conn.execute(text(_SAME), {"sync": sync, "asked": plain})).scalar()
    if same is not None:
        return int(same)
    values = {"connection": found.connection, "stream": found.stream, "since": window.since, "until": window.until}
    size = (await conn.execute(text(_EXTENT), values)).one()
    detail = jsontext.dumps({"asked": asked, "who": by.name, "upto": size.last, "skipped": 0}).decode()
    begun = {"sync": sync, "now": by.now, "total": size.n, "detail": detail}
    made = int((await conn.execute(text(_START), begun)).scalar_one())
    await audit.record(conn, by.name, "failed.reapply", f"run {made}", {**asked, "rows": size.n})
    wake(conn)
    return made


async def page(engine: Engine, conn: AsyncConnection, run: Row[Any]) -> Came:
    """The next rows of the window; none while too many wait for apply."""
    sync, cursor = engine.configuration.syncs.get(run.sync), int(run.cursor)
    if sync is None or sync.mapping is None or not sync.reads:
        raise DeskError(f"{run.sync} reads nothing by a mapping any more", f"{run.sync} 已不再按映射读取记录")
    if await waiting_records(conn, sync) >= BACK_PRESSURE:
        return Came(cursor)
    asked = run.detail["asked"]
    found = await conn.execute(
        text(_PAGE),
        {
            "connection": sync.connection,
            "stream": sync.stream,
            "since": datetime.fromisoformat(asked["since"]),
            "until": datetime.fromisoformat(asked["until"]),
            "cursor": cursor,
            "upto": run.detail["upto"],
            "limit": PAGE,
        },
    )
    rows = found.mappings().all()
    fresh = [_again(sync, dict(row), run.id, engine.now()) for row in rows if row["counts"]]
    await database.insert(conn, inbox, fresh)
    last = rows[-1]["id"] if rows else cursor
    return Came(last, len(rows), len(fresh), len(rows) - len(fresh), len(rows) < PAGE)


def _again(sync: BoundSync, row: dict[str, Any], run: int, now: datetime) -> dict[str, Any]:
    """As it came, when it came, by today's mapping; one that cannot be read is apply's to say."""
    fresh: dict[str, Any] = {name: row[name] for name in KEPT if name in row}
    assert sync.mapping is not None
    try:
        fresh |= {"key": sync.mapping.key_of(row["record"]), "digest": sync.mapping.digest_of(row["record"])}
    except RecordError:
        fresh |= {"key": row["key"], "digest": row["digest"]}
    return {**fresh, "run_id": run, "received_at": row["received_at"], "live": False, "state": "due", "due_at": now}
