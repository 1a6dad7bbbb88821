"""Typed text becomes canonical values, or a sentence in both languages."""

from decimal import Decimal
from typing import Any

import pytest

from hub.mapping.shape import Field
from hub.sync.typed import WrongValue, typed


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("text", "a", "a"),
        ("text", "", None),
        ("integer", "12", 12),
        ("integer", 12, 12),
        ("decimal", "12.500", "12.5"),
        ("decimal", Decimal("1000"), "1000"),
        ("decimal", "-0.00", "0"),
        ("money", "100.00 cny", {"amount": "100", "currency": "CNY"}),
        ("money", {"amount": "1.10", "currency": "USD"}, {"amount": "1.1", "currency": "USD"}),
        ("date", " 2026-01-31 ", "2026-01-31"),
        ("instant", "2026-01-31T10:00:00+08:00", "2026-01-31T02:00:00Z"),
        ("bool", "是", True),
        ("bool", "No", False),
        ("bool", True, True),
        ("ref", "17", 17),
        ("object", {"a": 1}, {"a": 1}),
        ("money", None, None),
    ],
)
def test_values_are_read_by_the_fields_type(kind: Any, given: Any, expected: Any) -> None:
    assert typed(Field(kind), given) == expected


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("text", 5),
        ("integer", "1.5"),
        ("integer", True),
        ("decimal", "1,000"),
        ("decimal", "NaN"),
        ("decimal", 1.5),
        ("money", "100"),
        ("money", "100 元"),
        ("money", "x CNY"),
        ("money", {"amount": "1"}),
        ("date", "2026-02-30"),
        ("instant", "2026-01-31T10:00:00"),
        ("instant", "soon"),
        ("bool", "maybe"),
        ("ref", "ACME"),
        ("object", "x"),
        ("list", []),
        ("enum", "x"),
    ],
)
def test_wrong_ones_get_a_sentence_in_both_languages(kind: Any, given: Any) -> None:
    with pytest.raises(WrongValue) as raised:
        typed(Field(kind, values=("a", "b") if kind == "enum" else None), given)
    assert raised.value.sentence and raised.value.zh != raised.value.sentence


def test_an_enum_takes_its_words() -> None:
    assert typed(Field("enum", values=("a", "b")), "b") == "b"
