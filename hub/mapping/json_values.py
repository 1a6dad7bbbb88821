"""JSON values as JMESPath sees them: kinds, equality, truth, text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from hub.mapping.meter import bounded, charge

_KINDS: Final[dict[type, str]] = {
    str: "string",
    int: "number",
    Decimal: "number",
    bool: "boolean",
    list: "array",
    dict: "object",
    type(None): "null",
}


def kind_of(value: Any) -> str:
    kind = _KINDS.get(type(value))
    if kind is not None:
        return kind
    return "number" if isinstance(value, float) else "object"


EMPTY: Final = frozenset({type(None), bool, str, list, dict})


def is_false(value: Any) -> bool:
    """JMESPath's false: null, false, and empty text, list or object. Zero is true."""
    return not value and type(value) in EMPTY


_PLAIN: Final = frozenset({str, int})


def equal(left: Any, right: Any) -> bool:
    if left is right:
        return True
    kind = kind_of(left)
    if kind != kind_of(right):
        return False
    if kind == "array":
        charge((len(left) + 2) << 2)
        return len(left) == len(right) and _all_equal(left, right)
    if kind == "object" and isinstance(left, dict) and isinstance(right, dict):
        charge((len(left) + 2) << 2)
        return left.keys() == right.keys() and _all_equal(left.values(), [right[key] for key in left])
    return bool(left == right)


def _all_equal(left: Iterable[Any], right: Iterable[Any]) -> bool:
    for one, other in zip(left, right, strict=True):
        if type(one) in _PLAIN and type(one) is type(other):
            if one != other:
                return False
        elif not equal(one, other):
            return False
    return True


def json_text(value: Any) -> str:
    """Compact JSON; numbers exactly as they are."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def _write(value: Any, parts: list[str]) -> None:
    kind = kind_of(value)
    if kind == "array":
        charge((len(value) + 2) << 3)
        _write_all("[]", ((None, item) for item in value), parts)
    elif isinstance(value, dict):
        charge((len(value) + 2) << 3)
        _write_all("{}", value.items(), parts)
    elif kind == "number":
        parts.append(str(value))
    else:
        text = value if kind in ("string", "boolean", "null") else str(value)
        parts.append(json.dumps(text))
        bounded(len(parts[-1]))


def _write_all(brackets: str, items: Iterable[tuple[Any, Any]], parts: list[str]) -> None:
    parts.append(brackets[0])
    for index, (key, item) in enumerate(items):
        if index:
            parts.append(",")
        if key is not None:
            parts.append(json.dumps(key) + ":")
        _write(item, parts)
    parts.append(brackets[1])
