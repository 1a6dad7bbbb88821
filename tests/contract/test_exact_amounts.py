"""M1 at the edge: an amount keeps its last digit on its way into every system that takes amounts, and back out of it."""

import random
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from connectors.bank_files import connector as bank_files
from connectors.bank_files.tests.made import CONFIG, arrived, movement, paper
from hub.sdk import Push, Record
from hub.sdk.conformance import Subject, names, subjects_of
from hub.sdk.conformance.kit import Writes
from hub.sdk.conformance.reading import pull
from hub.sdk.conformance.trial import Trial
from hub.security.redact import redact
from tests.support.results import size, write_result

_AMOUNT = re.compile(r"\d+\.\d+")
RECORDS = size(25, 1_000)
DIGITS = 14
"""Before the point, with two behind it: what every system here takes, and more than a float can hold."""
REFERENCE = "order-{}"
FOUND: dict[str, int] = {}


def with_amounts(value: Any, rng: random.Random, made: list[Decimal]) -> Any:
    """The record with another amount wherever one stands, in the spelling that stood there."""
    if isinstance(value, dict):
        return {name: with_amounts(inner, rng, made) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_amounts(inner, rng, made) for inner in value]
    text = isinstance(value, str) and _AMOUNT.fullmatch(value)
    if not text and not (isinstance(value, Decimal) and value.as_tuple().exponent):
        return value
    made.append(Decimal(rng.randrange(10 ** rng.randint(3, DIGITS + 2))).scaleb(-2))
    return str(made[-1]) if text else made[-1]


def numbers(value: Any) -> Iterator[Decimal]:
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]:
        if isinstance(inner, dict | list):
            yield from numbers(inner)
        elif isinstance(inner, Decimal):
            yield inner
        elif isinstance(inner, str) and _AMOUNT.fullmatch(inner):
            yield Decimal(inner)


def taken() -> list[tuple[Subject, Writes]]:
    """Every stream that takes an amount."""
    found = []
    for name in names():
        subject = next(iter(subjects_of(name, redact).values()))
        for writes in subject.kit.writes:
            made: list[Decimal] = []
            with_amounts(writes.record(Trial(subject).sandbox, REFERENCE.format(0)), random.Random(0), made)
            if made:
                found.append((subject, writes))
    return found


@pytest.mark.parametrize(("subject", "writes"), taken(), ids=lambda each: getattr(each, "name", None) or each.stream)
async def test_amounts_go_there_and_back(subject: Subject, writes: Writes) -> None:
    trial, rng = Trial(subject), random.Random(1)
    sent: dict[str, list[Decimal]] = {}
    for number in range(RECORDS):
        made: list[Decimal] = []
        reference = REFERENCE.format(number)
        record: Record = with_amounts(writes.record(trial.sandbox, reference), rng, made)
        pushed = await trial.stream(writes.stream).push(trial.context, Push("create", record, reference, reference))
        sent[pushed.key] = made
    records = [record for page in await pull(trial, writes.stream) for record in page.records]
    lost = []
    for record in records:
        said = set(numbers(record))
        key = next((key for key in sent if key in map(str, record.values())), None)
        lost += [amount for amount in sent.pop(key, []) if amount not in said] if key else []
    assert not lost
    assert not sent, "every record came back"
    FOUND[f"{subject.name}.{writes.stream}"] = RECORDS
    write_result("M1-connectors", FOUND)


def test_amounts_of_statements_arrive() -> None:
    """Eighteen digits, as camt.053 allows; the balances add up to the last of them, so no line is held."""
    rng, count = random.Random(2), 40 * RECORDS
    amounts = [
        Decimal(rng.randrange(1, 10 ** rng.randint(3, 18))).scaleb(-2) * rng.choice((1, -1)) for _ in range(count)
    ]
    body = paper([movement(str(amount), f"K{number}") for number, amount in enumerate(amounts)])
    inbox = bank_files.connector.inbox
    assert inbox is not None
    lines = [found.record for found in inbox.open(CONFIG, arrived(body)).records if found.stream == "transactions"]
    assert [Decimal(str(line["amount"])) for line in lines] == amounts
    assert not any(line["held"] for line in lines)
    FOUND["bank_files.transactions"] = count
    write_result("M1-connectors", FOUND)
