"""Allocation by reference: a payment that names exactly one order is put on that order's open items."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from hub.canon.entity import Entity
from hub.receivables.items import VOID
from hub.receivables.match import Mention, countable, folded, mentions, named
from hub.receivables.model import ZERO, Batch, Changed, Write, alive, amount, create, currency, money, refs, revise

UNMATCHED = ("waiting", "partly_allocated")
Pair = tuple[int, int]


@dataclass(slots=True)
class _Ledger:
    """What is left of payments and items while allocations of one batch are made."""

    items: dict[int, list[Entity]] = field(default_factory=dict)  # by order, the first to fall due first
    entries: dict[Pair, list[Entity]] = field(default_factory=dict)  # by (payment, item), undone ones too
    left: dict[int, Decimal] = field(default_factory=dict)  # of a payment
    owed: dict[int, Decimal] = field(default_factory=dict)  # of an item


async def allocate_by_reference(batch: Batch) -> list[Write]:
    """Works in both ways of arrival: payments that changed, and waiting payments that name an order that changed."""
    payments = await _candidates(batch)
    if not payments:
        return []
    targets = await _targets(batch, payments)
    if not targets:
        return []
    ledger = await _ledger(batch, payments, targets)
    writes: list[Write] = []
    for payment in sorted((payments[key] for key in targets), key=_arrival):
        target = targets[payment.id]
        for item in ledger.items.get(target.id, []):
            writes += _allocate(batch, payment, item, target, ledger)
    return writes


def _arrival(payment: Entity) -> tuple[str, int]:
    return str(payment.fields.get("paid_on") or ""), payment.id


def _allocatable(payment: Entity) -> bool:
    received = payment.fields.get("status") == "received" and not payment.deleted
    return received and payment.fields.get("matched") != "not_a_payment" and bool(payment.fields.get("amount"))


async def _candidates(batch: Batch) -> dict[int, Entity]:
    """Payments to look at: the changed ones, and waiting ones that name an order whose standing changed."""
    changed = await batch.read.by_ids("payment", batch.ids("payment")) if batch.ids("payment") else {}
    found = {key: payment for key, payment in changed.items() if _allocatable(payment)}
    orders = await _changed_orders(batch)
    numbers = {folded(entity.fields["number"]) for entity in orders if countable(entity.fields.get("number"))}
    if not numbers:
        return found
    waiting = [
        payment for payment in await batch.read.with_text("payment", "matched", UNMATCHED) if _allocatable(payment)
    ]
    written = await _written(batch, waiting)
    for payment in waiting:
        text = folded(" ".join(written[payment.id]))
        if any(number in text for number in numbers):
            found[payment.id] = payment
    return found


async def _changed_orders(batch: Batch) -> list[Entity]:
    ids = batch.ids("order")
    items = await batch.read.by_ids("open_item", batch.ids("open_item")) if batch.ids("open_item") else {}
    ids |= refs(
        (items[change.entity_id] for change in batch.changes("open_item") if _more_owed(change, items)), "order"
    )
    return alive((await batch.read.by_ids("order", ids)).values()) if ids else []


def _more_owed(change: Changed, items: dict[int, Entity]) -> bool:
    """An item whose `open` only shrinks, as each allocation makes it, calls no further payment."""
    item = items.get(change.entity_id)
    if item is None or not change.fields or change.fields & {"amount", "order"}:
        return item is not None
    before = change.previous.get("open")
    return before is not None and Decimal(before["amount"]) < (amount(item, "open") or ZERO)


async def _written(batch: Batch, payments: Sequence[Entity]) -> dict[int, list[str]]:
    """Payment -> what its payer wrote: the remittance text and the end-to-end id of its bank transaction."""
    lines = await batch.read.by_ids("bank_transaction", refs(payments, "transaction")) if payments else {}
    written: dict[int, list[str]] = {}
    for payment in payments:
        line = lines.get(payment.fields.get("transaction", 0))
        texts = (payment.fields.get("remittance"), line.fields.get("end_to_end_id") if line else None)
        written[payment.id] = [text for text in texts if text]
    return written


async def _targets(batch: Batch, payments: dict[int, Entity]) -> dict[int, Entity]:
    """Payment -> the one order it names; those that name none, several or one that does not fit are absent."""
    written = await _written(batch, list(payments.values()))
    said: dict[int, list[list[Mention]]] = {key: [mentions(text) for text in texts] for key, texts in written.items()}
    spellings = {word for texts in said.values() for found in texts for mention in found for word in mention.spellings}
    orders = alive(await batch.read.with_text("order", "number", sorted(spellings))) if spellings else []
    targets: dict[int, Entity] = {}
    for key, payment in payments.items():
        own = [entity for entity in orders if _same(payment, entity, "company")]
        by_id = {entity.id: entity for entity in own}
        numbers = _numbers(own)
        hits = {hit for found in said[key] for hit in named(found, numbers)}
        if len(hits) == 1:
            target = by_id[hits.pop()]
            if _fits(payment, target):
                targets[key] = target
    return targets


def _numbers(orders: Iterable[Entity]) -> dict[str, frozenset[int]]:
    numbers: dict[str, frozenset[int]] = {}
    for entity in orders:
        text = folded(entity.fields["number"])
        numbers[text] = numbers.get(text, frozenset()) | {entity.id}
    return numbers


def _same(payment: Entity, target: Entity, name: str) -> bool:
    ours, theirs = payment.fields.get(name), target.fields.get(name)
    return ours is None or theirs is None or ours == theirs


def _fits(payment: Entity, target: Entity) -> bool:
    same_currency = currency(target, "total") in (None, currency(payment, "amount"))
    return same_currency and target.fields.get("status") != VOID and _same(payment, target, "customer")


async def _ledger(batch: Batch, payments: dict[int, Entity], targets: dict[int, Entity]) -> _Ledger:
    ledger = _Ledger()
    orders = sorted({target.id for target in targets.values()})
    items = alive(await batch.read.referring("open_item", "order", orders))
    for item in sorted(items, key=_falls_due):
        ledger.items.setdefault(item.fields["order"], []).append(item)
        ledger.owed[item.id] = amount(item, "amount") or ZERO
    for key in targets:
        ledger.left[key] = amount(payments[key], "amount") or ZERO
    entries = [
        *await batch.read.referring("allocation", "payment", sorted(targets)),
        *await batch.read.referring("allocation", "open_item", [item.id for item in items]),
    ]
    for entry in {entry.id: entry for entry in entries}.values():
        _enter(ledger, entry)
    return ledger


def _falls_due(item: Entity) -> tuple[int, str, int]:
    return item.fields.get("instalment") or 1, str(item.fields.get("due_date") or "9999"), item.id


def _enter(ledger: _Ledger, entry: Entity) -> None:
    payment, item = entry.fields.get("payment", 0), entry.fields.get("open_item", 0)
    ledger.entries.setdefault((payment, item), []).append(entry)
    if entry.fields.get("status") == "active" and not entry.deleted:
        if payment in ledger.left:
            ledger.left[payment] -= amount(entry, "amount") or ZERO
        if item in ledger.owed:
            ledger.owed[item] -= amount(entry, "item_amount") or ZERO


def _allocate(batch: Batch, payment: Entity, item: Entity, target: Entity, ledger: _Ledger) -> list[Write]:
    code = currency(payment, "amount")
    known = ledger.entries.get((payment.id, item.id), [])
    step = min(ledger.left[payment.id], ledger.owed[item.id])
    # What a person allocated or undid is that person's word: no rule adds to it.
    theirs = any(entry.fields.get("source") != "reference" or entry.fields.get("status") != "active" for entry in known)
    if step <= 0 or code is None or currency(item, "amount") != code or theirs:
        return []
    ledger.left[payment.id] -= step
    ledger.owed[item.id] -= step
    reason = f"the payment names order {target.fields['number']}"
    if known:
        whole = money((amount(known[0], "amount") or ZERO) + step, code)
        return revise(batch, known[0], {"amount": whole, "item_amount": whole}, reason, payment, item, target)
    wanted = {
        "payment": payment.id,
        "open_item": item.id,
        "order": target.id,
        "amount": money(step, code),
        "item_amount": money(step, code),
        "rate": "1",
        "rate_source": "same currency",
        "source": "reference",
        "status": "active",
    }
    return [
        create(batch, "allocation", wanted, f"payment:{payment.id}:open_item:{item.id}", reason, payment, item, target)
    ]
