"""What an engine that has just started takes in hand it writes down first: if the process dies of it, the next one knows.

A kill -9 leaves no trace of the record that caused it, and a batch is one transaction. So after a start, until what
waited is through, each batch is noted by the process that takes it; what was in the hand of a process that died is
taken alone; what three processes died of is set aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.sync.engine import Engine
from hub.sync.policy import Failure

What = Literal["inbox", "receipt"]

MAX_CRASHES = 3
POISON = Failure(
    "Poison",
    "the process died three times while it worked on this",
    "处理该记录时进程连续三次中断，请联系集成人员",
)

# What another engine that lives has in its hand is its own matter.
_HELD = "EXISTS (SELECT 1 FROM worker w WHERE w.id = s.by AND w.id <> :by AND w.seen_at > :since)"
_KNOWN = f"""
SELECT s.id, s.crashes, s.by, {_HELD} AS held FROM suspect s WHERE s.what = :what AND s.id = ANY(:ids) ORDER BY s.id
"""
_TAKE = f"""
INSERT INTO suspect AS s (what, id, crashes, by) SELECT :what, id, 1, :by FROM unnest(CAST(:ids AS bigint[])) AS id
ON CONFLICT (what, id) DO UPDATE SET crashes = s.crashes + CAST(s.by <> excluded.by AS int), by = excluded.by
WHERE NOT {_HELD} RETURNING s.id
"""

_ANY_LEFT = """
SELECT EXISTS (SELECT 1 FROM suspect s LEFT JOIN inbox i ON s.what = 'inbox' AND i.id = s.id
  LEFT JOIN receipt r ON s.what = 'receipt' AND r.id = s.id WHERE 'due' IN (i.state, r.state))
"""

_ANY_DUE = """
SELECT EXISTS (SELECT 1 FROM inbox WHERE state = 'due') OR EXISTS (SELECT 1 FROM receipt WHERE state = 'due')
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What to do now, noted; and what is not to be touched again."""

    ids: Sequence[int]
    dead: Sequence[int] = ()


async def take(engine: Engine, what: What, due: Sequence[int]) -> Taken:
    """Of these the ones to take now."""
    mine = engine.careful
    since = engine.now() - timedelta(seconds=engine.settings.lease_seconds)
    async with engine.db.begin("take carefully") as conn:
        values = {"what": what, "ids": list(due), "by": mine, "since": since}
        found = (await conn.execute(text(_KNOWN), values)).all()
        known = [row for row in found if not row.held]
        held = {row.id for row in found if row.held}
        dead = [row.id for row in known if row.crashes >= MAX_CRASHES and row.by != mine]
        alone = [row.id for row in known if row.id not in dead and (row.by != mine or row.crashes > 1)]
        ids = alone[:1] or [number for number in due if number not in held | {*dead}]
        mine_now = {row.id for row in await conn.execute(text(_TAKE), {**values, "ids": ids})}
        return Taken([number for number in ids if number in mine_now], dead)


async def clear(conn: AsyncConnection, what: What, ids: Sequence[int]) -> None:
    """They are through, or set aside."""
    await conn.execute(
        text("DELETE FROM suspect WHERE what = :what AND id = ANY(:ids)"), {"what": what, "ids": list(ids)}
    )


async def confident(engine: Engine, conn: AsyncConnection) -> bool:
    """Is it sure that what this process has taken in is not what the last one died of?"""
    if engine.careful and not (await conn.execute(text(_ANY_DUE))).scalar_one():
        engine.careful = ""
    return not engine.careful


async def grow_confident(engine: Engine) -> None:
    """Nothing waits any more that a process may have died of."""
    async with engine.db.begin("grow confident") as conn:
        if not (await conn.execute(text(_ANY_LEFT))).scalar_one():
            await conn.execute(text("DELETE FROM suspect WHERE by = :by"), {"by": engine.careful})
            engine.careful = ""
