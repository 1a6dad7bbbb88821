"""What a process has under way, by name: of each name one at a time."""

import asyncio
from collections.abc import Awaitable, Callable


class Tasks:
    """`failed` is told of what did not end well."""

    def __init__(self, failed: Callable[[str, Exception], None]) -> None:
        self._failed = failed
        self._busy: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Run `work` as the one task of this name; while one is at work another is not started."""
        running = self._busy.get(name)
        if running is None or running.done():
            running = self._busy[name] = asyncio.ensure_future(self._told(name, work))
        return running

    @property
    def names(self) -> list[str]:
        return sorted(name for name, task in self._busy.items() if not task.done())

    async def finish(self) -> None:
        """Let what is under way end; its results are worth keeping."""
        await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _told(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:
            self._failed(name, error)
