"""Records and entities that betray a wrong edit of a mapping: from the mapping's own tests, varied, emptied, made up."""

import copy
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

from hub.mapping import CompiledMapping, RecordError
from hub.mapping.lines import Line
from hub.mapping.paths import Source, take
from hub.mapping.samples import fill_record, sample_entity
from hub.mapping.shadow import Known, Owed
from hub.mapping.shape import ABSENT, Record

Place = tuple[str, ...]

_QUOTED = re.compile(r"'([^'\\\\]*)'")
_LITERAL = re.compile(r"`([0-9]+|true|false|\"[^`]*\")`")
_DATE = re.compile(r"(\d{4})(.)(\d{2})\2(\d{2})(.*)", re.DOTALL)
Spots = list[tuple[Line | None, Source, Record]]
"""What a mapping reads of one record: the line (None for a head), its source, and where in the record it begins."""


def material(mapping: CompiledMapping, random: Random, count: int) -> tuple[list[Known], list[Owed]]:
    """Records as the mapping's own tests have them; varied ones; and for each line one that says it is empty and one
    that says nothing of it. Entities read from them, and made up."""
    bases = [pair.record for pair in mapping.tests if pair.way != "out"] or [{}]
    full = fill_record(copy.deepcopy(bases[0]), mapping.lines, random, None)
    records = [*copy.deepcopy(bases), full]
    records += [_varied(mapping, base, random, number) for number in range(count) for base in bases]
    for number in range(len(_spots(mapping, full))):
        records += [_without(mapping, full, number, say_empty=True), _without(mapping, full, number, say_empty=False)]
    known = [Known(str(number), mapping.project(record)) for number, record in enumerate(records)]
    entities = [sample_entity(mapping.lines, random) for _ in range(count)]
    for each in known[: len(bases) + count]:
        try:
            entities.append(mapping.read(each.record).entity)
        except RecordError:
            continue  # a record that cannot be read is material all the same
    emptied = {name: None for entity in entities for name in entity}
    owed = [Owed(str(number), entity, entity) for number, entity in enumerate([*entities, emptied])]
    return known, owed


def _spots(mapping: CompiledMapping, record: Record) -> Spots:
    head = mapping.head
    heads = [head.deleted, head.where, head.version, *head.names.values()]
    return [
        *((None, source, record) for source in heads if source is not None),
        *_leaves(mapping.lines, record, record),
    ]


def _leaves(lines: tuple[Line, ...], here: Record, whole: Record) -> Iterator[tuple[Line, Source, Record]]:
    for line in lines:
        if line.part is not None:
            found = take(here, line.part.source.names or ())
            for item in found if isinstance(found, list) else ():
                if isinstance(item, dict):
                    yield from _leaves(line.part.lines, item, whole)
        elif line.source is not None:
            yield line, line.source, whole if line.source.rooted else here


def _varied(mapping: CompiledMapping, base: Record, random: Random, number: int) -> Record:
    record = copy.deepcopy(base)
    for line, source, here in _spots(mapping, record):
        for path in source.reads:
            value = take(here, path) if path else ABSENT
            if value is not ABSENT and not isinstance(value, dict | list):
                _put(here, path, _other(line, source, value, random, number))
    return record


def _without(mapping: CompiledMapping, full: Record, number: int, *, say_empty: bool) -> Record:
    record = copy.deepcopy(full)
    _, source, here = _spots(mapping, record)[number]
    for path in source.reads:
        inner = take(here, path[:-1]) if path else None
        if isinstance(inner, dict) and path[-1] in inner:
            if say_empty:
                inner[path[-1]] = None
            else:
                del inner[path[-1]]
    return record


def _put(here: Record, path: Place, value: Any) -> None:
    inner = take(here, path[:-1])
    if isinstance(inner, dict):
        inner[path[-1]] = value


def _other(line: Line | None, source: Source, value: Any, random: Random, number: int) -> Any:
    """Another value of the same make. Words of an enum or of an expression come in turn, so that none is left out."""
    words: list[Any] = [*line.enum.inward, *line.values] if line is not None and line.enum else []
    if source.names is None:
        words += [*_QUOTED.findall(source.text), *map(json.loads, _LITERAL.findall(source.text))]
    if words and (number % 2 or not source.names):
        return words[(number // 2 + random.randrange(2)) % len(words)]
    if isinstance(value, bool):
        return random.random() < 0.5
    if isinstance(value, int | Decimal):
        return value + random.randrange(1, 10**6) * (1 if random.random() < 0.8 else -1)
    if line is not None and line.type in ("date", "instant") and number % 3 == 0:
        return f"2026-03-{random.randrange(10, 29)}T0{random.randrange(3)}:30:00+08:00"
    return _other_text(str(value or ""), random)


def _other_text(value: str, random: Random) -> str:
    day = _DATE.fullmatch(value)
    if day is not None:
        mark = day[2]
        return f"{random.randrange(2020, 2030)}{mark}{random.randrange(1, 13):02}{mark}{random.randrange(1, 29):02}{day[5]}"
    if value.isdecimal():
        return "".join(random.choice("123456789") for _ in value)
    return value + random.choice("abcdefg甲乙丙丁")
