"""The one way JSON is read and written: numbers with a point are Decimal, Decimals leave as exact numbers."""

import json
import re
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


_LONGEST = 2**63
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


def storable(value: Any) -> Any:
    """The value as a database can hold it: NUL characters and half surrogates become U+FFFD, whole numbers beyond 64 bits
    become Decimals of the same value. What holds none of them comes back as it is."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() and "\x00" not in value else _NO_TEXT.sub("\ufffd", value)
    if kind is dict:
        return {storable(name): storable(inner) for name, inner in value.items()}
    if kind is list:
        return [storable(inner) for inner in value]
    return Decimal(value) if kind is int and not -_LONGEST <= value < _LONGEST else value


def long_integer(value: Any, path: str = "") -> str | None:
    """Where a whole number stands that no 64 bits hold; None when there is none."""
    if type(value) is int:
        return None if -_LONGEST <= value < _LONGEST else path
    if isinstance(value, dict):
        parts = ((inner, f"{path}.{name}" if path else str(name)) for name, inner in value.items())
    elif isinstance(value, list):
        parts = ((inner, f"{path}[{number}]") for number, inner in enumerate(value))
    else:
        return None
    return next((found for inner, here in parts if (found := long_integer(inner, here)) is not None), None)
