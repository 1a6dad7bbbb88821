"""The database is away: said once when it goes and once when it is back, however many loops meet it."""

import time
from dataclasses import dataclass

import structlog

log = structlog.get_logger(__name__)

GRACE_SECONDS = 5.0
"""Who has a result in hand tries to write it every 2 s at most. So long after an outage no lease counts as lapsed: it
ran out because nobody could write, not because somebody died."""


@dataclass(slots=True)
class Outage:
    """What one process knows of it."""

    _since: float | None = None
    _grace_until: float = 0.0

    def met(self, by: str, error: BaseException) -> None:
        """Somebody could not reach the database."""
        if self._since is None:
            self._since = time.monotonic()
            log.warning("the database is away; everything waits for it", met_by=by, error=type(error).__name__)

    def over(self) -> None:
        """It has answered."""
        if self._since is not None:
            now = time.monotonic()
            log.warning("the database is back", seconds=round(now - self._since, 1))
            self._since, self._grace_until = None, now + GRACE_SECONDS

    def clock_set(self, seconds: float, grace: float) -> None:
        """The database's clock was set by so much, or this machine slept: until every process has told its leases by
        the new time they say nothing."""
        log.warning("the clock of the database was set", seconds=round(seconds, 1))
        self._grace_until = max(self._grace_until, time.monotonic() + GRACE_SECONDS + grace)

    def leases_count(self) -> bool:
        """May a lease that ran out be taken for somebody's death?"""
        return time.monotonic() >= self._grace_until
