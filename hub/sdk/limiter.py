"""Room for calls inside one process: a sliding window and a concurrency cap per (credential, interface)."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from hub.sdk.context import Clock
from hub.sdk.errors import Throttled
from hub.sdk.manifest import Limit

PATIENCE = 1.0  # seconds a call may wait for its turn; longer waits belong to the ledger


class _Window:
    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.starts: deque[float] = deque()
        self.places = asyncio.Semaphore(limit.concurrency) if limit.concurrency else None

    def wait(self, now: float) -> float:
        """Seconds until one more call may start."""
        if self.limit.calls is None:
            return 0.0
        while self.starts and self.starts[0] <= now - self.limit.per:
            self.starts.popleft()
        if len(self.starts) < self.limit.calls:
            return 0.0
        return self.starts[0] + self.limit.per - now


def limit_of(interface: str, limits: Sequence[Limit]) -> Limit | None:
    """What is declared for an interface by its name, else for each."""
    named = next((limit for limit in limits if limit.interface == interface), None)
    return named or next((limit for limit in limits if limit.interface == "*"), None)


class LimiterBook:
    """All windows of this process; connections of one credential share them."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}

    def window(self, credential: str, interface: str, limits: Sequence[Limit]) -> _Window | None:
        """The window of an interface, made on first use; None when no limit is declared for it."""
        limit = limit_of(interface, limits)
        if limit is None:
            return None
        return self._windows.setdefault((credential, interface), _Window(limit))


class ProcessLimiter:
    """The limiter of one connection."""

    def __init__(self, book: LimiterBook, credential: str, limits: Sequence[Limit]) -> None:
        self._book = book
        self._credential = credential
        self._limits = limits

    @asynccontextmanager
    async def slot(self, interface: str) -> AsyncIterator[None]:
        window = self._book.window(self._credential, interface, self._limits)
        if window is None:
            yield
            return
        deadline = time.monotonic() + PATIENCE
        clock = self._book.clock
        if window.places is not None:
            try:
                async with asyncio.timeout(PATIENCE):
                    await window.places.acquire()
            except TimeoutError:
                raise no_room(interface, PATIENCE) from None
        try:
            while (wait := window.wait(clock.now().timestamp())) > 0:
                if time.monotonic() + wait > deadline:
                    raise no_room(interface, wait)
                await asyncio.sleep(wait)
            window.starts.append(clock.now().timestamp())
            yield
        finally:
            if window.places is not None:
                window.places.release()


def no_room(interface: str, wait: float) -> Throttled:
    """Our own limit says no, for so many seconds."""
    return Throttled(
        f"our own limit for {interface} is reached",
        zh=f"已达到本方对 {interface} 的调用上限",
        retry_after=wait,
    )
