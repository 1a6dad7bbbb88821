"""Bells over Redis: published after the commit, heard by every worker. A burst of rings is one."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from hub.db.wake import WORK
from hub.jobs.link import TROUBLES, Link

CHANNEL: Final = f"hub:bell:{WORK}"
HEAR_SECONDS: Final = 1.0


class Chimes:
    """Rings and hears. `works` and `ring` make it the bell of a database."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._rung = asyncio.Event()

    def works(self) -> bool:
        return self._link.works()

    def ring(self) -> None:
        self._rung.set()

    async def publish(self, stop: asyncio.Event) -> None:
        """Bring the rings to Redis; one that it does not take is lost, and found by those who look."""
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(HEAR_SECONDS):
                    await self._rung.wait()
            if self._rung.is_set():
                self._rung.clear()
                try:
                    await self._link.redis.publish(CHANNEL, "")
                except TROUBLES as error:
                    self._link.lost(error)

    async def hear(self, stop: asyncio.Event, heard: Callable[[], None]) -> None:
        """Call `heard` for every ring, and once whenever there may have been some that were not heard."""
        while not stop.is_set():
            if not self._link.works():
                await asyncio.sleep(HEAR_SECONDS / 10)
                continue
            try:
                await self._listen(stop, heard)
            except TROUBLES as error:
                self._link.lost(error)

    async def _listen(self, stop: asyncio.Event, heard: Callable[[], None]) -> None:
        async with self._link.redis.pubsub() as bells:
            await bells.subscribe(CHANNEL)
            heard()
            while not stop.is_set() and self._link.works():
                if await bells.get_message(ignore_subscribe_messages=True, timeout=HEAR_SECONDS) is not None:
                    heard()
