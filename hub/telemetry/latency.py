"""Durations counted into steps: those of the work in its own transaction, those of the loops a few seconds later."""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db import tally

STEPS: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 300, 900, 3600, 21600, 86400)
"""Upper bounds in seconds; beyond the last one it is `+Inf`."""
SUM: Final = "microseconds"
"""The label under which the durations are added up."""
LOOP: Final = "loop"


def step(seconds: float) -> str:
    """The label of the step this duration falls into."""
    place = bisect_left(STEPS, seconds)
    return f"{STEPS[place]:g}" if place < len(STEPS) else "+Inf"


def observe(conn: AsyncConnection, what: str, name: str, seconds: float) -> None:
    """One more duration, if this transaction commits."""
    seconds = max(seconds, 0)
    tally.count(conn, what, name, step(seconds))
    tally.count(conn, what, name, SUM, round(seconds * 1_000_000))


class Stopwatch:
    """How long the turns of this process's loops take, until `write` puts it down with the rest."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def turn(self, loop: str) -> Iterator[None]:
        """Measures one turn, also one that fails."""
        started = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - started
            self._seen[loop, step(seconds)] += 1
            self._seen[loop, SUM] += round(seconds * 1_000_000)

    def take(self) -> Counter[tuple[str, str]]:
        """What was measured since the last time; `give_back` when it could not be written."""
        taken, self._seen = self._seen, Counter()
        return taken

    def give_back(self, taken: Counter[tuple[str, str]]) -> None:
        self._seen += taken


STOPWATCH: Final = Stopwatch()
"""The one of this process."""
