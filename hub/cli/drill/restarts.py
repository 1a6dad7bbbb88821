"""The database restarts under the hub: its connections are cut for real, a commit fails, for a while nobody is let in."""

import asyncio
import errno
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import asyncpg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.drill.faults import Plan
from hub.db.session import Database, plain_url
from hub.sdk.context import Clock

Moment = Literal["first statement", "commit", "answer to a commit"]
MOMENTS: Final[tuple[Moment, ...]] = ("first statement", "commit", "answer to a commit")
CHANCE: Final = 0.012  # of a transaction to meet a restart
REFUSALS: Final = (
    4  # connects at most that a restart turns away: the hub retries in seconds that the virtual clock has not
)
AWAY_SECONDS: Final = 90.0  # of virtual time at most
LEAVE_SECONDS: Final = 10.0  # for a cut connection to be noticed
CUT: Final = "SELECT pg_terminate_backend(pid, 5000) FROM unnest($1::int[]) AS pid"


@dataclass(slots=True)
class Restarts:
    """When the server goes, and when it is back. The dice are of this fault alone."""

    plan: Plan
    clock: Clock
    count: int = 0
    _dice: random.Random = field(init=False)
    _back: datetime | None = None
    _refusals: int = 0

    def __post_init__(self) -> None:
        self._dice = random.Random(f"database {self.plan.seed}")

    def drawn(self, label: str) -> Moment | None:
        """Does this transaction meet a restart, and when?"""
        if not self.plan.on or "database" not in self.plan.kinds or self._dice.random() >= CHANCE:
            return None
        moment = self._dice.choice(MOMENTS)
        self.plan.note(self.clock.now(), "database", f"{label}: {moment}")
        return moment

    def goes(self) -> None:
        self.count += 1
        self._refusals = self._dice.randint(0, REFUSALS)
        self._back = self.clock.now() + timedelta(seconds=self._dice.uniform(5, AWAY_SECONDS))

    def let_in(self) -> None:
        """Raise what a connect to a server meets that is down, or comes up."""
        if self._back is None or not self._refusals or self.clock.now() >= self._back:
            return
        self._refusals -= 1
        if self._refusals:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "the drill's database is down")
        raise asyncpg.CannotConnectNowError("the drill's database is starting up")


class RestartingDatabase(Database):
    """The hub's way to a database that restarts by the plan."""

    def __init__(self, url: str, restarts: Restarts, *, pool_size: int) -> None:
        super().__init__(url, pool_size=pool_size)
        self._url = plain_url(url)
        self._restarts = restarts
        self._open: list[Any] = []
        event.listen(self.engine.sync_engine, "do_connect", self._knock)
        event.listen(self.engine.sync_engine, "connect", self._entered)

    @asynccontextmanager
    async def begin(self, label: str = "work") -> AsyncIterator[AsyncConnection]:
        moment = self._restarts.drawn(label)
        async with super().begin(label) as connection:
            if moment == "first statement":
                await self._cut()
            yield connection
            if moment == "commit":
                await self._cut()
        if moment == "answer to a commit":
            await self._cut()
            raise ConnectionResetError(errno.ECONNRESET, "the drill's database went away before it could answer")

    def _knock(self, *_: object) -> None:
        self._restarts.let_in()

    def _entered(self, connection: Any, _: object) -> None:
        self._open.append(connection.driver_connection)

    async def _cut(self) -> None:
        """End every backend of the hub, and wait until this side knows: so the same seed fails at the same statement."""
        self._open = [connection for connection in self._open if not connection.is_closed()]
        admin = await asyncpg.connect(self._url)
        try:
            await admin.execute(CUT, [connection.get_server_pid() for connection in self._open])
        finally:
            await admin.close()
        async with asyncio.timeout(LEAVE_SECONDS):
            while not all(connection.is_closed() for connection in self._open):  # noqa: ASYNC110  no event says it
                await asyncio.sleep(0.001)
        self._restarts.goes()
