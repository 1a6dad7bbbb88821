"""A bank that drops camt.053 statements into a folder: running numbers, running balance, bank references."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from hub.sdk.context import Clock
from hub.sdk.sandbox import Entry, Ledger, Sandbox

BEIJING = ZoneInfo("Asia/Shanghai")
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


@dataclass(frozen=True, slots=True)
class Account:
    """The account the made-up bank keeps for us."""

    number: str = "110907123410901"
    currency: str = "CNY"
    bank: str = "CMBCCNBS"
    owner: str = "星海智能装备有限公司"


@dataclass(frozen=True, slots=True)
class Movement:
    """One line to be put into a statement; `amount` signed, money in = +."""

    amount: Decimal
    bank_ref: str
    counterparty_name: str = ""
    counterparty_account: str = ""
    remittance: str = ""
    end_to_end_id: str = "NOTPROVIDED"


@dataclass(frozen=True, slots=True)
class Paper:
    """A statement's heading."""

    number: int
    day: date
    opening: Decimal
    closing: Decimal
    account: Account = Account()


def write_statement(folder: Path, paper: Paper, movements: Sequence[Movement]) -> Path:
    """Put a camt.053.001.08 file into the folder, whole or not at all; the same paper makes the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{paper.account.bank}_{paper.day:%Y%m%d}_{paper.number:04}.xml"
    unfinished = target.with_suffix(".part")
    unfinished.write_bytes(statement_xml(paper, movements))
    unfinished.replace(target)
    return target


def statement_xml(paper: Paper, movements: Sequence[Movement]) -> bytes:
    """The statement as the bank would send it; the figures are the caller's, right or wrong."""
    account = paper.account
    created = f"{paper.day.isoformat()}T23:30:00+08:00"
    lines = "".join(_entry(movement, paper) for movement in movements)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>MSG{paper.day:%Y%m%d}{paper.number:04}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>"
        f"<Stmt><Id>{account.bank}{paper.number:08}</Id><ElctrncSeqNb>{paper.number}</ElctrncSeqNb>"
        f"<CreDtTm>{created}</CreDtTm>"
        f"<Acct><Id><Othr><Id>{account.number}</Id></Othr></Id><Ccy>{account.currency}</Ccy>"
        f"<Ownr><Nm>{escape(account.owner)}</Nm></Ownr>"
        f"<Svcr><FinInstnId><BICFI>{account.bank}</BICFI></FinInstnId></Svcr></Acct>"
        f"{_balance('OPBD', paper.opening, paper)}{_balance('CLBD', paper.closing, paper)}{lines}"
        "</Stmt></BkToCstmrStmt></Document>\n"
    ).encode()


def _balance(code: str, value: Decimal, paper: Paper) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_amount(value, paper)}"
        f"<Dt><Dt>{paper.day.isoformat()}</Dt></Dt></Bal>"
    )


def _amount(value: Decimal, paper: Paper) -> str:
    side = "DBIT" if value < 0 else "CRDT"
    return f'<Amt Ccy="{paper.account.currency}">{abs(value):f}</Amt><CdtDbtInd>{side}</CdtDbtInd>'


def _entry(movement: Movement, paper: Paper) -> str:
    day = paper.day.isoformat()
    role = "Dbtr" if movement.amount >= 0 else "Cdtr"
    name, number = escape(movement.counterparty_name), escape(movement.counterparty_account)
    family = "RCDT" if movement.amount >= 0 else "ICDT"
    party = f"<{role}><Pty><Nm>{name}</Nm></Pty></{role}>" if name else ""
    party += f"<{role}Acct><Id><Othr><Id>{number}</Id></Othr></Id></{role}Acct>" if number else ""
    words = f"<RmtInf><Ustrd>{escape(movement.remittance)}</Ustrd></RmtInf>" if movement.remittance else ""
    return (
        f"<Ntry>{_amount(movement.amount, paper)}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt>"
        f"<ValDt><Dt>{day}</Dt></ValDt><AcctSvcrRef>{escape(movement.bank_ref)}</AcctSvcrRef>"
        f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>DMCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>{escape(movement.end_to_end_id)}</EndToEndId></Refs>"
        + (f"<RltdPties>{party}</RltdPties>" if party else "")
        + f"{words}</TxDtls></NtryDtls></Ntry>"
    )


class BankSandbox(Sandbox):
    """The bank behind the folder. A statement is in the ledger before its file is in the folder; one that was not
    written when the bank was killed is written when it comes back."""

    vendor = "bank_files"

    def __init__(self, ledger: Ledger, clock: Clock | None, folder: Path, account: Account, opening: Decimal) -> None:
        self.folder = folder
        self.account = account
        self._opening = opening
        super().__init__(ledger, clock)
        for number in sorted(self.unwritten):
            self._write(number)

    def begin(self) -> None:
        self.balance = self._opening
        self.number = 0
        self.lines = 0
        self.statements: dict[int, dict[str, Any]] = {}
        self.unwritten: set[int] = set()

    def folds(self) -> Mapping[str, Callable[[Entry], None]]:
        return {"statement": self._stated, "written": self._written}

    def acts(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        return {"drop": self.drop}

    def drop(self, data: dict[str, Any]) -> dict[str, Any]:
        """`{lines: [{amount, counterparty_name, counterparty_account, remittance, end_to_end_id}], day}`: one
        statement of these lines, dated today unless `day` says otherwise."""
        day = data.get("day") or self.clock.now().astimezone(BEIJING).date().isoformat()
        opening, lines = self.balance, []
        for count, line in enumerate(data["lines"], self.lines + 1):
            lines.append({**line, "amount": str(Decimal(str(line["amount"]))), "bank_ref": f"K{day:.4}{count:08}"})
        closing = opening + sum((Decimal(line["amount"]) for line in lines), Decimal(0))
        number = self.number + 1
        self.commit("statement", number=number, day=day, opening=str(opening), closing=str(closing), lines=lines)
        path = self._write(number)
        return {"file": path.name, "number": number, "opening": str(opening), "closing": str(closing)}

    def _write(self, number: int) -> Path:
        stated = self.statements[number]
        movements = [Movement(**{**line, "amount": Decimal(line["amount"])}) for line in stated["lines"]]
        opening, closing = Decimal(stated["opening"]), Decimal(stated["closing"])
        paper = Paper(number, date.fromisoformat(stated["day"]), opening, closing, self.account)
        path = write_statement(self.folder, paper, movements)
        self.commit("written", number=number, file=path.name)
        return path

    def _stated(self, entry: Entry) -> None:
        self.number = entry.data["number"]
        self.lines += len(entry.data["lines"])
        self.balance = Decimal(entry.data["closing"])
        self.statements[self.number] = entry.data
        self.unwritten.add(self.number)

    def _written(self, entry: Entry) -> None:
        self.unwritten.discard(entry.data["number"])


def sandbox(
    ledger: Ledger,
    clock: Clock | None = None,
    *,
    folder: str | Path = "statements",
    opening: str = "0.00",
    account: Account | None = None,
) -> BankSandbox:
    """A bank that drops into `folder`, its account starting at `opening`."""
    return BankSandbox(ledger, clock, Path(folder), account or Account(), Decimal(opening))


def sandbox_config(base_url: str, *, folder: str | Path = "statements") -> dict[str, Any]:
    """A connection to the sandbox's folder; a folder has no address, so `base_url` is only carried along."""
    return {"base_url": base_url, "folder": str(folder), "zone": "Asia/Shanghai"}
