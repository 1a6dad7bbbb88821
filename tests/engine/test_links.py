"""What a link remembers: names, lines, match keys. A name that was given away must not lead to who had it before."""

from datetime import timedelta
from typing import Any

import pytest

from hub.canon.entity import Entity
from hub.canon.identity import (
    LinkState,
    compared,
    find_matches,
    find_origins,
    keep_match_keys,
    keep_origins,
    links_by_entity,
    links_by_key,
    match_values,
    names_of,
    resolve,
    save_links,
)
from hub.canon.kinds import Kinds
from hub.db.session import Database
from hub.db.tables import entity as entity_table
from hub.mapping.shape import Match, Ref
from tests.support.sdk import START

SETS = {"customer": [Match(("uscc",), weak=False), Match(("name", "phone"), weak=True)]}


@pytest.fixture
async def house(db: Database) -> Database:
    """Three entities, numbers 1 to 3."""
    async with db.begin("entities") as conn:
        rows = [
            {
                "id": number,
                "kind": "customer",
                "version": 1,
                "created_by": "erp",
                "created_at": START,
                "updated_at": START,
            }
            for number in (1, 2, 3)
        ]
        await conn.execute(entity_table.insert(), rows)
    return db


def state(entity_id: int, key: str, kind: str = "customer", stream: str = "customers", **more: Any) -> LinkState:
    record = {"id": key, **more.pop("record", {})}
    return LinkState(entity_id, kind, "erp", stream, key, record, f"d{key}", "m", 1, None, **more)


async def saved(db: Database, *states: LinkState, days: int = 0) -> None:
    async with db.begin("links") as conn:
        await save_links(conn, states, START + timedelta(days=days))


async def found(db: Database, *refs: Ref) -> dict[str, int]:
    async with db.read() as conn:
        return {ref.text: target for ref, target in (await resolve(conn, "erp", refs)).items()}


async def test_a_number_that_was_given_up_leads_nowhere_and_may_be_given_to_another(house: Database) -> None:
    """An order for C1 would go to the wrong customer."""
    await saved(house, state(1, "a", names={"number": "C1", "short": "one"}), state(2, "b", names={"number": "C2"}))
    await saved(house, state(1, "a", names={"number": "C9", "short": "one"}))
    numbers = [Ref("customer", "number", text) for text in ("C1", "C2", "C9")]
    assert await found(house, *numbers, Ref("customer", "short", "one")) == {"C2": 2, "C9": 1, "one": 1}
    await saved(house, state(3, "c", names={"number": "C1"}))
    assert await found(house, *numbers) == {"C1": 3, "C2": 2, "C9": 1}


async def test_a_reference_means_one_kind_of_one_connection(house: Database) -> None:
    await saved(house, state(1, "a", names={"number": "7"}), state(2, "a", "product", "goods", names={"number": "7"}))
    assert await found(house, Ref("product", "number", "7")) == {"7": 2}
    assert await found(house, Ref("customer", "key", "a")) == {"a": 1}
    assert await found(house, Ref("product", "key", "a"), Ref("product", "number", "8")) == {"a": 2}
    assert await found(house, Ref("customer", "number", "7", "crm")) == {}, "the crm's number is another one"


async def test_a_line_is_found_by_its_key_in_its_list(house: Database) -> None:
    lines = {"lines": {"l1": 11, "l2": 12}, "plan": {"l1": 21}}
    await saved(house, state(1, "a", "order", "orders", lines=lines), state(2, "b", "order", "orders"))
    assert await found(house, Ref("order.lines", "key", "l1"), Ref("order.lines", "key", "l9")) == {"l1": 11}
    assert await found(house, Ref("order.plan", "key", "l1")) == {"l1": 21}
    assert await found(house, Ref("other.plan", "key", "l1")) == {}
    async with house.read() as conn:
        links = await links_by_key(conn, "erp", "orders", ["a", "b", "c"])
        assert {key: one.lines for key, one in links.items()} == {"a": lines, "b": {}}
        assert list(await links_by_entity(conn, "erp", "orders", [2, 3])) == [2]
        assert await links_by_key(conn, "erp", "orders", []) == {}
        assert await names_of(conn, "erp", "order.lines", "key", [11, 12, 13]) == {11: "l1", 12: "l2"}


async def test_a_deleted_record_has_no_name_until_it_is_there_again(house: Database) -> None:
    """Else a push would name a customer that the target has deleted."""
    await saved(house, state(1, "a", names={"number": "C1", "short": "one"}), state(2, "b", names={"number": "C2"}))
    async with house.begin("gone") as conn:
        await conn.exec_driver_sql("UPDATE link SET deleted_at = updated_at WHERE key = 'a'")
    async with house.read() as conn:
        assert await names_of(conn, "erp", "customer", "number", [1, 2]) == {2: "C2"}
        assert await names_of(conn, "erp", "customer", "key", [1, 2]) == {2: "b"}
        assert await names_of(conn, "crm", "customer", "key", [1, 2]) == {}
        assert (await links_by_key(conn, "erp", "customers", ["a"]))["a"].deleted
    await saved(house, state(1, "a", record={"phone": "5"}), days=1)
    async with house.read() as conn:
        link = (await links_by_key(conn, "erp", "customers", ["a"]))["a"]
        assert not link.deleted and link.known == {"id": "a", "phone": "5"}
        assert link.updated_at == START + timedelta(days=1)
        assert await names_of(conn, "erp", "customer", "short", [1]) == {1: "one"}, "what is not said stays"


# --- match keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ([], ""),
        ({}, ""),
        (0, "0"),
        (" Ａｂ　1 ", "ab1"),
        ({"b": "2", "a": "1"}, '{"a":"1","b":"2"}'),
    ],
)
def test_what_is_compared(value: Any, text: str) -> None:
    assert compared(value) == text


def test_a_set_of_fields_proves_something_only_when_all_are_filled() -> None:
    fields = {"uscc": "X1", "name": "云 帆"}
    assert match_values(fields, SETS["customer"], weak=False) == ["uscc=x1"]
    assert match_values(fields, SETS["customer"], weak=True) == []
    assert match_values({**fields, "phone": "5"}, SETS["customer"], weak=True) == ["name=云帆|phone=5"]


def customer(number: int, joined: int | None = None, **fields: str) -> Entity:
    return Entity(number, "customer", 1, "erp", fields, {}, joined_into=joined)


async def kept(db: Database, *entities: Entity) -> None:
    async with db.begin("keys") as conn:
        await keep_match_keys(conn, Kinds(), entities, SETS)


async def hits(db: Database, *values: str, weak: bool = False) -> dict[str, set[int]]:
    async with db.read() as conn:
        return await find_matches(conn, "customer", values, weak=weak)


async def test_match_keys_follow_the_fields(house: Database) -> None:
    await kept(house, customer(1, uscc="x1", name="a", phone="5"), customer(2, uscc="x2", name="a", phone="5"))
    assert await hits(house, "uscc=x1", "uscc=x2", "uscc=x3") == {"uscc=x1": {1}, "uscc=x2": {2}}
    assert await hits(house, "name=a|phone=5", weak=True) == {"name=a|phone=5": {1, 2}}
    assert await hits(house) == {}
    await kept(house, customer(1, uscc="x3", name="a", phone="6"))
    assert await hits(house, "uscc=x1", "uscc=x2", "uscc=x3") == {"uscc=x2": {2}, "uscc=x3": {1}}
    assert await hits(house, "name=a|phone=5", weak=True) == {"name=a|phone=5": {2}}


async def test_one_that_was_joined_into_another_has_no_key_of_its_own(house: Database) -> None:
    await kept(house, customer(1, joined=2, uscc="x1"))
    assert await hits(house, "uscc=x1") == {}


async def test_what_the_hub_derived_is_found_again_after_its_fields_change(house: Database) -> None:
    """Else it would be derived a second time."""
    async with house.begin("origins") as conn:
        await keep_origins(conn, [("customer", "order-1", 3)])
    await kept(house, customer(3, uscc="x9"))
    async with house.read() as conn:
        assert await find_origins(conn, "customer", ["order-1", "order-2"]) == {"order-1": 3}
        assert await find_origins(conn, "order", ["order-1"]) == {}
