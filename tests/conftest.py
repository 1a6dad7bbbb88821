"""Fixtures for every part: the database, the samples."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hub.db.session import Database
from tests.support.database import data_folder, fresh_database, make_template, running_server
from tests.support.redis import RedisServer, running_redis

SAMPLES = Path(__file__).parents[2] / "shared" / "samples"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The full sizes run where they are asked for (`make test-full`)."""
    if os.environ.get("HUB_TEST_FULL") == "1":
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The address of an empty database on the run's own server."""
    with data_folder() as folder, running_server(folder) as url:
        yield url


@pytest.fixture(scope="session")
def template_url(server_url: str) -> str:
    """The same server, holding a migrated template to copy databases from."""
    make_template(server_url)
    return server_url


@pytest.fixture
def database_url(template_url: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    with fresh_database(template_url) as url:
        yield url


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """A database without any table."""
    with fresh_database(server_url, template="template1") as url:
        yield url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, to be killed."""
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def samples() -> Path:
    """Real files of banks and vendors, read where they lie."""
    if SAMPLES.is_dir():
        return SAMPLES
    if os.environ.get("CI") == "true":
        pytest.fail(f"the samples are missing: expected them in {SAMPLES}")
    pytest.skip("the samples are not on this machine")
