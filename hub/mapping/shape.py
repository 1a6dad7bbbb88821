"""What a kind looks like to the mapping language, and the values that cross its border."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, get_args

FieldType = Literal[
    "text",
    "integer",
    "decimal",
    "money",
    "date",
    "instant",
    "bool",
    "enum",
    "ref",
    "list",
    "object",
]
FIELD_TYPES: Final[tuple[str, ...]] = get_args(FieldType)

Record = dict[str, Any]
Entity = dict[str, Any]
StreamSchema = Mapping[str, str]
RefBy = tuple[str, str, str]
"""What a line refers to: (kind, by, system)."""


@dataclass(frozen=True, slots=True)
class Field:
    type: FieldType
    ref: str | None = None
    fields: Mapping[str, Field] | None = None
    values: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    kind: str
    fields: Mapping[str, Field]


class Ref(NamedTuple):
    """A reference by one of the names the other side uses; `by="key"` is the vendor's immutable id. `system` is the
    connection that gives the name; empty: the one the record belongs to. A tuple: made and looked up many times a record."""

    kind: str
    by: str
    text: str
    system: str = ""

    def __str__(self) -> str:
        by = f"{self.system}/{self.by}" if self.system else self.by
        return f"{self.kind}:{by}:{self.text}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What one record says: absent field = not said, None = said to be empty."""

    key: str
    version: str | None
    names: dict[str, str]
    reference: str | None
    deleted: bool
    entity: Entity


@dataclass(frozen=True, slots=True)
class Match:
    fields: tuple[str, ...]
    weak: bool


@dataclass(frozen=True, slots=True)
class RefLine:
    """A mapping line that refers to another entity; `field` reads `customer` or `lines[].product`."""

    field: str
    kind: str
    by: str
    inward: bool = True
    outward: bool = True
    system: str = ""


class Absent:
    """The type of ABSENT: the record does not speak of this field."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()

CUSTOM: Final = "custom"
LINE_KEY: Final = "_key"


@dataclass(frozen=True, slots=True)
class Pair:
    """One inline test: a record of the vendor beside the entity it must give."""

    record: Record
    entity: Entity
    way: Literal["both", "in", "out"]
    creating: bool
    line: int
    path: str = field(default="tests")
