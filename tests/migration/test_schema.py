"""All migrations in order end in exactly the tables of this version, on the PostgreSQL we bring and on 15."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from hub.db.migrate import current, drift, migrate
from hub.db.tables import metadata
from tests.support.database import data_folder, fresh_database, running_server
from tests.support.schema import catalogue, programs_of_15


@pytest.fixture(scope="module", params=["embedded", "second"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "embedded":
        yield request.getfixturevalue("server_url")
        return
    programs = programs_of_15()
    if programs is None:
        pytest.skip("no second PostgreSQL here; name its bin folder in HUB_TEST_PG15_BIN")
    with data_folder() as folder, running_server(folder, bin_dir=programs) as url:
        yield url


@pytest.fixture
def empty(server: str) -> Iterator[str]:
    with fresh_database(server, template="template1") as url:
        yield url


async def test_migrations_end_in_the_tables(empty: str, server: str) -> None:
    assert await current(empty) is None
    reached = await migrate(empty)
    assert reached == await current(empty)
    assert reached is not None
    assert await drift(empty) == []


def test_migrations_and_create_all_give_the_same_database(server: str) -> None:
    async def create_all(url: str) -> None:
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await engine.dispose()

    with (
        fresh_database(server, template="template1") as migrated,
        fresh_database(server, template="template1") as made,
    ):
        asyncio.run(migrate(migrated))
        asyncio.run(create_all(made))
        assert asyncio.run(catalogue(migrated)) == asyncio.run(catalogue(made))


async def test_a_second_migration_changes_nothing_and_two_at_once_are_one(empty: str) -> None:
    reached = await asyncio.gather(migrate(empty), migrate(empty))
    assert len(set(reached)) == 1
    before = await catalogue(empty)
    assert await migrate(empty) == reached[0]
    assert await catalogue(empty) == before


async def test_a_difference_is_noticed(empty: str) -> None:
    await migrate(empty)
    engine = create_async_engine(empty)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE audit DROP COLUMN who"))
        await connection.execute(text("DROP SEQUENCE entity_ids"))
    await engine.dispose()
    found = await drift(empty)
    assert ("add_sequence", "entity_ids") in found
    assert any(step[0] == "add_column" and step[3].name == "who" for step in found)
