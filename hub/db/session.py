"""The one way to the database: numbered transactions, retries of the database's own failures, its clock."""

import errno
import itertools
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from hub.db import tally, wake
from hub.sdk import jsontext

T = TypeVar("T")

SERVER_SETTINGS = {
    "application_name": "o2c-hub",
    "timezone": "UTC",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "jit": "off",
}
RETRY_SECONDS = 45
SERIALISATION, DEADLOCK = "40001", "40P01"
GONE = ("08", "57P", "53100", "53200", "53300")
"""SQLSTATEs, or how they begin, of a server that cannot work now: connection exceptions; shutdown, crash, starting up;
the disk is full, memory is out, too many connections. None of it is the fault of the record in hand."""
UNREACHABLE = (errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN, None)
"""Numbers of an OSError of the way to the server. None: asyncio's word when a name has several addresses and no one
answers at any of them."""


class CommitObserver(Protocol):
    """Sees every commit with its number; a fault drill may end the process in either call."""

    def before_commit(self, number: int, label: str) -> None: ...

    def after_commit(self, number: int, label: str) -> None: ...


class Database:
    """A pool of connections to one database. Every write happens inside `begin`."""

    def __init__(self, url: str, observer: CommitObserver | None = None, *, pool_size: int = 10) -> None:
        self._engine = _engine(url, pool_size)
        self._observer = observer
        self.bell: wake.Bell | None = None
        """How those who wait are told of a commit, if not by NOTIFY: `hub.jobs` gives it."""
        self._numbers = itertools.count(1)
        self._clock = DatabaseClock(self)

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    @asynccontextmanager
    async def begin(self, label: str = "work") -> AsyncIterator[AsyncConnection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self._engine.connect() as connection:
            tally.begin(connection)
            wake.begin(connection, self.bell)
            yield connection
            ring = await wake.before_commit(connection)
            await tally.write(connection)
            number = next(self._numbers)
            if self._observer is not None:
                self._observer.before_commit(number, label)
            await connection.commit()
            if self._observer is not None:
                self._observer.after_commit(number, label)
            if ring and self.bell is not None:
                self.bell.ring()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One read-only snapshot; nothing to commit, so it has no number."""
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    async def retrying(self, work: Callable[[], Awaitable[T]], seconds: float = RETRY_SECONDS) -> T:
        """Run whole transactions again after a deadlock or while the server is away, for so many seconds.

        `work` may have committed just before its connection broke: it must be safe to enter again.
        """

        async def attempt() -> T:
            return await work()

        attempts = AsyncRetrying(
            retry=retry_if_exception(is_passing),
            wait=wait_random_exponential(multiplier=0.05, max=2),
            stop=stop_after_delay(seconds),
            reraise=True,
        )
        return await attempts(attempt)

    def clock(self) -> "DatabaseClock":
        """The database's clock; `await clock.resync()` once before the first `now()`."""
        return self._clock

    async def close(self) -> None:
        await self._engine.dispose()


class DatabaseClock:
    """The database's time without a query: one reading, carried on by the monotonic clock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        if self._reading is None:
            raise RuntimeError("The database's clock was never read. Call resync() once when starting.")
        then, mark = self._reading
        return then + timedelta(seconds=time.monotonic() - mark)

    async def resync(self) -> float:
        """Read it again; returns the seconds by which it was set forward (or back) since the last reading."""
        async with self._database.read() as connection:
            # The first statement pays for BEGIN and the snapshot; the second measures a bare round trip.
            await connection.execute(text("SELECT 1"))
            before = time.monotonic()
            read: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
            after = time.monotonic()
        mark = (before + after) / 2
        then, earlier = self._reading or (read, mark)
        self._reading = (read.astimezone(UTC), mark)
        return (read - then).total_seconds() - (mark - earlier)


def is_passing(error: BaseException) -> bool:
    """A failure of the database that goes away by itself: deadlock, serialisation, a lost connection."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_passing, error.exceptions))
    return is_away(error) or _sqlstate(error) in (SERIALISATION, DEADLOCK)


def is_away(error: BaseException) -> bool:
    """The server cannot be reached, or not yet, or no more."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(is_away, error.exceptions))
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error)
    if isinstance(error, OSError):
        lost = isinstance(error, ConnectionError | TimeoutError | socket.gaierror)
        return lost or error.errno in UNREACHABLE
    invalidated = isinstance(error, DBAPIError) and error.connection_invalidated
    return invalidated or _sqlstate(error).startswith(GONE)


def _sqlstate(error: BaseException) -> str:
    raw = error.orig if isinstance(error, DBAPIError) else error
    return getattr(raw, "sqlstate", None) or ""


def async_url(url: str) -> str:
    """Any spelling of a PostgreSQL address, for the driver we use."""
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def plain_url(url: str) -> str:
    """The same address as libpq and the bare driver spell it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _json(value: Any) -> str:
    return jsontext.dumps(value).decode()


def _engine(url: str, pool_size: int) -> AsyncEngine:
    return create_async_engine(
        async_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=False,
        json_serializer=_json,
        json_deserializer=jsontext.loads,
        hide_parameters=True,
        connect_args={"server_settings": SERVER_SETTINGS, "timeout": 10},
    )
