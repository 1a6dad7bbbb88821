"""Exact arithmetic for expressions: numbers are Decimal or digits in a text, results are never floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import Any, Final

from hub.mapping.decimals import FRACTION_DIGITS, WHOLE_DIGITS, cleaned, decimal_of, integer_of
from hub.mapping.faults import Fault
from hub.mapping.grammar import ExpressionError

# Wide enough that a product of two numbers the hub accepts is exact.
_EXACT: Final = Context(prec=2 * (WHOLE_DIGITS + FRACTION_DIGITS), traps=[InvalidOperation, DivisionByZero, Overflow])
QUOTIENT_PLACES: Final = 12


def _too_large() -> ExpressionError:
    return ExpressionError("数字超出范围", "the number is out of range")


def number_of(raw: Any) -> Decimal:
    """A number, or one written in digits. Raises ExpressionError."""
    try:
        number = decimal_of(raw)
    except Fault:
        raise ExpressionError(
            f"不是数字：{str(raw)[:40]}；可先用 number 去掉千分位和单位",
            f"is not a number: {str(raw)[:40]!r}; number() takes separators and units away",
        ) from None
    return _ranged(number)


def _ranged(number: Decimal) -> Decimal:
    if number and not -FRACTION_DIGITS <= number.adjusted() < WHOLE_DIGITS:
        raise _too_large()
    return number


def whole_of(raw: Any) -> int:
    """A whole number, or one written in digits. Raises ExpressionError."""
    number = number_of(raw)
    try:
        return integer_of(number)
    except Fault:
        raise ExpressionError(f"不是整数：{number}", f"is not a whole number: {number}") from None


def tidy(number: Decimal) -> int | Decimal:
    """Whole numbers as such, others without trailing zeros; a result has the bounds of what goes in."""
    if _ranged(number) == number.to_integral_value():
        return int(number)
    return Decimal(format(number, "f").rstrip("0"))


def on_numbers(change: Callable[..., Decimal]) -> Callable[..., Any]:
    """null when any of them is."""

    def changed(*values: Any) -> Any:
        if any(value is None for value in values):
            return None
        return tidy(change(*map(number_of, values)))

    return changed


def _places(raw: Any) -> int:
    places = whole_of(raw)
    if not 0 <= places <= FRACTION_DIGITS:
        raise ExpressionError(
            f"小数位数应在 0 到 {FRACTION_DIGITS} 之间", f"places must be from 0 to {FRACTION_DIGITS}, not {places}"
        )
    return places


def _rounded(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP, context=_EXACT)


def round_to(value: Any, places: Any = 0) -> Any:
    """Half away from zero, as accountants do."""
    if value is None or places is None:
        return None
    return tidy(_rounded(number_of(value), _places(places)))


def divide(value: Any, by: Any, places: Any = QUOTIENT_PLACES) -> Any:
    """Exact where the quotient ends, else rounded half away from zero."""
    if value is None or by is None or places is None:
        return None
    divisor = number_of(by)
    if not divisor:
        raise ExpressionError("不能除以 0：请检查除数", "cannot divide by 0; check the divisor")
    return tidy(_rounded(_EXACT.divide(number_of(value), divisor), _places(places)))


def number(text: Any) -> Any:
    """`1,234.50元` as 1234.5: separators, blanks and currency signs go, anything else is refused."""
    return None if text is None else tidy(number_of(cleaned(text)))


ARITHMETIC: Final[Mapping[str, Callable[..., Any]]] = {
    "add": on_numbers(_EXACT.add),
    "subtract": on_numbers(_EXACT.subtract),
    "multiply": on_numbers(_EXACT.multiply),
}
