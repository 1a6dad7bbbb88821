"""One record or entity tried both ways, with what every line did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hub.mapping.compiled import CompiledMapping
from hub.mapping.faults import RecordError
from hub.mapping.shape import Entity, Record
from hub.mapping.trace import Trace, trace_read, trace_write

Way = Literal["in", "out", "both"]


@dataclass(frozen=True, slots=True)
class Tried:
    """`sends` is what a push of the entity would bring to the record that is known there; None where none is known, or
    the entity cannot be written."""

    reading: Trace | None = None
    writing: Trace | None = None
    creating: bool = False
    sends: Record | None = None


def try_record(mapping: CompiledMapping, record: Record, way: Way = "in") -> Tried:
    """A record of the vendor read; both ways: and what it reads written again, as a change to that record."""
    reading = trace_read(mapping, record)
    if way == "in" or not isinstance(record, dict):
        return Tried(reading)
    return _written(mapping, reading.made, record, reading, creating=False)


def try_entity(
    mapping: CompiledMapping,
    entity: Entity,
    known: Record | None = None,
    way: Way = "out",
    creating: bool | None = None,
) -> Tried:
    """An entity written, references as Refs; both ways: and `known`, the record as it is over there, read."""
    reading = trace_read(mapping, known) if known is not None and way == "both" else None
    return _written(mapping, entity, known, reading, creating=known is None if creating is None else creating)


def _written(
    mapping: CompiledMapping, entity: Entity, known: Record | None, reading: Trace | None, *, creating: bool
) -> Tried:
    writing = trace_write(mapping, entity, creating)
    sends: Record | None = None
    if known is not None and not creating:
        try:
            sends = mapping.differences(mapping.write(entity, creating=False), known)
        except RecordError:
            sends = None  # which line it is, and why, is told in the trace
    return Tried(reading, writing, creating, sends)
