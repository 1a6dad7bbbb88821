"""Exact numbers: what is accepted from a record, and their one canonical text."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from hub.mapping.faults import Fault

WHOLE_DIGITS: Final = 30
FRACTION_DIGITS: Final = 20
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_SHORT: Final = 10**WHOLE_DIGITS
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,30}")
_CLEANED: Final = str.maketrans("", "", ",， \u3000\u00a0¥￥元")


def decimal_of(raw: Any, rule: str = "decimal") -> Decimal:
    """The number a record holds as int, Decimal or digits. Never a float, never a guess."""
    kind = type(raw)
    if kind is str:
        text = raw.strip()
        if not _NUMBER.fullmatch(text):
            raise Fault(rule)
        return Decimal(text)
    if kind is Decimal:
        if not raw.is_finite():
            raise Fault("not_finite")
        return raw  # type: ignore[no-any-return]  # narrowed by `kind`
    if kind is int:
        return Decimal(raw)
    raise Fault("float" if kind is float else rule)


def decimal_text(number: Decimal) -> str:
    """No exponent, no trailing zeros, no negative zero."""
    text = str(number)
    if len(text) > FRACTION_DIGITS or "E" in text:
        return _wide_text(number)
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if text != "-0" else "0"


def _wide_text(number: Decimal) -> str:
    if not number:
        return "0"
    if not -FRACTION_DIGITS <= number.adjusted() < WHOLE_DIGITS:
        raise Fault("range")
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if len(text) > FRACTION_DIGITS and len(text.partition(".")[2]) > FRACTION_DIGITS:
        raise Fault("range")
    return text


def decimal_decoder(rule: str) -> Callable[[Any], str]:
    """A record's number as canonical text."""

    def decode(raw: Any) -> str:
        if type(raw) is int and -_SHORT < raw < _SHORT:
            return str(raw)
        return decimal_text(decimal_of(raw, rule))

    return decode


def exact(ours: Any) -> Decimal:
    """The number of a canonical text; through the text, so that one amount has one form whoever wrote it."""
    if type(ours) is str and ours.isascii() and "e" not in ours and "E" not in ours:
        try:
            number = Decimal(ours)
        except InvalidOperation:
            raise Fault("decimal") from None
        if number.is_finite() and decimal_text(number) == ours:
            return number
    return Decimal(decimal_text(decimal_of(ours)))


def cleaned(raw: Any) -> Any:
    """Without thousands separators, blanks and the signs ¥ ￥ 元: only where the mapping says `clean: yes`."""
    return raw.translate(_CLEANED) if isinstance(raw, str) else raw


def integer_of(raw: Any) -> int:
    kind = type(raw)
    if kind is int:
        number: int = raw
    elif kind is str and _WHOLE.fullmatch(raw.strip()):
        number = int(raw)
    else:
        exact = decimal_of(raw, "integer")
        if exact and (exact.adjusted() >= WHOLE_DIGITS or exact != exact.to_integral_value()):
            raise Fault("integer")
        number = int(exact)
    if abs(number) >= 10**WHOLE_DIGITS:
        raise Fault("range")
    return number
