"""What a mapping makes of one record or entity, line by line: every line is tried, one bad value hides no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from hub.mapping.compiled import CompiledMapping
from hub.mapping.faults import Fault, Place, RecordError
from hub.mapping.paths import Source, dotted, path_source, put
from hub.mapping.shape import ABSENT, Entity, Record
from hub.mapping.trace_reading import line_readers
from hub.mapping.trace_writing import Out, line_writers
from hub.mapping.traced import At, FieldTrace, Teller, Trace, TracedError, source_reads, spoken

__all__ = ["FieldTrace", "Reader", "Trace", "TracedError", "Writer", "spoken", "trace_read", "trace_write"]

_HERE = At()


def trace_read(mapping: CompiledMapping, record: Record) -> Trace:
    """What the mapping reads of a record."""
    return Reader(mapping)(record)


def trace_write(mapping: CompiledMapping, entity: Entity, creating: bool, reference: str | None = None) -> Trace:
    """What the mapping writes of an entity; references are Refs already."""
    return Writer(mapping)(entity, creating, reference)


class Reader:
    """`trace_read` of one mapping, made ready for many records."""

    def __init__(self, mapping: CompiledMapping) -> None:
        self._mapping = mapping
        self._heads = tuple(_heads(mapping))
        self._lines = line_readers(mapping.lines)

    def __call__(self, record: Record) -> Trace:
        heads: dict[str, FieldTrace] = {}
        for head in self._heads:
            told = head(record)
            heads[told.field] = told
            if not isinstance(record, dict):
                return Trace("in", (told,), (), {})
        fields: list[FieldTrace] = []
        deleted = "deleted" in heads and heads["deleted"].result is True
        whole = self._whole(record)
        made: Entity = {} if whole is None else whole
        for line in () if deleted else self._lines:
            line(record, record, made, whole is not None, _HERE, fields)
        concerns = "where" not in heads or heads["where"].result is not False
        return Trace("in", tuple(heads.values()), tuple(fields), made, concerns, deleted)

    def _whole(self, record: Record) -> Entity | None:
        """What all lines make together; None where one fails, and each is tried alone."""
        try:
            return self._mapping.read(record).entity
        except RecordError:
            return None


Head = Callable[[Record], FieldTrace]


def _heads(mapping: CompiledMapping) -> Iterator[Head]:
    """The key first: it also says that a record is none at all."""
    head = mapping.head
    yield _head(mapping, "key", head.key, lambda alone, record: alone.key_of(record))
    for name, source in head.names.items():
        yield _head(mapping, f"names.{name}", source, _name_reader(name), names={name: source})
    if head.version is not None:
        yield _head(mapping, "version", head.version, lambda alone, r: alone.read(r).version, version=head.version)
    if head.reference is not None:
        source = path_source(head.reference, dotted(head.reference))
        yield _head(mapping, "reference", source, lambda alone, r: alone.read(r).reference, reference=head.reference)
    if head.deleted is not None:
        yield _head(mapping, "deleted", head.deleted, lambda alone, r: alone.read(r).deleted, deleted=head.deleted)
    if head.where is not None:
        yield _head(mapping, "where", head.where, lambda alone, r: alone.concerns(r), where=head.where)


def _name_reader(name: str) -> Callable[[CompiledMapping, Record], Any]:
    return lambda alone, record: alone.read(record).names.get(name)


def _head(
    mapping: CompiledMapping, name: str, source: Source, read: Callable[[CompiledMapping, Record], Any], **said: Any
) -> Head:
    """One head read by a mapping that has nothing else, so that each fails for itself."""
    tell = Teller(name, source.text, source.text, mapping.head.places.get(name, Place(mapping.file)))
    if said:
        anything = Source("", lambda _here, _whole: "-", (), None, rooted=False)
        nothing: dict[str, Any] = {"names": {}, "reference": None, "version": None, "deleted": None, "where": None}
        mapping = replace(mapping, steps=(), head=replace(mapping.head, key=anything, **{**nothing, **said}))

    def trace(record: Record) -> FieldTrace:
        raw: Any = ABSENT
        also: dict[str, Any] = {}
        if isinstance(record, dict):
            try:
                also = source_reads(source, record, record) if source.names is None else {}
                raw = source.get(record, record)
            except Fault:
                raw = ABSENT  # reading meets the same fault and tells it
        try:
            found = read(mapping, record)
            return tell(_HERE, raw, ABSENT if found is None else found, also=also)
        except RecordError as error:
            return tell(_HERE, raw, error=error, also=also)

    return trace


class Writer:
    """`trace_write` of one mapping, made ready for many entities."""

    def __init__(self, mapping: CompiledMapping) -> None:
        self._mapping = mapping
        self._lines = line_writers(mapping.lines)

    def __call__(self, entity: Entity, creating: bool, reference: str | None = None) -> Trace:
        whole = self._whole(entity, creating)
        record: Record = {} if whole is None else whole
        fields: list[FieldTrace] = []
        heads = list(self._constants(record, creating))
        for line in self._lines:
            line(entity, Out(record, record, whole is not None), creating, _HERE, fields)
        path = self._mapping.head.reference
        if path is not None:
            tell = Teller("reference", dotted(path), dotted(path), self._place("reference"))
            if creating and reference is not None:
                put(record, path, reference)
                heads.append(tell(_HERE, reference, reference))
            else:
                heads.append(tell(_HERE, ABSENT, outcome="skipped"))
        return Trace("out", tuple(heads), tuple(fields), record)

    def _whole(self, entity: Entity, creating: bool) -> Record | None:
        """What all lines make together; None where one fails, and each is tried alone."""
        try:
            return self._mapping.write(entity, creating=creating)
        except RecordError:
            return None

    def _constants(self, record: Record, creating: bool) -> Iterator[FieldTrace]:
        for constant in self._mapping.constants:
            path = dotted(constant.names)
            tell = Teller(f"constants.{path}", path, str(constant.value), self._place(f"constants.{path}"))
            if constant.only is None or (constant.only == "create") is creating:
                put(record, constant.names, constant.value)
                yield tell(_HERE, constant.value, constant.value)
            else:
                yield tell(_HERE, constant.value, outcome="skipped")

    def _place(self, name: str) -> Place:
        return self._mapping.head.places.get(name, Place(self._mapping.file))
