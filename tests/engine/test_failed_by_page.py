"""Failed work is read page by page: each piece once, whatever table it lies in, and a group holds its own only."""

from typing import Any

import pytest

from hub.sync import groups
from hub.sync.desk import DeskError
from hub.sync.groups import Selection
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync

TOLD = "error_class, error, error_zh"
SAID = "'Rejected', 'no', '不行'"


async def town_of_trouble(build: Build) -> Town:
    """Two of everything that can fail."""
    town, engine = await build(connection("left"), connection("right"), sync("left-customers"), sync("right-customers"))
    town.refuse("right", "Rejected", match='"name":', times=2)
    for number in range(2):
        town.save("left", name=f"customer {number}")
        await town.arrive(engine, "left-customers", {"id": f"bad {number}", "updated_at": "2026-01-01T00:00:00Z"})
    await town.again(engine)
    for number in range(2):
        values = {"now": town.clock.now(), "text": f"{number}"}
        await town.change(
            f"INSERT INTO bell (connection, stream, path, text, reason, correlation, state, due_at, {TOLD})"
            f" VALUES ('left', 'customers', '', :text, 'webhook', 'c', 'parked', :now, {SAID})",
            **values,
        )
        await town.change(
            "INSERT INTO receipt (connection, source, received_at, method, path, query, headers, body, verdict, state,"
            f" {TOLD}) VALUES ('left', 'hook', :now, 'POST', :text, '{{}}', '{{}}', '', 'accepted', 'parked', {SAID})",
            **values,
        )
        await town.change(
            "INSERT INTO run (sync, what, state, started_at, note, note_zh, detail)"
            " VALUES ('left-customers', 'pull', 'held', :now, 'held', '待放行', '{}')",
            now=values["now"],
        )
    return town


async def pages(town: Town, size: int, group: str | None = None) -> list[Any]:
    found: list[Any] = []
    async with town.db.read() as conn:
        after: tuple[int, int] | None = None
        while page := await groups.failed(conn, group=group, after=after, limit=size):
            assert len(page) <= size
            found += page
            after = (page[-1]["place"], page[-1]["id"])
    return found


async def test_each_piece_once(build: Build) -> None:
    town = await town_of_trouble(build)
    kinds = ["inbox", "delivery", "bell", "receipt", "run"]
    whole = [(row["what"], row["id"]) for row in await pages(town, 100)]
    assert [what for what, _ in whole] == [kind for kind in kinds for _ in range(2)]
    assert len(set(whole)) == 10
    for size in (1, 2, 3):
        assert [(row["what"], row["id"]) for row in await pages(town, size)] == whole


async def test_a_group_holds_its_own(build: Build) -> None:
    """Also the one of held runs, which is confirmed elsewhere but is looked at here."""
    town = await town_of_trouble(build)
    async with town.db.read() as conn:
        found = {row["what"]: row for row in await groups.groups(conn)}
    assert {what: row["count"] for what, row in found.items()} == dict.fromkeys(found, 2) and len(found) == 5
    for what, group in found.items():
        for size in (1, 5):
            members = await pages(town, size, group["id"])
            assert [row["what"] for row in members] == [what] * 2 and len({row["id"] for row in members}) == 2
    assert await pages(town, 5, "x" * 10) == []


async def test_what_is_picked_is_what_is_acted_on(build: Build) -> None:
    """One record is retried, not everything that is parked."""
    town = await town_of_trouble(build)
    first, second = (row.id for row in await town.rows("SELECT id FROM inbox WHERE state = 'parked' ORDER BY id"))
    (group, *_) = {row["cause"] for row in await pages(town, 100) if row["what"] == "receipt"}

    async def picked(selection: Selection) -> list[int]:
        condition, values = selection.condition()
        rows = await town.rows(f"SELECT id FROM {selection.table()} WHERE {condition} ORDER BY id", **values)
        return [row.id for row in rows]

    assert await picked(Selection("inbox", ids=(first,))) == [first]
    assert await picked(Selection("inbox", connection="left", error_class="MappingError")) == [first, second]
    assert await picked(Selection("inbox", connection="right")) == []
    assert len(await picked(Selection("receipt", stream="hook"))) == 2 == len(await picked(Selection(group=group)))
    await town.change("UPDATE inbox SET state = 'done' WHERE id = :id", id=first)
    assert await picked(Selection("inbox", ids=(first, second))) == [second], "what is done is left alone"
    assert await picked(Selection("inbox", connection="left")) == [second]
    for nothing in (Selection(), Selection("inbox"), Selection(group="h123")):
        with pytest.raises(DeskError):
            nothing.table()
