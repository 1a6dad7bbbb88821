"""A trap for floats: while it is set, none may be made, read or written by the hub or a connector."""

import builtins
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import orjson

OURS = ("hub.", "connectors.")
TIMES = frozenset({"seconds"})
"""Names under which a float is a duration."""


class FloatFound(AssertionError):
    """A float where amounts pass."""


def look(value: Any, where: str) -> None:
    """Fail on a float anywhere inside."""
    if isinstance(value, _FLOAT):
        raise FloatFound(f"{value!r} in {where}")
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in TIMES:
                look(inner, f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for inner in value:
            look(inner, where)


_FLOAT = float


class _Trap(type):
    """Stands in for `float`: the test of a type works as ever, making one does not."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, _FLOAT)

    def __call__(cls, *args: Any) -> Any:
        name = sys._getframe(1).f_globals.get("__name__", "")
        if name.startswith(OURS):
            raise FloatFound(f"float({', '.join(map(repr, args))}) in {name}")
        return _FLOAT(*args)


class Trapped(metaclass=_Trap):
    """What `float` means meanwhile."""


_PLAIN = frozenset({str, int, bool, type(None), Decimal})


def holds_one(value: Any) -> bool:
    """Whether `look` would fail; most JSON holds no float, and this finds it out ten times as quickly."""
    if isinstance(value, dict):
        inside = (i for name, i in value.items() if type(i) not in _PLAIN and name not in TIMES)
    elif isinstance(value, list | tuple):
        inside = (i for i in value if type(i) not in _PLAIN)
    else:
        return isinstance(value, _FLOAT)
    return any(map(holds_one, inside))


def _written(value: Any, *args: Any, **more: Any) -> bytes:
    if holds_one(value):
        look(value, "JSON that is written")
    return _DUMPS(value, *args, **more)


def _read(text: Any, *args: Any, **more: Any) -> Any:
    value = _LOADS(text, *args, **more)
    if holds_one(value):
        look(value, "JSON that was read")
    return value


def _not_this(*_: Any) -> Any:
    raise FloatFound("orjson reads numbers as floats: jsontext.loads is the one way")


_DUMPS, _LOADS = orjson.dumps, json.loads


@contextmanager
def no_floats() -> Iterator[None]:
    """Set the trap: making floats in our modules, and floats in any JSON read or written by anyone."""
    with (
        patch.object(orjson, "dumps", _written),
        patch.object(orjson, "loads", _not_this),
        patch.object(json, "loads", _read),
        patch.object(builtins, "float", Trapped),
    ):
        yield
