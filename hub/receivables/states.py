"""What is open, paid and unallocated: each state a function of sums over active allocations."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hub.canon.entity import Entity
from hub.receivables.items import status_of
from hub.receivables.model import ZERO, Batch, Write, alive, amount, currency, money, refs, revise


@dataclass(frozen=True, slots=True)
class _Around:
    """The items, orders and payments whose sums may have moved, and the allocations that make them up."""

    items: dict[int, Entity]
    orders: dict[int, Entity]
    payments: dict[int, Entity]
    by_item: dict[int, list[Entity]]
    by_payment: dict[int, list[Entity]]
    payers: dict[int, Entity]


async def sums(batch: Batch) -> list[Write]:
    """Open amounts of items, paid amounts of orders, unallocated amounts of payments, with their states."""
    around = await _around(batch)
    reason = "sums of allocations"
    writes: list[Write] = []
    for key, item in sorted(around.items.items()):
        writes += revise(batch, item, item_state(item, around.by_item[key]), reason, *around.by_item[key])
    for key, target in sorted(around.orders.items()):
        items = [item for item in around.items.values() if item.fields.get("order") == key]
        entries = [entry for item in items for entry in around.by_item[item.id]]
        payers = [around.payers[payer] for payer in sorted(refs(_active(entries), "payment")) if payer in around.payers]
        writes += revise(batch, target, order_state(target, items, entries, payers), reason, *entries, *payers, *items)
    for key, payment in sorted(around.payments.items()):
        entries = around.by_payment[key]
        owing = [around.items[item] for item in sorted(refs(_active(entries), "open_item")) if item in around.items]
        wanted = payment_state(payment, entries) | whose(payment, owing)
        writes += revise(batch, payment, wanted, reason, *entries)
    return writes


async def _around(batch: Batch) -> _Around:
    read = batch.read
    changed = await read.by_ids("allocation", batch.ids("allocation")) if batch.ids("allocation") else {}
    payment_ids = batch.ids("payment") | refs(changed.values(), "payment") | batch.before("allocation", "payment")
    own = await read.referring("allocation", "payment", sorted(payment_ids)) if payment_ids else []
    item_ids = batch.ids("open_item") | refs(changed.values(), "open_item") | batch.before("allocation", "open_item")
    item_ids |= refs(own, "open_item")
    items = await read.by_ids("open_item", item_ids) if item_ids else {}
    order_ids = batch.ids("order") | refs(items.values(), "order") | batch.before("open_item", "order")
    siblings = await read.referring("open_item", "order", sorted(order_ids)) if order_ids else []
    items = {item.id: item for item in alive([*items.values(), *siblings])}
    entries = await read.referring("allocation", "open_item", sorted(items)) if items else []
    payers = await read.by_ids("payment", payment_ids | refs(entries, "payment"))
    orders = await read.by_ids("order", order_ids) if order_ids else {}
    return _Around(
        items=items,
        orders={entity.id: entity for entity in alive(orders.values())},
        payments={key: payer for key, payer in payers.items() if key in payment_ids and not payer.deleted},
        by_item=_grouped(entries, "open_item"),
        by_payment=_grouped(own, "payment"),
        payers=payers,
    )


def _active(entries: Iterable[Entity]) -> list[Entity]:
    return [entry for entry in alive(entries) if entry.fields.get("status") == "active"]


def _grouped(entries: Iterable[Entity], name: str) -> defaultdict[int, list[Entity]]:
    groups: defaultdict[int, list[Entity]] = defaultdict(list)
    for entry in entries:
        groups[entry.fields[name]].append(entry)
    return groups


def _sum(entries: Iterable[Entity], name: str) -> Decimal:
    return sum((amount(entry, name) or ZERO for entry in _active(entries)), ZERO)


def item_state(item: Entity, entries: list[Entity]) -> dict[str, Any]:
    """Open is what is left, never below nothing."""
    total, code = amount(item, "amount"), currency(item, "amount")
    if total is None or code is None:
        return {}
    allocated = _sum(entries, "item_amount")
    return {"open": money(max(total - allocated, ZERO), code), "status": status_of(total, allocated)}


def order_state(target: Entity, items: list[Entity], entries: list[Entity], payers: list[Entity]) -> dict[str, Any]:
    """An order nobody owes anything for yet is unpaid."""
    paid = _sum(entries, "item_amount")
    owed = sum((amount(item, "amount") or ZERO for item in items), ZERO)
    due = amount(target, "total") if target.fields.get("total") else owed
    dates = [str(payer.fields["paid_on"]) for payer in payers if payer.fields.get("paid_on")]
    codes = [currency(target, "total"), *(currency(item, "amount") for item in items), target.fields.get("currency")]
    code = next(filter(None, codes), None)
    state: dict[str, Any] = {"payment_status": paid_status(due or ZERO, paid), "paid_at": max(dates, default=None)}
    return {**state, "paid": money(paid, code)} if code else state


def paid_status(due: Decimal, paid: Decimal) -> str:
    if paid <= 0:
        return "unpaid"
    if paid == due:
        return "paid"
    return "partial" if paid < due else "overpaid"


def payment_state(payment: Entity, entries: list[Entity]) -> dict[str, Any]:
    """That something is no customer's payment is a person's word and stays."""
    total, code = amount(payment, "amount"), currency(payment, "amount")
    if total is None or code is None:
        return {}
    allocated = _sum(entries, "amount")
    state: dict[str, Any] = {"unallocated": money(total - allocated, code)}
    if payment.fields.get("matched") == "not_a_payment" and not allocated:
        return state
    return {**state, "matched": matched(total, allocated)}


def whose(payment: Entity, items: list[Entity]) -> dict[str, Any]:
    """A bank line names no customer of ours: whose money it is follows from what it was put on, when that is one."""
    said: dict[str, Any] = {}
    for name in ("customer", "company"):
        owners = {item.fields.get(name) for item in items}
        if payment.fields.get(name) is None and len(owners) == 1 and None not in owners:
            said[name] = owners.pop()
    return said


def matched(total: Decimal, allocated: Decimal) -> str:
    if allocated <= 0:
        return "waiting"
    return "allocated" if allocated >= total else "partly_allocated"
