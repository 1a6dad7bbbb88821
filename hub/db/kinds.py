"""Our kinds: their fields, declared once; the typed tables and the registry are made from this table.

The same notation as a customer's `kinds/<kind>.yaml`: a type word, `{ref: kind}`, `{enum: [...]}`, or a list of lines.
"""

from collections.abc import Mapping
from typing import Any

from hub.mapping.shape import Field, Shape

_STATES = {"enum": ["none", "partial", "complete"]}
_DOCUMENT = {"enum": ["draft", "confirmed", "cancelled"]}
_USE = {"enum": ["active", "blocked"]}

DECLARED: Mapping[str, Mapping[str, Any]] = {
    "company": {"number": "text", "name": "text", "uscc": "text"},
    "employee": {"number": "text", "name": "text", "mobile": "text", "email": "text"},
    "customer": {
        "number": "text",
        "name": "text",
        "short_name": "text",
        "uscc": "text",
        "phone": "text",
        "email": "text",
        "address": "text",
        "remark": "text",
        "currency": "text",
        "status": _USE,
        "owner": {"ref": "employee"},
        "terms": [{"company": {"ref": "company"}, "payment_days": "integer", "credit_limit": "money"}],
    },
    "contact": {
        "customer": {"ref": "customer"},
        "name": "text",
        "mobile": "text",
        "phone": "text",
        "email": "text",
        "title": "text",
    },
    "product": {"number": "text", "name": "text", "specification": "text", "unit": "text", "status": _USE},
    "order": {
        "company": {"ref": "company"},
        "number": "text",
        "type": {"enum": ["order", "contract"]},
        "title": "text",
        "customer": {"ref": "customer"},
        "owner": {"ref": "employee"},
        "ordered_at": "date",
        "due_date": "date",
        "currency": "text",
        "total": "money",
        "remark": "text",
        "status": {"enum": ["draft", "approving", "confirmed", "reopened", "cancelled", "closed"]},
        "shipping_status": _STATES,
        "invoicing_status": _STATES,
        "payment_status": {"enum": ["unpaid", "partial", "paid", "overpaid"]},
        "paid": "money",
        "paid_at": "date",
        "lines": [
            {
                "product": {"ref": "product"},
                "description": "text",
                "quantity": "decimal",
                "unit": "text",
                "unit_price": "money",
                "amount": "money",
            }
        ],
    },
    "open_item": {
        "company": {"ref": "company"},
        "order": {"ref": "order"},
        "invoice": {"ref": "invoice"},
        "customer": {"ref": "customer"},
        "number": "text",
        "instalment": "integer",
        "instalments": "integer",
        "amount": "money",
        "open": "money",
        "due_date": "date",
        "status": {"enum": ["open", "partial", "settled"]},
    },
    "shipment": {
        "company": {"ref": "company"},
        "number": "text",
        "customer": {"ref": "customer"},
        "shipped_at": "date",
        "status": _DOCUMENT,
        "lines": [
            {
                "order": {"ref": "order"},
                "order_line": {"ref": "order.lines"},
                "product": {"ref": "product"},
                "quantity": "decimal",
            }
        ],
    },
    "invoice": {
        "company": {"ref": "company"},
        "number": "text",
        "customer": {"ref": "customer"},
        "invoiced_at": "date",
        "due_date": "date",
        "total": "money",
        "status": _DOCUMENT,
        "lines": [
            {
                "order": {"ref": "order"},
                "order_line": {"ref": "order.lines"},
                "product": {"ref": "product"},
                "quantity": "decimal",
                "amount": "money",
            }
        ],
    },
    "bank_account": {
        "company": {"ref": "company"},
        "number": "text",
        "bank": "text",
        "name": "text",
        "currency": "text",
    },
    "statement": {
        "account": {"ref": "bank_account"},
        "number": "text",
        "from_date": "date",
        "to_date": "date",
        "opening": "money",
        "closing": "money",
        "lines_count": "integer",
        "status": {"enum": ["ok", "held"]},
        "reason": "text",
    },
    "bank_transaction": {
        "account": {"ref": "bank_account"},
        "statement": {"ref": "statement"},
        "booked_on": "date",
        "value_on": "date",
        "amount": "money",
        "status": {"enum": ["booked", "pending", "info"]},
        "reversal": "bool",
        "bank_ref": "text",
        "end_to_end_id": "text",
        "counterparty_name": "text",
        "counterparty_account": "text",
        "counterparty_bank": "text",
        "remittance": "text",
        "balance_after": "money",
        "batch_of": "integer",
        "held": "bool",
    },
    "payment": {
        "company": {"ref": "company"},
        "customer": {"ref": "customer"},
        "number": "text",
        "amount": "money",
        "paid_on": "date",
        "status": {"enum": ["reported", "received", "returned"]},
        "transaction": {"ref": "bank_transaction"},
        "payer_name": "text",
        "payer_account": "text",
        "remittance": "text",
        "unallocated": "money",
        "matched": {"enum": ["waiting", "allocated", "partly_allocated", "not_a_payment"]},
    },
    "allocation": {
        "payment": {"ref": "payment"},
        "open_item": {"ref": "open_item"},
        "order": {"ref": "order"},
        "amount": "money",
        "item_amount": "money",
        "rate": "decimal",
        "rate_source": "text",
        "source": {"enum": ["reference", "person"]},
        "status": {"enum": ["active", "undone"]},
    },
}


def parse_field(spec: Any) -> Field:
    """One field from its notation; raises ValueError with a sentence."""
    if isinstance(spec, str):
        return Field(type=spec)  # type: ignore[arg-type]
    if isinstance(spec, list) and len(spec) == 1:
        return Field(type="list", fields={name: parse_field(sub) for name, sub in spec[0].items()})
    if isinstance(spec, Mapping) and "ref" in spec:
        return Field(type="ref", ref=str(spec["ref"]))
    if isinstance(spec, Mapping) and "enum" in spec:
        return Field(type="enum", values=tuple(map(str, spec["enum"])))
    raise ValueError(f"{spec!r} is no field: write a type, {{ref: kind}}, {{enum: [...]}} or a list of lines")


def parse_shape(kind: str, fields: Mapping[str, Any]) -> Shape:
    """A kind's shape; every kind has the free object `custom`."""
    return Shape(
        kind=kind,
        fields={
            **{name: parse_field(spec) for name, spec in fields.items()},
            "custom": Field(type="object", fields={}),
        },
    )


OURS: Mapping[str, Shape] = {kind: parse_shape(kind, fields) for kind, fields in DECLARED.items()}
