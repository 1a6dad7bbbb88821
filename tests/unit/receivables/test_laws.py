"""Laws that hold whatever arrives in whatever order."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import chain
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.receivables.states import matched, paid_status
from tests.unit.receivables.world import World

AMOUNTS = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(5000), places=2)
Case = tuple[list[Decimal], list[tuple[int, Decimal]]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    totals = draw(st.lists(AMOUNTS, min_size=1, max_size=4))
    payments = draw(st.lists(st.tuples(st.integers(0, len(totals)), AMOUNTS), max_size=6))
    return totals, payments


def arrive(case: Case, sequence: Iterable[int], settle_each: bool) -> World:
    """Orders 0.. and then payments, in the given sequence. A payment for no order names one that never comes."""
    totals, payments = case
    world = World()
    for position in sequence:
        if position < len(totals):
            world.order(f"SO-1000{position}", str(totals[position]))
        else:
            order, amount = payments[position - len(totals)]
            world.payment(str(amount), f"货款SO-1000{order}", paid_on=f"2026-11-{position:02}")
        if settle_each:
            world.settle()
    world.settle()
    return world


def number(money: dict[str, str] | None) -> Decimal:
    return Decimal(money["amount"]) if money else Decimal(0)


def allocated(world: World, name: str, key: int) -> Decimal:
    return sum((number(entry["amount"]) for entry in world.all("allocation") if entry[name] == key), Decimal(0))


@settings(max_examples=60, deadline=None)
@given(case=cases(), data=st.data(), settle_each=st.booleans())
def test_sums_hold_for_any_order_of_arrival(case: Case, data: st.DataObject, settle_each: bool) -> None:
    count = len(case[0]) + len(case[1])
    world = arrive(case, data.draw(st.permutations(range(count))), settle_each)
    for entity in world.entities.values():
        fields = entity.fields
        if entity.kind == "payment":
            taken = allocated(world, "payment", entity.id)
            assert taken <= number(fields["amount"])
            assert number(fields["unallocated"]) == number(fields["amount"]) - taken
            assert fields["matched"] == matched(number(fields["amount"]), taken)
        if entity.kind == "open_item":
            taken = allocated(world, "open_item", entity.id)
            assert taken <= number(fields["amount"])
            assert number(fields["open"]) == number(fields["amount"]) - taken
        if entity.kind == "order":
            taken = allocated(world, "order", entity.id)
            assert number(fields["paid"]) == taken
            assert fields["payment_status"] == paid_status(number(fields["total"]), taken)


def outcome(world: World) -> list[tuple[Any, ...]]:
    """What came of it, without ids: orders by number, and who paid what."""
    numbers = {e.id: e.fields["number"] for e in world.entities.values() if e.kind == "order"}
    days = {e.id: e.fields["paid_on"] for e in world.entities.values() if e.kind == "payment"}
    orders = [(o["number"], o["payment_status"], o["paid"]["amount"], o.get("paid_at")) for o in world.all("order")]
    entries = [(numbers[a["order"]], days[a["payment"]], a["amount"]["amount"]) for a in world.all("allocation")]
    payments = [(p["paid_on"], p["matched"], p["unallocated"]["amount"]) for p in world.all("payment")]
    return sorted(chain(orders, entries, payments), key=str)


@settings(max_examples=60, deadline=None)
@given(case=cases(), data=st.data(), settle_each=st.booleans())
def test_the_result_does_not_depend_on_the_order_of_arrival(case: Case, data: st.DataObject, settle_each: bool) -> None:
    totals, payments = case
    # No ties: what is paid for an order fits into it, so no two payments compete.
    for index in range(len(totals)):
        totals[index] += sum((amount for order, amount in payments if order == index), Decimal(0))
    count = len(totals) + len(payments)
    first = arrive(case, range(count), settle_each=True)
    second = arrive(case, data.draw(st.permutations(range(count))), settle_each)
    assert outcome(first) == outcome(second)


@settings(max_examples=60, deadline=None)
@given(case=cases(), data=st.data())
def test_what_orders_have_got_does_not_depend_on_arrival_even_when_payments_compete(
    case: Case, data: st.DataObject
) -> None:
    count = len(case[0]) + len(case[1])
    first = arrive(case, range(count), settle_each=True)
    second = arrive(case, data.draw(st.permutations(range(count))), settle_each=True)

    def paid(world: World) -> list[tuple[Any, ...]]:
        return sorted((o["number"], o["payment_status"], o["paid"]["amount"]) for o in world.all("order"))

    assert paid(first) == paid(second)


@given(due=AMOUNTS, paid=AMOUNTS)
def test_states_are_functions_of_sums(due: Decimal, paid: Decimal) -> None:
    assert paid_status(due, Decimal(0)) == "unpaid"
    assert paid_status(due, paid) == ("paid" if paid == due else "partial" if paid < due else "overpaid")
