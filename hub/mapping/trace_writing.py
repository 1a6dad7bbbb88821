"""Writing, traced: each line of a mapping tried alone on an entity, each path it writes told by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from hub.mapping.codecs import scalar_text
from hub.mapping.decimals import integer_of
from hub.mapping.faults import Fault, RecordError, record_error
from hub.mapping.lines import Line, LineKey, Part, Target
from hub.mapping.paths import computed, dotted, put, take
from hub.mapping.reader import list_items
from hub.mapping.shape import ABSENT, LINE_KEY, Entity, Record
from hub.mapping.traced import At, Condition, FieldTrace, Teller, looked_at
from hub.mapping.writer import compile_write

LineWriter = Callable[[Entity, "Out", bool, At, list[FieldTrace]], None]
"""(entity or line, what is being made, creating, where in lists, what has been told)"""


@dataclass(frozen=True, slots=True)
class Out:
    """The whole record, and the record or line being made; `done`: the whole mapping has made it already."""

    whole: Record
    record: Record
    done: bool


def line_writers(lines: Iterable[Line]) -> list[LineWriter]:
    """Lists last, as when writing."""
    outward = sorted((line for line in lines if line.outward), key=lambda line: line.part is not None)
    made: list[LineWriter] = []
    for line in outward:
        made += [_list_writer(line, line.part)] if line.part else [_writer(line, target) for target in line.targets]
    return made


def _writer(line: Line, target: Target) -> LineWriter:
    alone = compile_write(replace(line, targets=(target,)))
    condition, tell = Condition(line.when_entity), Teller(line.field, dotted(target.names), line.written, line.place)
    value_of, also = _value_of(line, target), _also(line, target)

    def write(entity: Entity, out: Out, creating: bool, at: At, told: list[FieldTrace]) -> None:
        raw: Any = ABSENT
        try:
            if (line.only is not None and (line.only == "create") is not creating) or not condition.holds(entity):
                told.append(tell(at, raw, outcome="skipped", also=also(entity)))
                return
            raw = value_of(entity)
        except Fault:
            raw = ABSENT  # the step below meets the same fault and tells it
        try:
            if not out.done:
                alone(entity, out.whole, out.record, creating)
            told.append(tell(at, raw, take(out.record, target.names), also=also(entity)))
        except RecordError as error:
            told.append(tell(at, raw, error=error, also=also(entity)))

    return write


def _value_of(line: Line, target: Target) -> Callable[[Entity], Any]:
    if line.const is not ABSENT:
        return lambda _entity: line.const
    return computed(target.value) if target.value is not None else lambda entity: take(entity, line.names)


def _also(line: Line, target: Target) -> Callable[[Entity], dict[str, Any]]:
    reads = [path for each in (target.value, line.when_entity) if each is not None for path in each.reads]
    return (lambda entity: dict(looked_at(entity, reads))) if reads else lambda _entity: {}


def _list_writer(line: Line, part: Part) -> LineWriter:
    names, path, inner = part.source.names or (), part.source.text, line_writers(part.lines)
    tell = Teller(line.field, path, line.written, line.place)

    def write(entity: Entity, out: Out, creating: bool, at: At, told: list[FieldTrace]) -> None:
        value = take(entity, line.names)
        try:
            items = list_items(line, value, "required_out")
        except Fault as fault:
            told.append(tell(at, value, error=record_error(line.field, path, value, fault, line.place)))
            return
        if items is None:
            told.append(tell(at, value))
            return
        count = f"{len(items)} ×"
        told.append(tell(at, count, count))
        elements: list[Record] = take(out.record, names) if out.done else [{} for _ in items]
        for index, (item, element) in enumerate(zip(items, elements, strict=True)):
            _element(item, replace(out, record=element), creating, at.inside(line.field, path, index), told)
        put(out.record, names, elements)

    def _element(item: Any, out: Out, creating: bool, at: At, told: list[FieldTrace]) -> None:
        if not isinstance(item, dict):
            told.append(tell.bare(at, item, record_error("", "", item, Fault("shape"), line.place)))
            return
        known = item.get(LINE_KEY)
        if part.key is not None and part.key.source.names is not None and known is not None:
            told.append(_key(part.key, part.key.source.names, known, out.record, at))
        for each in inner:
            # A line without the vendor's key does not exist there yet.
            each(item, out, creating or (part.key is not None and known is None), at, told)

    return write


def _key(key: LineKey, names: tuple[str, ...], known: Any, made: Record, at: At) -> FieldTrace:
    tell = Teller(LINE_KEY, dotted(names), key.source.text, key.place)
    try:
        value = integer_of(known) if key.as_number else scalar_text(known)
    except Fault as fault:
        return tell(at, known, error=record_error("key", key.source.text, known, fault, key.place))
    put(made, names, value)
    return tell(at, known, value)
