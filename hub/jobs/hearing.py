"""Hears what PostgreSQL's NOTIFY tells: work came in, or a configuration was applied."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import asyncpg

from hub.config.force import CHANNEL
from hub.db.session import plain_url
from hub.db.wake import WORK

BELLS: Final = (WORK, CHANNEL)
CONNECT_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 1.0


async def hear(url: str, stop: asyncio.Event, heard: Callable[[], None]) -> None:
    """Until everything stops, or the connection is lost."""
    connection = await asyncpg.connect(plain_url(url), timeout=CONNECT_SECONDS)
    lost = asyncio.Event()
    try:
        connection.add_termination_listener(lambda _: lost.set())
        for bell in BELLS:
            await connection.add_listener(bell, lambda *_: heard())
        heard()  # what rang before we listened
        while not stop.is_set() and not lost.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await stop.wait()
    finally:
        with suppress(Exception):
            await connection.close(timeout=2)
