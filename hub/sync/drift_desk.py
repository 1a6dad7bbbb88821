"""What a person does about drifts: compare now, repair, dismiss. All of it is audited."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import Configuration
from hub.db.wake import wake
from hub.sdk.connector import Fetches, Lists, Pulls
from hub.security import audit
from hub.sync.controls import Unknown
from hub.sync.desk import DeskError, Person
from hub.sync.reconcile_turn import make_run

Choice = Literal["accept", "recreate"]
NAMED: Final = 500  # so many numbers stand in one line of the audit


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which drifts: these numbers, or all open ones of a sync, or of one sort in it."""

    ids: Sequence[int] | None = None
    sync: str | None = None
    what: str | None = None

    @property
    def condition(self) -> str:
        asked = {"id = ANY(:ids)": self.ids, "sync = :sync": self.sync, "what = :what": self.what}
        return " AND ".join(["state = 'open'", *(words for words, value in asked.items() if value is not None)])

    @property
    def values(self) -> dict[str, Any]:
        asked = {"ids": self.ids, "sync": self.sync, "what": self.what}
        return {name: value for name, value in asked.items() if value is not None}


async def reconcile_now(conn: AsyncConnection, configuration: Configuration, name: str, by: Person) -> int:
    """Compare both sides of a sync as soon as possible; returns the run. Raises Unknown, DeskError."""
    found = (await conn.execute(text("SELECT mode FROM sync WHERE name = :name FOR UPDATE"), {"name": name})).first()
    if found is None:
        raise Unknown(
            f"there is no sync {name}; `hub sync list` shows all", f"没有同步任务 {name}，可用 hub sync list 查看"
        )
    sync = configuration.syncs.get(name)
    bound = configuration.connections.get(sync.connection) if sync else None
    stream = bound.streams.get(sync.stream) if bound and sync else None
    if sync is None or sync.mapping is None or not (isinstance(stream, Pulls) or _lists(stream)):
        raise DeskError(
            f"{name} cannot be compared: its stream cannot be read as a whole",
            f"同步任务 {name} 无法系统对账：对方的该接口对象不能整体读取",
        )
    if found.mode == "paused":
        raise DeskError(f"{name} is paused: resume it first", f"同步任务 {name} 已暂停：请先恢复")
    run = await make_run(conn, name, by.now)
    await conn.execute(text("UPDATE sync SET reconcile_at = :now WHERE name = :name"), {"name": name, "now": by.now})
    await audit.record(conn, by.name, "reconcile.ask", name, {"run": run})
    wake(conn)
    return run


def _lists(stream: object) -> bool:
    return isinstance(stream, Lists) and isinstance(stream, Fetches)


_REPAIR = """
UPDATE drift SET state = 'repairing', choice = CASE WHEN what = 'missing_there' THEN CAST(:choice AS text) END,
  who = :who, seen_at = :now, look_at = :now, rounds = 0, note = NULL, note_zh = NULL WHERE {chosen} RETURNING id
"""


async def repair(
    conn: AsyncConnection, configuration: Configuration, chosen: Chosen, choice: Choice | None, by: Person
) -> list[int]:
    """Take open drifts in hand; returns which. `choice`: what becomes of records missing there; without one it is as
    their owner and the sync say. Raises DeskError."""
    if choice == "recreate":
        await _demand_creates(conn, configuration, chosen)
    statement = text(_REPAIR.format(chosen=chosen.condition))
    done = await conn.execute(statement, {**chosen.values, "choice": choice, "who": by.name, "now": by.now})
    ids = sorted(row.id for row in done)
    await _said(conn, by, "drift.repair", ids, {"choice": choice})
    return ids


async def _demand_creates(conn: AsyncConnection, configuration: Configuration, chosen: Chosen) -> None:
    statement = f"SELECT DISTINCT sync FROM drift WHERE {chosen.condition} AND what = 'missing_there'"
    for row in await conn.execute(text(statement), chosen.values):
        sync = configuration.syncs.get(row.sync)
        if sync is None or not (sync.writes and sync.spec.push.create and sync.mode == "live"):
            raise DeskError(
                f"{row.sync} creates nothing there: accept the deletes, or let it write, live and with create",
                f"同步任务 {row.sync} 不会在对方新建：请选择接受删除，或将其改为可写入、已上线并允许新建",
            )


_DISMISS = """
UPDATE drift SET state = 'dismissed', who = :who, note = :reason, note_zh = :reason, closed_at = :now WHERE {chosen}
RETURNING id
"""


async def dismiss(conn: AsyncConnection, chosen: Chosen, reason: str, by: Person) -> list[int]:
    """These differences, just as they are, are to stay; returns which. Raises DeskError."""
    if not reason.strip():
        raise DeskError("say why: a dismissal needs a reason", "请填写忽略的原因")
    statement = text(_DISMISS.format(chosen=chosen.condition))
    done = await conn.execute(statement, {**chosen.values, "reason": reason, "who": by.name, "now": by.now})
    ids = sorted(row.id for row in done)
    await _said(conn, by, "drift.dismiss", ids, {"reason": reason})
    return ids


async def _said(conn: AsyncConnection, by: Person, act: str, ids: Sequence[int], detail: dict[str, Any]) -> None:
    for start in range(0, len(ids), NAMED):
        some = ids[start : start + NAMED]
        await audit.record(conn, by.name, act, ",".join(map(str, some)), detail)
    if ids:
        wake(conn)


_STANDING = """
SELECT * FROM (SELECT d.id, sync, d.connection, stream, kind, key, entity_id, what, state, fields, run_id, found_at,
  choice, coalesce(d.owner, c.spec ->> 'owner') AS owner, who, note, note_zh, closed_at
FROM drift d LEFT JOIN connection c ON c.name = d.connection) d
"""


async def standing(
    conn: AsyncConnection, filters: dict[str, Any], *, before: int | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Drifts, newest first; without a state those that are open or under repair."""
    asked = {name: value for name, value in filters.items() if value is not None}
    conditions = [f"{name} = :{name}" for name in asked]
    conditions.append("state IN ('open', 'repairing')" if "state" not in asked else "state <> 'suspect'")
    if before is not None:
        conditions.append("id < :before")
        asked["before"] = before
    statement = f"{_STANDING} WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT :limit"
    return _dicts((await conn.execute(text(statement), {**asked, "limit": limit})).all())


async def one(conn: AsyncConnection, number: int) -> dict[str, Any] | None:
    """One drift."""
    statement = f"{_STANDING} WHERE id = :id AND state <> 'suspect'"
    found = _dicts((await conn.execute(text(statement), {"id": number})).all())
    return found[0] if found else None


def _dicts(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in rows]
