"""Numbers stay what they were written as, in and out; what is no JSON says so."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk import jsontext
from hub.sdk.jsontext import BadJson, canonical, dumps, loads

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | NUMBERS | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


def test_a_point_makes_a_decimal_with_all_its_digits() -> None:
    read = loads('{"a": 1.50, "b": 12345678901234567890.12, "c": 3, "d": 1e2}')
    assert [str(read[name]) for name in "abc"] == ["1.50", "12345678901234567890.12", "3"]
    assert type(read["c"]) is int
    assert type(read["d"]) is Decimal


@given(VALUES)
def test_there_and_back(value: Any) -> None:
    assert loads(dumps(value)) == value
    assert not any(isinstance(found, float) for found in _leaves(loads(dumps(value))))


def _leaves(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if inner is None else [leaf for one in inner for leaf in _leaves(one)]


@pytest.mark.parametrize(
    ("number", "text"), [("1E+3", b"1000"), ("1.10", b"1.10"), ("-0.00", b"-0.00"), ("1E-10", b"0.0000000001")]
)
def test_decimals_leave_as_plain_numbers(number: str, text: bytes) -> None:
    assert dumps(Decimal(number)) == text


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"<html>",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"\xff",
        b"[" * 200_000,
        b"{'a': 1}",
        b"1 2",
        b"1e99999999999999999999999",
        "\ud800x",
    ],
)
def test_what_is_no_json(text: bytes | str) -> None:
    with pytest.raises(BadJson) as caught:
        loads(text)
    assert str(caught.value)


def test_a_place_is_named() -> None:
    with pytest.raises(BadJson, match="line 2"):
        loads('{"a": 1,\n oops}')
    with pytest.raises(BadJson, match="byte 1"):
        loads(b'"\xe9"')


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), {1, 2}, object()])
def test_what_has_no_json_form(value: Any) -> None:
    with pytest.raises(TypeError):
        dumps(value)


def test_canonical_knows_no_order() -> None:
    left, right = {"b": Decimal("1.0"), "a": {"d": 1, "c": [1, 2]}}, {"a": {"c": [1, 2], "d": 1}, "b": Decimal("1.0")}
    assert canonical(left) == canonical(right) == b'{"a":{"c":[1,2],"d":1},"b":1.0}'
    assert canonical([1, 2]) != canonical([2, 1])


def test_text_stays_utf_8() -> None:
    assert jsontext.dumps("业财通") == '"业财通"'.encode()
