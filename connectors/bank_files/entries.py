"""Entries of a camt message into lines: sign, status, dates, when a batch is split, who paid and what for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from decimal import Decimal
from typing import Any

from connectors.bank_files.refusal import unreadable
from connectors.bank_files.tree import Node, amount, credit, day, every, one, raw, text, where
from hub.sdk.statement import Counterparty, Finality, Line, LineStatus, normalise, plain, total

MAX_DETAILS = 500  # of a batch kept as one line; a record is at most 1 MB
FULL = 140  # characters of a remittance line; a full one goes on in the next without a blank
NONE_GIVEN = {"NOTPROVIDED", "NOTAVAILABLE", "NONREF"}

# Nothing is posted from a provisional message, so even its booked lines are expected ones.
STATUSES: dict[Finality, dict[str, LineStatus]] = {
    "final": {"BOOK": "booked", "": "booked", "PDNG": "pending"},
    "provisional": {"BOOK": "pending", "PDNG": "pending"},
}
_DETAIL_AMOUNTS = ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt")
_DETAIL_REFERENCES = ("Refs/AcctSvcrRef", "Refs/TxId", "Refs/UETR")


@dataclass(frozen=True, slots=True)
class Report:
    """What an entry takes from the message around it."""

    finality: Finality
    currency: str
    closing_on: date | None
    created_on: date | None
    zone: tzinfo


def lines_of(entry: Node, report: Report) -> list[Line]:
    """The lines of one entry: one, or one for each detail of a batch whose details add up."""
    value, currency = amount(entry, "Amt")
    # The sign comes from the indicator alone; RvslInd says why the money moved, never in which direction.
    signed = value if credit(entry) else -value
    word = text(entry, "Sts/Cd", "Sts/Prtry", "Sts")
    whole = Line(
        booked_on=_booked_on(entry, report),
        amount=signed,
        currency=currency or report.currency,
        status=STATUSES[report.finality].get(word, "info"),
        value_on=day(entry, "ValDt", report.zone),
        reversal=text(entry, "RvslInd") in {"true", "1"},
        bank_ref=text(entry, "AcctSvcrRef"),
        bank_note=text(entry, "AddtlNtryInf"),
        bank_code=_bank_code(entry),
    )
    details = list(every(entry, "NtryDtls/TxDtls"))
    if len(details) > 1:
        amounts = [_detail_amount(detail, whole) for detail in details]
        if None not in amounts and total(a for a in amounts if a is not None) == signed:
            return _split(whole, details, amounts)
    return [_unsplit(entry, whole, details)]


def _booked_on(entry: Node, report: Report) -> date:
    found = day(entry, "BookgDt", report.zone) or report.closing_on or day(entry, "ValDt", report.zone)
    found = found or (report.created_on if report.finality == "provisional" else None)
    if found is None:
        raise unreadable(f"{where(entry)} has no booking date", f"{where(entry)} 没有入账日期 BookgDt")
    return found


def _bank_code(node: Node) -> str:
    parts = [text(node, f"BkTxCd/Domn/{path}") for path in ("Cd", "Fmly/Cd", "Fmly/SubFmlyCd")]
    return "/".join(part for part in parts if part) or text(node, "BkTxCd/Prtry/Cd")


def _detail_amount(detail: Node, whole: Line) -> Decimal | None:
    """What this detail moved, in the account's currency; banks also write 0, or the payer's own currency."""
    for path in _DETAIL_AMOUNTS:
        if one(detail, path) is not None:
            value, currency = amount(detail, path)
            if value and currency in {whole.currency, ""}:
                return value if credit(detail, otherwise=whole.amount >= 0) else -value
    return None


def _split(whole: Line, details: list[Node], amounts: Sequence[Decimal | None]) -> list[Line]:
    names = _own_names(details)
    lines = []
    for detail, value, name in zip(details, amounts, names, strict=True):
        assert value is not None
        line = _described(replace(whole, amount=value), detail)
        own = text(detail, "Refs/AcctSvcrRef")
        lines.append(replace(line, reference=f"{whole.bank_ref}/{name}" if whole.bank_ref else own))
    return lines


def _own_names(details: list[Node]) -> list[str]:
    """What tells the details of a batch apart: the first kind of reference that each has and none shares; else
    the place. (One bank repeats the entry's reference in all ten details.)"""
    for path in _DETAIL_REFERENCES:
        names = [text(detail, path) for detail in details]
        if all(names) and len(set(names)) == len(names):
            return names
    return [str(position) for position in range(1, len(details) + 1)]


def _unsplit(entry: Node, whole: Line, details: list[Node]) -> Line:
    said = text(entry, "NtryDtls/Btch/NbOfTxs")
    count = int(said) if said.isdigit() and len(said) <= 15 else 0
    line = replace(whole, reference=whole.bank_ref, raw=raw(entry))
    if len(details) == 1:
        line = replace(_described(line, details[0]), raw=raw(entry))
    if max(count, len(details)) <= 1:
        return line
    # NbOfTxs lies in both directions; it is shown as the bank wrote it and nothing depends on it.
    shown = tuple(_facts(_described(whole, detail), detail) for detail in details[:MAX_DETAILS])
    return replace(line, batch_of=count or len(details), details=shown)


def _described(line: Line, detail: Node) -> Line:
    """The line with what a detail says about it."""
    own = text(detail, "Refs/AcctSvcrRef")
    return replace(
        line,
        bank_ref=line.bank_ref or own,
        reference=line.reference or own,
        transaction_id=_given(text(detail, "Refs/TxId")) or _given(text(detail, "Refs/UETR")),
        end_to_end_id=_given(text(detail, "Refs/EndToEndId")),
        counterparty=_counterparty(detail, incoming=line.amount >= 0),
        remittance=_remittance(detail),
        bank_note=line.bank_note or text(detail, "AddtlTxInf"),
        bank_code=_bank_code(detail) or line.bank_code,
        return_reason=text(detail, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry", "RtrInf/AddtlInf"),
        raw=raw(detail),
    )


def _given(reference: str) -> str:
    return "" if reference.upper() in NONE_GIVEN else reference


def _counterparty(detail: Node, *, incoming: bool) -> Counterparty:
    role = "Dbtr" if incoming else "Cdtr"
    party = "RltdPties"
    names = [
        f"{party}/{who}/{path}"
        for who in (role, f"Ultmt{role}")
        for path in ("Pty/Nm", "Nm", "Agt/FinInstnId/Nm")  # Pty from .07
    ]
    agent = f"RltdAgts/{role}Agt/FinInstnId"
    account = f"{party}/{role}Acct/Id"
    return Counterparty(
        name=text(detail, *names),
        account=normalise(text(detail, f"{account}/IBAN", f"{account}/Othr/Id")),
        bank=text(detail, f"{agent}/BICFI", f"{agent}/BIC", f"{agent}/Nm"),
    )


def _remittance(detail: Node) -> str:
    words = ""
    previous = 0
    for node in every(detail, "RmtInf/Ustrd"):
        part = (node.text or "").strip()
        words += ("" if previous == FULL or not words else " ") + part
        previous = len(node.text or "")
    structured = [text(node, "CdtrRefInf/Ref") for node in every(detail, "RmtInf/Strd")]
    documents = [(node.text or "").strip() for node in every(detail, "RmtInf/Strd/RfrdDocInf/Nb")]
    extra = [part for part in (*structured, *documents) if part and part not in words]
    return " ".join([words, *dict.fromkeys(extra)]).strip()


def _facts(line: Line, detail: Node) -> dict[str, Any]:
    """A detail of a batch that stays one line: information only."""
    stated = next((path for path in _DETAIL_AMOUNTS if one(detail, path) is not None), None)
    value, currency = amount(detail, stated) if stated else (None, "")
    signed = None if value is None else value if credit(detail, otherwise=line.amount >= 0) else -value
    return {
        "amount": None if signed is None else plain(signed),
        "currency": currency or None,
        "end_to_end_id": line.end_to_end_id or None,
        "transaction_id": line.transaction_id or None,
        "counterparty_name": line.counterparty.name or None,
        "counterparty_account": line.counterparty.account or None,
        "remittance": line.remittance or None,
    }
