"""camt.052, .053 and .054 of every version into statements; the rules are ISO's and what banks really send."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

from connectors.bank_files.entries import Report, lines_of
from connectors.bank_files.refusal import other_xml, unreadable
from connectors.bank_files.tree import Node, amount, credit, day, every, instant, local, one, text, where, written_day
from hub.sdk.statement import Balance, Finality, OwnAccount, Statement, normalise


@dataclass(frozen=True, slots=True)
class Message:
    """One of the three messages: its number, what repeats in it, its pagination element."""

    number: str
    part: str
    pagination: str
    finality: Finality


# Only the 053 is a statement to post from; the others are provisional.
MESSAGES = {
    "BkToCstmrAcctRpt": Message("camt.052", "Rpt", "RptPgntn", "provisional"),
    "BkToCstmrStmt": Message("camt.053", "Stmt", "StmtPgntn", "final"),
    "BkToCstmrDbtCdtNtfctn": Message("camt.054", "Ntfctn", "NtfctnPgntn", "provisional"),
}
_OLD_ROOT = re.compile(r"V\d\d$")  # version .01 calls its root BkToCstmrStmtV01
_NAMESPACE = re.compile(r"(camt\.05[234])\.001\.(\d\d)$")
OPENING = ("OPBD", "PRCD")  # the previous closing opens where there is no OPBD
CLOSING = ("CLBD",)
INTERIM = ("ITBD",)


def format_of(root: Node) -> str:
    """`camt.053.001.08`; without the version where the namespace does not say it."""
    node, message = _messages(root)[0]
    found = _NAMESPACE.search(node.tag.partition("}")[0])
    return f"{message.number}.001.{found[2]}" if found else message.number


def read(root: Node, zone: tzinfo) -> list[Statement]:
    """All statements, reports and notifications of a document, in its order, page by page and keyless (see `pages.finish`)."""
    found: list[Statement] = []
    for node, message in _messages(root):
        parts = list(every(node, message.part))
        if not parts:
            raise unreadable(f"there is no {message.part} in it", f"文件中没有 {message.part}")
        found.extend(_statement(part, node, message, zone) for part in parts)
    return found


def _messages(root: Node) -> list[tuple[Node, Message]]:
    """The messages wherever they lie: banks put `Document` beside an `AppHdr` under roots of their own."""
    found = list(_search(root, 6))
    if not found:
        inner = next((child for child in root if isinstance(child.tag, str)), root)
        namespace = root.tag.partition("}")[0].rpartition(":")[2] if "}" in root.tag else ""
        raise other_xml(local(inner if local(root) == "Document" else root), namespace)
    return found


def _search(node: Node, depth: int) -> Iterator[tuple[Node, Message]]:
    message = MESSAGES.get(_OLD_ROOT.sub("", local(node)))
    if message is not None:
        yield node, message
    elif depth:
        for child in node:
            if isinstance(child.tag, str):
                yield from _search(child, depth - 1)


def _statement(node: Node, root: Node, message: Message, zone: tzinfo) -> Statement:
    balances = list(every(node, "Bal"))
    page, last_page = _page(node, root, message)
    # Pages between the first and the last may carry interim balances instead of opening and closing ones.
    paged = page is not None and message.finality == "final"
    opening = _balance(balances, OPENING + (INTERIM if paged and page != 1 else ()), zone)
    closing = _balance(balances[::-1], CLOSING + (() if last_page else INTERIM), zone)
    created = instant(node, "CreDtTm", zone) or instant(root, "GrpHdr/CreDtTm", zone)
    account = _account(node, balances)
    report = Report(
        message.finality,
        account.currency,
        closing.on if closing else None,
        created.astimezone(zone).date() if created else None,
        zone,
    )
    entries = list(every(node, "Ntry"))
    return Statement(
        account=account,
        id=text(node, "Id"),
        lines=tuple(line for entry in entries for line in lines_of(entry, report)),
        entries=len(entries),
        finality=message.finality,
        number=text(node, "ElctrncSeqNb", "LglSeqNb"),
        opening=opening,
        closing=closing,
        from_date=written_day(node, "FrToDt/FrDtTm") or (opening.on if opening else None),
        to_date=(closing.on if closing else None) or written_day(node, "FrToDt/ToDtTm"),
        created_at=created,
        page=page,
        last_page=last_page,
        copy=text(node, "CpyDplctInd"),
    )


def _account(node: Node, balances: list[Node]) -> OwnAccount:
    # Real banks put an IBAN into Othr/Id, and from .09 a proxy (a phone number) may stand in for both.
    number = normalise(text(node, "Acct/Id/IBAN", "Acct/Id/Othr/Id", "Acct/Prxy/Id"))
    if not number:
        raise unreadable(f"{where(node)}/Acct/Id is missing", f"{where(node)} 缺少账号 Acct/Id")
    currency = text(node, "Acct/Ccy") or next(
        (found.get("Ccy") for path in ("Bal/Amt", "Ntry/Amt") for found in every(node, path) if found.get("Ccy")), ""
    )
    if not currency:
        raise unreadable(f"{where(node)} names no currency", f"{where(node)} 没有注明币种")
    servicer = "Acct/Svcr/FinInstnId"
    bank = text(node, f"{servicer}/BICFI", f"{servicer}/BIC", f"{servicer}/Nm")
    return OwnAccount(number, currency, bank, text(node, "Acct/Ownr/Nm", "Acct/Nm"))


def _balance(balances: list[Node], codes: tuple[str, ...], zone: tzinfo) -> Balance | None:
    for code in codes:
        for node in balances:
            if text(node, "Tp/CdOrPrtry/Cd", "Tp/CdOrPrtry/Prtry") == code:
                value, currency = amount(node, "Amt")
                # A missing indicator is a credit: a real bank's .08 leaves it out and balances that way.
                return Balance(value if credit(node, otherwise=True) else -value, currency, day(node, "Dt", zone))
    return None


def _page(node: Node, root: Node, message: Message) -> tuple[int | None, bool]:
    found = one(node, message.pagination)
    if found is None:
        found = one(root, "GrpHdr/MsgPgntn")
    if found is None:
        return None, True
    number = text(found, "PgNb")
    last = text(found, "LastPgInd") not in {"false", "0"}
    if last and number.isdigit() and int(number) == 1:
        return None, True  # the only page: like a bank that does not number pages
    return (int(number) if number.isdigit() and len(number) < 10 else 1), last
