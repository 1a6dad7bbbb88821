"""The functions JMESPath itself defines, each with the types it takes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Final

from hub.mapping.grammar import ExpressionError
from hub.mapping.json_values import equal, json_text, kind_of
from hub.mapping.meter import bounded, charge

Types = tuple[str, ...]

# Wide enough for a sum of any amounts the hub accepts; a division is rounded as usual.
_SUM: Final = Context(prec=60)
_QUOTIENT: Final = Context(prec=28)
_MAX_EXPONENT: Final = 40
_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")


class Expref:
    """`&expression`: an argument that is evaluated later, once per element."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[Any], Any]) -> None:
        self.run = run


_OF: Final = "array-"


@dataclass(frozen=True, slots=True)
class Usual:
    """The Python types of an argument, and those its elements may have where it is a list; empty: any."""

    types: frozenset[type]
    lists: tuple[frozenset[type], ...]


@dataclass(frozen=True, slots=True)
class Function:
    """`takes` names the allowed types per argument (empty: any); `array-number` means every element a number."""

    call: Callable[..., Any]
    takes: tuple[Types, ...]
    variadic: bool = False
    optional: int = 0

    def check_count(self, name: str, count: int) -> None:
        least = len(self.takes) - self.optional
        if count < least or (count > len(self.takes) and not self.variadic):
            raise ExpressionError(
                f"函数 {name} 的参数个数不对：需要 {least} 个", f"{name}() takes {least} arguments, not {count}"
            )

    def _allowed(self, count: int) -> tuple[Types, ...]:
        """Per argument; those of no fixed number are all like the last."""
        return self.takes[:count] + self.takes[-1:] * (count - len(self.takes))

    def usual(self, count: int) -> list[Usual]:
        """What each argument is as a rule; what is something else, `check_types` has to look at."""
        return [_usual(allowed) for allowed in self._allowed(count)]

    def takes_later(self, index: int) -> bool:
        return index < len(self.takes) and "expref" in self.takes[index]

    def check_types(self, name: str, values: list[Any]) -> None:
        for allowed, value in zip(self._allowed(len(values)), values, strict=True):
            if allowed and not _fits(value, allowed):
                known = " / ".join(allowed)
                raise ExpressionError(
                    f"函数 {name} 不接受 {_kind(value)}，需要 {known}",
                    f"{name}() takes {known}, not {_kind(value)}",
                )


_PYTHON: Final[Mapping[str, frozenset[type]]] = {
    "string": frozenset({str}),
    "number": frozenset({int, Decimal}),
    "boolean": frozenset({bool}),
    "array": frozenset({list}),
    "object": frozenset({dict}),
    "null": frozenset({type(None)}),
    "expref": frozenset({Expref}),
}


def _usual(allowed: Types) -> Usual:
    types = frozenset[type]().union(*(_PYTHON.get(name, ()) for name in allowed))
    lists = tuple(_PYTHON[name.removeprefix(_OF)] for name in allowed if name.startswith(_OF))
    return Usual(types, lists)


def uniform(values: list[Any], kinds: Iterable[frozenset[type]]) -> bool:
    """Whether all elements are of one of the kinds, each named by its Python types."""
    charge(len(values))
    types = set(map(type, values))
    return any(types <= kind for kind in kinds)


def _kind(value: Any) -> str:
    return "expref" if isinstance(value, Expref) else kind_of(value)


def _fits(value: Any, allowed: Types) -> bool:
    kind = _kind(value)
    if kind in allowed:
        return True
    lists = {name for name in allowed if name.startswith(_OF)}
    if kind != "array" or not lists:
        return False
    charge(len(value))
    inner = {_OF + kind_of(item) for item in value}
    return len(inner) <= 1 and inner <= lists


def _whole(rounded: Callable[[Any], int]) -> Callable[[Any], int]:
    def whole(value: Any) -> int:
        if isinstance(value, Decimal) and value.adjusted() > _MAX_EXPONENT:
            raise ExpressionError("数字过大", "the number is too large")
        return rounded(value)

    return whole


def _absolute(value: Any) -> Any:
    # abs() of a Decimal rounds to 28 digits.
    return value.copy_abs() if isinstance(value, Decimal) else abs(value)


def _sum(values: list[Any]) -> Any:
    total: Any = sum(value for value in values if type(value) is int)
    for value in values:
        if type(value) is not int:
            total = _SUM.add(total, value)
    return total


def _average(values: list[Any]) -> Any:
    return _QUOTIENT.divide(Decimal(_sum(values)), Decimal(len(values))) if values else None


def _to_number(value: Any) -> Any:
    if kind_of(value) == "number":
        return value
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return None
    return Decimal(value) if any(mark in value for mark in ".eE") else int(value)


def _to_string(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def _join(glue: str, texts: list[str]) -> str:
    bounded(sum(map(len, texts)) + len(glue) * len(texts))
    return glue.join(texts)


def _contains(subject: Any, search: Any) -> bool:
    if isinstance(subject, str):
        return isinstance(search, str) and search in subject
    if isinstance(search, str):
        charge(len(subject))
        return search in subject
    charge(len(subject) << 1)
    return any(equal(item, search) for item in subject)


def _reverse(subject: Any) -> Any:
    charge(len(subject) if isinstance(subject, list) else len(subject) >> 6)
    return subject[::-1]


def _not_null(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _merge(*objects: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for one in objects:
        charge(len(one))
        merged.update(one)
    return merged


def _map(each: Expref, values: list[Any]) -> list[Any]:
    charge(len(values))
    return [each.run(value) for value in values]


def _keyed(name: str, values: list[Any], by: Expref) -> list[tuple[Any, Any]]:
    charge(len(values))
    pairs = [(by.run(value), value) for value in values]
    kinds = {kind_of(key) for key, _ in pairs}
    if len(kinds) > 1 or not kinds <= {"number", "string"}:
        raise ExpressionError(
            f"函数 {name} 的排序值须全为数字或全为文本", f"{name}() needs all numbers or all texts to order by"
        )
    return pairs


def _sort_by(values: list[Any], by: Expref) -> list[Any]:
    charge(len(values))  # to sort is as much again as to ask each for its key
    return [value for _, value in sorted(_keyed("sort_by", values, by), key=lambda pair: pair[0])]


def _best(name: str, choose: Callable[..., tuple[Any, Any]]) -> Callable[[list[Any], Expref], Any]:
    def best(values: list[Any], by: Expref) -> Any:
        return choose(_keyed(name, values, by), key=lambda pair: pair[0])[1] if values else None

    return best


def _items(view: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], list[Any]]:
    def items(subject: dict[str, Any]) -> list[Any]:
        charge(len(subject))
        return list(view(subject))

    return items


_ANY: Final[Types] = ()
_TEXT: Final[Types] = ("string",)
_NUMERIC: Final[Types] = ("number",)
_LIST: Final[Types] = ("array",)
_OBJECT: Final[Types] = ("object",)
_NUMBERS: Final[Types] = ("array-number",)
_TEXTS: Final[Types] = ("array-string",)
_EXPREF: Final[Types] = ("expref",)

STANDARD: Final[Mapping[str, Function]] = {
    "abs": Function(_absolute, (_NUMERIC,)),
    "avg": Function(_average, (_NUMBERS,)),
    "ceil": Function(_whole(math.ceil), (_NUMERIC,)),
    "contains": Function(_contains, (("array", "string"), _ANY)),
    "ends_with": Function(str.endswith, (_TEXT, _TEXT)),
    "floor": Function(_whole(math.floor), (_NUMERIC,)),
    "join": Function(_join, (_TEXT, _TEXTS)),
    "keys": Function(_items(dict.keys), (_OBJECT,)),
    "length": Function(len, (("string", "array", "object"),)),
    "map": Function(_map, (_EXPREF, _LIST)),
    "max": Function(lambda values: max(values, default=None), (_NUMBERS + _TEXTS,)),
    "max_by": Function(_best("max_by", max), (_LIST, _EXPREF)),
    "merge": Function(_merge, (_OBJECT,), variadic=True),
    "min": Function(lambda values: min(values, default=None), (_NUMBERS + _TEXTS,)),
    "min_by": Function(_best("min_by", min), (_LIST, _EXPREF)),
    "not_null": Function(_not_null, (_ANY,), variadic=True),
    "reverse": Function(_reverse, (("array", "string"),)),
    "sort": Function(sorted, (_TEXTS + _NUMBERS,)),
    "sort_by": Function(_sort_by, (_LIST, _EXPREF)),
    "starts_with": Function(str.startswith, (_TEXT, _TEXT)),
    "sum": Function(_sum, (_NUMBERS,)),
    "to_array": Function(lambda value: value if isinstance(value, list) else [value], (_ANY,)),
    "to_number": Function(_to_number, (_ANY,)),
    "to_string": Function(_to_string, (_ANY,)),
    "type": Function(kind_of, (_ANY,)),
    "values": Function(_items(dict.values), (_OBJECT,)),
}
