"""This process among the others: it tells that it lives, learns who else does, and may be the one who schedules."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from hub.sync import workers
from hub.sync.engine import Engine
from hub.sync.workers import Beat, Self

HERE_SECONDS: Final = 5.0


class Presence:
    """`redis`: how that stands, empty where there is none. `doing`: the names of what is under way."""

    def __init__(self, engine: Engine, me: Self, redis: Callable[[], str], doing: Callable[[], Sequence[str]]) -> None:
        self._engine = engine
        self._me = me
        self._redis = redis
        self._doing = doing
        self._leads_until = 0.0

    @property
    def leads(self) -> bool:
        """Is it this one who schedules? Not longer than it could say so to the others."""
        return time.monotonic() < self._leads_until

    async def beat(self) -> None:
        """Tell, and learn."""
        engine, began = self._engine, time.monotonic()
        lease = timedelta(seconds=engine.settings.lease_seconds)
        told = Beat(engine.now(), lease, self._doing(), self._redis())
        async with engine.db.begin("presence") as conn:
            engine.others = await workers.beat(conn, self._me, told)
            leads = await workers.lead(conn, self._me, told.now, lease)
        self._leads_until = began + engine.settings.lease_seconds if leads else 0.0

    async def leave(self) -> None:
        """Go home. Who cannot say so is missed soon enough."""
        with suppress(Exception):
            async with self._engine.db.begin("leave") as conn:
                await workers.leave(conn, self._me)
