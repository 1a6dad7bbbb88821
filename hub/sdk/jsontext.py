"""The one way JSON is read and written: numbers with a point are Decimal, Decimals leave as exact numbers."""

import json
from decimal import Decimal
from typing import Any

import orjson


class BadJson(ValueError):
    """Not JSON we accept; the message says what and where."""


def _constant(text: str) -> Any:
    raise BadJson(f"{text} is not a JSON number")


def loads(text: bytes | str) -> Any:
    """Parse JSON; 1.50 becomes Decimal('1.50'), NaN and Infinity are refused. Raises BadJson."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_constant)
    except BadJson:
        raise
    except RecursionError:
        raise BadJson("nested too deep") from None
    except UnicodeDecodeError as error:
        raise BadJson(f"not UTF-8 text (byte {error.start})") from None
    except ValueError as error:
        raise BadJson(str(error)) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise TypeError(f"{value} has no JSON form")
        return orjson.Fragment(format(value, "f").encode())
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON; Decimals as exact numbers. Floats must not occur (the gate and the mapping see to it)."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, for hashing."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
