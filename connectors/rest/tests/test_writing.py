"""Creates, updates and ends; what is unknown afterwards; entering again at every step."""

from typing import Any

import pytest

from connectors.rest.tests.made import World, changed, config, create, world
from hub.sdk import ConfigInvalid, Conflict, NotFound, Push, Rejected, Uncertain
from hub.sdk.connector import Pushes
from hub.sdk.sandbox import Fault

ORDER = {"number": "SO-1", "customer_id": "1", "lines": [{"product": "P"}, {"product": "Q"}]}


def update(key: str, record: dict[str, Any], known: dict[str, Any] | None = None, action: Any = "update") -> Push:
    return Push(action, record, "customer:1", "k", key, known)


def seen(made: World) -> list[tuple[str, dict[str, list[str]]]]:
    created: Any = made.ctx.created
    return list(created.seen)


async def test_a_create_reports_its_id_and_its_lines() -> None:
    made = world()
    pushed = await made.stream("orders").push(made.ctx, create(ORDER))
    assert pushed.key == "1" and pushed.lines == {"lines": ["1-1", "1-2"]}
    assert pushed.record is not None and pushed.record["hub_ref"] == "customer:1"
    assert seen(made) == [("1", {"lines": ["1-1", "1-2"]})]


async def test_the_same_create_twice_makes_one_record_by_look_up() -> None:
    made = world()
    stream = made.stream("customers")
    first = await stream.push(made.ctx, create({"name": "甲公司"}))
    again = await stream.push(made.ctx, create({"name": "甲公司"}))
    assert first.key == again.key and made.creates() == 1
    assert not made.there.ledger.of("changed")


async def test_a_create_that_finds_its_record_unlike_updates_it() -> None:
    made = world()
    stream = made.stream("customers")
    await stream.push(made.ctx, create({"name": "甲公司"}))
    pushed = await stream.push(made.ctx, create({"name": "甲公司", "phone": "1"}))
    assert made.creates() == 1 and pushed.record == made.there.tables["customers"]["1"]
    assert pushed.record is not None and pushed.record["phone"] == "1"


async def test_lines_that_are_there_are_not_sent_again() -> None:
    made = world(changed("orders", idempotency_header=None))
    for _ in range(2):
        pushed = await made.stream("orders").push(made.ctx, create(ORDER))
        assert pushed.lines == {"lines": ["1-1", "1-2"]}
    assert made.creates() == 1 and not made.there.ledger.of("changed")


async def test_an_answer_that_shows_a_part_is_not_taken_for_the_record() -> None:
    made = world()
    known = made.save("customers", name="甲", phone="1")
    made.there.faults.append(Fault(kind="body", match="phone", text='{"data": {"id": "1", "phone": "2"}}'))
    pushed = await made.stream("customers").push(made.ctx, update("1", {"phone": "2"}, known))
    assert pushed.key == "1" and pushed.record is None


async def test_the_same_create_twice_makes_one_record_by_idempotency_key() -> None:
    made = world()
    stream = made.stream("orders")
    assert isinstance(stream, Pushes) and stream.grade == "A" and made.stream("customers").grade == "C"
    keys = {(await stream.push(made.ctx, create(ORDER))).key for _ in range(2)}
    assert keys == {"1"} and made.creates() == 1


@pytest.mark.parametrize("name", ["customers", "orders"])
@pytest.mark.parametrize("kind", ["drop_after", "half", "body"])
async def test_a_create_of_unknown_outcome_is_found_and_not_repeated(name: str, kind: Any) -> None:
    made = world()
    stream = made.stream(name)
    push = create(ORDER if name == "orders" else {"name": "甲公司"})
    there = made.there
    there.faults.append(Fault(match='"hub_ref"', kind=kind, text="<html>"))
    with pytest.raises(Uncertain):
        await stream.push(made.ctx, push)
    worked = kind != "body"
    assert len(await stream.find(made.ctx, "hub_ref", push.reference)) == worked
    await stream.push(made.ctx, push)
    assert len(await stream.find(made.ctx, "hub_ref", push.reference)) == 1
    assert made.creates() == 1


async def test_two_that_carry_our_reference_are_a_question() -> None:
    made = world()
    for _ in range(2):
        made.save("customers", name="x", hub_ref="customer:1")
    with pytest.raises(Rejected, match="2 records there carry our reference"):
        await made.stream("customers").push(made.ctx, create({"name": "x"}))


async def test_an_update_sends_what_differs_under_the_known_version() -> None:
    made = world()
    stream = made.stream("customers")
    known = made.save("customers", name="甲", phone="1")
    pushed = await stream.push(made.ctx, update("1", {"phone": "2"}, known))
    assert pushed.record is not None and pushed.record["name"] == "甲" and pushed.record["version"] == 2
    with pytest.raises(Conflict, match="has changed since"):
        await stream.push(made.ctx, update("1", {"phone": "3"}, known))
    with pytest.raises(NotFound):
        await stream.push(made.ctx, update("9", {"phone": "3"}))


async def test_an_interface_that_wants_the_whole_record_gets_it() -> None:
    put = {"method": "PUT", "path": "/api/customers/{id}", "record": "data", "whole": True}
    made = world(changed("customers", update=put, etag=None))
    known = made.save("customers", name="甲", address={"city": "上海", "street": "a"})
    await made.stream("customers").push(made.ctx, update("1", {"address": {"street": "b"}}, known))
    stored = made.there.tables["customers"]["1"]
    assert (stored["name"], stored["address"]) == ("甲", {"city": "上海", "street": "b"})


async def test_a_record_in_an_envelope() -> None:
    nested = {"method": "POST", "path": "/api/customers", "record": "data", "nest": "name"}
    made = world(changed("customers", create=nested, reference=None))
    await made.stream("customers").push(made.ctx, create({"a": 1}))
    assert made.there.tables["customers"]["1"]["name"] == {"a": 1, "hub_ref": "customer:1"}


async def test_cancel_and_delete_can_be_entered_again() -> None:
    made = world()
    stream = made.stream("customers")
    made.save("customers", name="甲")
    for _ in range(2):
        assert (await stream.push(made.ctx, update("1", {}, action="cancel"))).key == "1"
    assert made.there.tables["customers"]["1"]["status"] == "cancelled"
    for _ in range(2):
        assert (await stream.push(made.ctx, update("1", {}, action="delete"))).key == "1"
    assert len(made.there.ledger.of("deleted")) == 1
    with pytest.raises(NotFound):
        await stream.push(made.ctx, update("1", {}, action="cancel"))


async def test_a_verb_that_is_not_declared_says_so() -> None:
    made = world(changed("customers", update=None, delete=None))
    for action in ("update", "delete"):
        with pytest.raises(ConfigInvalid, match=f"declares no `{action}` call"):
            await made.stream("customers").push(made.ctx, update("1", {}, action=action))


async def test_an_answer_without_an_id_is_uncertain_and_a_location_is_an_id() -> None:
    made = world(changed("customers", id="serial", reference=None))
    with pytest.raises(Uncertain, match="holds no id at `serial`"):
        await made.stream("customers").push(made.ctx, create({"name": "x"}))
    assert seen(made) == []
    located = world(config())
    fault = Fault(kind="status", status=201, match="hub_ref", headers={"location": "/api/orders/77"})
    located.there.faults.append(fault)
    assert (await located.stream("orders").push(located.ctx, create(ORDER))).key == "77"
