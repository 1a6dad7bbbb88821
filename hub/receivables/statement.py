"""From bank transactions to payments: booked money coming in is a payment received."""

from typing import Any

from hub.canon.entity import Entity
from hub.receivables.model import ZERO, Batch, Write, alive, amount, create, refs, revise

_TAKEN = {
    "amount": "amount",
    "paid_on": "booked_on",
    "payer_name": "counterparty_name",
    "payer_account": "counterparty_account",
    "remittance": "remittance",
}
"""Payment field -> field of the transaction it is taken from."""


async def incoming_payments(batch: Batch) -> list[Write]:
    """A booked line with money coming in makes a payment; a held one only when it is released."""
    transactions = await batch.read.by_ids("bank_transaction", batch.ids("bank_transaction"))
    incoming = {key: line for key, line in transactions.items() if _is_payment(line)}
    if not incoming:
        return []
    accounts = await batch.read.by_ids("bank_account", refs(incoming.values(), "account"))
    known = await batch.read.referring("payment", "transaction", sorted(incoming))
    payments = {payment.fields["transaction"]: payment for payment in alive(known)}
    writes: list[Write] = []
    for key, line in sorted(incoming.items()):
        if key in payments:
            writes += _again(batch, line, payments[key])
        else:
            account = accounts.get(line.fields.get("account", 0))
            writes.append(_new(batch, line, account))
    return writes


def _is_payment(line: Entity) -> bool:
    money_in = (amount(line, "amount") or ZERO) > 0
    settled = line.fields.get("status") == "booked" and not line.fields.get("held")
    return money_in and settled and not line.fields.get("reversal") and not line.deleted


def _new(batch: Batch, line: Entity, account: Entity | None) -> Write:
    wanted: dict[str, Any] = {
        **{name: line.fields.get(source) for name, source in _TAKEN.items()},
        "company": account.fields.get("company") if account else None,
        "transaction": line.id,
        "status": "received",
        "unallocated": line.fields["amount"],
        "matched": "waiting",
    }
    return create(batch, "payment", wanted, f"transaction:{line.id}", "money came in at the bank", line)


def _again(batch: Batch, line: Entity, payment: Entity) -> list[Write]:
    """Only what the bank corrected: the rest of the payment may have been corrected by a person."""
    corrected = {
        name
        for change in batch.changes("bank_transaction")
        if change.entity_id == line.id and change.fields
        for name in change.fields
    }
    wanted = {name: line.fields.get(source) for name, source in _TAKEN.items() if source in corrected}
    return revise(batch, payment, wanted, "the bank corrected its line", line)
