"""Entity to record: each line compiled into one step that sets its paths in the vendor's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.mapping.canonical import currency_code
from hub.mapping.codecs import Codec, scalar_text
from hub.mapping.decimals import integer_of
from hub.mapping.faults import Fault, RecordError, record_error
from hub.mapping.json_values import is_false
from hub.mapping.lines import Currency, Line, LineKey, Part, Target
from hub.mapping.paths import computed, dotted, put, setter, take
from hub.mapping.reader import list_items
from hub.mapping.shape import ABSENT, LINE_KEY, Entity, Record, Ref

Write = Callable[[Entity, Record, Record, bool], None]
"""(entity or line, the whole record, the record or line being made, creating)"""


def _value_of(line: Line, target: Target) -> Callable[[Entity], Any]:
    if line.const is not ABSENT:
        return lambda _entity: line.const
    if target.value is not None:
        return computed(target.value)
    names = line.names
    if len(names) == 1:
        return lambda entity: entity.get(names[0], ABSENT)
    return lambda entity: take(entity, names)


def _reference_text(line: Line, value: Any) -> str:
    """The engine has put a Ref in the place of each entity id; anything else cannot be sent."""
    kind, by = line.ref
    if not isinstance(value, Ref) or value.kind != kind:
        raise Fault("ref", value=str(value) if isinstance(value, Ref) else value)
    if value.by != by:
        raise Fault("ref_by", by=by, value=str(value))
    return value.text


def _encoder(line: Line, codec: Codec) -> Callable[[Any], Any]:
    encode = codec.encode
    if line.type == "ref":
        return lambda value: encode(_reference_text(line, value))
    if line.type == "money":
        return lambda value: encode(value.get("amount") if isinstance(value, dict) else value)
    return encode


def _currency_writer(currency: Currency) -> Callable[[Any, Record, Record], None]:
    """Sets the document's currency beside an amount, or checks that it is the one already there."""
    source, table, const = currency.source, currency.table, currency.const
    names = source.names if source else None

    def write(value: Any, whole: Record, record: Record) -> None:
        if not isinstance(value, dict):
            return
        code = currency_code(value.get("currency"))
        if const is not None and code != const:
            raise Fault("other_currency", value=code, currency=const)
        if source is None or names is None:
            return
        spoken = table.encode(code) if table else code
        known = take(whole if source.rooted else record, names)
        if known not in (ABSENT, None, spoken):
            raise Fault("other_currency", value=code, currency=str(known))
        if not source.rooted:
            put(record, names, spoken)

    return write


def _target_step(line: Line, target: Target) -> Write:
    value_of, encode, store = _value_of(line, target), _encoder(line, target.codec), setter(target.names)
    currency = _currency_writer(line.currency) if line.type == "money" and line.currency else None
    path = dotted(target.names)

    def step(entity: Entity, whole: Record, record: Record, creating: bool) -> None:
        value: Any = None
        try:
            value = value_of(entity)
            if value is None or value is ABSENT or value == "":
                if line.required:
                    raise Fault("required_out")
                if value is not ABSENT and not creating:
                    store(record, None)
                return
            store(record, encode(value))
            if currency is not None:
                currency(value, whole, record)
        except Fault as fault:
            raise record_error(line.field, path, value, fault) from fault

    return step


def _guarded(line: Line, steps: list[Write]) -> Write:
    only, when = line.only, line.when_entity
    if only is None and when is None and len(steps) == 1:
        return steps[0]
    condition = computed(when) if when is not None else None

    def guarded(entity: Entity, whole: Record, record: Record, creating: bool) -> None:
        if only is not None and (only == "create") is not creating:
            return
        if condition is not None:
            try:
                holds = condition(entity)
            except Fault as fault:
                raise record_error(line.field, line.path, None, fault) from fault
            if holds is ABSENT or is_false(holds):
                return
        for step in steps:
            step(entity, whole, record, creating)

    return guarded


def _key_value(key: LineKey, text: Any) -> Any:
    return integer_of(text) if key.as_number else scalar_text(text)


def _element_writer(line: Line, part: Part) -> Callable[[Any, Record, bool], Record]:
    steps, key = compile_writes(part.lines), part.key

    def element(item: Any, whole: Record, creating: bool) -> Record:
        if not isinstance(item, dict):
            raise record_error(line.field, "", item, Fault("shape"))
        made: Record = {}
        known = item.get(LINE_KEY)
        if key is not None and known is not None and key.source.names is not None:
            put(made, key.source.names, _key_value(key, known))
        # A line without the vendor's key does not exist there yet.
        new = creating or (key is not None and known is None)
        for step in steps:
            step(item, whole, made, new)
        return made

    return element


def _list_step(line: Line, part: Part) -> Write:
    names, path, element = part.source.names or (), part.source.text, _element_writer(line, part)

    def step(entity: Entity, whole: Record, record: Record, creating: bool) -> None:
        value = take(entity, line.names)
        try:
            items = list_items(line, value, "required_out")
        except Fault as fault:
            raise record_error(line.field, path, value, fault) from fault
        if items is None:
            return
        made: list[Record] = []
        for index, item in enumerate(items):
            try:
                made.append(element(item, whole, creating))
            except RecordError as error:
                raise error.within(line.field, path, index) from error
        put(record, names, made)

    return step


def compile_write(line: Line) -> Write:
    if line.part is not None:
        return _list_step(line, line.part)
    return _guarded(line, [_target_step(line, target) for target in line.targets])


def compile_writes(lines: tuple[Line, ...]) -> tuple[Write, ...]:
    """Lists last: an amount in a line is checked against the currency its document already has."""
    outward = [line for line in lines if line.outward]
    return tuple(compile_write(line) for line in sorted(outward, key=lambda line: line.part is not None))
