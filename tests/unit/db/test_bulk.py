"""Bulk statements: every type arrives as it left, conflicts are settled as asked."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from hub.db import bulk
from hub.db.session import Database

metadata = sa.MetaData()
things = sa.Table(
    "thing",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("amount", sa.Numeric(28, 6)),
    sa.Column("body", sa.LargeBinary),
    sa.Column("at", sa.DateTime(timezone=True)),
    sa.Column("day", sa.Date),
    sa.Column("clock", sa.Time),
    sa.Column("length", sa.Interval),
    sa.Column("yes", sa.Boolean),
    sa.Column("small", sa.SmallInteger),
    sa.Column("uid", UUID(as_uuid=True)),
    sa.Column("tags", ARRAY(sa.Text)),
    sa.Column("numbers", ARRAY(sa.BigInteger)),
    sa.Column("doc", JSONB),
    sa.Column("order", sa.Text, server_default="none given"),
)
FULL: dict[str, Any] = {
    "key": "a'b\"c\\ 中文 :name ::text",
    "amount": Decimal("12345678901234567890.123456"),
    "body": bytes(range(256)),
    "at": datetime(2026, 3, 1, 8, 30, 15, 123456, tzinfo=UTC),
    "day": date(2026, 2, 28),
    "clock": time(23, 59, 59),
    "length": timedelta(days=2, seconds=3, microseconds=4),
    "yes": True,
    "small": -3,
    "uid": uuid4(),
    "tags": ["x", "y,{}", ""],
    "numbers": [1, 2**62],
    "doc": {"total": Decimal("1.50"), "lines": [{"n": None}], "文": "值"},
    "order": "set",
}


@pytest.fixture
async def database(empty_database_url: str) -> AsyncIterator[Database]:
    database = Database(empty_database_url)
    async with database.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield database
    await database.close()


async def stored(database: Database) -> list[dict[str, Any]]:
    async with database.read() as connection:
        rows = await connection.execute(sa.select(things).order_by(things.c.id))
        return [dict(row) for row in rows.mappings()]


async def test_every_type_arrives_as_it_left(database: Database) -> None:
    async with database.begin() as connection:
        await bulk.insert(connection, things, [FULL])
    [row] = await stored(database)
    assert {name: row[name] for name in FULL} == FULL
    assert isinstance(row["doc"]["total"], Decimal)


async def test_every_type_may_be_absent(database: Database) -> None:
    async with database.begin() as connection:
        await bulk.insert(connection, things, [dict.fromkeys(FULL) | {"key": "k"}])
    [row] = await stored(database)
    assert {row[name] for name in FULL if name != "key"} == {None}


async def test_a_column_not_named_gets_its_default_and_order_is_kept(database: Database) -> None:
    rows = [{"key": f"k{number}"} for number in range(500, 0, -1)]
    async with database.begin() as connection:
        answer = await bulk.insert(connection, things, rows, returning=["id", "key", "order"])
    assert [row["key"] for row in answer] == [row["key"] for row in rows]
    assert [row["id"] for row in answer] == list(range(1, 501))
    assert {row["order"] for row in answer} == {"none given"}


async def test_upsert_takes_new_values_and_the_later_of_two_rows(database: Database) -> None:
    async with database.begin() as connection:
        await bulk.insert(connection, things, [{"key": "a", "small": 1, "order": "old"}])
        rows = [{"key": "b", "small": 5}, {"key": "a", "small": 2}, {"key": "a", "small": 3}]
        answer = await bulk.upsert(connection, things, rows, conflict=["key"], returning=["key", "small"])
    assert sorted((row["key"], row["small"]) for row in answer) == [("a", 3), ("b", 5)]
    assert [row["order"] for row in await stored(database)] == ["old", "none given"]


async def test_upsert_may_leave_a_stored_row_alone(database: Database) -> None:
    async with database.begin() as connection:
        await bulk.insert(connection, things, [{"key": "a", "small": 1}])
        rows = [{"key": "a", "small": 2}, {"key": "b", "small": 2}]
        answer = await bulk.upsert(connection, things, rows, conflict=["key"], update=(), returning=["key"])
    assert [row["key"] for row in answer] == ["b"]
    assert [row["small"] for row in await stored(database)] == [1, 2]


async def test_upsert_may_compute(database: Database) -> None:
    rows = [{"key": "a", "small": 2}]
    async with database.begin() as connection:
        for _ in range(3):
            update = {"small": "(t.small + excluded.small)::smallint"}
            await bulk.upsert(connection, things, rows, conflict=["key"], update=update)
    assert [row["small"] for row in await stored(database)] == [6]


async def test_rows_must_be_alike(database: Database) -> None:
    async with database.begin() as connection:
        with pytest.raises(ValueError, match=r"same columns.*small"):
            await bulk.insert(connection, things, [{"key": "a"}, {"key": "b", "small": 1}])


async def test_no_rows_is_no_statement(database: Database) -> None:
    async with database.begin() as connection:
        assert await bulk.insert(connection, things, []) == []
        assert await bulk.upsert(connection, things, [], conflict=["key"]) == []


async def test_an_unknown_object_is_refused(database: Database) -> None:
    async with database.begin() as connection:
        with pytest.raises(TypeError, match="not JSON serializable: object"):
            await bulk.insert(connection, things, [{"key": object()}])
