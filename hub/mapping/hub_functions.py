"""The hub's own functions for expressions: documented in docs/mapping.md, null in gives null out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from hub.mapping import arithmetic, day_functions, text_functions
from hub.mapping.chinese_numbers import chinese_amount, chinese_number, chinese_numeral
from hub.mapping.functions import Function
from hub.mapping.meter import bounded
from hub.mapping.tables import Table


def _unless_null(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def changed(value: Any) -> Any:
        if type(value) is str:
            bounded(len(value))
        return None if value is None else change(value)

    return changed


def _of_number(change: Callable[[Decimal], Any]) -> Callable[[Any], Any]:
    return _unless_null(lambda value: change(arithmetic.number_of(value)))


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None and value != ""), None)


def _first(values: Any) -> Any:
    return None if values is None else next((value for value in values if value is not None), None)


def _lookup(value: Any, table: Table, *fallback: Any) -> Any:
    return None if value is None else table.find(value, fallback)


_WORD: Final = ("string",)
_TEXT: Final = ("string", "null")
_SCALAR: Final = ("string", "number", "null")
_ANY_SCALAR: Final = ("string", "number", "boolean", "null")
_LIST: Final = ("array", "null")

HUB: Final[Mapping[str, Function]] = {
    "add": Function(arithmetic.ARITHMETIC["add"], (_SCALAR, _SCALAR)),
    "add_days": Function(day_functions.add_days, (_TEXT, _SCALAR)),
    "add_months": Function(day_functions.add_months, (_TEXT, _SCALAR)),
    "chinese_amount": Function(_of_number(chinese_amount), (_SCALAR,)),
    "chinese_number": Function(_unless_null(chinese_number), (_TEXT,)),
    "chinese_numeral": Function(_of_number(chinese_numeral), (_SCALAR,)),
    "coalesce": Function(_coalesce, ((),), variadic=True),
    "concat": Function(text_functions.concat, (_SCALAR,), variadic=True),
    "date": Function(day_functions.day_text, (_TEXT, _WORD), optional=1),
    "days_between": Function(day_functions.days_between, (_TEXT, _TEXT)),
    "digits": Function(_unless_null(text_functions.digits), (_TEXT,)),
    "divide": Function(arithmetic.divide, (_SCALAR, _SCALAR, _SCALAR), optional=1),
    "first": Function(_first, (_LIST,)),
    "format_date": Function(day_functions.written_day, (_TEXT, _WORD)),
    "fullwidth": Function(_unless_null(text_functions.fullwidth), (_TEXT,)),
    "halfwidth": Function(_unless_null(text_functions.halfwidth), (_TEXT,)),
    "lookup": Function(_lookup, (_ANY_SCALAR, (), ()), optional=1),
    "lower": Function(_unless_null(str.lower), (_TEXT,)),
    "month_end": Function(day_functions.month_end, (_TEXT,)),
    "multiply": Function(arithmetic.ARITHMETIC["multiply"], (_SCALAR, _SCALAR)),
    "number": Function(arithmetic.number, (_SCALAR,)),
    "pad": Function(text_functions.pad, (_SCALAR, _SCALAR, _WORD), optional=1),
    "phone_cn": Function(_unless_null(text_functions.phone_cn), (_TEXT,)),
    "replace": Function(text_functions.replace, (_TEXT, _WORD, _WORD)),
    "round": Function(arithmetic.round_to, (_SCALAR, _SCALAR), optional=1),
    "split": Function(text_functions.split, (_TEXT, _WORD)),
    "substring": Function(text_functions.substring, (_TEXT, _SCALAR, _SCALAR), optional=1),
    "subtract": Function(arithmetic.ARITHMETIC["subtract"], (_SCALAR, _SCALAR)),
    "trim": Function(_unless_null(str.strip), (_TEXT,)),
    "upper": Function(_unless_null(str.upper), (_TEXT,)),
    "uscc": Function(_unless_null(text_functions.uscc), (_TEXT,)),
}
