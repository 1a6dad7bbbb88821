"""Identity of lines and the balance check, whatever file they come from."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.statement import (
    OK,
    Balance,
    Counterparty,
    FileCheck,
    Line,
    OwnAccount,
    Statement,
    Verdict,
    check_balance,
    fingerprint,
    strong_key,
    total,
    with_keys,
    worst,
)

ACCOUNT = OwnAccount("110907123410901", "CNY", "CMBCCNBS")
DAY = date(2026, 11, 20)


def line(amount: str = "10.00", ref: str = "", **more: object) -> Line:
    return replace(Line(DAY, Decimal(amount), "CNY", reference=ref), **more)  # type: ignore[arg-type]


def statement(*lines: Line, opening: str | None = "0", closing: str | None = "0", **more: object) -> Statement:
    both = [None if text is None else Balance(Decimal(text), "CNY") for text in (opening, closing)]
    made = Statement(ACCOUNT, "S1", lines, len(lines), opening=both[0], closing=both[1])
    return replace(made, **more)  # type: ignore[arg-type]


def test_an_iban_needs_no_bank_and_another_number_does() -> None:
    assert OwnAccount("NL26VAYB8060476890", "EUR", "VAYBNL2A").key == OwnAccount("NL26VAYB8060476890", "EUR").key
    assert OwnAccount("1234", "CNY", "CMBCCNBS").key != OwnAccount("1234", "CNY", "ICBKCNBJ").key
    assert OwnAccount("1234", "CNY", "CMBCCNBSXXX").key == OwnAccount("1234", "CNY", "CMBCCNBS").key
    assert OwnAccount("1234", "CNY").key != OwnAccount("1234", "USD").key


def test_the_banks_reference_counts_with_day_and_sign() -> None:
    key = strong_key(ACCOUNT, line("10.00", "R"))
    assert key != strong_key(ACCOUNT, line("-10.00", "R"))
    assert key != strong_key(ACCOUNT, line("10.00", "R", booked_on=date(2026, 11, 21)))
    assert key == strong_key(ACCOUNT, line("11.00", "R", remittance="completed later"))
    assert strong_key(ACCOUNT, line()) is None


@pytest.mark.parametrize(
    "more",
    [
        {"remittance": "so １ 2"},
        {"balance_after": Decimal(3)},
        {"value_on": date(2026, 1, 1)},
        {"amount": Decimal("10.000")},
        {"end_to_end_id": "other"},
        {"counterparty": Counterparty("another name", "62 25-88", "")},
    ],
)
def test_a_fingerprint_overlooks_what_files_differ_in(more: dict[str, object]) -> None:
    base = line(remittance="so12", transaction_id="T", counterparty=Counterparty("", "622588", ""))
    assert fingerprint(ACCOUNT, base) == fingerprint(ACCOUNT, replace(base, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "more",
    [
        {"remittance": "so13"},
        {"amount": Decimal("-10")},
        {"amount": Decimal("10.01")},
        {"currency": "USD"},
        {"transaction_id": "U"},
        {"booked_on": date(2026, 11, 21)},
    ],
)
def test_a_fingerprint_tells_payments_apart(more: dict[str, object]) -> None:
    base = line(remittance="so12", transaction_id="T")
    assert fingerprint(ACCOUNT, base) != fingerprint(ACCOUNT, replace(base, **more))  # type: ignore[arg-type]


LINES = st.lists(
    st.builds(
        line,
        st.sampled_from(["1.00", "1.0", "-1.00", "2.50"]),
        st.sampled_from(["", "", "R1", "R2"]),
        remittance=st.sampled_from(["", "a", "b"]),
    ),
    max_size=12,
)


@given(LINES, st.randoms(use_true_random=False))
def test_keys_are_unique_and_do_not_depend_on_the_order(lines: list[Line], random: object) -> None:
    shuffled = sorted(lines, key=lambda _: random.random())  # type: ignore[attr-defined]
    first, second = with_keys(ACCOUNT, lines), with_keys(ACCOUNT, shuffled)
    assert len({one.key for one in first}) == len(lines)
    assert {(one.key, one.amount) for one in first} == {(one.key, one.amount) for one in second}
    assert [replace(one, key="") for one in first] == lines


@given(LINES, LINES)
def test_overlap_is_the_larger_count_never_the_sum(lines: list[Line], more: list[Line]) -> None:
    """A file that holds all of another and more: together they are the larger one."""
    small = {one.key for one in with_keys(ACCOUNT, lines)}
    large = {one.key for one in with_keys(ACCOUNT, [*lines, *more])}
    assert small <= large and len(large) == len(lines) + len(more)


AMOUNTS = st.lists(st.decimals("-1e15", "1e15", places=5), max_size=30)


@given(AMOUNTS, st.decimals("-1e18", "1e18", places=5), st.decimals("0.00001", "1e9", places=5))
def test_the_balance_is_exact(amounts: list[Decimal], opening: Decimal, off: Decimal) -> None:
    lines = [line(str(amount)) for amount in amounts]
    closing = total([opening, *amounts])
    right = statement(*lines, opening=str(opening), closing=str(closing))
    assert check_balance(right) == OK
    wrong = statement(*lines, opening=str(opening), closing=str(total([closing, off])))
    assert check_balance(wrong).status == "held"


def test_the_sentence_names_both_figures() -> None:
    verdict = check_balance(statement(line("10.50"), line("-3", status="pending"), opening="1.00", closing="12"))
    assert verdict.sentence.startswith("does not balance: opening 1.00 CNY and lines of 10.50 make 11.50 CNY")
    assert "closes at 12 CNY" in verdict.sentence
    assert "应为 11.50 CNY" in verdict.zh and "期末为 12 CNY" in verdict.zh


def test_equal_figures_in_two_currencies_do_not_balance() -> None:
    right = statement(opening="5", closing="5")
    foreign = replace(right, closing=Balance(Decimal(5), "USD"))
    assert check_balance(right) == OK
    assert check_balance(foreign).status == "held"


def test_without_balances_nothing_is_proven() -> None:
    assert "the closing balance (booked) missing" in check_balance(statement(closing=None)).sentence
    paged = check_balance(statement(opening=None, page=2))
    assert "It is page 2" in paged.sentence and "第 2 页" in paged.zh
    assert check_balance(statement(opening=None, closing=None, finality="provisional")) == OK


def test_the_gravest_verdict_wins() -> None:
    held, refused = Verdict("held", "a", "甲"), Verdict("refused", "b", "乙")
    assert worst([OK, held, refused, Verdict("refused", "c")]) == refused
    assert worst([]) == OK


def test_a_check_as_json_keeps_the_banks_digits() -> None:
    row = FileCheck("a", "camt.053", "ok", 1, 2, Decimal("1E+3"), Decimal("-0.50")).as_json()
    assert (row["opening"], row["closing"], row["reason"]) == ("1000", "-0.50", "")
