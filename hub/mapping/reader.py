"""Record to entity: each line compiled into one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.mapping.canonical import currency_code, money
from hub.mapping.codecs import scalar_text
from hub.mapping.faults import Fault, RecordError, record_error
from hub.mapping.json_values import is_false
from hub.mapping.lines import Currency, Line, LineKey, Part
from hub.mapping.paths import Get, Source, computed, put
from hub.mapping.shape import ABSENT, LINE_KEY, Entity, Record, Ref

Step = Callable[[Record, Record, Entity], None]
"""(where we are, the whole record, what is being made)"""
Decode = Callable[[Any, Record, Record], Any]


def _decoder(line: Line) -> Decode:
    decode = line.codec.decode
    if line.type == "ref":
        kind, by = line.ref
        return lambda raw, _here, _whole: _reference(kind, by, raw)
    if line.type == "money" and line.currency is not None:
        currency_of = _currency_reader(line.currency)
        return lambda raw, here, whole: money(decode(raw), currency_of(here, whole))
    return lambda raw, _here, _whole: decode(raw)


def _reference(kind: str, by: str, raw: Any) -> Ref:
    text = scalar_text(raw, "ref").strip()
    if not text:
        raise Fault("ref")
    return Ref(kind, by, text)


def _currency_reader(currency: Currency) -> Get:
    source, table = currency.source, currency.table
    if source is None:
        const = currency.const
        return lambda _here, _whole: const
    get, fallback, path = source.get, currency.default, source.text

    def currency_of(here: Record, whole: Record) -> Any:
        raw = get(here, whole)
        if raw is ABSENT or raw is None or raw == "":
            if fallback is None:
                raise Fault("no_currency", currency=path)
            return fallback
        return currency_code(table.decode(raw) if table else raw)

    return currency_of


def _setter(line: Line) -> Callable[[Entity, Any], None]:
    names = line.names
    if len(names) == 1:
        return lambda entity, value: entity.__setitem__(names[0], value)
    return lambda entity, value: put(entity, names, value)


def _value_step(line: Line, source: Source) -> Step:
    get, decode, store, empty = source.get, _decoder(line), _setter(line), _empty_step(line)

    def step(here: Record, whole: Record, entity: Entity) -> None:
        raw: Any = None
        try:
            raw = get(here, whole)
            if raw is None or raw is ABSENT or raw == "":
                empty(raw, entity)
            else:
                store(entity, decode(raw, here, whole))
        except Fault as fault:
            raise record_error(line.field, source.text, raw, fault) from fault

    return step


def _empty_step(line: Line) -> Callable[[Any, Entity], None]:
    """What an absent or empty value becomes: the default, an error, nothing, or None."""
    store = _setter(line)

    def empty(raw: Any, entity: Entity) -> None:
        if line.default is not ABSENT:
            store(entity, line.default)
        elif line.required:
            raise Fault("required")
        elif raw is not ABSENT:
            store(entity, None)

    return empty


def _const_step(line: Line) -> Step:
    store, const = _setter(line), line.const
    return lambda _here, _whole, entity: store(entity, const)


def _guarded(line: Line, step: Step) -> Step:
    if line.when_record is None:
        return step
    condition = computed(line.when_record)

    def guarded(here: Record, whole: Record, entity: Entity) -> None:
        try:
            holds = condition(here)
        except Fault as fault:
            raise record_error(line.field, line.path, None, fault) from fault
        if holds is not ABSENT and not is_false(holds):
            step(here, whole, entity)

    return guarded


def _key_reader(key: LineKey) -> Get:
    get = key.source.get

    def key_of(here: Record, whole: Record) -> str:
        raw = get(here, whole)
        try:
            text = "" if raw is ABSENT or raw is None else scalar_text(raw)
            if not text:
                raise Fault("key")
        except Fault as fault:
            raise record_error("key", key.source.text, raw, fault) from fault
        return text

    return key_of


def list_items(line: Line, raw: Any, missing: str) -> list[Any] | None:
    """The elements of a list; None where nothing is said of it, an empty list where it is said to be empty."""
    if raw is ABSENT or raw in (None, "", []):
        if line.required:
            raise Fault(missing)
        return None if raw is ABSENT else []
    if not isinstance(raw, list):
        raise Fault("list")
    return raw


def _element_reader(line: Line, part: Part) -> Callable[[Any, Record], Entity]:
    steps = compile_steps(part.lines)
    key_of = _key_reader(part.key) if part.key else None

    def element(item: Any, whole: Record) -> Entity:
        if not isinstance(item, dict):
            raise record_error(line.field, "", item, Fault("shape"))
        made: Entity = {} if key_of is None else {LINE_KEY: key_of(item, whole)}
        for step in steps:
            step(item, whole, made)
        return made

    return element


def _list_step(line: Line, part: Part) -> Step:
    get, path, store, element = part.source.get, part.source.text, _setter(line), _element_reader(line, part)

    def step(here: Record, whole: Record, entity: Entity) -> None:
        raw: Any = None
        try:
            raw = get(here, whole)
            items = list_items(line, raw, "required")
        except Fault as fault:
            raise record_error(line.field, path, raw, fault) from fault
        if items is None:
            return
        made: list[Entity] = []
        for index, item in enumerate(items):
            try:
                made.append(element(item, whole))
            except RecordError as error:
                raise error.within(line.field, path, index) from error
        store(entity, made)

    return step


def compile_step(line: Line) -> Step:
    if line.part is not None:
        return _list_step(line, line.part)
    if line.source is None:
        return _guarded(line, _const_step(line))
    return _guarded(line, _value_step(line, line.source))


def compile_steps(lines: tuple[Line, ...]) -> tuple[Step, ...]:
    return tuple(compile_step(line) for line in lines if line.inward)
