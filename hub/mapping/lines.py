"""The lines of a mapping, as checked values that reading, writing and comparing are compiled from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from hub.mapping.codecs import Codec, EnumTable
from hub.mapping.document import Where
from hub.mapping.expression import Expression
from hub.mapping.faults import Place
from hub.mapping.paths import Source
from hub.mapping.reads import Path
from hub.mapping.shape import ABSENT, FieldType, RefBy, RefLine

Only = Literal["create", "change"]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a value is written; `value` is computed from the entity, the field itself when None."""

    names: Path
    value: Expression | None
    codec: Codec


@dataclass(frozen=True, slots=True)
class Currency:
    """How a money line finds its currency: a path, or always the same; `table` translates the vendor's word."""

    source: Source | None
    const: str | None
    default: str | None
    table: EnumTable | None


@dataclass(frozen=True, slots=True)
class LineKey:
    source: Source
    as_number: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Part:
    """The inside of a list line: where the list stands, what tells its lines apart, what a line holds."""

    source: Source
    key: LineKey | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Line:
    field: str
    names: Path
    type: FieldType
    place: Place
    written: str
    codec: Codec
    source: Source | None = None
    targets: tuple[Target, ...] = ()
    currency: Currency | None = None
    ref: RefBy = ("", "", "")
    values: tuple[str, ...] = ()
    default: Any = ABSENT
    const: Any = ABSENT
    required: bool = False
    only: Only | None = None
    when_entity: Expression | None = None
    when_record: Expression | None = None
    part: Part | None = None
    enum: EnumTable | None = None
    as_number: bool = False

    @property
    def where(self) -> Where:
        return self.place.where

    @property
    def outward_words(self) -> list[Any]:
        """Our words that the other side has one for; empty without an enum table."""
        return list(self.enum.outward) if self.enum else []

    @property
    def inward(self) -> bool:
        if self.part is not None:
            return any(line.inward for line in self.part.lines)
        return self.source is not None or (self.const is not ABSENT and not self.targets)

    @property
    def outward(self) -> bool:
        if self.part is not None:
            return self.part.source.names is not None and any(line.outward for line in self.part.lines)
        return bool(self.targets)

    @property
    def path(self) -> str:
        """The vendor's path, for people."""
        if self.part is not None:
            return self.part.source.text
        if self.source is not None:
            return self.source.text
        return ", ".join(".".join(target.names) for target in self.targets)


def walk(lines: Iterable[Line], prefix: str = "") -> Iterator[tuple[str, Line]]:
    """Every line with the name of its field, those inside lists as `lines[].product`."""
    for line in lines:
        name = prefix + line.field
        yield name, line
        if line.part is not None:
            yield from walk(line.part.lines, f"{name}[].")


def ref_lines(lines: Iterable[Line]) -> Iterator[RefLine]:
    for name, line in walk(lines):
        if line.type == "ref":
            kind, by, system = line.ref
            yield RefLine(name, kind, by, inward=line.inward, outward=line.outward, system=system)
