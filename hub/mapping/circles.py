"""Which lines read, by whatever detour, what is written from their own field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hub.mapping.lines import Line
from hub.mapping.reads import Path
from hub.mapping.shape import ABSENT


@dataclass(frozen=True, slots=True)
class Spot:
    """A line with its place: the field it sets, what it reads of the record, what it writes there and of which fields."""

    name: str
    line: Line
    field: Path
    reads: tuple[Path, ...]
    writes: tuple[tuple[Path, tuple[Path, ...]], ...]
    exact: bool


def returns(line: Line) -> bool:
    """Whether the line is held to the exact law: its value is always written where it is read."""
    source = line.source.names if line.source and not line.source.rooted else None
    plain = any(target.names == source and target.value is None for target in line.targets)
    return plain and line.when_entity is None and line.const is ABSENT


def spots_of(lines: Iterable[Line], name: str = "", record: Path = (), entity: Path = ()) -> Iterator[Spot]:
    for line in lines:
        part, field = line.part, entity + line.names
        if part is None:
            yield _spot(line, name + line.field, record, entity)
        elif part.source.names is not None:
            yield from spots_of(part.lines, f"{name}{line.field}[].", record + part.source.names, field)


def _spot(line: Line, name: str, record: Path, entity: Path) -> Spot:
    source = line.source
    reads = tuple((() if source.rooted else record) + path for path in source.reads) if source else ()
    if line.when_record is not None:
        reads += tuple(record + path for path in line.when_record.reads)
    writes = tuple(
        (
            record + target.names,
            tuple(entity + path for path in (target.value.reads if target.value else (line.names,))),
        )
        for target in line.targets
    )
    return Spot(name, line, entity + line.names, reads, writes, returns(line))


def meet(one: Path, other: Path) -> bool:
    """Whether one of the paths leads to the other or is it."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _fed(spot: Spot, spots: list[Spot]) -> set[str]:
    """The fields that reach, once written, what this line reads."""
    sources = [
        field
        for writer in spots
        for path, fields in writer.writes
        if any(meet(path, read) for read in spot.reads)
        for field in fields
    ]
    fed = {other.name for other in spots if any(meet(other.field, field) for field in sources)}
    # To itself along the plain path: the exact law sees to that.
    return fed - {spot.name} if spot.exact else fed


def circling_of(spots: list[Spot]) -> list[Spot]:
    """The lines whose own value comes back to them."""
    fed = {spot.name: _fed(spot, spots) for spot in spots if spot.reads and spot.line.source}
    found = []
    for spot in spots:
        reached: set[str] = set()
        ahead = set(fed.get(spot.name, ()))
        while ahead:
            reached |= ahead
            ahead = {further for name in ahead for further in fed.get(name, ())} - reached
        if spot.name in reached:
            found.append(spot)
    return found
