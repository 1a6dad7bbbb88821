"""What a trace consists of: for each line of a mapping where it looked, what it found, what became of it, or why not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Literal

from hub.mapping.expression import Expression
from hub.mapping.faults import Place, RecordError
from hub.mapping.json_values import is_false
from hub.mapping.paths import Source, computed, dotted, take
from hub.mapping.reads import Path
from hub.mapping.shape import ABSENT, Ref

Outcome = Literal["set", "empty", "silent", "skipped", "failed"]
"""A value; said to be empty; nothing said of it; a condition of the line does not hold; an error."""

_TEXT: Final = 500
_ITEMS: Final = 20
_DEPTH: Final = 5


@dataclass(frozen=True, slots=True)
class TracedError:
    rule: str
    value: str
    sentence_en: str
    sentence_zh: str


@dataclass(frozen=True, slots=True)
class FieldTrace:
    """One line's work. `raw` is what stood at the path, before type and enum; `also` what else the line looked at.
    Everything is ready for JSON; long values are cut."""

    field: str
    path: str
    raw: Any
    rule: str
    file: str
    line: int
    outcome: Outcome
    result: Any = None
    error: TracedError | None = None
    also: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """`made` is the entity (way in) or the record (way out), as far as the lines could be followed; references in it
    are Refs. `concerns` and `deleted` are what the mapping's `where` and `deleted` say."""

    way: Literal["in", "out"]
    heads: tuple[FieldTrace, ...]
    fields: tuple[FieldTrace, ...]
    made: dict[str, Any]
    concerns: bool = True
    deleted: bool = False

    @property
    def failed(self) -> tuple[FieldTrace, ...]:
        return tuple(each for each in (*self.heads, *self.fields) if each.error is not None)


@dataclass(frozen=True, slots=True)
class At:
    """Where in nested lists a line is tried: (field, path, index) from the outside in."""

    lists: tuple[tuple[str, str, int], ...] = ()

    def inside(self, name: str, path: str, index: int) -> At:
        return At((*self.lists, (name, path, index)))

    def field(self, name: str) -> str:
        return "".join(f"{outer}[{index}]." for outer, _, index in self.lists) + name

    def path(self, path: str) -> str:
        if path.startswith("$."):
            return path
        return "".join(f"{outer}[{index}]." for _, outer, index in self.lists) + path

    def told(self, error: RecordError) -> TracedError:
        for name, path, index in reversed(self.lists):
            error = error.within(name, path, index)
        return TracedError(error.rule, error.value, error.sentence_en, error.sentence_zh)


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells what one line did; what it knows of the line is the same for every record."""

    name: str
    path: str
    rule: str
    place: Place

    def __call__(
        self, at: At, raw: Any, value: Any = ABSENT, error: RecordError | None = None, **more: Any
    ) -> FieldTrace:
        outcome: Outcome = "silent" if value is ABSENT else "empty" if value is None else "set"
        return FieldTrace(
            at.field(self.name),
            at.path(self.path),
            ready(raw),
            self.rule,
            *self.place.where,
            "failed" if error else more.get("outcome", outcome),
            None if error else ready(value),
            at.told(error) if error else None,
            more.get("also") or {},
        )

    def bare(self, at: At, raw: Any, error: RecordError) -> FieldTrace:
        """An element of a list that is none: told at the list's own place, `lines[2]`."""
        *_, (name, path, index) = at.lists
        outer = At(at.lists[:-1])
        told = replace(self, name=f"{name}[{index}]", path=f"{path}[{index}]")(outer, raw, error=error)
        return replace(told, error=at.told(error))


def ready(value: Any, depth: int = _DEPTH) -> Any:
    """A value as JSON may hold it: references as text, what is not there as null, nothing too long."""
    if isinstance(value, str):
        return value if len(value) <= _TEXT else value[: _TEXT - 1] + "…"
    if value is ABSENT:
        return None
    if isinstance(value, dict):
        kept = list(value.items())[:_ITEMS] if depth else []
        return {str(name): ready(inner, depth - 1) for name, inner in kept} if depth else "{…}"
    if isinstance(value, list):
        return [ready(inner, depth - 1) for inner in value[:_ITEMS]] if depth else "[…]"
    return value if value is None or isinstance(value, bool | int | Decimal) else str(value)


def spoken(value: Any) -> Any:
    """A whole entity or record with its references as text."""
    if isinstance(value, dict):
        return {name: spoken(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [spoken(inner) for inner in value]
    return str(value) if isinstance(value, Ref) else value


@dataclass(frozen=True, slots=True)
class Condition:
    """A line's `when`; an error in it is told by the line itself."""

    expression: Expression | None

    def holds(self, data: Any) -> bool:
        if self.expression is None:
            return True
        found = computed(self.expression)(data)
        return found is not ABSENT and not is_false(found)


def looked_at(data: Any, paths: Iterable[Path]) -> Iterator[tuple[str, Any]]:
    """The values at the paths an expression reads, as far as they are there."""
    for path in paths:
        if (value := take(data, path)) is not ABSENT:
            yield dotted(path), ready(value, 2)


def source_reads(source: Source | None, here: Any, whole: Any) -> dict[str, Any]:
    return dict(looked_at(whole if source.rooted else here, source.reads)) if source is not None else {}
