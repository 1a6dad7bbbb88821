"""The story: the same for the same seed, another for another, and always with every twist."""

import unicodedata
from decimal import Decimal

import pytest
from stdnum.cn import uscc

from hub.cli.demo.story import Movement, Story, Writing, make_story, remittance

SEEDS = range(40)


def test_same_seed_same_story() -> None:
    assert make_story(7) == make_story(7)
    assert len({make_story(seed) for seed in SEEDS}) == len(SEEDS)


def test_the_seed_changes_who_is_refused_what_is_silent_and_the_order() -> None:
    stories = [make_story(seed) for seed in SEEDS]
    assert len({story.refused for story in stories}) > 3
    assert len({tuple(deal.posted for deal in story.deals) for story in stories}) > 3
    assert len({story.order for story in stories}) > 10
    assert {story.money_first for story in stories} == {True, False}
    assert {len(story.deals) for story in stories} == {4, 5, 6}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_twist_is_there(seed: int) -> None:
    story = make_story(seed)
    assert [customer.refused for customer in story.customers].count(True) == 1
    for customer in story.customers:
        assert uscc.is_valid(customer.code)
        assert uscc.is_valid(customer.typed) != customer.refused
    assert [deal.posted for deal in story.deals].count(False) == 1
    assert sorted(story.order) == list(range(len(story.deals)))
    assert {deal.shipping for deal in story.deals} >= {("part", "rest"), ("whole",), ("part",), ("nothing",)}
    assert all(line.quantity >= 2 and line.price > 0 for deal in story.deals for line in deal.lines)
    assert len({customer.name for customer in story.customers}) == len(story.customers)
    assert len({rep.mobile for rep in story.reps}) == len(story.reps)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bank_pays_one_order_in_parts_one_whole_one_half(seed: int) -> None:
    story = make_story(seed)
    first, second = story.statements
    assert _paid(story, 0) == story.deals[0].total
    assert 0 < sum(m.amount for m in first if m.deal == 0) < story.deals[0].total
    assert [m.amount for m in first if m.deal == 1] == [story.deals[1].total]
    assert 0 < _paid(story, 2) < story.deals[2].total
    assert [m.amount < 0 for m in first if m.deal is None].count(True) == 1
    assert [m.amount > 0 for m in first if m.deal is None].count(True) == 1
    assert not [m for m in second if m.deal is None]
    assert story.payments == 4


def _paid(story: Story, deal: int) -> Decimal:
    return sum((m.amount for day in story.statements for m in day if m.deal == deal), Decimal(0))


@pytest.mark.parametrize(
    ("writing", "text"),
    [
        ("plain", "货款 XS202600001"),
        ("lower", "货款 xs202600001"),
        ("blanks", "货款 XS 2026 00001"),
        ("full width", "货款 ＸＳ２０２６００００１"),
    ],
)
def test_numbers_as_payers_and_banks_write_them(writing: Writing, text: str) -> None:
    assert remittance(Movement(Decimal(1), "", "", "货款", 0, writing), "XS202600001") == text
    assert "".join(unicodedata.normalize("NFKC", text).upper().split()) == "货款XS202600001"


def test_a_payment_that_names_nothing() -> None:
    assert remittance(Movement(Decimal(1), "", "", "往来款"), "XS202600001") == "往来款"
