"""Order numbers in remittance texts."""

import pytest

from hub.receivables.match import countable, folded, mentions, named


def found(text: str, *numbers: str) -> list[str]:
    table = {folded(number): frozenset({index}) for index, number in enumerate(numbers)}
    return [numbers[index] for index in sorted(named(mentions(text), table))]


@pytest.mark.parametrize(
    "text",
    [
        "SO-2026-0001",
        "货款SO-2026-0001",
        "货款 so-2026-0001 余款",
        "ＳＯ－２０２６－０００１",
        "付SO-2026-00 01号订单",
        "FOR SO-2026-0001 AND THANKS",
        "订单号：SO-2026-0001。",
        "(SO-2026-0001)",
        "SO-\n2026-0001",
        "SO-2026-0001-2",
    ],
)
def test_a_number_is_found_whatever_stands_around_it(text: str) -> None:
    assert found(text, "SO-2026-0001") == ["SO-2026-0001"]


@pytest.mark.parametrize(
    "text",
    ["", "SO-2026-00012", "XSO-2026-0001", "1SO-2026-0001", "SO-2026-0001A", "SO2026-0001", "SO-2026-0002", "——", "😀"],
)
def test_part_of_a_longer_run_is_another_number(text: str) -> None:
    assert found(text, "SO-2026-0001") == []


def test_the_longer_of_two_numbers_counts() -> None:
    assert found("SO-2026-0001", "2026-0001", "SO-2026-0001") == ["SO-2026-0001"]
    assert found("SO-2026-0001 2026-0001", "2026-0001", "SO-2026-0001") == ["2026-0001", "SO-2026-0001"]


def test_a_blank_leaves_two_readings_open() -> None:
    assert found("SO-2026-0001 2", "SO-2026-0001", "SO-2026-00012") == ["SO-2026-0001", "SO-2026-00012"]


def test_chinese_numbers_are_found() -> None:
    assert found("支付销2026第001号货款", "销2026第001号") == ["销2026第001号"]


@pytest.mark.parametrize(
    ("number", "counts"), [("1234", False), ("12 34", False), ("12345", True), (None, False), ("9" * 61, False)]
)
def test_short_numbers_never_count(number: str | None, counts: bool) -> None:
    assert countable(number) is counts


def test_short_numbers_are_not_even_looked_for() -> None:
    assert all(len(mention.text) >= 5 for mention in mentions("pay 1234 for 12345"))


def test_a_long_text_stays_cheap() -> None:
    assert len(mentions("货款" * 500)) < 25_000
