"""A compiled mapping: plain functions from record to entity and back, and what they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.mapping.compare import Overlay, RecordDiffer
from hub.mapping.heads import Head
from hub.mapping.lines import Line, Only
from hub.mapping.paths import dotted, put
from hub.mapping.projection import Tree, digest, project
from hub.mapping.reader import Step
from hub.mapping.reads import Path
from hub.mapping.shape import Entity, Match, Pair, Reading, Record, RefLine
from hub.mapping.writer import Write


@dataclass(frozen=True, slots=True)
class Constant:
    names: Path
    value: Any
    only: Only | None


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
        return self.head.functions.key(record)

    def concerns(self, record: Record) -> bool:
        """Whether the record is ours to map (`where`)."""
        return self.head.functions.concerns(record)

    def read(self, record: Record) -> Reading:
        """What the record says, in canonical values. Of a deleted one only who it is. Raises RecordError."""
        head = self.head.functions
        key, deleted = head.key(record), head.deleted(record)
        entity: Entity = {}
        if not deleted:
            for step in self.steps:
                step(record, record, entity)
        version, names, reference = head.rest(record)
        return Reading(key, version, names, reference, deleted, entity)

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
