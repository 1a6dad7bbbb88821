"""Statements as records of the three streams."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from hub.sdk import Arrived, Record
from hub.sdk.statement import Counterparty, Line, OwnAccount, Statement, Verdict


def records_of(judged: Sequence[tuple[Statement, Verdict]]) -> list[Arrived]:
    """Accounts first, then statements, then their lines: parents before those that name them. An intraday report or
    notification is no statement: only its lines are records."""
    accounts = {statement.account.key: statement.account for statement, _ in judged}
    return [
        *(Arrived("accounts", _account(account)) for account in accounts.values()),
        *(Arrived("statements", _statement(one, verdict)) for one, verdict in judged if one.finality == "final"),
        *(Arrived("transactions", _line(one, verdict, line)) for one, verdict in judged for line in one.lines),
    ]


def _account(account: OwnAccount) -> Record:
    return {
        "identity": account.key,
        "number": account.number,
        "currency": account.currency,
        "bank": account.bank or None,
        "name": account.name or None,
    }


def _statement(statement: Statement, verdict: Verdict) -> Record:
    opening, closing = statement.opening, statement.closing
    return {
        "identity": statement.key,
        "account": statement.account.key,
        "id": statement.id,
        "number": statement.number or statement.id,
        "page": statement.page,
        "from_date": _day(statement.from_date),
        "to_date": _day(statement.to_date),
        "currency": opening.currency if opening else statement.account.currency,
        "opening": opening.amount if opening else None,
        "closing": closing.amount if closing else None,
        "closing_currency": closing.currency if closing else statement.account.currency,
        "lines_count": statement.entries,
        "status": verdict.status,
        "reason": verdict.zh or None,
        "reason_en": verdict.sentence or None,
        "copy": statement.copy or None,
        "version": _moment(statement.created_at),
    }


def _line(statement: Statement, verdict: Verdict, line: Line) -> Record:
    held = verdict.status == "held"
    other: Counterparty = line.counterparty
    return {
        "identity": line.key,
        "account": statement.account.key,
        "statement": statement.key if statement.finality == "final" else None,
        "booked_on": _day(line.booked_on),
        "value_on": _day(line.value_on),
        "amount": line.amount,
        "currency": line.currency,
        "status": line.status,
        "reversal": line.reversal,
        "bank_ref": line.bank_ref or None,
        "end_to_end_id": line.end_to_end_id or None,
        "transaction_id": line.transaction_id or None,
        "counterparty_name": other.name or None,
        "counterparty_account": other.account or None,
        "counterparty_bank": other.bank or None,
        "remittance": line.remittance or None,
        "bank_note": line.bank_note or None,
        "bank_code": line.bank_code or None,
        "return_reason": line.return_reason or None,
        "balance_after": line.balance_after,
        "batch_of": line.batch_of,
        "details": list(line.details),
        "held": held,
        "version": _rank(statement, held=held) + (_moment(statement.created_at) or ""),
        "raw": line.raw,
    }


def _rank(statement: Statement, *, held: bool) -> str:
    """Orders the versions of one line before their dates do: an intraday file that comes after the final one must
    not make a booked line pending again, nor a broken statement hold what a good one has booked."""
    if statement.finality == "provisional":
        return "1/"
    return "2/" if held else "3/"


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _moment(value: datetime | None) -> str | None:
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


_COMMON: dict[str, Any] = {"identity": "text", "version": "text", "account": "text", "currency": "text"}
SCHEMAS: dict[str, dict[str, str]] = {
    "accounts": {"identity": "text", "number": "text", "currency": "text", "bank": "text", "name": "text"},
    "statements": {
        **_COMMON,
        **dict.fromkeys(("id", "number", "status", "reason", "reason_en", "copy", "closing_currency"), "text"),
        **dict.fromkeys(("from_date", "to_date"), "date"),
        **dict.fromkeys(("opening", "closing"), "decimal"),
        **dict.fromkeys(("page", "lines_count"), "integer"),
    },
    "transactions": {
        **_COMMON,
        **dict.fromkeys(("statement", "status", "bank_ref", "end_to_end_id", "transaction_id"), "text"),
        **dict.fromkeys(("counterparty_name", "counterparty_account", "counterparty_bank"), "text"),
        **dict.fromkeys(("remittance", "bank_note", "bank_code", "return_reason", "raw"), "text"),
        **dict.fromkeys(("booked_on", "value_on"), "date"),
        **dict.fromkeys(("amount", "balance_after"), "decimal"),
        **dict.fromkeys(("reversal", "held"), "bool"),
        "batch_of": "integer",
        **{f"details[].{name}": "text" for name in ("amount", "currency", "end_to_end_id", "transaction_id")},
        **{f"details[].{name}": "text" for name in ("counterparty_name", "counterparty_account", "remittance")},
    },
}
