"""What the rows about limits and outages share: a source that has plenty, a target that takes one call per record."""

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.rest.sandbox import Settings
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import Part, Town, connection, sync


def target(**limits: Any) -> Part:
    """One call per create. `limits`: what the connection declares of itself."""
    part = connection("right")
    body: Any = part.body
    body["config"]["streams"]["customers"]["idempotency_header"] = "Idempotency-Key"
    if limits:
        body["limits"] = [{"interface": "*", **limits}]
    return part


async def street(build: Build, **limits: Any) -> tuple[Town, Engine]:
    """Left is read by hand, right is written to."""
    town, engine = await build(
        connection("left"),
        target(**limits),
        sync("left-customers", every="30d", direction="in", reconcile="30d"),
        sync("right-customers", direction="out", reconcile="30d"),
    )
    town.rest["right"].settings = Settings(calls=1_000_000_000)
    return town, engine


async def arrive(town: Town, engine: Engine, count: int, first: int = 0) -> None:
    """So many customers are on their way to the right."""
    stamp = town.clock.now().isoformat()
    numbers = range(first, first + count)
    records = [{"id": f"L{n}", "name": f"customer {n}", "number": f"N{n}", "updated_at": stamp} for n in numbers]
    for start in range(0, count, 1000):
        await town.arrive(engine, "left-customers", *records[start : start + 1000])


def calls(town: Town, there: str = "right") -> list[datetime]:
    return [entry.at for entry in town.rest[there].ledger.of("call")]


def most_within(moments: Iterable[datetime], seconds: float) -> int:
    """The largest number of calls in any window of this length."""
    window: deque[datetime] = deque()
    most = 0
    for moment in moments:
        window.append(moment)
        while (moment - window[0]).total_seconds() >= seconds:
            window.popleft()
        most = max(most, len(window))
    return most


_NEXT = """
SELECT min(at) AS at FROM (
  SELECT min(greatest(d.due_at, coalesce(p.probe_at, d.due_at))) AS at FROM delivery d
    LEFT JOIN pause p ON p.connection = d.connection AND p.stream IN ('', d.stream) WHERE d.state = 'due'
  UNION ALL SELECT min(probe_at) FROM pause) moments
"""


async def to_next_moment(town: Town) -> bool:
    """Let time go by until something is due, or a pause is to be tried; False when nothing ever is."""
    (row,) = await town.rows(_NEXT)
    if row.at is None:
        return False
    town.clock.advance(seconds=max((row.at - town.clock.now()) / timedelta(seconds=1), 0) + 0.001)
    return True


def parked(states: Mapping[str, int]) -> int:
    return sum(count for name, count in states.items() if name.endswith("parked"))
