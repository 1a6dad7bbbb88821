"""Statements made by hand, right and wrong."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from connectors.bank_files.config import BankFilesConfig
from connectors.bank_files.sandbox import Movement, Paper, statement_xml
from hub.sdk import Incoming

FOLDER = Path(__file__).parents[1] / "fixtures"
CONFIG = BankFilesConfig(folder=Path("unused"))
DAY = date(2026, 11, 20)


def movement(amount: str, ref: str, **more: str) -> Movement:
    return Movement(Decimal(amount), ref, **more)


def paper(movements: list[Movement], *, number: int = 1, opening: str = "100.00", closing: str | None = None) -> bytes:
    first = Decimal(opening)
    last = Decimal(closing) if closing else first + sum((line.amount for line in movements), Decimal(0))
    return statement_xml(Paper(number, DAY, first, last), movements)


def arrived(body: bytes, name: str = "a.xml") -> Incoming:
    return Incoming(body, datetime(2026, 11, 22, tzinfo=UTC), path=name)
