"""The work desk on the real tables: retry, dismiss, correct; what is on record afterwards."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from hub.canon.entity import Entity
from hub.canon.kinds import Kinds
from hub.canon.store import load, save
from hub.config.runtime import Configuration
from hub.config.stored import Stored
from hub.db import bulk
from hub.db.session import Database
from hub.db.tables import bell, delivery, inbox, receipt
from hub.sync import corrections, desk
from hub.sync.corrections import Linking
from hub.sync.desk import DeskError, NotThere, Person
from tests.support.sdk import START

CONFIGURATION = Configuration(Stored())
ANNA = Person("anna", START)


async def one(db: Database, table: str, number: int) -> dict[str, Any]:
    async with db.read() as conn:
        found = await conn.execute(text(f"SELECT * FROM {table} WHERE id = :id"), {"id": number})
        return dict(found.mappings().one())


async def audits(db: Database) -> list[tuple[str, str, str]]:
    async with db.read() as conn:
        return [tuple(row) for row in await conn.execute(text("SELECT who, act, what FROM audit ORDER BY id"))]


async def put_inbox(db: Database, state: str = "parked", **more: Any) -> int:
    row = {
        "connection": "crm",
        "stream": "deals",
        "key": "k1",
        "record": {"total": Decimal("1.50"), "lines": [{"qty": 1}, {"qty": 2}]},
        "digest": "d1",
        "received_at": START,
        "correlation": "receipt-7",
        "live": True,
        "state": state,
        "due_at": START,
        "attempts": 3,
        "error_class": "MappingError",
        "error": "wrong",
        **more,
    }
    async with db.begin("test") as conn:
        return int((await bulk.insert(conn, inbox, [row], returning=["id"]))[0]["id"])


async def put_delivery(db: Database, entity_id: int = 5, state: str = "parked") -> int:
    row = {
        "sync": "orders",
        "connection": "erp",
        "stream": "orders",
        "kind": "order",
        "entity_id": entity_id,
        "wanted_version": 1,
        "state": state,
        "due_at": START,
        "attempts": 5,
        "in_hand": 2,
        "correlation": "c1",
        "created_at": START,
        "error_class": "Rejected",
        "error": "no such customer",
    }
    async with db.begin("test") as conn:
        return int((await bulk.insert(conn, delivery, [row], returning=["id"]))[0]["id"])


async def put_order(db: Database) -> None:
    order = Entity(5, "order", 1, "crm", {"number": "SO-1", "total": {"amount": "7", "currency": "CNY"}}, {})
    async with db.begin("test") as conn:
        await save(conn, Kinds(), [order], START)


async def test_retry_makes_due_again_what_is_open(db: Database) -> None:
    parked, done = await put_inbox(db), await put_inbox(db, "done")
    async with db.begin("test") as conn:
        assert await desk.retry(conn, "inbox", [parked, done, 999], "anna", START) == [parked]
    row = await one(db, "inbox", parked)
    assert (row["state"], row["attempts"], row["error"]) == ("due", 0, None)
    assert (await one(db, "inbox", done))["state"] == "done"
    assert await audits(db) == [("anna", "inbox.retry", str(parked))]


async def test_a_retried_delivery_starts_counting_anew(db: Database) -> None:
    number = await put_delivery(db)
    async with db.begin("test") as conn:
        assert await desk.retry(conn, "delivery", [number], "anna", START) == [number]
    row = await one(db, "delivery", number)
    assert (row["state"], row["attempts"], row["in_hand"], row["error_class"]) == ("due", 0, 0, None)


async def test_bells_and_receipts_are_retried_too(db: Database) -> None:
    bells = {"connection": "crm", "stream": "deals", "path": "", "text": "k", "reason": "webhook", "correlation": "c"}
    receipts = {"connection": "crm", "source": "hook", "received_at": START, "method": "POST", "path": ""}
    async with db.begin("test") as conn:
        (rung,) = await bulk.insert(conn, bell, [{**bells, "state": "parked", "due_at": START}], returning=["id"])
        body = {"query": {}, "headers": {}, "body": b"", "verdict": "accepted", "state": "parked"}
        (came,) = await bulk.insert(conn, receipt, [{**receipts, **body}], returning=["id"])
        assert await desk.retry(conn, "bell", [rung["id"]], "anna", START) == [rung["id"]]
        assert await desk.retry(conn, "receipt", [came["id"]], "anna", START) == [came["id"]]
        assert await desk.dismiss(conn, "bell", [rung["id"]], "gone", "anna", START) == [rung["id"]]
        assert await desk.dismiss(conn, "receipt", [came["id"]], "gone", "anna", START) == [came["id"]]
    assert (await one(db, "receipt", came["id"]))["reason"] == "gone"


async def test_dismissing_needs_a_reason_and_settles_this_version(db: Database) -> None:
    number = await put_delivery(db)
    async with db.begin("test") as conn:
        with pytest.raises(DeskError, match="say why"):
            await desk.dismiss(conn, "delivery", [number], " ", "anna", START)
        assert await desk.dismiss(conn, "delivery", [number], "test order", "anna", START) == [number]
    row = await one(db, "delivery", number)
    assert (row["state"], row["applied_version"], row["note"]) == ("dismissed", 1, "test order")


async def test_linking_writes_a_new_row_that_names_the_old_one(db: Database) -> None:
    number = await put_inbox(db)
    async with db.begin("test") as conn:
        made = await corrections.correct_inbox(conn, CONFIGURATION, number, Linking(17), ANNA)
        with pytest.raises(DeskError, match="superseded"):
            await corrections.correct_inbox(conn, CONFIGURATION, number, Linking(None), ANNA)
        with pytest.raises(NotThere):
            await corrections.correct_inbox(conn, CONFIGURATION, 999, Linking(None), ANNA)
    old, new = await one(db, "inbox", number), await one(db, "inbox", made)
    assert (old["state"], old["note"]) == ("superseded", "corrected")
    assert (new["state"], new["corrects"], new["identity"], new["key"]) == ("due", number, "17", "k1")
    assert (new["record"], new["digest"], new["correlation"]) == (old["record"], "d1", "receipt-7")
    assert (new["error"], new["attempts"]) == (None, 0)


async def test_values_need_a_sync_that_reads_the_stream(db: Database) -> None:
    number = await put_inbox(db)
    async with db.begin("test") as conn:
        with pytest.raises(DeskError, match="no sync reads deals"):
            await corrections.correct_inbox(conn, CONFIGURATION, number, {"total": "2"}, ANNA)


def test_a_value_is_set_by_path_in_a_copy() -> None:
    record = {"a": {"b": 1}, "lines": [{"q": 1}, {"q": 2}]}
    assert corrections.with_value(record, "a.b", 2)["a"] == {"b": 2}
    assert corrections.with_value(record, "lines.1.q", 9)["lines"] == [{"q": 1}, {"q": 9}]
    assert corrections.with_value(record, "new.inner", 3)["new"] == {"inner": 3}
    assert record == {"a": {"b": 1}, "lines": [{"q": 1}, {"q": 2}]}
    for path in ("lines.2.q", "lines.x.q", "a.b.c"):
        with pytest.raises(DeskError, match="nothing at"):
            corrections.with_value(record, path, 1)


async def test_correcting_a_delivery_changes_the_entity_and_owes_it_at_once(db: Database) -> None:
    await put_order(db)
    number = await put_delivery(db)
    async with db.begin("test") as conn:
        values = {"total": "8.50 CNY", "ordered_at": "2026-11-01"}
        made = await corrections.correct_delivery(conn, CONFIGURATION, number, values, ANNA)
        found = (await load(conn, Kinds(), "order", [5]))[5]
    assert found.fields["total"] == {"amount": "8.5", "currency": "CNY"}
    assert found.setters["total"][0] == "person:anna"
    row = await one(db, "delivery", number)
    assert (row["state"], row["wanted_version"]) == ("due", 2)
    change = await one(db, "change", made or 0)
    assert (change["who"], change["correlation"], change["live"]) == ("person:anna", "c1", True)
    assert [act for _, act, _ in await audits(db)] == ["order.correct", "delivery.retry"]


async def test_correcting_to_what_it_is_changes_nothing(db: Database) -> None:
    await put_order(db)
    number = await put_delivery(db)
    async with db.begin("test") as conn:
        assert await corrections.correct_delivery(conn, CONFIGURATION, number, {"number": "SO-1"}, ANNA) is None


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"nonsense": "1"}, "order has no field nonsense"),
        ({"total": "100"}, "field total: write amount and currency"),
        ({"ordered_at": "31.01.2026"}, "field ordered_at: '31.01.2026' is not a date"),
        ({"status": "lost"}, "field status: 'lost' is none of draft"),
        ({"customer": "ACME"}, "field customer: 'ACME' is not the hub's number of a customer"),
        ({"lines": []}, "field lines: lines are corrected in their own system"),
    ],
)
async def test_wrong_values_get_a_sentence(db: Database, values: dict[str, Any], sentence: str) -> None:
    await put_order(db)
    number = await put_delivery(db)
    async with db.begin("test") as conn:
        with pytest.raises(DeskError) as raised:
            await corrections.correct_delivery(conn, CONFIGURATION, number, values, ANNA)
    assert raised.value.sentence.startswith(sentence)
    assert raised.value.zh
