"""What pushes side by side must have committed first: together where they wait together. Shown by the ids they obtain."""

import asyncio
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from hub.canon.identity import LinkState
from hub.db.session import Database
from hub.sync.attempt import keep_ids
from hub.sync.grouped import Grouped
from tests.support.sdk import FixedClock


class Commits:
    """Their labels in order."""

    def __init__(self) -> None:
        self.labels: list[str] = []

    def before_commit(self, number: int, label: str) -> None: ...

    def after_commit(self, number: int, label: str) -> None:
        self.labels.append(label)


@pytest.fixture
def commits() -> Commits:
    return Commits()


@pytest.fixture
async def watched(database_url: str, commits: Commits) -> Any:
    database = Database(database_url, commits)
    yield database
    await database.close()


def state(entity_id: int, key: str) -> LinkState:
    return LinkState(entity_id, "order", "erp", "orders", key, {"id": key}, "d", "m", 1, None, {"number": key})


def keeper(database: Database, seconds: float = 30) -> Grouped[LinkState]:
    """`seconds`: how long it waits for a database that is away."""
    keep = partial(database.retrying, seconds=seconds)
    engine: Any = SimpleNamespace(db=database, now=FixedClock().now, keep=keep)
    return Grouped(partial(keep_ids, engine))


async def keys(database: Database) -> set[str]:
    async with database.read() as conn:
        return {row.key for row in await conn.execute(text("SELECT key FROM link"))}


async def test_each_is_committed_when_its_push_goes_on_and_many_share_a_commit(watched: Database, commits: Commits):
    ids = keeper(watched)

    async def push(number: int) -> None:
        await ids.keep(state(number, f"k{number}"))
        assert f"k{number}" in await keys(watched)

    await asyncio.gather(*(push(number) for number in range(1, 9)))
    assert commits.labels == ["created", "created"]  # the first alone, the seven that came meanwhile together


async def test_one_that_the_database_refuses_fails_alone(watched: Database):
    ids = keeper(watched)
    states = [state(1, "a"), state(2, "b"), state(1, "another one of 1"), state(3, "c")]
    answers = await asyncio.gather(*(ids.keep(one) for one in states), return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), type(None), IntegrityError, type(None)]
    assert await keys(watched) == {"a", "b", "c"}


async def test_an_id_outlives_a_database_that_was_away(watched: Database, monkeypatch: pytest.MonkeyPatch):
    """The vendor has made the document: what it is called there must not be forgotten because nobody can write."""
    begin, refused = watched.begin, 0

    def away_at_first(label: str) -> Any:
        nonlocal refused
        refused += 1
        if refused <= 3:
            raise ConnectionRefusedError(label)
        return begin(label)

    monkeypatch.setattr(watched, "begin", away_at_first)
    await keeper(watched).keep(state(1, "a"))
    assert await keys(watched) == {"a"}


async def test_a_database_that_stays_away_is_heard_of_by_all_who_wait(
    watched: Database, monkeypatch: pytest.MonkeyPatch
):
    def away(label: str) -> Any:
        raise ConnectionRefusedError(label)

    monkeypatch.setattr(watched, "begin", away)
    ids = keeper(watched, seconds=0.1)
    answers = await asyncio.gather(*(ids.keep(state(n, str(n))) for n in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ConnectionRefusedError] * 3
