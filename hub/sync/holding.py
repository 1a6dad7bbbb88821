"""Runs that would do far more than is usual for their sync are held: what they would do is written down, and a person
lets them go on or not. The same for whatever kind of run it is."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.force import REMAP
from hub.config.runtime import BoundSync
from hub.db.wake import wake
from hub.sdk import jsontext
from hub.security import audit
from hub.settings import HoldingSettings
from hub.sync import deletes
from hub.sync.batch import REMAPPED
from hub.sync.controls import Unknown
from hub.sync.desk import DeskError
from hub.sync.engine import Engine

EXAMPLES: Final = 20
EXAMPLES_PER_FIELD: Final = 3
HELD: Final = "held"


@dataclass(slots=True)
class Tally:
    """What a run would do: entities it would change (by field, with examples), records it would write at its own
    target, pushes to anybody that may follow, records it could not read, and those that wait for a parent."""

    changes: int = 0
    rewrites: int = 0
    pushes: int = 0
    unreadable: int = 0
    waiting: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "Tally":
        names = ("changes", "rewrites", "pushes", "unreadable", "waiting")
        numbers = {name: int(kept.get(name, 0)) for name in names}
        fields = Counter({name: int(count) for name, count in kept.get("fields", {}).items()})
        return cls(**numbers, fields=fields, examples=list(kept.get("examples", ())))

    def kept(self) -> dict[str, Any]:
        """As a run keeps it."""
        return {
            "changes": self.changes,
            "rewrites": self.rewrites,
            "pushes": self.pushes,
            "unreadable": self.unreadable,
            "waiting": self.waiting,
            "fields": dict(self.fields.most_common()),
            "examples": self.examples,
        }

    def example(self, name: str, **told: Any) -> None:
        """One more example of a field (or of an error), unless there are enough."""
        same = sum(1 for each in self.examples if each["field"] == name)
        if len(self.examples) < EXAMPLES and same < EXAMPLES_PER_FIELD:
            self.examples.append({"field": name, **told})


_CHANGES = """
SELECT count(*) AS n, min(at) AS first FROM change WHERE at >= :since AND connection = :connection AND stream = :stream
  AND fields IS NOT NULL AND reason IS DISTINCT FROM :reason
"""
_PUSHES = """
SELECT count(*) AS n, min(settled_at) AS first FROM delivery WHERE sync = :sync AND change_id = 0 AND state = 'done'
  AND settled_at >= :since
"""


@dataclass(frozen=True, slots=True)
class Usual:
    """A day of a sync, as the last weeks had it: entities it changed, records it wrote."""

    changes: float
    pushes: float


async def usual(conn: AsyncConnection, sync: BoundSync, holding: HoldingSettings, now: datetime) -> Usual:
    """What a re-mapping did is not usual, and neither is what was created: a first reading creates everything."""
    since = now - timedelta(days=holding.days)
    place = {"connection": sync.connection, "stream": sync.stream, "reason": REMAPPED}
    changes = (await conn.execute(text(_CHANGES), {**place, "since": since})).one()
    pushes = (await conn.execute(text(_PUSHES), {"sync": sync.name, "since": since})).one()
    return Usual(_mean(changes.n, changes.first, now), _mean(pushes.n, pushes.first, now))


def _mean(count: int, first: datetime | None, now: datetime) -> float:
    """Per day, since the first one: a sync that is young is not taken for a quiet one."""
    days = (now - first) / timedelta(days=1) if first else 1.0
    return count / max(days, 1.0)


def far_more(count: int, mean: float, holding: HoldingSettings) -> bool:
    """Is this far more than usual?"""
    return count > holding.records and count > holding.times * mean


def too_much(tally: Tally, mean: Usual, holding: HoldingSettings) -> bool:
    """Would a run change or write far more than its sync usually does?"""
    return far_more(tally.changes, mean.changes, holding) or far_more(tally.rewrites, mean.pushes, holding)


_HOLD = """
UPDATE run SET state = 'held', owner = :owner, note = :note, note_zh = :zh,
  detail = detail || CAST(:detail AS jsonb) WHERE id = :id
"""


async def hold(engine: Engine, conn: AsyncConnection, sync: BoundSync, run: int, tally: Tally, mean: Usual) -> None:
    """Keep a run back until a person lets it go on: what it would do, and whose turn it is."""
    bound = engine.configuration.connections.get(sync.connection)
    said = ", ".join(f"{name} {count}" for name, count in tally.fields.most_common(5)) or "-"
    usually = f"{mean.changes:.1f}"
    note = (
        f"it would change {tally.changes} ({said}) and write {tally.pushes} records; usual are {usually} changes a day:"
        f" look at `hub run show {run}`, then `hub run confirm {run}` or `hub run dismiss {run} --reason …`"
    )
    zh = (
        f"将变更 {tally.changes} 个业务对象（{said}），并可能写出 {tally.pushes} 条记录；平时每天约 {usually} 次变更："
        f"请查看 hub run show {run}，再 hub run confirm {run} 放行，或 hub run dismiss {run} 忽略"
    )
    detail = jsontext.dumps({**tally.kept(), "usual": usually}).decode()
    values = {"id": run, "owner": bound.spec.owner if bound else None, "note": note, "zh": zh, "detail": detail}
    await conn.execute(text(_HOLD), values)


_CONFIRM = """
UPDATE run SET state = 'running', cursor = CASE WHEN state = 'held' THEN NULL ELSE cursor END, note = NULL,
  note_zh = NULL, owner = NULL, error = NULL, error_zh = NULL, ended_at = NULL,
  detail = detail || CAST(:confirmed AS jsonb) WHERE id = :id
"""
_DISMISS = """
UPDATE run SET state = 'dismissed', ended_at = :now, note = :reason, note_zh = :reason, owner = NULL WHERE id = :id
"""


async def confirm(conn: AsyncConnection, number: int, who: str, now: datetime) -> None:
    """Let a held run go on, or one that failed go on where it stopped. Raises Unknown, DeskError."""
    what = await _demand(conn, number)
    confirmed = jsontext.dumps({"confirmed_by": who, "confirmed_at": now.isoformat()}).decode()
    await conn.execute(text(_CONFIRM), {"id": number, "confirmed": confirmed})
    if what != REMAP:
        await deletes.confirmed(conn, number, now)
    await audit.record(conn, who, "run.confirm", str(number))
    wake(conn)


async def dismiss(conn: AsyncConnection, number: int, reason: str, who: str, now: datetime) -> None:
    """A held run is not to be: what it would have changed stays as it is. Raises Unknown, DeskError."""
    if not reason.strip():
        raise DeskError("say why: a dismissal needs a reason", "请填写忽略的原因")
    what = await _demand(conn, number)
    if what != REMAP:
        await deletes.dismissed(conn, number, reason, now)
    await conn.execute(text(_DISMISS), {"id": number, "reason": reason, "now": now})
    await audit.record(conn, who, "run.dismiss", str(number), {"reason": reason})


async def _demand(conn: AsyncConnection, number: int) -> str:
    """What the run does, when it is there and waits for a person."""
    found = await conn.execute(text("SELECT state, what FROM run WHERE id = :id FOR UPDATE"), {"id": number})
    row = found.one_or_none()
    if row is None:
        raise Unknown(
            f"there is no run {number}; `hub run list` shows all", f"没有执行 {number}，可用 hub run list 查看"
        )
    if row.state != HELD and (row.state, row.what) != ("failed", REMAP):
        raise DeskError(
            f"run {number} is {row.state}: it waits for nobody", f"执行 {number} 的状态是 {row.state}，无需放行"
        )
    return str(row.what)
