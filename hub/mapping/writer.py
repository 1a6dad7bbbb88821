"""Entity to record: the lines of a mapping written as one Python function that sets their paths in the vendor's shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from hub.mapping.canonical import currency_code
from hub.mapping.codecs import ANYTHING, PLAIN_TEXT, scalar_text
from hub.mapping.decimals import integer_of
from hub.mapping.emitter import Emitter, Late
from hub.mapping.faults import Fault
from hub.mapping.levels import Level, emit_function
from hub.mapping.lines import Currency, Line, LineKey, Part, Target
from hub.mapping.paths import dotted, emit_take
from hub.mapping.reader import depth, list_items
from hub.mapping.shape import ABSENT, LINE_KEY, Entity, Record, Ref, RefBy

Write = Callable[[Entity, Record, Record, bool], None]
"""(entity or line, the whole record, the record or line being made, creating)"""


@dataclass(frozen=True, slots=True)
class _Out:
    """One level of writing: `level.here` is the entity, `level.made` the record; `creating` the variable that says so."""

    level: Level
    creating: str


def _value(level: Level, line: Line, target: Target) -> str:
    if line.const is not ABSENT:
        return level.emitter.bind(line.const)
    if target.value is not None:
        return target.value.emit_value(level.emitter, level.here)
    return emit_take(level.emitter, line.names, level.here, level.known)


def _reference_text(ref: RefBy, value: Any) -> str:
    """The engine has put a Ref in the place of each entity id; anything else cannot be sent."""
    kind, by, system = ref
    if not isinstance(value, Ref) or value.kind != kind:
        raise Fault("ref", value=str(value) if isinstance(value, Ref) else value)
    if value.by != by or value.system != system:
        raise Fault("ref_by", by=f"{system} {by}".strip(), value=str(value))
    return value.text


def _encoded(level: Level, line: Line, target: Target) -> str:
    emitter, value = level.emitter, "raw"
    if line.type == "ref":
        of_kind = f"type(raw) is {emitter.bind(Ref)} and raw.kind == {emitter.bind(line.ref[0])}"
        by_name = f"raw.by == {emitter.bind(line.ref[1])} and raw.system == {emitter.bind(line.ref[2])}"
        otherwise = f"{emitter.bind(partial(_reference_text, line.ref))}(raw)"
        value = emitter.set(f"raw.text if {of_kind} and {by_name} else {otherwise}")
    elif line.type == "money":
        value = emitter.set("raw.get('amount') if type(raw) is dict else raw")
    return level.change(value, target.codec.encode, target.codec.written)


def _write_currency(level: Level, currency: Currency) -> None:
    """Sets the document's currency beside an amount, or checks that it is the one already there."""
    emitter, source = level.emitter, currency.source
    code, checked = emitter.set("raw.get('currency')"), level.top.keep(currency_code)
    emitter.line(
        f"if {code} is None or {code} != {checked}: {code} = {checked} = {emitter.bind(currency_code)}({code})"
    )
    if currency.const is not None:
        const, other = emitter.bind(currency.const), emitter.bind(_other_currency)
        emitter.line(f"if {code} != {const}: raise {other}({code}, {const})")
    if source is None or source.names is None:
        return
    spoken = emitter.set(f"{emitter.bind(currency.table.encode)}({code})") if currency.table else code
    known = emitter.set(emit_take(emitter, source.names, "whole" if source.rooted else level.made, {}))
    unset = f"{known} is {emitter.bind(ABSENT)} or {known} is None"
    raising = f"raise {emitter.bind(_other_currency)}({code}, {known})"
    emitter.line(f"if not ({unset} or {known} == {spoken}): {raising}")
    if not source.rooted:
        level.store(source.names, spoken)


def _other_currency(code: str, known: Any) -> Fault:
    return Fault("other_currency", value=code, currency=str(known))


def _write_target(out: _Out, line: Line, target: Target) -> None:
    level, emitter = out.level, out.level.emitter
    level.at(line.field, dotted(target.names), line.place)
    emitter.line(f"raw = {_value(level, line, target)}")
    with level.branch(f"if {level.is_empty('raw')}:"):
        if line.required:
            emitter.line(level.fail("required_out"))
        else:
            with level.branch(f"if raw is not {emitter.bind(ABSENT)} and not {out.creating}:"):
                level.store(target.names, "None")
    with level.branch("else:"):
        level.store(target.names, _encoded(level, line, target))
        if line.type == "money" and line.currency is not None:
            with level.branch("if type(raw) is dict:"):
                _write_currency(level, line.currency)


def _write_key(level: Level, key: LineKey, creating: str) -> str:
    """Gives the variable that says whether the line is new: without the vendor's key it does not exist there yet."""
    emitter = level.emitter
    emitter.line(f"raw = {level.here}.get({emitter.bind(LINE_KEY)})")
    if key.source.names is not None:
        with level.branch("if raw is not None:"):
            level.at("key", key.source.text, key.place)
            encode, written = (integer_of, ANYTHING) if key.as_number else (scalar_text, PLAIN_TEXT)
            level.store(key.source.names, level.change("raw", encode, written))
    return emitter.set(f"{creating} or raw is None")


def _write_list(out: _Out, line: Line, part: Part) -> None:
    level, emitter = out.level, out.level.emitter
    level.at(line.field, part.source.text, line.place)
    emitter.line(f"raw = {emit_take(emitter, line.names, level.here, level.known)}")
    items = emitter.set(f"{emitter.bind(partial(list_items, line, missing='required_out'))}(raw)")
    with level.branch(f"if {items} is not None:"):
        made = emitter.set("[]")
        with level.elements(items, line.field, part.source.text, line.place) as inner:
            emitter.line(f"{inner.made} = {{}}")
            creating = out.creating if part.key is None else _write_key(inner, part.key, out.creating)
            write_lines(_Out(inner, creating), part.lines)
            emitter.line(f"{made}.append({inner.made})")
        level.store(part.source.names or (), made)


def _write_line(out: _Out, line: Line) -> None:
    level = out.level
    if line.part is not None:
        _write_list(out, line, line.part)
        return
    with ExitStack() as conditions:
        if line.only is not None:
            right = out.creating if line.only == "create" else f"not {out.creating}"
            conditions.enter_context(level.branch(f"if {right}:"))
        if line.when_entity is not None:
            level.at(line.field, line.path, line.place)
            conditions.enter_context(level.where(line.when_entity))
        for target in line.targets:
            _write_target(out, line, target)


def write_lines(out: _Out, lines: Iterable[Line]) -> None:
    """Lists last: an amount in a line is checked against the currency its document already has."""
    outward = [line for line in lines if line.outward]
    for line in sorted(outward, key=lambda line: line.part is not None):
        _write_line(out, line)


def _function(lines: tuple[Line, ...]) -> Write:
    def write(emitter: Emitter) -> str:
        return emit_function(
            emitter,
            "here, whole, made, creating",
            depth(lines),
            lambda: write_lines(_Out(Level(emitter, "here", "whole", "made"), "creating"), lines),
        )

    return Late(write)


def compile_write(line: Line) -> Write:
    """One line alone."""
    return _function((line,))


def compile_writes(lines: tuple[Line, ...]) -> tuple[Write, ...]:
    """All lines together."""
    return (_function(lines),)
