"""A bank statement in one shape, whatever file or interface it came by: lines, identities, the balance check.

    own account ─< statement (opening, closing) ─< line (signed amount, money in = +)

A line's key says "the same movement of money", so that a file read twice, or two files that overlap, count it once:
the bank's own reference where there is one (`strong_key`), else a fingerprint and how many equal ones came before it
on that day.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, localcontext
from typing import Any, Literal, Protocol

Status = Literal["ok", "held", "refused"]
LineStatus = Literal["booked", "pending", "info"]
Finality = Literal["final", "provisional"]

EXACT = 80  # digits a sum may have; far above what any statement holds, so that nothing is ever rounded
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_NOT_ALNUM = re.compile(r"[\W_]")


@dataclass(frozen=True, slots=True)
class OwnAccount:
    """One of our accounts as a statement names it. `number` is normalised, `bank` its BIC or name."""

    number: str
    currency: str
    bank: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        """What is equal for one account in all its files: an IBAN holds its bank, another number does not."""
        if _IBAN.fullmatch(self.number):
            return f"{self.number}/{self.currency}"
        return f"{normalise(self.bank)[:8]}/{self.number}/{self.currency}".lstrip("/")


@dataclass(frozen=True, slots=True)
class Counterparty:
    """The other side of a line; empty where the bank does not say."""

    name: str = ""
    account: str = ""
    bank: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One movement of the account. `reference` is the bank's own unique name of it (empty: none), `transaction_id`
    what tells equal payments apart without being a key; `batch_of` n: this one line stands for n payments, whose
    details, where known, are in `details`. `held` lines are shown and become no payment."""

    booked_on: date
    amount: Decimal
    currency: str
    status: LineStatus = "booked"
    value_on: date | None = None
    reversal: bool = False
    bank_ref: str = ""
    reference: str = ""
    transaction_id: str = ""
    end_to_end_id: str = ""
    counterparty: Counterparty = Counterparty()
    remittance: str = ""
    bank_note: str = ""
    bank_code: str = ""
    return_reason: str = ""
    balance_after: Decimal | None = None
    batch_of: int | None = None
    details: tuple[dict[str, Any], ...] = ()
    raw: str = ""
    key: str = ""
    held: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """A balance with its own currency, which need not be the account's in a broken file."""

    amount: Decimal
    currency: str
    on: date | None = None

    def __str__(self) -> str:
        return f"{plain(self.amount)} {self.currency}".rstrip()


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, or one intraday report or notification (`finality` provisional: nothing is posted from it).
    `entries` is how many lines the bank wrote: a batch that was split makes several of one. `page` is None unless the
    bank numbers pages; `last_page` False: more pages of it must follow."""

    account: OwnAccount
    id: str
    lines: tuple[Line, ...]
    entries: int
    finality: Finality = "final"
    number: str = ""
    opening: Balance | None = None
    closing: Balance | None = None
    from_date: date | None = None
    to_date: date | None = None
    created_at: datetime | None = None
    page: int | None = None
    last_page: bool = True
    copy: str = ""

    @property
    def key(self) -> str:
        """Account, id, number and page: the same key with other content is the bank's correction."""
        return "|".join((self.account.key, self.id, self.number, "" if self.page is None else str(self.page)))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be thought of a statement or file; the sentence, in both languages, unless it is ok."""

    status: Status
    sentence: str = ""
    zh: str = ""


OK = Verdict("ok")


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One line of `hub statement check`. `lines` counts what the bank wrote, batches whole. `opening` and `closing` are those of the file's first account: its first
    opening and its last closing balance. `reason` is empty when the status is ok."""

    file: str
    format: str
    status: Status
    statements: int = 0
    lines: int = 0
    opening: Decimal | None = None
    closing: Decimal | None = None
    reason: str = ""
    reason_zh: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values; amounts as text."""
        return {
            "file": self.file,
            "format": self.format,
            "status": self.status,
            "statements": self.statements,
            "lines": self.lines,
            "opening": None if self.opening is None else plain(self.opening),
            "closing": None if self.closing is None else plain(self.closing),
            "reason": self.reason,
            "reason_zh": self.reason_zh,
        }


class StatementReader(Protocol):
    """Judges a statement file without keeping anything of it; an inbox that reads statements has one as its
    attribute `statements`. Never raises for what is in the file."""

    def check(self, name: str, body: bytes) -> FileCheck: ...


def normalise(text: str) -> str:
    """An account number or bank code without blanks and punctuation, upper-case: what is compared."""
    return _NOT_ALNUM.sub("", unicodedata.normalize("NFKC", text)).upper()


def plain(amount: Decimal) -> str:
    """Digits without exponent, as the bank wrote them."""
    return format(amount, "f")


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    with localcontext(prec=EXACT):
        return sum(amounts, Decimal(0))


def sign(amount: Decimal) -> str:
    """`-` for money out, `+` for everything else."""
    return "-" if amount < 0 else "+"


def strong_key(account: OwnAccount, line: Line) -> str | None:
    """Account, booking day, sign and the bank's reference: serials restart, and a reversal may repeat a reference."""
    if not line.reference:
        return None
    return f"{account.key}|{line.booked_on.isoformat()}|{sign(line.amount)}|{line.reference}"


def fingerprint(account: OwnAccount, line: Line) -> str:
    """What two copies of one line have in common where the bank names no reference. Balance and time are left out:
    intraday and final files differ in them."""
    words = unicodedata.normalize("NFKC", line.remittance)
    parts = (
        account.key,
        line.booked_on.isoformat(),
        sign(line.amount),
        plain(abs(line.amount).normalize()),
        line.currency,
        normalise(line.counterparty.account),
        line.transaction_id or line.end_to_end_id,
        "".join(words.split()),
    )
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def with_keys(account: OwnAccount, lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines, in their order, each with its identity.

    Equal ones of a day are numbered, so two files that overlap agree on the larger count and never on the sum. A bank
    that gives several lines one reference (a payment and its fee, say) gets them numbered too: largest amount first,
    which no order of the file changes."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for position, line in enumerate(lines):
        groups[strong_key(account, line) or "~" + fingerprint(account, line)].append(position)
    chronological = _oldest_first(lines)
    keys: dict[int, str] = {}
    for base, positions in groups.items():
        in_time = positions if chronological else positions[::-1]
        ranked = sorted(in_time, key=lambda position: -abs(lines[position].amount))
        always = base.startswith("~")
        for count, position in enumerate(ranked, 1):
            keys[position] = f"{base}#{count}" if always or count > 1 else base
    return tuple(replace(line, key=keys[position].removeprefix("~")) for position, line in enumerate(lines))


def _oldest_first(lines: Sequence[Line]) -> bool:
    return not lines or lines[0].booked_on <= lines[-1].booked_on


def check_balance(statement: Statement) -> Verdict:
    """Opening + booked lines = closing, exactly. A provisional report proves nothing and is ok."""
    if statement.finality == "provisional":
        return OK
    opening, closing = statement.opening, statement.closing
    if opening is None or closing is None:
        return _unproven(statement)
    foreign = next((line for line in statement.lines if line.currency != opening.currency), None)
    if foreign is not None:
        return Verdict(
            "held",
            f"the account is in {opening.currency}, but a line of {foreign.booked_on} is {plain(foreign.amount)} "
            f"{foreign.currency}: the balance cannot be checked. Ask the bank for a corrected statement, or release it",
            f"账户币种为 {opening.currency}，但 {foreign.booked_on} 有一笔 {plain(foreign.amount)} {foreign.currency}，"
            "无法核对余额。请向银行索取更正后的对账单，或核实后放行",
        )
    moved = total(line.amount for line in statement.lines if line.status == "booked")
    expected = Balance(total((opening.amount, moved)), opening.currency)
    if expected.amount == closing.amount and expected.currency == closing.currency:
        return OK
    pages, pages_zh = _missing_pages(statement)
    return Verdict(
        "held",
        f"does not balance: opening {opening} and lines of {plain(moved)} make {expected}, "
        f"the statement closes at {closing}. {pages}Ask the bank for a corrected statement, or release it",
        f"余额不平：期初 {opening} 加明细合计 {plain(moved)} 应为 {expected}，对账单期末为 {closing}。"
        f"{pages_zh}请向银行索取更正后的对账单，或核实后放行",
    )


def _missing_pages(statement: Statement) -> tuple[str, str]:
    if statement.page is None:
        return "", ""
    return (
        f"It is page {statement.page}, and other pages are not in this file: bring all pages in one file (a zip will "
        "do). ",
        f"本页为第 {statement.page} 页，其余页不在此文件中：请把全部页放进同一个文件（可用 zip）。",
    )


def _unproven(statement: Statement) -> Verdict:
    missing = [i for i, balance in enumerate((statement.opening, statement.closing)) if balance is None]
    en = " and ".join(("the opening balance", "the closing balance")[i] for i in missing)
    zh = "和".join(("期初余额", "期末余额")[i] for i in missing)
    pages, pages_zh = _missing_pages(statement)
    return Verdict(
        "held",
        f"cannot be checked: {en} (booked) missing, so nothing proves that the lines are complete. {pages}"
        "Ask the bank for a statement with balances, or release it",
        f"无法核对：缺少{zh}，不能证明明细完整。{pages_zh}请向银行索取带余额的对账单，或核实后放行",
    )


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The gravest of several verdicts, the first of equals."""
    ranks = ("ok", "held", "refused")
    return max(verdicts, key=lambda verdict: ranks.index(verdict.status), default=OK)
