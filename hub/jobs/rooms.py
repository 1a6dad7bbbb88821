"""Limits that all workers share: the calls of a credential are counted in Redis, by one clock, the database's.

Each worker also remembers its own. So when Redis is away it keeps to its part of what is left, and when Redis has
forgotten everything each tells it again what it did."""

import asyncio
import hashlib
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from hub.jobs.link import TROUBLES, Link
from hub.sdk.context import Clock
from hub.sdk.limiter import PATIENCE, limit_of, no_room
from hub.sdk.manifest import Limit
from hub.sync.shares import cautious

HELD_SECONDS: Final = 60.0
"""A place whose worker died is free again after this long; a call takes less."""
FULL_SECONDS: Final = 0.05  # before one looks again whether a place is free

# Is there a place, and may one more call begin? Both are taken, or neither: answers the seconds to wait and how many
# calls there were in the window.
_ENTER: Final = """
local now, per, calls, places = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local made = 0
if places > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[1])
  if redis.call('ZCARD', KEYS[2]) >= places then return {'-1', 0} end
end
if calls > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now - per))
  made = redis.call('ZCARD', KEYS[1])
  if made >= calls then
    local oldest = redis.call('ZRANGE', KEYS[1], made - calls, made - calls, 'WITHSCORES')
    return {string.format('%.6f', tonumber(oldest[2]) + per - now), made}
  end
  redis.call('ZADD', KEYS[1], ARGV[1], ARGV[5])
  redis.call('PEXPIRE', KEYS[1], math.ceil(per * 1000) + 1000)
  made = made + 1
end
if places > 0 then
  redis.call('ZADD', KEYS[2], string.format('%.6f', now + tonumber(ARGV[6])), ARGV[5])
  redis.call('PEXPIRE', KEYS[2], math.ceil(tonumber(ARGV[6]) * 1000) + 1000)
end
return {'0', made}
"""


@dataclass(slots=True)
class _Room:
    """One limit of one credential as this worker knows it. `made` calls there were, all workers', at `seen`."""

    limit: Limit
    keys: tuple[str, str]
    starts: deque[tuple[float, str]] = field(default_factory=deque)
    inside: dict[str, float] = field(default_factory=dict)
    made: int = 0
    seen: float = float("-inf")

    def entered(self, member: str, now: float) -> None:
        if self.limit.calls is not None:
            self.starts.append((now, member))
        self.inside[member] = now

    def alone(self, now: float, engines: int) -> float:
        """Seconds to wait where nobody counts for all: our part of the limit, and of what the others had left of it."""
        part = cautious(self.limit, engines)
        if part.concurrency and len(self.inside) >= part.concurrency:
            return FULL_SECONDS
        if part.calls is None or self.limit.calls is None:
            return 0.0
        ours = [at for at, _ in self.starts if at > now - part.per]
        if len(ours) >= part.calls:
            return ours[-part.calls] + part.per - now
        since = self.seen + self.limit.per - now
        left = max(0, self.limit.calls - self.made) // engines
        return since if since > 0 and sum(at > self.seen for at in ours) >= left else 0.0

    def forget(self, now: float, longest: float) -> None:
        while self.starts and self.starts[0][0] <= now - longest:
            self.starts.popleft()


class Rooms:
    """All limits of this worker. `engines`: how many are at work, with this one."""

    def __init__(self, link: Link, clock: Clock, me: str, engines: Callable[[], int]) -> None:
        self._link = link
        self._clock = clock
        self._engines = engines
        self._numbers = (f"{me}:{number}" for number in itertools.count())
        self._rooms: dict[tuple[str, str], _Room] = {}
        self._enter = link.redis.register_script(_ENTER)
        link.forgot.append(self.tell_again)

    def limiter(self, credential: str, limits: Sequence[Limit]) -> "SharedLimiter":
        return SharedLimiter(self, credential, limits)

    def room(self, credential: str, interface: str, limits: Sequence[Limit]) -> _Room | None:
        limit = limit_of(interface, limits)
        if limit is None:
            return None
        if (credential, interface) not in self._rooms:
            who = hashlib.sha256(credential.encode()).hexdigest()[:16]
            keys = (f"hub:calls:{who}:{interface}", f"hub:places:{who}:{interface}")
            self._rooms[credential, interface] = _Room(limit, keys)
        return self._rooms[credential, interface]

    async def enter(self, room: _Room) -> tuple[float, str]:
        """Seconds to wait, or 0 and what one leaves with."""
        now, member, engines = self._clock.now().timestamp(), next(self._numbers), self._engines()
        room.forget(now, room.limit.per * max(1, engines))
        wait = await self._ask(room, member, now) if self._link.works() else None
        if wait is None:
            wait = room.alone(now, engines)
        if wait <= 0:
            room.entered(member, now)
        return wait, member

    async def leave(self, room: _Room, member: str) -> None:
        room.inside.pop(member, None)
        if room.limit.concurrency and self._link.works():
            try:
                await self._link.redis.zrem(room.keys[1], member)
            except TROUBLES as error:
                self._link.lost(error)

    async def tell_again(self) -> None:
        """Redis remembers nothing: it hears again what this worker did."""
        if not self._rooms:
            return
        async with self._link.redis.pipeline(transaction=False) as pipe:
            for room in self._rooms.values():
                if room.starts:
                    pipe.zadd(room.keys[0], {member: at for at, member in room.starts})
                if room.inside and room.limit.concurrency:
                    pipe.zadd(room.keys[1], {member: at + HELD_SECONDS for member, at in room.inside.items()})
            await pipe.execute()

    async def _ask(self, room: _Room, member: str, now: float) -> float | None:
        limit = room.limit
        told: list[Any] = [f"{now:.6f}", limit.per, limit.calls or 0, limit.concurrency or 0, member, HELD_SECONDS]
        try:
            wait, made = await self._enter(keys=room.keys, args=told)
        except TROUBLES as error:
            self._link.lost(error)
            return None
        if float(wait) < 0:
            return FULL_SECONDS
        room.made, room.seen = int(made), now
        return float(wait)


class SharedLimiter:
    """The limiter of one connection."""

    def __init__(self, rooms: Rooms, credential: str, limits: Sequence[Limit]) -> None:
        self._rooms = rooms
        self._credential = credential
        self._limits = limits

    @asynccontextmanager
    async def slot(self, interface: str) -> AsyncIterator[None]:
        room = self._rooms.room(self._credential, interface, self._limits)
        if room is None:
            yield
            return
        deadline = time.monotonic() + PATIENCE
        while True:
            wait, member = await self._rooms.enter(room)
            if wait <= 0:
                break
            if time.monotonic() + wait > deadline:
                raise no_room(interface, wait if wait > FULL_SECONDS else PATIENCE)
            await asyncio.sleep(wait)
        try:
            yield
        finally:
            await self._rooms.leave(room, member)
