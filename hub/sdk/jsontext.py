"""The one way JSON is read and written: numbers with a point are Decimal, Decimals leave as exact numbers."""

import json
import re
from decimal import Decimal
from typing import Any

import orjson

_WORD = range(-(2**63), 2**64)
_EXPONENT = 1000
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


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
    except ArithmeticError:
        raise BadJson("a number is too large") from None
    except ValueError as error:
        raise BadJson(str(error)) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > _EXPONENT:
            raise TypeError(f"{value} has no JSON form")
        return orjson.Fragment(format(value, "f").encode())
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON; Decimals as exact numbers. Floats must not occur (the gate and the mapping see to it)."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, for hashing."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def storable(value: Any) -> Any:
    """The value as a database can hold it: NUL characters and half surrogates become U+FFFD; numbers as `too_long` finds
    them become text. What holds none of them comes back as it is."""
    if type(value) is not str:
        try:
            if b"\\u0000" not in dumps(value):
                return value
        except TypeError:
            pass  # one of those numbers or characters: found below
    return _storable(value)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() and "\x00" not in value else _NO_TEXT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_storable(name): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    return str(value) if too_long(value) is not None else value


def too_long(value: Any, path: str = "") -> str | None:
    """Where a number stands that cannot be kept: a whole one beyond 64 bits, or of an absurd exponent. None: nowhere."""
    if isinstance(value, dict):
        parts = ((inner, f"{path}.{name}" if path else str(name)) for name, inner in value.items())
    elif isinstance(value, list):
        parts = ((inner, f"{path}[{number}]") for number, inner in enumerate(value))
    elif isinstance(value, Decimal):
        return None if abs(value.adjusted()) <= _EXPONENT else path
    else:
        return path if isinstance(value, int) and value not in _WORD else None
    return next((found for inner, here in parts if (found := too_long(inner, here)) is not None), None)
