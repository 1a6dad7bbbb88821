"""The health check of workers: the database's word counts, and where it has none nobody is started anew."""

import asyncio
import socket
from datetime import timedelta

import pytest
from pydantic import SecretStr

from hub.db.session import Database
from hub.jobs.alive import alive
from hub.settings import Settings
from hub.sync import workers
from hub.sync.workers import Beat, Self

LEASE = timedelta(seconds=60)


async def tell(url: str, host: str, ago: timedelta) -> None:
    db = Database(url, pool_size=1)
    try:
        await db.clock().resync()
        async with db.begin("test") as conn:
            await workers.beat(conn, Self("one", "one", host, 7), Beat(db.clock().now() - ago, LEASE))
    finally:
        await db.close()


@pytest.mark.parametrize(
    ("host", "ago", "expected"),
    [
        (socket.gethostname(), timedelta(), True),
        (socket.gethostname(), timedelta(seconds=90), False),
        ("another", timedelta(), False),
    ],
    ids=["heard", "silent", "of another machine"],
)
def test_a_worker_that_was_heard_of_is_alive(database_url: str, host: str, ago: timedelta, expected: bool) -> None:
    asyncio.run(tell(database_url, host, ago))
    assert alive(Settings(database_url=SecretStr(database_url))) is expected


def test_nobody_is_started_anew_for_a_database_that_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    assert alive(Settings(database_url=SecretStr("postgresql://hub:hub@127.0.0.1:9/hub")))
    assert "the database does not answer" in capsys.readouterr().err


def test_an_embedded_database_has_no_workers() -> None:
    assert not alive(Settings())
