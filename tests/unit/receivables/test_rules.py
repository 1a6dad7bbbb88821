"""Each rule by itself, and how they play together."""

from collections.abc import Collection

import pytest

from hub.canon.entity import Entity
from hub.receivables.derive import RULES
from tests.unit.receivables.world import World, cny


@pytest.fixture
def world() -> World:
    return World()


def test_a_confirmed_order_owes_its_total(world: World) -> None:
    order = world.order("SO-10001", 1000, due_date="2026-12-31", company=7, customer=8)
    world.settle()
    item = world.one("open_item")
    assert item["amount"] == item["open"] == cny(1000)
    assert (item["order"], item["company"], item["customer"], item["number"]) == (order, 7, 8, "SO-10001")
    assert (item["instalment"], item["instalments"], item["due_date"], item["status"]) == (1, 1, "2026-12-31", "open")
    assert world.fields(order)["payment_status"] == "unpaid"
    assert world.fields(order)["paid"] == cny(0)
    assert "paid_at" not in world.fields(order)


@pytest.mark.parametrize("status", ["draft", "approving", "reopened"])
def test_an_order_that_is_not_confirmed_owes_nothing(world: World, status: str) -> None:
    order = world.order("SO-10001", status=status)
    world.settle()
    assert world.all("open_item") == []
    assert world.fields(order)["payment_status"] == "unpaid"


def test_the_item_follows_the_order(world: World) -> None:
    order = world.order("SO-10001", 1000)
    world.settle()
    world.change(order, total=cny(1200), due_date="2027-01-31")
    world.settle()
    item = world.one("open_item")
    assert (item["amount"], item["open"], item["due_date"]) == (cny(1200), cny(1200), "2027-01-31")


def test_a_cancelled_order_owes_nothing_more(world: World) -> None:
    order = world.order("SO-10001", 1000)
    world.settle()
    world.change(order, status="cancelled")
    world.settle()
    item = world.one("open_item")
    assert (item["amount"], item["open"], item["status"]) == (cny(0), cny(0), "settled")
    world.change(order, status="confirmed")
    world.settle()
    assert world.one("open_item")["open"] == cny(1000)


def test_a_cancelled_order_with_money_on_it_keeps_its_item(world: World) -> None:
    order = world.order("SO-10001", 1000)
    world.payment(400, "SO-10001")
    world.settle()
    world.change(order, status="cancelled")
    world.settle()
    assert world.one("open_item")["amount"] == cny(1000)


def test_a_persons_instalments_are_left_alone(world: World) -> None:
    order = world.order("SO-10001", 1000, status="draft")
    for number in (1, 2):
        world.add("open_item", order=order, amount=cny(500), instalment=number, instalments=2)
    world.settle()
    world.change(order, status="confirmed")
    world.settle()
    assert [item["amount"] for item in world.all("open_item")] == [cny(500), cny(500)]


def test_money_in_makes_a_payment(world: World) -> None:
    account = world.add("bank_account", company=7, number="6222")
    line = world.transaction(500, "货款", account=account, counterparty_name="华东", counterparty_account="62")
    world.settle()
    payment = world.one("payment")
    assert payment == {
        "amount": cny(500),
        "paid_on": "2026-11-20",
        "payer_name": "华东",
        "payer_account": "62",
        "remittance": "货款",
        "company": 7,
        "transaction": line,
        "status": "received",
        "unallocated": cny(500),
        "matched": "waiting",
    }


@pytest.mark.parametrize(
    "fields", [{"amount": cny(-5)}, {"amount": cny(0)}, {"status": "pending"}, {"held": True}, {"reversal": True}]
)
def test_what_is_no_money_coming_in_makes_no_payment(world: World, fields: dict[str, object]) -> None:
    line = world.transaction(500)
    world.change(line, **fields)
    world.settle()
    assert world.all("payment") == []


def test_a_held_line_makes_its_payment_when_released(world: World) -> None:
    line = world.transaction(500, held=True)
    world.settle()
    assert world.all("payment") == []
    world.change(line, held=False)
    world.settle()
    assert world.one("payment")["amount"] == cny(500)


def test_a_corrected_line_corrects_its_one_payment_and_nothing_a_person_set(world: World) -> None:
    line = world.transaction(500, "SO-1", counterparty_name="a")
    world.settle()
    (payment,) = [e.id for e in world.entities.values() if e.kind == "payment"]
    world.change(payment, payer_name="by a person")
    world.settle()
    world.change(line, amount=cny("500.50"))
    world.settle()
    assert world.one("payment")["amount"] == cny("500.5")
    assert world.one("payment")["payer_name"] == "by a person"


def test_a_payment_that_names_an_order_is_allocated(world: World) -> None:
    order = world.order("SO-2026-0001", 1000)
    world.settle()
    world.transaction(400, "货款SO-2026-0001")
    world.settle()
    assert world.fields(order)["payment_status"] == "partial"
    world.transaction(600, end_to_end_id="SO-2026-0001", booked_on="2026-11-25")
    world.settle()
    assert world.fields(order)["payment_status"] == "paid"
    assert world.fields(order)["paid"] == cny(1000)
    assert world.fields(order)["paid_at"] == "2026-11-25"
    assert [payment["matched"] for payment in world.all("payment")] == ["allocated", "allocated"]
    first = world.all("allocation")[0]
    assert (first["source"], first["rate"], first["rate_source"], first["status"]) == (
        "reference",
        "1",
        "same currency",
        "active",
    )
    assert (first["amount"], first["item_amount"], first["order"]) == (cny(400), cny(400), order)


def test_the_payment_may_come_first(world: World) -> None:
    world.transaction(1000, "ｓｏ－２０２６ －０００１")
    world.settle()
    assert world.one("payment")["matched"] == "waiting"
    order = world.order("SO-2026-0001", 1000, status="approving")
    world.settle()
    assert world.one("payment")["matched"] == "waiting"
    world.change(order, status="confirmed")
    world.settle()
    assert world.fields(order)["payment_status"] == "paid"


def test_a_number_given_later_finds_its_payment(world: World) -> None:
    world.payment(1000, "SO-2026-0001")
    order = world.add("order", total=cny(1000), status="confirmed")
    world.settle()
    assert world.fields(order)["payment_status"] == "unpaid"
    world.change(order, number="SO-2026-0001")
    world.settle()
    assert world.fields(order)["payment_status"] == "paid"


def test_more_than_is_owed_waits_visibly(world: World) -> None:
    order = world.order("SO-10001", 1000)
    payment = world.payment(1200, "SO-10001")
    world.settle()
    assert world.fields(payment)["unallocated"] == cny(200)
    assert world.fields(payment)["matched"] == "partly_allocated"
    assert world.fields(order)["payment_status"] == "paid"
    world.change(order, total=cny(1100))
    world.settle()
    assert world.fields(payment)["unallocated"] == cny(100)
    assert [entry["amount"] for entry in world.all("allocation")] == [cny(1100)]


def test_two_payments_of_one_batch_never_take_more_than_is_owed(world: World) -> None:
    world.order("SO-10001", 1000)
    late = world.payment(700, "SO-10001", paid_on="2026-11-21")
    early = world.payment(700, "SO-10001", paid_on="2026-11-19")
    world.settle()
    assert world.fields(early)["unallocated"] == cny(0)
    assert world.fields(late)["unallocated"] == cny(400)


@pytest.mark.parametrize(
    ("order", "payment"),
    [
        ({"company": 1}, {"company": 2}),
        ({"customer": 1}, {"customer": 2}),
        ({"status": "cancelled"}, {}),
        ({}, {"amount": {"amount": "1000", "currency": "USD"}}),
        ({}, {"status": "reported"}),
        ({}, {"matched": "not_a_payment"}),
        ({}, {"remittance": "SO-10001 und SO-10002"}),
        ({}, {"remittance": "货款"}),
    ],
)
def test_what_does_not_fit_waits(world: World, order: dict[str, object], payment: dict[str, object]) -> None:
    world.order("SO-10001", 1000, **order)
    world.order("SO-10002", 1000)
    given = world.payment(1000, "SO-10001")
    world.change(given, **payment)
    world.settle()
    assert world.all("allocation") == []
    assert world.fields(given)["matched"] == payment.get("matched", "waiting")


def test_a_company_missing_on_either_side_does_not_stand_in_the_way(world: World) -> None:
    world.order("SO-10001", 1000, company=1)
    world.payment(500, "SO-10001")
    world.settle()
    assert len(world.all("allocation")) == 1


def test_the_same_number_in_another_company_is_no_tie(world: World) -> None:
    mine = world.order("SO-10001", 1000, company=1)
    world.order("SO-10001", 1000, company=2)
    world.payment(500, "SO-10001", company=1)
    world.settle()
    assert world.one("allocation")["order"] == mine


def test_what_a_person_undid_stays_undone(world: World) -> None:
    order = world.order("SO-10001", 1000)
    payment = world.payment(400, "SO-10001")
    world.settle()
    (entry,) = [e.id for e in world.entities.values() if e.kind == "allocation"]
    world.change(entry, status="undone")
    world.settle()
    assert world.fields(order)["payment_status"] == "unpaid"
    assert "paid_at" not in world.fields(order)
    assert world.fields(payment)["matched"] == "waiting"
    other = world.payment(1000, "SO-10001")
    world.settle()
    assert world.fields(other)["matched"] == "allocated"
    assert world.fields(payment)["matched"] == "waiting"


def test_what_one_payment_leaves_free_another_may_take(world: World) -> None:
    order = world.order("SO-10001", 1000)
    first = world.payment(1000, "SO-10001")
    waiting = world.payment(300, "SO-10001", paid_on="2026-11-21")
    world.settle()
    assert world.fields(waiting)["matched"] == "waiting"
    (entry,) = [e.id for e in world.entities.values() if e.kind == "allocation"]
    world.change(entry, status="undone")
    world.settle()
    assert world.fields(first)["matched"] == "waiting"
    assert world.fields(waiting)["matched"] == "allocated"
    assert world.fields(order)["paid"] == cny(300)


def test_an_order_made_smaller_than_its_money_is_overpaid(world: World) -> None:
    order = world.order("SO-10001", 1000)
    world.payment(1000, "SO-10001")
    world.settle()
    world.change(order, total=cny(900))
    world.settle()
    assert world.fields(order)["payment_status"] == "overpaid"
    assert world.one("open_item")["open"] == cny(0)


def line(quantity: str, **fields: object) -> dict[str, object]:
    return {"quantity": quantity, **fields}


def test_shipping_is_the_sum_of_confirmed_lines(world: World) -> None:
    order = world.order("SO-10001", lines=[line("10", product=1), line("5", product=2)])
    world.settle()
    assert world.fields(order)["shipping_status"] == "none"
    first, second = (entry["_id"] for entry in world.fields(order)["lines"])
    document = world.add("shipment", status="draft", lines=[line("10", order=order, order_line=first)])
    world.settle()
    assert world.fields(order)["shipping_status"] == "none"
    world.change(document, status="confirmed")
    world.settle()
    assert world.fields(order)["shipping_status"] == "partial"
    world.add("shipment", status="confirmed", lines=[line("9", order=order, order_line=second)])
    world.settle()
    assert world.fields(order)["shipping_status"] == "complete"
    assert world.fields(order)["invoicing_status"] == "none"
    world.change(document, status="cancelled")
    world.settle()
    assert world.fields(order)["shipping_status"] == "partial"


def test_lines_without_an_order_line_count_by_product(world: World) -> None:
    order = world.order("SO-10001", lines=[line("3", product=1), line("4", product=1), line("1", product=2)])
    world.add("invoice", status="confirmed", lines=[line("7", order=order, product=1)])
    world.settle()
    assert world.fields(order)["invoicing_status"] == "partial"
    world.add("invoice", status="confirmed", lines=[line("1", order=order, product=2)])
    world.settle()
    assert world.fields(order)["invoicing_status"] == "complete"


def test_more_of_one_product_does_not_make_up_for_another(world: World) -> None:
    order = world.order("SO-10001", lines=[line("3", product=1), line("4", product=2)])
    world.add("shipment", status="confirmed", lines=[line("7", order=order, product=1)])
    world.settle()
    assert world.fields(order)["shipping_status"] == "partial"


def test_a_document_moved_to_another_order_leaves_the_first(world: World) -> None:
    one = world.order("SO-10001", lines=[line("1", product=1)])
    two = world.order("SO-10002", lines=[line("1", product=1)])
    document = world.add("shipment", status="confirmed", lines=[line("1", order=one, product=1)])
    world.settle()
    assert (world.fields(one)["shipping_status"], world.fields(two)["shipping_status"]) == ("complete", "none")
    world.change(document, lines=[line("1", order=two, product=1, _id=5)])
    world.settle()
    assert (world.fields(one)["shipping_status"], world.fields(two)["shipping_status"]) == ("none", "complete")
    world.delete(document)
    world.settle()
    assert world.fields(two)["shipping_status"] == "none"


def test_one_document_over_several_orders(world: World) -> None:
    one = world.order("SO-10001", lines=[line("1", product=1)])
    two = world.order("SO-10002", lines=[line("2", product=1)])
    lines = [line("1", order=one, product=1), line("1", order=two, product=1)]
    world.add("shipment", status="confirmed", lines=lines)
    world.settle()
    assert (world.fields(one)["shipping_status"], world.fields(two)["shipping_status"]) == ("complete", "partial")


def test_every_change_is_caused_by_the_changes_it_follows_from(world: World) -> None:
    world.order("SO-10001", 1000)
    world.order("SO-10002", 1000)
    world.settle()
    world.written.clear()
    world.payment(100, "SO-10002")
    wanted = world.pending[0].change_id
    world.settle()
    made = next(wish for wish in world.written if wish.kind == "allocation")
    assert made.caused_by == (wanted,)
    assert "SO-10002" in made.reason


def test_nothing_follows_from_what_is_already_so(world: World) -> None:
    order = world.order("SO-10001", 1000, lines=[line("1", product=1)])
    world.payment(100, "SO-10001")
    world.settle()
    world.written.clear()
    world.change(order, remark="seen")
    world.settle()
    assert world.written == []


def test_every_rule_watches_something() -> None:
    assert all(rule.watches for rule in RULES)


def test_an_end_to_end_id_counts_also_when_the_order_comes_later(world: World) -> None:
    world.transaction(1000, "货款", end_to_end_id="NOTPROVIDED/SO-10001")
    world.settle()
    order = world.order("SO-10001", 1000)
    world.settle()
    assert world.fields(order)["payment_status"] == "paid"


def test_instalments_are_paid_in_their_turn(world: World) -> None:
    order = world.order("SO-10001", 1000, status="draft")
    items = [
        world.add("open_item", order=order, amount=cny(500), instalment=number, instalments=2) for number in (2, 1)
    ]
    world.settle()
    world.payment(700, "SO-10001")
    world.settle()
    assert [world.fields(item)["open"] for item in items] == [cny(300), cny(0)]
    assert [world.fields(item)["status"] for item in items] == ["partial", "settled"]
    assert world.fields(order)["paid"] == cny(700)


class Counting(World):
    """Counts how often the rules read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def by_ids(self, kind: str, ids: Collection[int]) -> dict[int, Entity]:
        self.reads += 1
        return await super().by_ids(kind, ids)

    async def referring(self, kind: str, path: str, ids: Collection[int]) -> list[Entity]:
        self.reads += 1
        return await super().referring(kind, path, ids)

    async def with_text(self, kind: str, field: str, texts: Collection[str]) -> list[Entity]:
        self.reads += 1
        return await super().with_text(kind, field, texts)


def test_the_rules_read_sets_however_many_things_changed() -> None:
    def reads(count: int) -> int:
        world = Counting()
        for number in range(count):
            world.order(f"SO-{10000 + number}", 100, lines=[line("1", product=1)])
            world.transaction(50, f"SO-{10000 + number}")
        world.settle()
        assert len(world.all("allocation")) == count
        return world.reads

    assert reads(30) == reads(1)
