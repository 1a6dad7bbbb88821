"""Record to entity: the lines of a mapping written as one Python function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from hub.mapping.canonical import currency_code, ref_to
from hub.mapping.codecs import PLAIN_TEXT, scalar_text
from hub.mapping.emitter import Emitter, Late
from hub.mapping.faults import Fault
from hub.mapping.levels import Level, emit_function
from hub.mapping.lines import Currency, Line, Part
from hub.mapping.paths import Source
from hub.mapping.shape import ABSENT, LINE_KEY, Entity, Record

Step = Callable[[Record, Record, Entity], None]
"""(where we are, the whole record, what is being made)"""


def _reference(level: Level, line: Line) -> str:
    text = level.emitter.set(level.change("raw", partial(scalar_text, rule="ref"), PLAIN_TEXT))
    level.emitter.line(f"{text} = {text}.strip()")
    level.emitter.line(f"if not {text}: {level.fail('ref')}")
    return f"{level.emitter.bind(partial(ref_to, line.ref))}({text})"


def _amount(level: Level, line: Line, currency: Currency) -> str:
    amount = level.emitter.set(level.change("raw", line.codec.decode, line.codec.read))
    if currency.source is None:
        return f"{{'amount': {amount}, 'currency': {level.emitter.bind(currency.const)}}}"
    return f"{{'amount': {amount}, 'currency': {_currency(level, currency, currency.source)}}}"


def _currency(level: Level, currency: Currency, source: Source) -> str:
    """Amounts of one record share their currency: it is looked up for the first of them."""
    emitter = level.emitter
    of_record = source.rooted or level.here == level.whole
    key = (source.text.removeprefix("$.") if of_record else source.text, id(currency.table), currency.default)
    code = (level.top if of_record else level).keep(key)
    with level.branch(f"if {code} is None:"):
        said = emitter.set(level.source(source))
        emitter.line(f"{code} = {emitter.bind(partial(_code, currency))}({said})")
    return code


def _code(currency: Currency, raw: Any) -> str:
    if raw is ABSENT or raw is None or raw == "":
        if currency.default is None:
            raise Fault("no_currency", currency=currency.source.text if currency.source else "")
        return currency.default
    return currency_code(currency.table.decode(raw) if currency.table else raw)


def _decoded(level: Level, line: Line) -> str:
    if line.type == "ref":
        return _reference(level, line)
    if line.type == "money" and line.currency is not None:
        return _amount(level, line, line.currency)
    return level.change("raw", line.codec.decode, line.codec.read)


def _read_value(level: Level, line: Line, source: Source) -> None:
    emitter = level.emitter
    level.at(line.field, source.text, line.place)
    emitter.line(f"raw = {level.source(source)}")
    with level.branch(f"if {level.is_empty('raw')}:"):
        _read_empty(level, line)
    with level.branch("else:"):
        level.store(line.names, _decoded(level, line))


def _read_empty(level: Level, line: Line) -> None:
    """What an absent or empty value becomes: the default, an error, nothing, or None."""
    if line.default is not ABSENT:
        level.store(line.names, level.emitter.bind(line.default))
    elif line.required:
        level.emitter.line(level.fail("required"))
    else:
        with level.branch(f"if raw is not {level.emitter.bind(ABSENT)}:"):
            level.store(line.names, "None")


def list_items(line: Line, raw: Any, missing: str) -> list[Any] | None:
    """The elements of a list; None where nothing is said of it, an empty list where it is said to be empty."""
    if raw is ABSENT or raw in (None, "", []):
        if line.required:
            raise Fault(missing)
        return None if raw is ABSENT else []
    if not isinstance(raw, list):
        raise Fault("list")
    return raw


def _read_key(level: Level, part: Part) -> None:
    emitter, key = level.emitter, part.key
    emitter.line(f"{level.made} = {{}}")
    if key is None:
        return
    level.at("key", key.source.text, key.place)
    emitter.line(f"raw = {level.source(key.source)}")
    emitter.line(f"if {level.is_empty('raw')}: {level.fail('key')}")
    emitter.line(f"{level.made}[{emitter.bind(LINE_KEY)}] = {level.change('raw', scalar_text, PLAIN_TEXT)}")


def _read_list(level: Level, line: Line, part: Part) -> None:
    emitter = level.emitter
    level.at(line.field, part.source.text, line.place)
    emitter.line(f"raw = {level.source(part.source)}")
    items = emitter.set(f"{emitter.bind(partial(list_items, line, missing='required'))}(raw)")
    with level.branch(f"if {items} is not None:"):
        made = emitter.set("[]")
        with level.elements(items, line.field, part.source.text, line.place) as inner:
            _read_key(inner, part)
            read_lines(inner, part.lines)
            emitter.line(f"{made}.append({inner.made})")
        level.store(line.names, made)


def _read_line(level: Level, line: Line) -> None:
    if line.part is not None:
        _read_list(level, line, line.part)
    elif line.source is not None:
        _read_value(level, line, line.source)
    else:
        level.store(line.names, level.emitter.bind(line.const))


def _read_guarded(level: Level, line: Line) -> None:
    if line.when_record is None or line.part is not None:
        _read_line(level, line)
        return
    level.at(line.field, line.path, line.place)
    with level.where(line.when_record):
        _read_line(level, line)


def read_lines(level: Level, lines: Iterable[Line]) -> None:
    """Write all that the lines read."""
    for line in lines:
        if line.inward:
            _read_guarded(level, line)


def depth(lines: Iterable[Line]) -> int:
    """How many lists stand in each other."""
    return max((1 + depth(line.part.lines) for line in lines if line.part is not None), default=0)


def _function(lines: tuple[Line, ...], whole: str) -> Step:
    def write(emitter: Emitter) -> str:
        return emit_function(
            emitter,
            "here, whole, made",
            depth(lines),
            lambda: read_lines(Level(emitter, "here", whole, "made"), lines),
        )

    return Late(write)


def compile_step(line: Line) -> Step:
    """One line alone."""
    return _function((line,), "whole")


def compile_steps(lines: tuple[Line, ...]) -> tuple[Step, ...]:
    """All lines together, for whole records."""
    return (_function(lines, "here"),)
