"""A compiled mapping: plain functions from record to entity and back, and what they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from hub.mapping import moments
from hub.mapping.codecs import scalar_text
from hub.mapping.compare import Overlay, RecordDiffer
from hub.mapping.faults import Fault, record_error
from hub.mapping.json_values import is_false
from hub.mapping.lines import Line, Only
from hub.mapping.paths import Source, dotted, put
from hub.mapping.projection import Tree, digest, project
from hub.mapping.reader import Step
from hub.mapping.reads import Path
from hub.mapping.shape import ABSENT, Entity, Match, Pair, Reading, Record, RefLine
from hub.mapping.writer import Write


@dataclass(frozen=True, slots=True)
class Constant:
    names: Path
    value: Any
    only: Only | None


@dataclass(frozen=True, slots=True)
class Head:
    """What a mapping reads of a record besides its fields."""

    key: Source
    names: Mapping[str, Source]
    reference: Path | None
    version: Source | None
    deleted: Source | None
    where: Source | None
    zone: tzinfo | None


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """Made by `compile_mapping`. Pure: no call changes its arguments or anything else."""

    name: str
    kind: str
    digest: str
    match: tuple[Match, ...]
    refs: tuple[RefLine, ...]
    fields_in: frozenset[str]
    fields_out: frozenset[str]
    tests: tuple[Pair, ...]
    file: str
    lines: tuple[Line, ...]
    constants: tuple[Constant, ...]
    head: Head
    steps: tuple[Step, ...]
    writes: tuple[Write, ...]
    differ: RecordDiffer
    over: Overlay
    keep: Tree

    @property
    def reference_path(self) -> str | None:
        return dotted(self.head.reference) if self.head.reference else None

    @property
    def name_paths(self) -> dict[str, str]:
        return {name: source.text for name, source in self.head.names.items()}

    def key_of(self, record: Record) -> str:
        """The record's immutable id. Raises RecordError, which is a MappingError, when it has none."""
        if not isinstance(record, dict):
            raise record_error("record", "@", record, Fault("record"))
        text = _text_at(self.head.key, record, "key")
        if text is None:
            raise record_error("key", self.head.key.text, None, Fault("key"))
        return text

    def concerns(self, record: Record) -> bool:
        """Whether the record is ours to map (`where`)."""
        return self.head.where is None or _holds(self.head.where, record, "where")

    def read(self, record: Record) -> Reading:
        """What the record says, in canonical values. Of a deleted one only who it is. Raises RecordError."""
        head, key = self.head, self.key_of(record)
        deleted = head.deleted is not None and _holds(head.deleted, record, "deleted")
        entity: Entity = {}
        if not deleted:
            for step in self.steps:
                step(record, record, entity)
        return Reading(key, self._version(record), self._names(record), self._reference(record), deleted, entity)

    def _names(self, record: Record) -> dict[str, str]:
        found = ((name, _text_at(source, record, name)) for name, source in self.head.names.items())
        return {name: text for name, text in found if text is not None}

    def _reference(self, record: Record) -> str | None:
        value: Any = record
        for name in self.head.reference or ():
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, str) and value else None

    def _version(self, record: Record) -> str | None:
        source = self.head.version
        if source is None:
            return None
        raw: Any = None
        try:
            raw = source.get(record, record)
            return None if raw is ABSENT else moments.version_text(raw, self.head.zone)
        except Fault as fault:
            raise record_error("version", source.text, raw, fault) from fault

    def write(self, entity: Entity, *, creating: bool, reference: str | None = None) -> Record:
        """The record the target should have, as far as this mapping writes it. References are Refs already.
        Raises RecordError."""
        record: Record = {}
        for constant in self.constants:
            if constant.only is None or (constant.only == "create") is creating:
                put(record, constant.names, constant.value)
        for write in self.writes:
            write(entity, record, record, creating)
        if creating and reference is not None and self.head.reference is not None:
            put(record, self.head.reference, reference)
        return record

    def differences(self, wanted: Record, known: Record) -> Record:
        """The part of `wanted` that `known` does not have yet; {} means there is nothing to send."""
        return self.differ.differences(wanted, known)

    def overlay(self, known: Record, pushed: Record) -> Record:
        """The record as it must stand there once `pushed` is in."""
        result: Record = self.over.lay(known, pushed)
        return result

    def project(self, record: Record) -> Record:
        """Only what this mapping reads or writes."""
        result: Record = project(record, self.keep)
        return result

    def digest_of(self, record: Record) -> str:
        return digest(self.project(record))

    def explain(self, field: str) -> dict[str, str]:
        """Where a field comes from or goes to: `path`, the `rule` as written, `file` and `line`.
        Takes `total`, `lines[2].quantity` or `lines[].quantity`; {} for a field the mapping does not know."""
        lines: tuple[Line, ...] = self.lines
        path = ""
        name = _without_indexes(field)
        while True:
            line = next((line for line in lines if name == line.field or name.startswith(f"{line.field}[].")), None)
            if line is None:
                return {}
            path += line.path
            if name == line.field or line.part is None:
                return {"path": path, "rule": line.written, "file": line.where[0], "line": str(line.where[1])}
            path, name, lines = f"{path}[].", name[len(line.field) + 3 :], line.part.lines


def _without_indexes(field: str) -> str:
    parts = field.split("[")
    return parts[0] + "".join("[]" + part.partition("]")[2] for part in parts[1:])


def _holds(source: Source, record: Record, what: str) -> bool:
    try:
        found = source.get(record, record)
    except Fault as fault:
        raise record_error(what, source.text, None, fault) from fault
    return found is not ABSENT and not is_false(found)


def _text_at(source: Source, record: Record, what: str) -> str | None:
    raw: Any = None
    try:
        raw = source.get(record, record)
        return None if raw is ABSENT or raw is None or raw == "" else scalar_text(raw)
    except Fault as fault:
        raise record_error(what, source.text, raw, fault) from fault
