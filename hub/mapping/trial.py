"""A mapping tried before it is used: its inline tests, and the round trip of generated entities."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.mapping.canonical import canonical
from hub.mapping.compiled import CompiledMapping
from hub.mapping.compiler import Kinds, compile_mapping
from hub.mapping.document import Load, Where
from hub.mapping.faults import Fault, Findings, MappingError, Problem, RecordError, shown
from hub.mapping.lines import Line
from hub.mapping.paths import put, take
from hub.mapping.round_trip import round_trip
from hub.mapping.shape import ABSENT, LINE_KEY, Entity, Pair, Record, Ref, StreamSchema


def run_tests(mapping: CompiledMapping) -> list[Problem]:
    """What the file's own tests find: each record must read as its entity, each entity write as its record."""
    findings = Findings()
    for pair in mapping.tests:
        trial = _Trial(mapping, pair, findings)
        try:
            trial.run()
        except RecordError as error:
            said = {"zh": error.sentence_zh, "en": error.sentence_en}
            findings.add((mapping.file, pair.line), pair.path, "test_error", error.value, **said)
    return findings.problems


@dataclass(slots=True)
class _Trial:
    mapping: CompiledMapping
    pair: Pair
    findings: Findings
    expected: Entity = field(default_factory=dict)

    def run(self) -> None:
        where = (self.mapping.file, self.pair.line)
        self.expected = given_entity(self.mapping, self.pair.entity, self.findings, where, f"{self.pair.path}.entity")
        if self.pair.way != "out":
            read = self.mapping.read(self.pair.record).entity
            self._compare(self.expected, read, f"{self.pair.path}.entity")
            _lend_keys(self.expected, read)
        if self.pair.way != "in":
            self._write()

    def _compare(self, expected: Any, got: Any, path: str) -> None:
        """Only what the test names is compared; a list must have as many lines."""
        if isinstance(expected, dict) and isinstance(got, dict):
            for name, value in expected.items():
                self._compare(value, got.get(name), f"{path}.{name}")
        elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
            for index, (value, other) in enumerate(zip(expected, got, strict=True)):
                self._compare(value, other, f"{path}[{index}]")
        elif expected != got:
            self._differs(path, got, expected)

    def _differs(self, path: str, got: Any, expected: Any) -> None:
        where = (self.mapping.file, self.pair.line)
        self.findings.add(where, path, "test", _spoken(got), expected=_spoken(expected))

    def _write(self) -> None:
        wanted = self.mapping.write(self.expected, creating=self.pair.creating)
        here, there = _numbered(self.mapping.lines, wanted), _numbered(self.mapping.lines, self.pair.record)
        for names in self.mapping.differ.paths(here, there):
            path = f"{self.pair.path}.record." + ".".join(names)
            known = take(self.pair.record, names)
            self._differs(path, take(wanted, names), None if known is ABSENT else known)


def _numbered(lines: Iterable[Line], record: Record) -> Record:
    """The record with its new lines, which have no vendor's key yet, told apart by their position."""
    result = copy.deepcopy(record)
    for line in lines:
        names = line.part.source.names if line.part else None
        key = line.part.key.source.names if line.part and line.part.key else None
        items = take(result, names) if names and key else None
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if key and isinstance(item, dict) and take(item, key) in (ABSENT, None):
                put(item, key, f"new {index}")
    return result


def given_entity(
    mapping: CompiledMapping, given: Mapping[str, Any], findings: Findings, where: Where, path: str = "entity"
) -> Entity:
    """An entity as people write it (`12.5 CNY`, `customer:number:C1`) in canonical values, by the mapping's lines."""

    def value_of(line: Line, value: Any, path: str) -> Any:
        try:
            return canonical(line.type, value, values=line.values, ref=line.ref)
        except Fault as fault:
            findings.add(where, path, fault.rule, value, **{"zh": "", "en": "", "form": "", **fault.detail})
            return value

    def entity_of(lines: Iterable[Line], given: Mapping[str, Any], path: str) -> Entity:
        by_name = {line.field: line for line in lines}
        result: Entity = {}
        for name, value in _flat(given, by_name):
            line = by_name.get(name)
            if line is None:
                result[name] = value
            elif line.part is not None:
                parts = [entity_of(line.part.lines, item, f"{path}.{name}") for item in value or []]
                _store(result, line.names, parts)
            else:
                _store(result, line.names, value_of(line, value, f"{path}.{name}"))
        return result

    return entity_of(mapping.lines, given, path)


def _spoken(value: Any) -> str:
    return shown(str(value) if isinstance(value, Ref) else value)


def _flat(given: Mapping[str, Any], known: Mapping[str, Line], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`address: {city: x}` as `address.city: x`, where that is what the mapping calls it."""
    for key, value in given.items():
        name = prefix + key
        inside = any(field.startswith(f"{name}.") for field in known)
        if inside and isinstance(value, Mapping):
            yield from _flat(value, known, f"{name}.")
        else:
            yield name, value


def _store(entity: Entity, names: tuple[str, ...], value: Any) -> None:
    for name in names[:-1]:
        entity = entity.setdefault(name, {})
    entity[names[-1]] = value


def _lend_keys(expected: Entity, read: Entity) -> None:
    """A test need not repeat the vendor's line keys."""
    for name, value in expected.items():
        other = read.get(name)
        if isinstance(value, list) and isinstance(other, list):
            for line, known in zip(value, other, strict=False):
                if isinstance(line, dict) and LINE_KEY in known:
                    line.setdefault(LINE_KEY, known[LINE_KEY])


def check_mapping(
    text: str,
    *,
    kinds: Kinds,
    file: str,
    zone: str = "Asia/Shanghai",
    schema: StreamSchema | None = None,
    load: Load | None = None,
    table: Load | None = None,
) -> list[Problem]:
    """Everything wrong with a mapping file: what `compile_mapping` finds, its tests, and the round-trip law."""
    try:
        mapping = compile_mapping(text, kinds=kinds, file=file, zone=zone, schema=schema, load=load, table=table)
    except MappingError as error:
        return list(error.problems)
    return run_tests(mapping) + round_trip(mapping)
