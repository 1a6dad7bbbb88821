"""The applied configuration in memory, renewed when `hub_config` is notified and, as a net, every few seconds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import Configuration
from hub.db.session import Database, is_passing, plain_url

log = logging.getLogger("hub.api.configurations")

NET_SECONDS = 15.0
RETRY_SECONDS = 1.0
CHANNEL = "hub_config"

# Everything of the configuration that can change: what was applied, modes, secrets.
_MARK = text(
    """
    SELECT concat_ws('/', (SELECT max(id) FROM applied_config),
                     (SELECT md5(string_agg(name || mode, ' ' ORDER BY name)) FROM sync),
                     (SELECT max(updated_at) FROM secret), (SELECT count(*) FROM secret))
    """
)

Load = Callable[[AsyncConnection], Awaitable[Configuration]]


class Configurations:
    """`current` is None until the database has answered once."""

    def __init__(self, db: Database, load: Load, *, net_seconds: float = NET_SECONDS) -> None:
        self._db = db
        self._load = load
        self._net_seconds = net_seconds
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._mark: str | None = None
        self.current: Configuration | None = None

    async def start(self) -> None:
        """Load once if the database answers, then keep watching."""
        await self._reload()
        self._task = asyncio.create_task(self._watch(), name="configurations")

    async def stop(self) -> None:
        self._stopping = True
        self._bell.set()
        if self._task is not None:
            await self._task
            self._task = None

    async def renew(self) -> None:
        """Read it again unless it is the same."""
        async with self._db.read() as connection:
            mark = (await connection.execute(_MARK)).scalar_one()
            if self.current is None or mark != self._mark:
                self.current = await self._load(connection)
                self._mark = mark

    async def _reload(self) -> bool:
        try:
            await self.renew()
        except Exception:  # the watch must go on, whatever the database or a connector's package raises
            log.warning("the configuration could not be read; the last one stays in use", exc_info=True)
            return False
        return True

    async def _watch(self) -> None:
        while not self._stopping:
            try:
                await self._listen()
            except Exception as error:  # the watch must go on; a database that is away is waited for in silence
                if not is_passing(error):
                    log.warning("the bell of new configurations cannot be heard; trying again", exc_info=True)
            await self._rung(RETRY_SECONDS)

    async def _listen(self) -> None:
        """Until the database goes away."""
        listener = await asyncpg.connect(plain_url(self._address()), timeout=5)
        try:
            listener.add_termination_listener(lambda _: self._bell.set())
            await listener.add_listener(CHANNEL, lambda *_: self._bell.set())
            self._bell.set()  # what was notified before we listened
            while not self._stopping and not listener.is_closed() and await self._reload():
                await self._rung(self._net_seconds)
        finally:
            await listener.close(timeout=2)

    def _address(self) -> str:
        return self._db.engine.url.render_as_string(hide_password=False)

    async def _rung(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0 if self._stopping else seconds):
                await self._bell.wait()
        self._bell.clear()
