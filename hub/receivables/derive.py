"""The rules of receivables in one table: which changes concern which rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from hub.receivables.allocate import allocate_by_reference
from hub.receivables.fulfil import fulfilment
from hub.receivables.items import open_items
from hub.receivables.model import Batch, Changed, Reader, Work, Write
from hub.receivables.statement import incoming_payments
from hub.receivables.states import sums

__all__ = ["RULES", "Changed", "Reader", "Rule", "Write", "derive"]

_ANY = None
_DOCUMENT = frozenset({"status", "lines"})


@dataclass(frozen=True, slots=True)
class Rule:
    """`watches`: kind -> the fields whose change concerns the rule (None: all). A new or deleted entity always does."""

    watches: Mapping[str, frozenset[str] | None]
    work: Work

    def concerns(self, change: Changed) -> bool:
        if change.kind not in self.watches:
            return False
        fields = self.watches[change.kind]
        return fields is None or not change.fields or bool(fields & change.fields)


RULES: tuple[Rule, ...] = (
    Rule({"bank_transaction": _ANY}, incoming_payments),
    Rule(
        {"order": frozenset({"status", "company", "customer", "number", "total", "due_date"})},
        open_items,
    ),
    Rule({"order": frozenset({"lines"}), "shipment": _DOCUMENT, "invoice": _DOCUMENT}, fulfilment),
    Rule(
        {
            "order": frozenset({"status", "company", "customer", "number", "total"}),
            "open_item": frozenset({"amount", "open", "order"}),
            "payment": frozenset({"status", "company", "customer", "amount", "remittance", "transaction", "matched"}),
        },
        allocate_by_reference,
    ),
    Rule(
        {
            "order": frozenset({"total"}),
            "open_item": frozenset({"amount", "order"}),
            "payment": frozenset({"amount", "paid_on"}),
            "allocation": frozenset({"payment", "open_item", "amount", "item_amount", "status"}),
        },
        sums,
    ),
)


async def derive(changed: Sequence[Changed], read: Reader, today: date) -> list[Write]:
    """What follows from these changes. Call it again on the changes it leads to, until nothing follows."""
    writes: list[Write] = []
    for rule in RULES:
        concerned = [change for change in changed if rule.concerns(change)]
        if concerned:
            writes += await rule.work(Batch(concerned, read, today))
    return _merged(writes)


def _merged(writes: Sequence[Write]) -> list[Write]:
    """One write per entity: two rules that revise the same one make one change."""
    merged: dict[object, Write] = {}
    for wish in writes:
        key: object = (wish.kind, wish.id) if wish.id is not None else (wish.kind, wish.origin)
        first = merged.get(key)
        if first is not None:
            caused = tuple(sorted({*first.caused_by, *wish.caused_by}))
            fields = {**first.fields, **wish.fields}
            wish = Write(wish.kind, fields, first.id, first.origin, caused, f"{first.reason}; {wish.reason}")
        merged[key] = wish
    return list(merged.values())
