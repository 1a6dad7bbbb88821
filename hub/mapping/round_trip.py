"""The law of two-way lines: what is written out reads back as it was. Tried on generated entities."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from hub.mapping.canonical import money
from hub.mapping.compiled import CompiledMapping
from hub.mapping.decimals import decimal_text
from hub.mapping.faults import Findings, Problem, RecordError, shown
from hub.mapping.lines import Line, Part
from hub.mapping.moments import instant_text
from hub.mapping.paths import put, take
from hub.mapping.reader import compile_step
from hub.mapping.shape import ABSENT, LINE_KEY, Entity, Record, Ref
from hub.mapping.writer import compile_writes

TRIES: Final = 8
DEFAULT_CURRENCY: Final = "CNY"
_FIRST_DAY: Final = datetime(2020, 1, 1, tzinfo=UTC)


def _decimal(random: Random) -> str:
    return decimal_text(Decimal(random.randrange(-(10**12), 10**12)).scaleb(-random.randrange(7)))


def _moment(random: Random) -> datetime:
    return _FIRST_DAY + timedelta(seconds=random.randrange(8 * 365 * 86400))


def _money(random: Random, line: Line) -> Any:
    currency = line.currency
    table = [*currency.table.outward] if currency and currency.table else []
    codes = [currency.const] if currency and currency.const else table or [DEFAULT_CURRENCY]
    # One document has one currency: always the first.
    return money(_decimal(random), codes[0])


def _text(random: Random, line: Line) -> Any:
    number = str(random.randrange(10**6))
    return number if line.as_number else f"样本-{number}"


def _word(random: Random, line: Line) -> Any:
    return random.choice(line.values) if line.values else _text(random, line)


_SAMPLES: Final[Mapping[str, Callable[[Random, Line], Any]]] = {
    "text": _text,
    "integer": lambda random, _: random.randrange(-(10**9), 10**9),
    "decimal": lambda random, _: _decimal(random),
    "money": _money,
    "date": lambda random, _: _moment(random).date().isoformat(),
    "instant": lambda random, _: instant_text(_moment(random)),
    "bool": lambda random, _: random.choice((True, False)),
    "enum": _word,
    "ref": lambda random, line: Ref(*line.ref, str(random.randrange(10**6))),
}


def sample(line: Line, random: Random) -> Any:
    """A value the line's field may have; for an enum table one that the other side has a word for."""
    outward = line.outward_words
    if outward:
        return random.choice(outward)
    return _SAMPLES[line.type](random, line)


def sample_entity(lines: Iterable[Line], random: Random) -> Entity:
    entity: Entity = {}
    for line in lines:
        if line.part is not None:
            put(entity, line.names, _sample_lines(line.part, random))
        else:
            put(entity, line.names, sample(line, random))
    return entity


def _sample_lines(part: Part, random: Random) -> list[Entity]:
    made = [sample_entity(part.lines, random) for _ in range(random.randrange(1, 4))]
    for index, line in enumerate(made if part.key else ()):
        line[LINE_KEY] = str(index + 1)
    return made


def two_way(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines whose value is always written where it is read; of lists the part of which that is true."""
    found: list[Line] = []
    for line in lines:
        part = line.part
        if part is None:
            found += [line] if _returns(line) else []
        elif part.source.names is not None and (inner := two_way(part.lines)):
            key = part.key if part.key and part.key.source.names else None
            found.append(replace(line, part=replace(part, lines=inner, key=key)))
    return tuple(found)


def _returns(line: Line) -> bool:
    source = line.source.names if line.source and not line.source.rooted else None
    plain = any(target.names == source and target.value is None for target in line.targets)
    return plain and line.when_entity is None and line.const is ABSENT


def round_trip(mapping: CompiledMapping, tries: int = TRIES) -> list[Problem]:
    """The lines that do not keep what they are given, each once."""
    findings = Findings()
    lines = two_way(mapping.lines)
    writes = compile_writes(lines)
    broken: set[str] = set()
    random = Random(0)
    for _ in range(tries):
        entity = sample_entity(lines, random)
        made: dict[bool, Record] = {True: {}, False: {}}
        try:
            for creating, record in made.items():
                for write in writes:
                    write(entity, record, record, creating)
        except RecordError as error:
            _blame(mapping, error, findings)
            break
        for line in lines:
            record = made[line.only != "change"]
            if line.field not in broken and not _keeps(line, entity, record, findings):
                broken.add(line.field)
    return findings.problems


def _blame(mapping: CompiledMapping, error: RecordError, findings: Findings) -> None:
    field = error.field.partition("[")[0]
    where = next((line.where for line in mapping.lines if line.field == field), (mapping.file, 1))
    said = {"zh": error.sentence_zh, "en": error.sentence_en}
    findings.add(where, f"fields.{field}", "test_error", error.value, **said)


def _keeps(line: Line, entity: Entity, record: Record, findings: Findings) -> bool:
    path = f"fields.{line.field}"
    back: Entity = {}
    try:
        compile_step(line)(record, _with_currency(line, record), back)
    except RecordError as error:
        said = {"zh": error.sentence_zh, "en": error.sentence_en}
        findings.add(line.where, path, "test_error", error.value, **said)
        return False
    expected, got = take(entity, line.names), take(back, line.names)
    if expected != got:
        findings.add(line.where, path, "round_trip", shown(_spoken(got)), expected=shown(_spoken(expected)))
    return bool(expected == got)


def _with_currency(line: Line, record: Record) -> Record:
    """The record with the document's currency, where lines take theirs from it and nothing writes it."""
    for inner in line.part.lines if line.part else ():
        currency = inner.currency
        names = currency.source.names if currency and currency.source and currency.source.rooted else None
        if currency is not None and names is not None and take(record, names) is ABSENT:
            record = copy.deepcopy(record)
            put(record, names, currency.table.encode(DEFAULT_CURRENCY) if currency.table else DEFAULT_CURRENCY)
    return record


def _spoken(value: Any) -> Any:
    return str(value) if isinstance(value, Ref) else value
