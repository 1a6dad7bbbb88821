"""Plain paths: names with dots, which can be read, told apart from absent, and written."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hub.mapping.expression import Expression, parse_expression
from hub.mapping.faults import Fault
from hub.mapping.grammar import ExpressionError
from hub.mapping.reads import Path
from hub.mapping.shape import ABSENT, Record

Get = Callable[[Record, Record], Any]

_PLAIN: Final = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_ROOT: Final = "$."


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value is read. `get(here, whole)` gives ABSENT when the record does not speak of it, and None
    when it says "empty". `names` is None for an expression; `rooted` paths (`$.a`) start at the whole record."""

    text: str
    get: Get
    reads: tuple[Path, ...]
    names: Path | None
    rooted: bool


def _inner(value: Any) -> Any:
    """What stands inside something that is no object: nothing, unless it is an unexpected value."""
    if value is ABSENT:
        return ABSENT
    # PHP-made services send [] and "" for an empty object.
    if value is None or value in ("", []):
        return None
    raise Fault("shape", value=value)


def _getter(names: Path) -> Get:
    if len(names) == 1:
        only = names[0]
        return lambda record, _: record.get(only, ABSENT)
    *outer, last = names

    def nested(record: Record, _: Record) -> Any:
        value: Any = record
        for name in outer:
            value = value.get(name, ABSENT)
            if type(value) is not dict:
                return _inner(value)
        return value.get(last, ABSENT)

    return nested


def present(record: Any, names: Path) -> bool:
    for name in names:
        if not isinstance(record, dict) or name not in record:
            return record is None
        record = record[name]
    return True


def computed(expression: Expression) -> Callable[[Any], Any]:
    """An expression as it is used on records and entities: its errors are Faults, and one that looks only at
    absent fields says nothing (ABSENT), while over empty ones it says "empty" (None)."""
    run, reads = expression.run, expression.reads

    def value(data: Any) -> Any:
        try:
            found = run(data)
        except ExpressionError as error:
            raise Fault("expression", value=_first(data, reads), zh=error.zh, en=error.en) from error
        except (ArithmeticError, RecursionError, TypeError, ValueError) as error:
            raise Fault("expression", value=_first(data, reads), zh=str(error), en=str(error)) from error
        if found is None and reads and not any(present(data, path) for path in reads):
            return ABSENT
        return found

    return value


def _first(data: Any, reads: tuple[Path, ...]) -> Any:
    return next((value for path in reads if (value := take(data, path)) is not ABSENT), None)


def path_source(names: Path, text: str, rooted: bool = False) -> Source:
    getter = _getter(names)
    if rooted:
        return Source(text, lambda _, whole: getter(whole, whole), (names,), names, True)
    return Source(text, getter, (names,), names, False)


def parse_source(text: str) -> Source:
    """A plain path or any expression. Raises ExpressionError."""
    bare = text.strip()
    rooted = bare.startswith(_ROOT)
    plain = bare[len(_ROOT) :] if rooted else bare
    if _PLAIN.fullmatch(plain):
        return path_source(tuple(plain.split(".")), bare, rooted)
    expression = parse_expression(plain)
    if expression.chain is not None:
        return path_source(expression.chain, bare, rooted)
    if rooted:
        raise ExpressionError("$. 之后只能是普通路径", "after $. only a plain path may stand", 0)
    value = computed(expression)
    return Source(bare, lambda record, _: value(record), expression.reads, None, False)


def dotted(names: Path) -> str:
    return ".".join(names)


def setter(names: Path) -> Callable[[Record, Any], None]:
    if len(names) == 1:
        only = names[0]
        return lambda record, value: record.__setitem__(only, value)
    return lambda record, value: put(record, names, value)


def put(record: Record, names: Path, value: Any) -> None:
    *outer, last = names
    for name in outer:
        record = record.setdefault(name, {})
    record[last] = value


def take(record: Any, names: Path) -> Any:
    """The value at a path, ABSENT when any part of it is not there."""
    for name in names:
        if not isinstance(record, dict) or name not in record:
            return ABSENT
        record = record[name]
    return record
