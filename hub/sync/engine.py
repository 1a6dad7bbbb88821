"""What every step is handed: database, configuration, clock, chance, the way out. A step is `async def step(engine)`."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.identity import MatchSets
from hub.canon.kinds import Kinds
from hub.canon.lock import alone, alone_at_once
from hub.config.runtime import BoundSync, Configuration
from hub.db.session import Database
from hub.mapping.shape import Match
from hub.sdk.context import Clock
from hub.settings import EngineSettings
from hub.sync.outward import Outward

T = TypeVar("T")

KEEP_SECONDS = 600.0


def match_sets(configuration: Configuration) -> MatchSets:
    """kind -> every set of fields some mapping of the kind matches by."""
    found: dict[str, list[Match]] = {}
    for sync in configuration.syncs.values():
        if sync.mapping is not None:
            sets = found.setdefault(sync.kind, [])
            sets += [match for match in sync.mapping.match if match not in sets]
    return found


@dataclass(slots=True)
class Engine:
    """One engine at work. `configuration` is replaced as a whole when a new one is applied."""

    db: Database
    configuration: Configuration
    clock: Clock
    random: random.Random
    outward: Outward
    settings: EngineSettings = field(default_factory=EngineSettings)
    careful: str = ""
    """The name of this process while it notes what it takes in hand (`hub.sync.suspects`): for a while after a start."""

    others: Sequence[str] = ()
    """The engines at work beside this one, as it last heard (`hub.sync.workers`)."""
    me: str = ""

    @property
    def kinds(self) -> Kinds:
        return self.configuration.kinds

    @property
    def match_sets(self) -> MatchSets:
        return match_sets(self.configuration)

    def now(self) -> datetime:
        return self.clock.now()

    def after(self, seconds: float) -> datetime:
        """The moment `seconds` from now, shortened by the engine's speed."""
        return self.clock.now() + timedelta(seconds=self.settings.scaled(seconds))

    async def alone(self, conn: AsyncConnection, work: str) -> bool:
        """Hold this work until the transaction ends. One that another engine is doing is not waited for: there is
        other work, and who does it goes on until nothing of it is left."""
        if self.others:
            return await alone_at_once(conn, work)
        await alone(conn, [work])
        return True

    async def keep(self, work: Callable[[], Awaitable[T]]) -> T:
        """Write down what came of a call that was made. That cannot be unsent and is known nowhere else, so a database
        that is away is waited for long; given up, it must be looked up there."""
        return await self.db.retrying(work, KEEP_SECONDS)

    def reads_live(self, sync: BoundSync) -> bool:
        """May what this sync reads lead to messages? Only when a person made it live."""
        return sync.mode == "live"
