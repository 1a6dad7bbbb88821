"""Plain paths: names with dots, which can be read, told apart from absent, and written."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hub.mapping.emitter import Emitter, Late, alone
from hub.mapping.expression import Expression, parse_expression
from hub.mapping.faults import Fault
from hub.mapping.grammar import ExpressionError
from hub.mapping.reads import Path, present, take
from hub.mapping.shape import ABSENT, Record
from hub.mapping.tables import TablesByName

Get = Callable[[Record, Record], Any]

__all__ = ["Source", "computed", "dotted", "parse_source", "path_source", "present", "put", "setter", "take"]

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
    expression: Expression | None = None


def _inner(value: Any) -> Any:
    """What stands inside something that is no object: nothing, unless it is an unexpected value."""
    if value is ABSENT:
        return ABSENT
    # PHP-made services send [] and "" for an empty object.
    if value is None or value in ("", []):
        return None
    raise Fault("shape", value=value)


def emit_path(emitter: Emitter, names: Path, base: str, known: dict[tuple[str, Path], str]) -> str:
    """A Python expression: what stands at the path, ABSENT when the record does not speak of it. Its way there is
    added to `known`, and what is known already is not looked up again."""
    absent, value = emitter.bind(ABSENT), base
    for length in range(1, len(names)):
        way = (base, names[:length])
        if way not in known:
            known[way] = emitter.set(_step(emitter, value, names[length - 1], absent, value is base))
        value = known[way]
    return _step(emitter, value, names[-1], absent, value is base)


def _step(emitter: Emitter, value: str, name: str, absent: str, first: bool) -> str:
    got = f"{value}.get({emitter.bind(name)}, {absent})"
    return got if first else f"{got} if type({value}) is dict else {emitter.bind(_inner)}({value})"


def emit_take(emitter: Emitter, names: Path, base: str, known: dict[tuple[str, Path], str]) -> str:
    """The same of our own values: what stands in something that is no object is not there, as `take` has it."""
    absent, value = emitter.bind(ABSENT), base
    for length, name in enumerate(names, 1):
        got = f"{value}.get({emitter.bind(name)}, {absent})"
        got = got if length == 1 else f"{got} if type({value}) is dict else {absent}"
        if length == len(names):
            return got
        way = (base, names[:length])
        if way not in known:
            known[way] = emitter.set(got)
        value = known[way]
    return base


def computed(expression: Expression) -> Callable[[Any], Any]:
    """An expression as it is used on records and entities."""
    return expression.value


def path_source(names: Path, text: str, rooted: bool = False) -> Source:
    def write(emitter: Emitter) -> None:
        emitter.line(f"return {emit_path(emitter, names, 'whole' if rooted else 'here', {})}")

    return Source(text, Late(alone("here, whole", write)), (names,), names, rooted)


def parse_source(text: str, tables: TablesByName | None = None) -> Source:
    """A plain path or any expression. Raises ExpressionError."""
    bare = text.strip()
    rooted = bare.startswith(_ROOT)
    plain = bare[len(_ROOT) :] if rooted else bare
    if _PLAIN.fullmatch(plain):
        return path_source(tuple(plain.split(".")), bare, rooted)
    expression = parse_expression(plain, tables=tables)
    if expression.chain is not None:
        return path_source(expression.chain, bare, rooted)
    if rooted:
        raise ExpressionError("$. 之后只能是普通路径", "after $. only a plain path may stand", 0)
    return Source(bare, lambda record, _: expression.value(record), expression.reads, None, False, expression)


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
