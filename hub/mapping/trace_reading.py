"""Reading, traced: each line of a mapping tried alone on a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hub.mapping.codecs import scalar_text
from hub.mapping.faults import Fault, RecordError, record_error
from hub.mapping.lines import Line, LineKey, Part
from hub.mapping.paths import put, take
from hub.mapping.reader import compile_step, list_items
from hub.mapping.shape import ABSENT, LINE_KEY, Entity, Record
from hub.mapping.traced import At, Condition, FieldTrace, Teller, looked_at, source_reads

LineReader = Callable[[Any, Record, Entity, bool, At, list[FieldTrace]], None]
"""(where we are, the whole record, what is being made, has the whole mapping made it already, where in lists, what has
been told)"""


def line_readers(lines: Iterable[Line]) -> list[LineReader]:
    return [_list_reader(line, line.part) if line.part else _value_reader(line) for line in lines if line.inward]


def _teller(line: Line) -> Teller:
    return Teller(line.field, line.path, line.written, line.place)


def _value_reader(line: Line) -> LineReader:
    step, condition, tell, source = compile_step(line), Condition(line.when_record), _teller(line), line.source
    also = _also(line)

    def read(here: Any, whole: Record, made: Entity, done: bool, at: At, told: list[FieldTrace]) -> None:
        raw: Any = ABSENT
        try:
            if not condition.holds(here):
                told.append(tell(at, raw, outcome="skipped", also=also(here, whole)))
                return
            raw = source.get(here, whole) if source is not None else ABSENT
        except Fault:
            raw = ABSENT  # the step below meets the same fault and tells it
        try:
            if not done:
                step(here, whole, made)
            told.append(tell(at, raw, take(made, line.names), also=also(here, whole)))
        except RecordError as error:
            told.append(tell(at, raw, error=error, also=also(here, whole)))

    return read


def _also(line: Line) -> Callable[[Any, Record], dict[str, Any]]:
    computed = line.source if line.source is not None and line.source.names is None else None
    currency = line.currency.source if line.currency else None
    when = line.when_record.reads if line.when_record else ()
    if computed is None and currency is None and not when:
        return lambda _here, _whole: {}
    return lambda here, whole: (
        source_reads(computed, here, whole) | source_reads(currency, here, whole) | dict(looked_at(here, when))
    )


def _list_reader(line: Line, part: Part) -> LineReader:
    tell, inner, path = _teller(line), line_readers(part.lines), part.source.text

    def read(here: Any, whole: Record, made: Entity, done: bool, at: At, told: list[FieldTrace]) -> None:
        raw: Any = ABSENT
        try:
            raw = part.source.get(here, whole)
            items = list_items(line, raw, "required")
        except Fault as fault:
            told.append(tell(at, raw, error=record_error(line.field, path, raw, fault, line.place)))
            return
        if items is None:
            told.append(tell(at, raw))
            return
        count = f"{len(items)} ×"
        told.append(tell(at, count, count))
        elements: list[Entity] = take(made, line.names) if done else [{} for _ in items]
        for index, (item, element) in enumerate(zip(items, elements, strict=True)):
            _element(item, whole, element, done, at.inside(line.field, path, index), told)
        put(made, line.names, elements)

    def _element(item: Any, whole: Record, element: Entity, done: bool, at: At, told: list[FieldTrace]) -> None:
        if not isinstance(item, dict):
            told.append(tell.bare(at, item, record_error("", "", item, Fault("shape"), line.place)))
            return
        if part.key is not None:
            told.append(_key(part.key, item, whole, element, at))
        for each in inner:
            each(item, whole, element, done, at, told)

    return read


def _key(key: LineKey, item: Any, whole: Record, element: Entity, at: At) -> FieldTrace:
    raw: Any = None
    tell = Teller(LINE_KEY, key.source.text, key.source.text, key.place)
    try:
        raw = key.source.get(item, whole)
        text = "" if raw is ABSENT or raw is None else scalar_text(raw)
        if not text:
            raise Fault("key")
    except Fault as fault:
        return tell(at, raw, error=record_error("key", key.source.text, raw, fault, key.place))
    element[LINE_KEY] = text
    return tell(at, raw, text)
