"""Failed work by cause: grouping, owners, and one act for a whole group as a run that can be stopped and goes on."""

import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.db import bulk as database
from hub.db.session import Database
from hub.db.tables import inbox
from hub.settings import NoticeSettings
from hub.sync import bulk, groups
from hub.sync.assigning import Office, Word, assign_group
from hub.sync.bulk import Act
from hub.sync.desk import DeskError, Person
from hub.sync.edits import Edit
from hub.sync.groups import Selection
from tests.integration.test_desk import CONFIGURATION, put_delivery, put_inbox
from tests.support.results import write_result
from tests.support.sdk import START

ANNA = Person("anna", START)
OFFICE = Office(ANNA, CONFIGURATION, NoticeSettings())
MANY = 50_000


async def grouped(db: Database) -> list[dict[str, Any]]:
    async with db.read() as conn:
        return await groups.groups(conn)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("order SO-123 has no currency", "order SO-98 has no currency", True),
        ("'a b' is not a date", "'31.01.2026' is not a date", True),
        ("订单 SO-1 的客户“华东精工”没有币别", "订单 SO-22 的客户“王府 Tech”没有币别", True),
        ("refused at 2026-01-01T10:00:00+08:00, id 4f1c9a", "refused at 2026-02-03T00:00:00Z, id 9b2e", True),
        ("a fault of ours: KeyError\nline 1", "a fault of ours: KeyError\nline 2", True),
        ("the customer is blocked", "the customer is closed", False),
    ],
)
async def test_sentences_are_grouped_by_their_shape(db: Database, first: str, second: str, same: bool) -> None:
    await put_inbox(db, error=first)
    await put_inbox(db, error=second)
    assert [group["count"] for group in await grouped(db)] == ([2] if same else [1, 1])


async def test_connection_class_and_field_make_groups_of_their_own(db: Database) -> None:
    for more in ({}, {"connection": "erp"}, {"stream": "contacts"}, {"error_class": "Ambiguous"}):
        await put_inbox(db, **more)
    for path in ("lines.0.qty", "lines.7.qty", "total"):
        await put_inbox(db, error_fields=[{"path": path, "sentence": "?"}])
    await put_inbox(db, "done")
    await put_delivery(db)
    found = await grouped(db)
    assert [group["count"] for group in found] == [2, 1, 1, 1, 1, 1, 1]
    assert found[0]["field"] == "lines.7.qty"
    assert {group["id"][0] for group in found} == {"i", "d"}
    async with db.read() as conn:
        members = await groups.failed(conn, group=found[0]["id"])
        assert [row["error_fields"][0]["path"] for row in members] == ["lines.7.qty", "lines.0.qty"]
        assert len(await groups.failed(conn)) == 8
        assert await groups.failed(conn, group="nothing") == []


async def test_the_list_goes_on_where_it_stopped(db: Database) -> None:
    numbers = [("inbox", await put_inbox(db)) for _ in range(3)] + [("delivery", await put_delivery(db))]
    seen: list[tuple[str, int]] = []
    after = None
    async with db.read() as conn:
        while rows := await groups.failed(conn, after=after, limit=2):
            seen += [(row["what"], row["id"]) for row in rows]
            after = (rows[-1]["place"], rows[-1]["id"])
    assert seen == [*reversed(numbers[:3]), numbers[3]]


async def test_a_group_is_assigned_with_what_joins_it_later(db: Database) -> None:
    await put_inbox(db)
    (group,) = await grouped(db)
    assert (group["owner"], group["assigned"]) == (None, False)
    async with db.begin("test") as conn:
        await assign_group(conn, group["id"], Word(owner="bob"), OFFICE)
        await assign_group(conn, group["id"], Word(note="asked the ERP team"), OFFICE)
        with pytest.raises(DeskError, match="say who"):
            await assign_group(conn, group["id"], Word(), OFFICE)
        with pytest.raises(DeskError, match="no group"):
            await assign_group(conn, "i000000000", Word("bob"), OFFICE)
    await put_inbox(db)
    (group,) = await grouped(db)
    assert (group["owner"], group["note"], group["count"]) == ("bob", "asked the ERP team", 2)
    async with db.read() as conn:
        assert {row["owner"] for row in await groups.failed(conn)} == {"bob"}
        assert [row["detail"]["owner"] for row in await groups.history(conn, group["id"])] == [None, "bob"]
    async with db.begin("test") as conn:
        await assign_group(conn, group["id"], Word(owner=""), OFFICE)
    assert (await grouped(db))[0]["owner"] is None


@pytest.mark.parametrize(
    ("selection", "act", "sentence"),
    [
        (Selection(), Act("retry"), "say which"),
        (Selection("inbox"), Act("retry"), "say which"),
        (Selection(group="h000000000"), Act("retry"), "no group of records"),
        (Selection(group="i000000000"), Act("dismiss"), "say why"),
        (Selection(group="b000000000"), Act("correct", edit=Edit({"a": 1})), "nothing of a bell can be corrected"),
        (Selection(group="i000000000"), Act("correct", edit=Edit()), "either PATH=VALUE or from and to"),
        (Selection(group="i000000000"), Act("correct", edit=Edit(old="1")), "what it is to be"),
        (Selection(group="d000000000"), Act("correct", edit=Edit(old="1", new="2")), "which field of the entity"),
    ],
)
async def test_what_cannot_be_begun_is_said(db: Database, selection: Selection, act: Act, sentence: str) -> None:
    async with db.begin("test") as conn:
        with pytest.raises(DeskError, match=sentence):
            await bulk.start(conn, selection, act, ANNA)


async def test_the_same_act_is_not_begun_twice_and_an_empty_one_is_done(db: Database) -> None:
    number = await put_inbox(db)
    selection = Selection("inbox", connection="crm")
    async with db.begin("test") as conn:
        first = await bulk.start(conn, selection, Act("retry"), ANNA)
        assert await bulk.start(conn, selection, Act("retry"), ANNA) == first
        assert await bulk.start(conn, selection, Act("dismiss", "old"), ANNA) != first
        empty = await bulk.start(conn, Selection("inbox", ids=(number + 1,)), Act("retry"), ANNA)
        states = await conn.execute(text("SELECT id, state, total FROM run ORDER BY id"))
        assert [row.state for row in states] == ["running", "running", "done"]
        with pytest.raises(DeskError, match="cannot be stopped"):
            await bulk.stop(conn, empty, ANNA)


async def test_groups_of_very_many_are_listed_quickly(db: Database) -> None:
    await _fill(db)
    spent: list[float] = []
    for _ in range(20):
        begun = time.perf_counter()
        found = await grouped(db)
        spent.append(time.perf_counter() - begun)
    assert sum(group["count"] for group in found) == MANY
    lists: list[float] = []
    async with db.read() as conn:
        for group in found[:20]:
            begun = time.perf_counter()
            assert len(await groups.failed(conn, group=group["id"], limit=100)) == 100
            lists.append(time.perf_counter() - begun)
        for _ in range(20):
            begun = time.perf_counter()
            assert len(await groups.failed(conn, limit=100)) == 100
            lists.append(time.perf_counter() - begun)
    worst, slowest = sorted(spent)[18], sorted(lists)[-3]
    counts = {"parked": MANY, "groups": len(found)}
    write_result("DESK", {**counts, "groups_p95_ms": round(worst * 1000), "list_p95_ms": round(slowest * 1000)})
    assert worst < 0.3
    assert slowest < 0.3


async def _fill(db: Database) -> None:
    kept = ("connection", "stream", "key", "record", "digest", "received_at", "correlation", "live", "state", "due_at")
    first = {
        "connection": "crm", "stream": "deals", "key": "k", "record": {}, "digest": "d", "received_at": START,
        "correlation": "c", "live": True, "state": "parked", "due_at": START,
    }  # fmt: skip
    assert set(kept) == set(first)
    for begin in range(0, MANY, 5000):
        rows = [
            {
                **first,
                "key": f"k{n}",
                "received_at": START - timedelta(seconds=n),
                "stream": f"s{n % 5}",
                "error_class": "MappingError",
                "error": f"{'abcdefghij'[n % 10] * 3}: record {n} of 'x{n}' has no value",
                "error_fields": [{"path": f"lines.{n}.qty", "sentence": "?"}],
            }
            for n in range(begin, begin + 5000)
        ]
        async with db.begin("test") as conn:
            await database.insert(conn, inbox, rows)
