"""Random JMESPath: expressions grown on a record so that they find something, and the records."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError

Value = Any

FAILED: Final = object()
WORDS: Final = (
    "",
    "a",
    "b",
    "abc",
    "cab",
    "x y",
    "12",
    "-3",
    "2.5",
    "1e2",
    "甲",
    "é",
    "A1",
    'q"q',
    "t`t",
    "o'o",
    "b\\b",
)
KEYS: Final = ("n", "s", "flag", "nums", "words", "rows", "obj", "any", "x-y", "名称")
ROW_KEYS: Final = ("n", "s", "tags", "sub")
SIGNS: Final = ("==", "!=", "<", "<=", ">", ">=")


def number(random: Random) -> int | Decimal:
    """Whole, or with one place, 0 or 5: exact as a float too, as sums of them are, and both spell it alike."""
    kind = random.random()
    if kind < 0.6:
        return random.choice((0, 1, 2, 3, 7, -1, -20, random.randrange(-99, 1000), random.randrange(10**12)))
    return Decimal(f"{random.randrange(-50, 5000)}.{random.choice('05')}")


def word(random: Random) -> str:
    return random.choice(WORDS) if random.random() < 0.7 else "".join(random.choices("abcxyz01 .-", k=5))


def scalar(random: Random) -> Value:
    return random.choice((None, True, False, number(random), word(random)))


def value(random: Random, depth: int = 3) -> Value:
    """Any JSON."""
    shape = random.random()
    if depth == 0 or shape < 0.5:
        return scalar(random)
    if shape < 0.75:
        return [value(random, depth - 1) for _ in range(random.randrange(4))]
    return {random.choice(KEYS): value(random, depth - 1) for _ in range(random.randrange(4))}


def _some(random: Random, make: Callable[[Random], Value], least: int = 0) -> list[Value]:
    return [make(random) for _ in range(random.randrange(least, 6))]


def _row(random: Random) -> Value:
    if random.random() < 0.04:
        return scalar(random)
    sub = {"n": number(random), "s": word(random)}
    row = {"n": number(random), "s": word(random), "tags": _some(random, word), "sub": sub}
    if random.random() < 0.1:
        row[random.choice(ROW_KEYS)] = value(random, 1)
    return row


_SLOTS: Final[dict[str, Callable[[Random], Value]]] = {
    "n": number,
    "s": word,
    "flag": lambda random: random.choice((True, False, None)),
    "nums": lambda random: _some(random, number),
    "words": lambda random: _some(random, word),
    "rows": lambda random: _some(random, _row, 1),
    "obj": lambda random: {"n": number(random), "s": word(random), "nums": _some(random, number), "sub": {"k": 2}},
    "any": value,
    "x-y": lambda random: [_some(random, number), _some(random, word), scalar(random)],
    "名称": word,
}


def record(random: Random) -> dict[str, Value]:
    """Mostly of one shape, so that an expression grown on one record finds something in another."""
    made = {}
    for name, make in _SLOTS.items():
        kind = random.random()
        if kind < 0.93:
            made[name] = make(random)
        elif kind < 0.98:
            made[name] = value(random)
    return made


def with_floats(data: Value) -> Value:
    """The same JSON as json.loads gives it without us."""
    if isinstance(data, Decimal):
        return float(data)
    if isinstance(data, list):
        return [with_floats(item) for item in data]
    return {key: with_floats(item) for key, item in data.items()} if isinstance(data, dict) else data


def identifier(name: str) -> str:
    plain = name.isascii() and name.isidentifier()
    return name if plain else json.dumps(name, ensure_ascii=False)


def literal(data: Value, random: Random) -> str:
    if isinstance(data, str) and "\\" not in data and random.random() < 0.5:
        return "'" + data.replace("'", "\\'") + "'"
    return "`" + json.dumps(with_floats(data), ensure_ascii=random.random() < 0.5).replace("`", "\\`") + "`"


def _homogeneous(data: Value, *kinds: type) -> bool:
    return isinstance(data, list) and bool(data) and all(type(item) in kinds for item in data)


class Grower:
    """Grows an expression step by step, each step fitting what has been found so far; now and then one that does not."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def expression(self, data: Value, steps: int | None = None) -> str:
        """`data` in JSON with floats."""
        random = self.random
        text = self._start(data)
        for _ in range(random.randrange(1, 6) if steps is None else steps):
            found = _search(text, data)
            text = random.choice(self._forms(found if random.random() < 0.96 else scalar(random)))(text, found, data)
        return text

    def _start(self, data: Value) -> str:
        random = self.random
        if isinstance(data, dict) and data and random.random() < 0.85:
            return identifier(random.choice(tuple(data)))
        return random.choice(("@", "@", "*", "[*]", "[]", literal(value(random, 2), random)))

    def _inner(self, data: Value) -> str:
        return self.expression(data, self.random.choice((0, 0, 1, 2)))

    def _forms(self, found: Value) -> list[Callable[[str, Value, Value], str]]:
        forms = [*_ANY, *_ANY_TOO]
        if isinstance(found, dict):
            forms += _OBJECT * 3
        elif isinstance(found, list):
            forms += _ARRAY * 2
            if _homogeneous(found, int, float):
                forms += _NUMBERS * 3
            if _homogeneous(found, str):
                forms += _TEXTS * 4
            if _homogeneous(found, dict):
                forms += _ROWS * 3
        elif isinstance(found, str):
            forms += _TEXT * 3
        elif isinstance(found, int | float) and not isinstance(found, bool):
            forms += _NUMBER * 4
        return [lambda text, now, data, form=form: form(self, text, now, data) for form in forms]  # type: ignore[misc]


def _search(text: str, data: Value) -> Value:
    try:
        return jmespath.search(text, data)
    except (JMESPathError, ArithmeticError, TypeError, ValueError):
        return None


Form = Callable[[Grower, str, Value, Value], str]
_OPERATORS: Final = ("||", "&&", "==", "!=", "<", ">", "!", "|", " ")


def _tight(text: str) -> str:
    """In brackets where something would otherwise bind to its last part only."""
    return f"({text})" if any(sign in text for sign in _OPERATORS) else text


def _call(name: str) -> Form:
    return lambda grower, text, found, data: f"{name}({text})"


def _key(grower: Grower, found: Value) -> str:
    keys = tuple(found) if isinstance(found, dict) and found else KEYS
    return identifier(grower.random.choice(keys if grower.random.random() < 0.95 else KEYS))


def _first(found: Value) -> Value:
    return found[0] if isinstance(found, list) and found else None


def _field(grower: Grower, text: str, found: Value, data: Value) -> str:
    name = _key(grower, found)
    return (
        f"{_tight(text)}.{name}"
        if grower.random.random() < 0.9
        else f"{_tight(text)}.{json.dumps(name.strip(chr(34)))}"
    )


def _select_list(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"{_tight(text)}.[{grower._inner(found)}, {grower._inner(found)}]"


def _select_hash(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"{_tight(text)}.{{a: {grower._inner(found)}, {identifier(grower.random.choice(KEYS))}: {grower._inner(found)}}}"


def _dotted_call(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"{_tight(text)}.{grower.random.choice(('length', 'type', 'to_string', 'keys', 'not_null'))}(@)"


def _of_row(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"{text}[*].{_key(grower, _first(found))}"


def _by(name: str) -> Form:
    def by(grower: Grower, text: str, found: Value, data: Value) -> str:
        row = _first(found)
        keys = [key for key, item in row.items() if type(item) in (int, float, str)] if isinstance(row, dict) else []
        return f"{name}({text}, &{identifier(grower.random.choice(keys)) if keys else grower._inner(row)})"

    return by


def _map(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"map(&{grower._inner(_first(found))}, {text})"


def _filter(grower: Grower, text: str, found: Value, data: Value) -> str:
    random, row = grower.random, _first(found)
    inner = grower._inner(row)
    if random.random() < 0.3:
        return f"{_tight(text)}[?{inner}]"
    other = literal(scalar(random), random) if random.random() < 0.5 else grower._inner(row)
    return f"{_tight(text)}[?{_tight(inner)} {random.choice(SIGNS)} {_tight(other)}]"


def _index(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"{_tight(text)}[{grower.random.choice((0, 0, -1, 1, 2, -2, 9))}]"


def _slice(grower: Grower, text: str, found: Value, data: Value) -> str:
    parts = ("1:", ":2", "::2", "::-1", "0:3:2", "-2:", ":", "3:0:-1", "1:-1")
    return f"{_tight(text)}[{grower.random.choice(parts)}]"


def _two(name: str, make: Callable[[Grower, Value], Value]) -> Form:
    return lambda grower, text, found, data: f"{name}({text}, {literal(make(grower, found), grower.random)})"


def _piece(grower: Grower, found: Value) -> Value:
    random = grower.random
    if isinstance(found, str) and found and random.random() < 0.6:
        return random.choice((found[:1], found[-1:], found[:2], found))
    return word(random)


def _member(grower: Grower, found: Value) -> Value:
    random = grower.random
    if isinstance(found, list) and found and random.random() < 0.6:
        return random.choice(found)
    return _piece(grower, found) if isinstance(found, str) else scalar(random)


def _join(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"join({literal(grower.random.choice(('', ',', ' ', '-')), grower.random)}, {text})"


def _merge(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"merge({text}, {literal({grower.random.choice(KEYS): scalar(grower.random)}, grower.random)})"


def _compare(grower: Grower, text: str, found: Value, data: Value) -> str:
    random = grower.random
    same = found if isinstance(found, str | int | float) and random.random() < 0.5 else number(random)
    same = word(random) if isinstance(found, str) and random.random() < 0.5 else same
    return f"{_tight(text)} {random.choice(SIGNS)} {literal(same, random)}"


def _equals(grower: Grower, text: str, found: Value, data: Value) -> str:
    random = grower.random
    other = _tight(grower._inner(data)) if random.random() < 0.6 else literal(value(random, 2), random)
    return f"{_tight(text)} {random.choice(SIGNS[:2])} {other}"


def _binary(sign: str) -> Form:
    return lambda grower, text, found, data: f"{_tight(text)} {sign} {_tight(grower._inner(data))}"


def _pipe(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"{text} | {grower._inner(found)}"


def _not(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"!{_tight(text)}"


def _brackets(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"({text})"


def _alone_list(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"[{text}, {grower._inner(data)}]"


def _alone_hash(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"{{{identifier(grower.random.choice(KEYS))}: {text}, b: {grower._inner(data)}}}"


def _not_null(grower: Grower, text: str, found: Value, data: Value) -> str:
    return f"not_null({grower._inner(data)}, {text}, {literal(scalar(grower.random), grower.random)})"


def _star(suffix: str) -> Form:
    return lambda grower, text, found, data: _tight(text) + suffix


_ANY: Final[list[Form]] = [_binary("||"), _binary("&&"), _pipe, _not, _brackets, _alone_list, _alone_hash, _equals]
_ANY_TOO: Final[list[Form]] = [_not_null, _call("type"), _call("to_array"), _call("to_string"), _compare]
_OBJECT: Final[list[Form]] = [_field, _field, _field, _star(".*"), _select_list, _select_hash, _dotted_call, _merge]
_OBJECT += [_call("keys"), _call("values"), _call("length")]
_ARRAY: Final[list[Form]] = [_index, _index, _slice, _star("[*]"), _star("[]"), _filter, _filter, _map]
_ARRAY += [_call("length"), _call("reverse"), _two("contains", _member)]
_NUMBERS: Final[list[Form]] = [_call(name) for name in ("sum", "avg", "max", "min", "sort")]
_TEXTS: Final[list[Form]] = [_join, _call("sort"), _call("max"), _call("min")]
_ROWS: Final[list[Form]] = [_of_row, _of_row, _by("sort_by"), _by("max_by"), _by("min_by"), _map, _filter]
_TEXT: Final[list[Form]] = [_two(name, _piece) for name in ("starts_with", "ends_with", "contains")]
_TEXT += [_call("to_number"), _call("reverse"), _call("length")]
_NUMBER: Final[list[Form]] = [_call("abs"), _call("ceil"), _call("floor"), _compare]
