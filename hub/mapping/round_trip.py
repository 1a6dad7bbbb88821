"""The laws of lines that are written and read: what a plain two-way line writes out reads back as it was, and any other
that reads what it writes comes to rest (`settling`). Tried on generated entities."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any, Final

from hub.mapping.circles import returns
from hub.mapping.compiled import CompiledMapping
from hub.mapping.faults import Findings, Problem, RecordError, shown
from hub.mapping.lines import Line
from hub.mapping.paths import put, take
from hub.mapping.reader import Step, compile_step
from hub.mapping.samples import DEFAULT_CURRENCY, sample_entity
from hub.mapping.settling import settling
from hub.mapping.shape import ABSENT, Entity, Record, Ref
from hub.mapping.writer import compile_writes

TRIES: Final = 8


def two_way(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines whose value is always written where it is read; of lists the part of which that is true."""
    found: list[Line] = []
    for line in lines:
        part = line.part
        if part is None:
            found += [line] if returns(line) else []
        elif part.source.names is not None and (inner := two_way(part.lines)):
            key = part.key if part.key and part.key.source.names else None
            found.append(replace(line, part=replace(part, lines=inner, key=key)))
    return tuple(found)


def round_trip(mapping: CompiledMapping, tries: int = TRIES) -> list[Problem]:
    """The lines that do not keep what they are given, each once."""
    findings = Findings()
    lines = two_way(mapping.lines)
    writes = compile_writes(lines)
    steps = {line.field: compile_step(line) for line in lines}
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
            if line.field not in broken and not _keeps(line, steps[line.field], (entity, record), findings):
                broken.add(line.field)
    return findings.problems + settling(mapping)


def _blame(mapping: CompiledMapping, error: RecordError, findings: Findings) -> None:
    field = error.field.partition("[")[0]
    where = next((line.where for line in mapping.lines if line.field == field), (mapping.file, 1))
    said = {"zh": error.sentence_zh, "en": error.sentence_en}
    findings.add(where, f"fields.{field}", "test_error", error.value, **said)


def _keeps(line: Line, step: Step, pair: tuple[Entity, Record], findings: Findings) -> bool:
    path = f"fields.{line.field}"
    entity, record = pair
    back: Entity = {}
    try:
        step(record, with_currency(line, record), back)
    except RecordError as error:
        said = {"zh": error.sentence_zh, "en": error.sentence_en}
        findings.add(line.where, path, "test_error", error.value, **said)
        return False
    expected, got = take(entity, line.names), take(back, line.names)
    if expected != got:
        findings.add(line.where, path, "round_trip", shown(_spoken(got)), expected=shown(_spoken(expected)))
    return bool(expected == got)


def with_currency(line: Line, record: Record) -> Record:
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
