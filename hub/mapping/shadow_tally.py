"""Counting what differs between two mappings: by field, each record once, with a few examples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from hub.mapping.shape import ABSENT
from hub.mapping.traced import TracedError, ready

EXAMPLES: Final = 5
_INDEX: Final = re.compile(r"\[\d+\]")
_MONEY: Final = {"amount", "currency"}
How = Literal["changed", "appeared", "vanished"]


def anywhere(at: str) -> str:
    """`lines[1].quantity` as the field of any line: `lines[].quantity`."""
    return _INDEX.sub("[]", at)


@dataclass(frozen=True, slots=True)
class Example:
    """One record or entity that shows it. Before and after are null where nothing is said."""

    name: str
    at: str
    how: How
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """A field (or a path written) that comes out differently: in how many records, in which ways. `when`: in which
    writes it shows."""

    field: str
    count: int
    changed: int
    appeared: int
    vanished: int
    examples: tuple[Example, ...]
    when: Literal["always", "create", "change"] = "always"


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error that one of the two mappings makes and the other does not; `examples`: (record, value)."""

    way: Literal["in", "out"]
    field: str
    rule: str
    count: int
    sentence_en: str
    sentence_zh: str
    examples: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Seen:
    names: set[str] = field(default_factory=set)
    ways: dict[How, int] = field(default_factory=lambda: {"changed": 0, "appeared": 0, "vanished": 0})
    examples: list[Example] = field(default_factory=list)
    modes: set[bool] = field(default_factory=set)


class Tally:
    """Differences of values, by field."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def __contains__(self, label: str) -> bool:
        return label in self._seen

    def __iter__(self) -> Iterator[str]:
        return iter(self._seen)

    def add(self, name: str, at: str, before: Any, after: Any, *, creating: bool | None = None) -> None:
        seen = self._seen.setdefault(anywhere(at), _Seen())
        if creating is not None:
            seen.modes.add(creating)
        if name in seen.names:
            return
        seen.names.add(name)
        how: How = "appeared" if before is ABSENT else "vanished" if after is ABSENT else "changed"
        seen.ways[how] += 1
        if len(seen.examples) < EXAMPLES:
            seen.examples.append(Example(name, at, how, ready(before), ready(after)))

    def differences(self) -> tuple[Difference, ...]:
        """The most frequent first."""
        found = [
            Difference(label, len(seen.names), **seen.ways, examples=tuple(seen.examples), when=_when(seen.modes))
            for label, seen in self._seen.items()
        ]
        return tuple(sorted(found, key=lambda each: (-each.count, each.field)))

    def only(self) -> Difference | None:
        """The one difference of a tally that has one field."""
        return next(iter(self.differences()), None)


def _when(modes: set[bool]) -> Literal["always", "create", "change"]:
    return "always" if len(modes) != 1 else "create" if True in modes else "change"


class Troubles:
    """Differences of errors, by field and rule."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Literal["in", "out"], str, str], tuple[TracedError, dict[str, str]]] = {}

    def __iter__(self) -> Iterator[str]:
        return (label for _, label, _ in self._seen)

    def add(self, way: Literal["in", "out"], name: str, at: str, error: TracedError) -> None:
        _, names = self._seen.setdefault((way, anywhere(at), error.rule), (error, {}))
        names.setdefault(name, error.value)

    def found(self) -> tuple[Trouble, ...]:
        made = [
            Trouble(*key, len(names), error.sentence_en, error.sentence_zh, tuple(names.items())[:EXAMPLES])
            for key, (error, names) in self._seen.items()
        ]
        return tuple(sorted(made, key=lambda each: (-each.count, each.field)))


def flat(value: Any, *, money: bool = True, at: str = "") -> Iterator[tuple[str, Any]]:
    """The values of an entity or a record by their paths: `lines[0].quantity`. `money`: an amount with its currency is
    one value."""
    if isinstance(value, dict) and value and not (money and value.keys() == _MONEY):
        for name, inner in value.items():
            yield from flat(inner, money=money, at=f"{at}.{name}" if at else name)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from flat(inner, money=money, at=f"{at}[{index}]")
    elif at:
        yield at, value


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Where two flat things differ, and how; ABSENT on the side that says nothing."""
    for at in {**before, **after}:
        values = before.get(at, ABSENT), after.get(at, ABSENT)
        if not _same(*values):
            yield at, *values


def _same(before: Any, after: Any) -> bool:
    """Equal, and true is not 1."""
    if before is ABSENT or after is ABSENT:
        return before is after
    return bool(before == after) and isinstance(before, bool) is isinstance(after, bool)
