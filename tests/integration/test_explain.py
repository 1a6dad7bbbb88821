"""The proof chain: from a field back to the file it came from, whatever was pruned meanwhile."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from hub.canon.entity import Entity
from hub.canon.explain import explain, find_entities, find_entity
from hub.canon.kinds import Kinds
from hub.canon.write import Edit, Origin, write
from hub.db import bulk
from hub.db.session import Database
from hub.db.tables import inbox, link, link_name
from hub.sync.receipts import store_file
from tests.support.sdk import START

KINDS = Kinds()


def paid(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "CNY"}


async def edit(conn: Any, number: int, kind: str, fields: dict[str, Any], **more: Any) -> int:
    """One version step; returns the change's id."""
    before: Entity | None = more.pop("before", None)
    origin = Origin(**{"who": "hub", "correlation": "c", "live": True, **more})
    changed = {name: ((before.fields.get(name) if before else None), value) for name, value in fields.items()}
    whole = {**(before.fields if before else {}), **fields}
    made = await write(conn, KINDS, [Edit(number, kind, whole, changed, origin, before)], {}, START)
    return made[0]


async def story(db: Database) -> dict[str, int]:
    """A file brings a bank line, the line a payment, the payment an allocation, the allocation the order's status."""
    async with db.begin("test") as conn:
        receipt, _ = await store_file(conn, "bank", "2026-11.xml", b"<a/>", START)
        row = {
            "connection": "bank",
            "stream": "transactions",
            "key": "T1",
            "record": {"amount": "100.00"},
            "digest": "d",
            "received_at": START,
            "receipt_id": receipt,
            "correlation": f"receipt-{receipt}",
            "live": True,
            "state": "done",
            "due_at": START,
        }
        (arrived,) = await bulk.insert(conn, inbox, [row], returning=["id"])
        order = Entity(1, "order", 1, "crm", {"number": "SO-1", "payment_status": "unpaid"}, {})
        await edit(conn, 1, "order", dict(order.fields), who="crm", connection="crm", stream="deals", key="D1")
        line = await edit(
            conn,
            2,
            "bank_transaction",
            {"amount": paid("100"), "booked_on": str(date(2026, 11, 20))},
            who="bank",
            connection="bank",
            stream="transactions",
            key="T1",
            mapping="bank.transactions",
            mapping_version=3,
            inbox_id=arrived["id"],
            correlation=f"receipt-{receipt}",
        )
        payment = await edit(conn, 3, "payment", {"amount": paid("100")}, caused_by=[line], reason="booked line")
        allocation = await edit(
            conn, 4, "allocation", {"amount": paid("100")}, caused_by=[payment], reason="SO-1 named"
        )
        await edit(conn, 1, "order", {"payment_status": "paid"}, before=order, caused_by=[allocation, payment])
    return {"receipt": receipt, "inbox": arrived["id"]}


@pytest.mark.parametrize("pruned", [False, True])
async def test_a_status_is_explained_back_to_the_file(db: Database, pruned: bool) -> None:
    ids = await story(db)
    async with db.begin("test") as conn:
        if pruned:
            await conn.execute(text("DELETE FROM inbox"))
        found = await explain(conn, KINDS, 1, "payment_status")
    assert (found.value, found.kind) == ("paid", "order")
    assert [(step.depth, step.kind) for step in found.steps] == [
        (0, "order"),
        (1, "allocation"),
        (2, "payment"),
        (3, "bank_transaction"),
    ]
    first, last = found.steps[0], found.steps[-1]
    assert (first.before, first.value, first.name, first.version) == ("unpaid", "paid", "SO-1", 2)
    assert (last.connection, last.stream, last.key, last.mapping, last.mapping_version) == (
        "bank",
        "transactions",
        "T1",
        "bank.transactions",
        3,
    )
    assert (last.file, last.receipt) == ("2026-11.xml", ids["receipt"])
    assert found.steps[1].reason == "SO-1 named"


async def test_without_the_receipt_the_rest_still_stands(db: Database) -> None:
    await story(db)
    async with db.begin("test") as conn:
        await conn.execute(text("DELETE FROM inbox"))
        await conn.execute(text("DELETE FROM receipt"))
        found = await explain(conn, KINDS, 1, "payment_status")
    assert len(found.steps) == 4
    last = found.steps[-1]
    assert (last.file, last.receipt, last.key) == ("2026-11.xml", None, "T1"), "a file's name outlives its receipt"


async def test_a_field_of_the_creating_change(db: Database) -> None:
    await story(db)
    async with db.read() as conn:
        found = await explain(conn, KINDS, 2, "amount", lambda mapping, version, field: f"{field}")
        (step,) = found.steps
        assert (step.value, step.path, step.raw, step.mapping_version) == (paid("100"), "amount", "100.00", 3)
        with pytest.raises(KeyError):
            await explain(conn, KINDS, 2, "nonsense")
        with pytest.raises(LookupError):
            await explain(conn, KINDS, 999, "amount")


async def test_entities_are_found_by_any_name(db: Database) -> None:
    await story(db)
    row = {"entity_id": 1, "kind": "order", "connection": "erp", "stream": "orders", "key": "100077"}
    async with db.begin("test") as conn:
        (made,) = await bulk.insert(conn, link, [{**row, "updated_at": START}], returning=["id"])
        name = {"connection": "erp", "stream": "orders", "name": "number", "value": "XSDD-9", "link_id": made["id"]}
        await bulk.insert(conn, link_name, [name])
        for wanted in ("SO-1", "100077", "XSDD-9", "1", "order-1"):
            assert await find_entity(conn, KINDS, "order", wanted) == 1
        assert await find_entities(conn, KINDS, "payment", "SO-1") == []
        with pytest.raises(LookupError, match="no order is called"):
            await find_entity(conn, KINDS, "order", "SO-2")
        await edit(conn, 9, "order", {"number": "SO-1"}, who="erp")
        with pytest.raises(LookupError, match="2 of order are called SO-1: name one of 1, 9"):
            await find_entity(conn, KINDS, "order", "SO-1")
