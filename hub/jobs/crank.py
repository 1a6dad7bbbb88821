"""The steps in their order, and what turns them: once (`turn`), or until nothing is left to do (`settle`).

One query asks which steps have anything to do; a hub at rest costs that query and no transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from sqlalchemy import text

from hub.sync.apply import apply_due
from hub.sync.bells import answer_bells
from hub.sync.bulk import bulk_due
from hub.sync.deliver import deliver_due
from hub.sync.derive import derive_due
from hub.sync.engine import Engine
from hub.sync.mending import mend_due
from hub.sync.open import collect_files, open_receipts
from hub.sync.pauses import probe_paused
from hub.sync.pull import pull_due
from hub.sync.recheck import recheck_due
from hub.sync.reconcile import reconcile_due
from hub.sync.remap import remap_due
from hub.sync.route import route_due
from hub.sync.sweep import sweep
from hub.telemetry.latency import STOPWATCH

Step = Callable[[Engine], Awaitable[int]]

ARRIVE: Sequence[Step] = (collect_files, pull_due, recheck_due, reconcile_due, mend_due)

_WAITING: Mapping[Step, str] = {
    open_receipts: "receipt WHERE state = 'due'",
    answer_bells: "bell WHERE state = 'due' AND due_at <= :now",
    bulk_due: "run WHERE what IN ('retry', 'dismiss', 'correct', 'reapply') AND state = 'running'",
    remap_due: "run WHERE what = 'remap' AND state = 'running'",
    apply_due: "inbox WHERE state = 'due' AND due_at <= :now",
    derive_due: "change WHERE NOT derived",
    route_due: "change WHERE derived AND NOT routed",
    deliver_due: "delivery WHERE state = 'due' AND due_at <= :now",
    sweep: "delivery WHERE state = 'running' AND lease_until <= :now",
    probe_paused: "pause WHERE probe_at <= :now",
}
"""Step -> the rows that give it something to do."""

INNER: Sequence[Step] = (open_receipts, answer_bells, bulk_due, remap_due, apply_due, derive_due, route_due)
ALL: Sequence[Step] = (*INNER, deliver_due, sweep, probe_paused)


async def turn(engine: Engine, steps: Sequence[Step] = INNER) -> int:
    """Every step that has something to do, once; returns how much was done."""
    columns = ", ".join(f"EXISTS (SELECT 1 FROM {_WAITING[step]}) AS s{n}" for n, step in enumerate(steps))
    async with engine.db.read() as conn:
        # The bare SELECT keeps `:now` bound where no step of this turn asks for the time.
        row = (await conn.execute(text(f"SELECT {columns}, CAST(:now AS timestamptz)"), {"now": engine.now()})).one()
    return sum([await _timed(step, engine) for step, waiting in zip(steps, row, strict=False) if waiting])


async def _timed(step: Step, engine: Engine) -> int:
    with STOPWATCH.turn(step.__name__):
        return await step(engine)


async def settle(engine: Engine, most: int = 1000) -> int:
    """Turn until nothing is left to do now; returns the turns it took."""
    for count in range(most):
        done = sum([await step(engine) for step in ARRIVE]) + await turn(engine, ALL)
        if done == 0:
            return count
    raise RuntimeError(f"still at work after {most} turns: something goes round in circles")
