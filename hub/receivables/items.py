"""What an order makes the customer owe: one open item for the whole of it."""

from decimal import Decimal
from typing import Any

from hub.canon.entity import Entity
from hub.receivables.model import ZERO, Batch, Write, alive, amount, create, currency, money, number, revise

OWED = frozenset({"confirmed", "closed"})
VOID = "cancelled"


async def open_items(batch: Batch) -> list[Write]:
    """A confirmed order has one open item over its total; a cancelled one owes nothing, unless money is on it."""
    found = await batch.read.by_ids("order", batch.ids("order"))
    orders = {key: owed for key, owed in found.items() if owed.fields.get("status") in OWED or _is_void(owed)}
    if not orders:
        return []
    items = await batch.read.referring("open_item", "order", sorted(orders))
    # More instalments than one are a person's plan: no rule overwrites it.
    planned = {item.fields["order"] for item in items if item.fields.get("instalments") not in (None, 1)}
    single = {item.fields["order"]: item for item in items if item.fields["order"] not in planned}
    allocated = await _allocated(batch, list(single.values()))
    writes: list[Write] = []
    for key, owed in sorted(orders.items()):
        if key in planned:
            continue
        if _is_void(owed):
            item = single.get(key)
            writes += _voided(batch, owed, item) if item and not allocated.get(item.id) else []
        elif owed.fields.get("total") is not None:
            writes += _owed(batch, owed, single.get(key))
    return writes


def _is_void(owed: Entity) -> bool:
    return owed.deleted or owed.fields.get("status") == VOID


async def _allocated(batch: Batch, items: list[Entity]) -> dict[int, Decimal]:
    if not items:
        return {}
    sums: dict[int, Decimal] = {}
    for entry in alive(await batch.read.referring("allocation", "open_item", [item.id for item in items])):
        if entry.fields.get("status") == "active":
            item = entry.fields["open_item"]
            sums[item] = sums.get(item, ZERO) + (amount(entry, "item_amount") or ZERO)
    return sums


def _owed(batch: Batch, owed: Entity, item: Entity | None) -> list[Write]:
    total = owed.fields["total"]
    wanted: dict[str, Any] = {
        **{name: owed.fields.get(name) for name in ("company", "customer", "number", "due_date")},
        "order": owed.id,
        "instalment": 1,
        "instalments": 1,
        "amount": total,
    }
    if item is not None:
        return revise(batch, item, wanted, "the order changed", owed)
    left = number(total["amount"])
    fresh = {**wanted, "open": total, "status": status_of(left, ZERO)}
    return [create(batch, "open_item", fresh, f"order:{owed.id}:1", "the order is confirmed", owed)]


def _voided(batch: Batch, owed: Entity, item: Entity) -> list[Write]:
    code = currency(item, "amount")
    return revise(batch, item, {"amount": money(ZERO, code)}, "the order is cancelled", owed) if code else []


def status_of(total: Decimal, allocated: Decimal) -> str:
    """An item's state is a function of two sums: what is owed and what is allocated to it."""
    if allocated >= total:
        return "settled"
    return "partial" if allocated > 0 else "open"
