"""One act for many rows of failed work, as a run: in batches, each one transaction, so that it can be stopped, and goes
on where it stood when the process was killed. What it is about stands in the run's row."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db.session import is_passing
from hub.db.wake import wake
from hub.sdk import jsontext
from hub.security import audit
from hub.sync import desk, reapply
from hub.sync.controls import Unknown
from hub.sync.desk import DeskError, Person, What
from hub.sync.edits import Edit, correct_one
from hub.sync.engine import Engine
from hub.sync.groups import Selection, extent
from hub.sync.policy import Failure, failure_of

BATCH: Final = 250
PROBLEMS_KEPT: Final = 20
Name = Literal["retry", "dismiss", "correct"]


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be done: a dismissal with its reason, a correction with its edit."""

    name: Name
    reason: str = ""
    edit: Edit | None = None

    def told(self) -> dict[str, Any]:
        more = {"reason": self.reason, "edit": self.edit.told() if self.edit else None}
        return {name: value for name, value in more.items() if value}

    def check(self, table: What) -> None:
        """Raises DeskError."""
        if self.name == "dismiss" and not self.reason.strip():
            raise DeskError("say why: a dismissal needs a reason", "请填写忽略的原因")
        if self.name == "correct":
            if self.edit is None or table not in ("inbox", "delivery"):
                raise DeskError(
                    f"nothing of a {table} can be corrected: retry or dismiss",
                    f"{table} 无法更正，请重试或忽略",
                )
            self.edit.check(table)


_SAME = "SELECT id FROM run WHERE what = :what AND state = 'running' AND detail -> 'asked' = CAST(:asked AS jsonb)"
_START = """
INSERT INTO run (sync, what, state, started_at, updated_at, ended_at, cursor, total, detail)
VALUES ('', :what, CASE WHEN :total = 0 THEN 'done' ELSE 'running' END, :now, :now,
  CASE WHEN :total = 0 THEN CAST(:now AS timestamptz) END, '0', :total, CAST(:detail AS jsonb)) RETURNING id
"""


async def start(conn: AsyncConnection, selection: Selection, act: Act, by: Person) -> int:
    """Begin a run; the one that does the same already is not begun twice. Returns its number. Raises DeskError."""
    table = selection.table()
    act.check(table)
    await conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('failed work', 0))"))
    asked = {"selection": selection.told(), **act.told()}
    plain = jsontext.dumps(asked).decode()
    same = (await conn.execute(text(_SAME), {"what": act.name, "asked": plain})).scalar()
    if same is not None:
        return int(same)
    total, last = await extent(conn, table, selection)
    detail = {"asked": asked, "who": by.name, "upto": last, "skipped": 0, "problems": []}
    values = {"what": act.name, "total": total, "now": by.now, "detail": jsontext.dumps(detail).decode()}
    made = int((await conn.execute(text(_START), values)).scalar_one())
    await audit.record(conn, by.name, f"failed.{act.name}", f"run {made}", {**asked, "rows": total})
    wake(conn)
    return made


_STOP = """
UPDATE run SET state = 'dismissed', ended_at = :now, note = :note, note_zh = :zh WHERE id = :id AND state = 'running'
  AND what = ANY(:whats) RETURNING done
"""


async def stop(conn: AsyncConnection, number: int, by: Person) -> int:
    """It does no further batch; what was done stays done. Returns how many that were. Raises Unknown, DeskError."""
    found = (
        await conn.execute(text("SELECT what, state, total FROM run WHERE id = :id FOR UPDATE"), {"id": number})
    ).first()
    if found is None:
        raise Unknown(f"there is no run {number}", f"没有执行 {number}")
    note, zh = f"stopped by {by.name}", f"由 {by.name} 停止"
    values = {"id": number, "now": by.now, "note": note, "zh": zh, "whats": list(_PAGES)}
    stopped = (await conn.execute(text(_STOP), values)).first()
    if stopped is None:
        raise DeskError(
            f"run {number} ({found.what}, {found.state}) cannot be stopped: only acts on failed work that still run",
            f"执行 {number}（{found.what}，{found.state}）无法停止：只能停止进行中的批量处理",
        )
    await audit.record(conn, by.name, "run.stop", str(number), {"done": stopped.done, "of": found.total})
    return int(stopped.done)


@dataclass(slots=True)
class Page:
    """What one batch came to."""

    cursor: int
    done: int = 0
    changed: int = 0
    skipped: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    ended: bool = False


async def bulk_due(engine: Engine) -> int:
    """One batch of every run that is to go on; returns how many rows were looked at."""
    async with engine.db.read() as conn:
        rows = await conn.execute(
            text("SELECT id FROM run WHERE what = ANY(:whats) AND state = 'running' ORDER BY id"),
            {"whats": list(_PAGES)},
        )
        ids = [row.id for row in rows]
    return sum([await _take_turn(engine, run) for run in ids])


async def _take_turn(engine: Engine, run: int) -> int:
    try:
        return await engine.db.retrying(lambda: _turn(engine, run))
    except Exception as error:  # a fault of ours: this run alone stops, and a person sees why
        if is_passing(error):
            raise
        await _failed(engine, run, failure_of(error))
        return 1


_CLAIM = (
    "SELECT id, what, sync, cursor, done, detail FROM run WHERE id = :id AND state = 'running' FOR UPDATE SKIP LOCKED"
)
_PROGRESS = """
UPDATE run SET cursor = :cursor, done = done + :done, changed = changed + :changed, updated_at = :now,
  detail = detail || CAST(:detail AS jsonb), state = CASE WHEN :ended THEN 'done' ELSE state END,
  ended_at = CASE WHEN :ended THEN CAST(:now AS timestamptz) END WHERE id = :id RETURNING done, changed
"""


async def _turn(engine: Engine, run: int) -> int:
    async with engine.db.begin("bulk") as conn:
        row = (await conn.execute(text(_CLAIM), {"id": run})).one_or_none()
        if row is None:
            return 0
        page = await _PAGES[row.what](engine, conn, row)
        skipped = int(row.detail.get("skipped", 0)) + page.skipped
        problems = [*row.detail.get("problems", ()), *page.problems][:PROBLEMS_KEPT]
        values = {
            "id": run,
            "cursor": str(page.cursor),
            "done": page.done,
            "changed": page.changed,
            "now": engine.now(),
            "detail": jsontext.dumps({"skipped": skipped, "problems": problems}).decode(),
            "ended": page.ended,
        }
        after = (await conn.execute(text(_PROGRESS), values)).one()
        if page.ended:
            told = {**row.detail["asked"], "rows": after.done, "done": after.changed, "skipped": skipped}
            await audit.record(conn, row.detail["who"], f"failed.{row.what}.done", f"run {run}", told)
        return page.done + page.ended


async def _failed(engine: Engine, run: int, failure: Failure) -> None:
    async with engine.db.begin("bulk failed") as conn:
        await conn.execute(
            text(
                "UPDATE run SET state = 'failed', ended_at = :now, error = :error, error_zh = :zh"
                " WHERE id = :id AND state = 'running'"
            ),
            {"id": run, "now": engine.now(), "error": failure.sentence, "zh": failure.zh},
        )


async def _batch(engine: Engine, conn: AsyncConnection, run: Row[Any]) -> Page:
    """The next rows of the selection, and the act done to them."""
    selection = Selection.of(run.detail["asked"]["selection"])
    table = selection.table()
    condition, values = selection.condition()
    found = await conn.execute(
        text(
            f"SELECT id FROM {table} WHERE {condition} AND id > :cursor AND id <= :upto ORDER BY id LIMIT :limit FOR UPDATE"
        ),
        {**values, "cursor": int(run.cursor), "upto": run.detail["upto"], "limit": BATCH},
    )
    ids = [row.id for row in found]
    if not ids:
        return Page(int(run.cursor), ended=True)
    page = Page(ids[-1], done=len(ids), ended=len(ids) < BATCH)
    await _DO[run.what](_Doing(engine, conn, table, run.detail, page), ids)
    return page


@dataclass(slots=True)
class _Doing:
    """One batch under way."""

    engine: Engine
    conn: AsyncConnection
    table: What
    detail: Mapping[str, Any]
    page: Page

    @property
    def by(self) -> Person:
        return Person(self.detail["who"], self.engine.now())


async def _retry(doing: _Doing, ids: Sequence[int]) -> None:
    done = await desk.retry(doing.conn, doing.table, ids, doing.by.name, doing.by.now)
    doing.page.changed += len(done)


async def _dismiss(doing: _Doing, ids: Sequence[int]) -> None:
    reason = doing.detail["asked"]["reason"]
    done = await desk.dismiss(doing.conn, doing.table, ids, reason, doing.by.name, doing.by.now)
    doing.page.changed += len(done)


async def _correct(doing: _Doing, ids: Sequence[int]) -> None:
    """Each row by itself: one that does not fit the edit is left as it is, and told."""
    edit = Edit.of(doing.detail["asked"]["edit"])
    for number in ids:
        try:
            async with doing.conn.begin_nested():
                await correct_one(doing.conn, doing.engine.configuration, (doing.table, number), edit, doing.by)
        except DeskError as error:
            doing.page.skipped += 1
            doing.page.problems.append({"id": number, "error": error.sentence, "error_zh": error.zh})
        else:
            doing.page.changed += 1


_DO: Final[Mapping[str, Callable[[_Doing, Sequence[int]], Awaitable[None]]]] = {
    "retry": _retry,
    "dismiss": _dismiss,
    "correct": _correct,
}


async def _reapply(engine: Engine, conn: AsyncConnection, run: Row[Any]) -> Page:
    came = await reapply.page(engine, conn, run)
    return replace(Page(came.cursor), done=came.read, changed=came.stored, skipped=came.left, ended=came.ended)


_PAGES: Final[Mapping[str, Callable[[Engine, AsyncConnection, Row[Any]], Awaitable[Page]]]] = {
    **dict.fromkeys(_DO, _batch),
    reapply.REAPPLY: _reapply,
}
