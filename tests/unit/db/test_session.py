"""Transactions: numbered, observed, retried only where the database's own trouble passes."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
from decimal import Decimal

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from hub.db.session import Database, async_url, is_away, is_passing, plain_url


class Diary:
    def __init__(self) -> None:
        self.lines: list[tuple[str, int, str]] = []

    def before_commit(self, number: int, label: str) -> None:
        self.lines.append(("before", number, label))

    def after_commit(self, number: int, label: str) -> None:
        self.lines.append(("after", number, label))


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
async def database(empty_database_url: str, diary: Diary) -> AsyncIterator[Database]:
    database = Database(empty_database_url, diary)
    async with database.begin("make") as connection:
        await connection.execute(text("CREATE TABLE n (id int PRIMARY KEY, doc jsonb)"))
        await connection.execute(text("INSERT INTO n VALUES (1), (2)"))
    diary.lines.clear()
    yield database
    await database.close()


async def count(database: Database) -> int:
    async with database.read() as connection:
        found: int = (await connection.execute(text("SELECT count(*) FROM n"))).scalar_one()
        return found


async def test_a_commit_is_numbered_and_seen_on_both_sides(database: Database, diary: Diary) -> None:
    for label in ("apply", "derive"):
        async with database.begin(label) as connection:
            await connection.execute(text("DELETE FROM n WHERE id = 1"))
    assert diary.lines == [
        ("before", 2, "apply"),
        ("after", 2, "apply"),
        ("before", 3, "derive"),
        ("after", 3, "derive"),
    ]


async def test_a_block_that_raises_writes_nothing_and_has_no_number(database: Database, diary: Diary) -> None:
    with pytest.raises(KeyError):
        async with database.begin() as connection:
            await connection.execute(text("DELETE FROM n"))
            raise KeyError
    assert diary.lines == []
    assert await count(database) == 2


async def test_a_cancelled_block_gives_its_connection_and_locks_back(database: Database) -> None:
    started = asyncio.Event()

    async def hold() -> None:
        async with database.begin() as connection:
            await connection.execute(text("DELETE FROM n"))
            started.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(hold())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.begin() as connection, asyncio.timeout(5):
        await connection.execute(text("UPDATE n SET doc = '{}'"))
    assert database.engine.pool.checkedout() == 0


async def test_json_from_plain_sql_keeps_numbers_exact(database: Database) -> None:
    async with database.read() as connection:
        value = (await connection.execute(text("""SELECT '{"a": 1.10, "b": 2}'::jsonb"""))).scalar_one()
    assert value == {"a": Decimal("1.10"), "b": 2}
    assert str(value["a"]) == "1.10"


async def test_a_reading_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only transaction"):
        async with database.read() as connection:
            await connection.execute(text("DELETE FROM n"))
    async with database.begin() as connection:
        await connection.execute(text("DELETE FROM n"))


async def test_a_deadlock_is_entered_again(database: Database) -> None:
    both_hold_one = asyncio.Barrier(2)
    entered = 0

    async def both(first: int, second: int) -> None:
        nonlocal entered
        entered += 1
        alone = entered > 2
        async with database.begin() as connection:
            await connection.execute(text("UPDATE n SET doc = '1' WHERE id = :id"), {"id": first})
            if not alone:
                await both_hold_one.wait()
            await connection.execute(text("UPDATE n SET doc = '2' WHERE id = :id"), {"id": second})

    await asyncio.gather(database.retrying(lambda: both(1, 2)), database.retrying(lambda: both(2, 1)))
    assert entered == 3


async def test_a_broken_connection_is_replaced(database: Database) -> None:
    entered = 0

    async def work() -> int:
        nonlocal entered
        entered += 1
        async with database.begin() as connection:
            if entered == 1:
                await connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            return (await connection.execute(text("SELECT 7"))).scalar_one()

    assert await database.retrying(work) == 7
    assert entered == 2


async def test_a_broken_rule_is_not_tried_again(database: Database) -> None:
    entered = 0

    async def work() -> None:
        nonlocal entered
        entered += 1
        async with database.begin() as connection:
            await connection.execute(text("INSERT INTO n VALUES (1)"))

    with pytest.raises(IntegrityError):
        await database.retrying(work)
    assert entered == 1


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (socket.gaierror(-3, "no name service"), True),
        (OSError(errno.EHOSTUNREACH, "no route"), True),
        (OSError("Multiple exceptions: refused at ::1, refused at 127.0.0.1"), True),
        (asyncpg.CannotConnectNowError("the database system is starting up"), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.DeadlockDetectedError("deadlock detected"), True),
        (ExceptionGroup("both", [ConnectionResetError(), asyncpg.AdminShutdownError("bye")]), True),
        (ExceptionGroup("one is ours", [ConnectionResetError(), KeyError()]), False),
        (asyncpg.InterfaceError("another operation is in progress"), False),
        (asyncpg.InvalidPasswordError("wrong"), False),
        (FileNotFoundError(errno.ENOENT, "no such file"), False),
        (ValueError(), False),
        (KeyError(), False),
    ],
)
def test_which_failures_pass(error: Exception, passing: bool) -> None:
    assert is_passing(error) is passing


def test_a_deadlock_does_not_say_that_the_server_is_away() -> None:
    assert not is_away(asyncpg.DeadlockDetectedError("deadlock detected"))
    assert is_away(asyncpg.CannotConnectNowError("the database system is starting up"))


async def test_the_clock_is_the_databases_and_aware(database: Database) -> None:
    clock = database.clock()
    with pytest.raises(RuntimeError, match="resync"):
        clock.now()
    await clock.resync()
    async with database.read() as connection:
        there = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    assert abs(clock.now() - there) < timedelta(seconds=2)
    assert clock.now().tzinfo is UTC
    assert clock.now() <= clock.now()


async def test_long_statements_and_idle_transactions_are_ended(database: Database) -> None:
    async with database.read() as connection:
        limits = [
            (await connection.execute(text(f"SHOW {name}"))).scalar_one()
            for name in ("statement_timeout", "idle_in_transaction_session_timeout", "timezone")
        ]
    assert limits == ["1min", "1min", "UTC"]


def test_any_spelling_of_an_address_will_do() -> None:
    for given in ("postgres://u:p%40@h:1/d", "postgresql://u:p%40@h:1/d", "postgresql+asyncpg://u:p%40@h:1/d"):
        assert plain_url(given) == "postgresql://u:p%40@h:1/d"
        assert async_url(given) == "postgresql+asyncpg://u:p%40@h:1/d"
