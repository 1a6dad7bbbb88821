"""From the text of one line of `fields:` to a checked Line."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import cast

from hub.mapping import keys
from hub.mapping.codecs import Options, codec
from hub.mapping.document import Node
from hub.mapping.line_values import lacks_zone, parse_currency, parse_literal, parse_options, parse_ref
from hub.mapping.lines import Line, LineKey, Only, Part, Target
from hub.mapping.paths import Source
from hub.mapping.scope import Scope
from hub.mapping.shape import CUSTOM, Field, FieldType


def parse_lines(scope: Scope, node: Node, path: str) -> tuple[Line, ...]:
    if not isinstance(node.value, dict):
        scope.findings.add(node.where, path, "not_mapping", node.plain())
        return ()
    for name, removed in node.removed.items():
        if not name.startswith(f"{CUSTOM}."):
            scope.field(name, removed, f"{path}.{name}")
    parsed = (parse_line(scope, name, line, f"{path}.{name}") for name, line in node.map.items())
    return tuple(line for line in parsed if line is not None)


def parse_line(scope: Scope, name: str, node: Node, path: str) -> Line | None:
    field = scope.field(name, node, path)
    if field is None:
        return None
    if not isinstance(node.value, dict):
        if field.type in keys.LONG_FORM:
            example = keys.LONG_FORM[field.type]
            scope.findings.add(node.where, path, "needs_long_form", type=field.type, example=example)
            return None
        node = Node({"path": node}, node.where)
    if field.type == "list":
        return _list_line(scope, name, field, node, path)
    _check_keys(scope, field, node, path)
    return _value_line(scope, name, field, node, path)


def _check_keys(scope: Scope, field: Field, node: Node, path: str) -> None:
    allowed = keys.EVERY_LINE | keys.OF_TYPE[field.type]
    for key, inner in node.map.items():
        if key in keys.LINE and key not in allowed:
            scope.findings.add(inner.where, f"{path}.{key}", "not_for_type", key, type=field.type)
        elif key not in keys.LINE:
            scope.findings.unknown(inner.where, f"{path}.{key}", "unknown_key", key, allowed)
    type_ = node.map.get("type")
    if type_ is not None and type_.value != field.type:
        scope.findings.add(type_.where, f"{path}.type", "type_differs", type_.plain(), type=field.type)


def _value_line(scope: Scope, name: str, field: Field, node: Node, path: str) -> Line | None:
    spec = node.map
    ref = parse_ref(scope, field, node, path)
    options = parse_options(scope, field, node, path)
    source = _source(scope, node, path)
    targets = _targets(scope, field.type, node, source, options, path)
    _check_source(scope, field, node, source, options, path)
    const = parse_literal(scope, field, ref, spec.get("const"), f"{path}.const")
    if not spec.keys() & keys.SOURCES:
        scope.findings.add(node.where, path, "no_source")
        return None
    when = scope.expression(spec.get("when"), f"{path}.when")
    return Line(
        field=name,
        names=tuple(name.split(".")),
        type=field.type,
        place=scope.place(node),
        written=_written(node),
        codec=codec(field.type, options),
        source=source,
        targets=targets,
        currency=parse_currency(scope, node, path, needed=source is not None and field.type == "money"),
        ref=ref,
        enum=options.enum,
        as_number=options.as_text is False,
        values=() if name.startswith(f"{CUSTOM}.") else field.values or (),
        default=parse_literal(scope, field, ref, spec.get("default"), f"{path}.default"),
        const=const,
        required=scope.flag(spec.get("required"), f"{path}.required"),
        only=cast(Only | None, scope.choice(spec.get("only"), f"{path}.only", keys.ONLY)),
        when_entity=when if targets else None,
        when_record=None if targets else when,
    )


def _written(node: Node) -> str:
    plain = {key: inner for key, inner in node.plain().items() if key not in ("fields", "description")}
    return json.dumps(plain, ensure_ascii=False, default=str)


def _source(scope: Scope, node: Node, path: str) -> Source | None:
    spec = node.map
    both, inward, const = spec.get("path"), spec.get("in"), spec.get("const")
    if both is not None and (inward is not None or "out" in spec):
        scope.findings.add(both.where, path, "two_sources")
    if const is not None and (both is not None or inward is not None):
        scope.findings.add(const.where, path, "const_in")
    chosen, key = (both, "path") if both is not None else (inward, "in")
    if key == "in" and "out" not in spec and "only" in spec:
        scope.findings.add(spec["only"].where, f"{path}.only", "not_for_way", "only")
    return scope.source(chosen, f"{path}.{key}") if chosen is not None else None


def _check_source(scope: Scope, field: Field, node: Node, source: Source | None, options: Options, path: str) -> None:
    """A plain path holds what the line takes it for, and a time has a zone."""
    key = "path" if "path" in node.map else "in"
    if source is not None and source.names is not None:
        scope.check_word(source.names, node.map[key], f"{path}.{key}", (field.type, options, source.rooted))
    if lacks_zone(field.type, options) and node.map.keys() & {"path", "in", "out"}:
        scope.findings.add(node.where, path, "no_zone")


def _targets(
    scope: Scope, type_: FieldType, node: Node, source: Source | None, options: Options, path: str
) -> tuple[Target, ...]:
    if "path" in node.map:
        if source is None or source.names is None or source.rooted:
            if source is not None:
                scope.findings.add(node.map["path"].where, f"{path}.path", "not_path", source.text)
            return ()
        return (Target(source.names, None, codec(type_, options)),)
    written = node.map.get("out")
    if written is None:
        return ()
    parts = written.items or (_short_targets(written) if _is_short(written) else [written])
    made = [_target(scope, type_, part, options, f"{path}.out") for part in parts]
    return tuple(target for target in made if target is not None)


def _is_short(node: Node) -> bool:
    """`{PATH: expression}`; with a word of the long form among the keys it is a long form that lacks its path."""
    return bool(node.map) and not node.map.keys() & keys.TARGET


def _short_targets(node: Node) -> list[Node]:
    return [Node({"path": Node(key, value.where), "value": value}, value.where) for key, value in node.map.items()]


def _target(scope: Scope, type_: FieldType, node: Node, options: Options, path: str) -> Target | None:
    if not isinstance(node.value, dict):
        names = scope.target(node, path)
        if names:
            scope.check_word(names, node, path, (type_, options, False))
        return Target(names, None, codec(type_, options)) if names else None
    scope.keys(node, path, keys.TARGET)
    if "path" not in node.map:
        scope.findings.add(node.where, path, "missing", "path")
        return None
    names = scope.target(node.map["path"], f"{path}.path")
    value = scope.expression(node.map.get("value"), f"{path}.value")
    chosen, made = _target_form(scope, type_, node, options, path)
    if names:
        scope.check_word(names, node.map["path"], f"{path}.path", (chosen, made, False))
    return Target(names, value, codec(chosen, made)) if names else None


def _target_form(scope: Scope, type_: FieldType, node: Node, options: Options, path: str) -> tuple[FieldType, Options]:
    """The line's own form but for what the target says; another type has nothing of the line's enum."""
    spec = node.map
    own = cast(FieldType | None, scope.choice(spec.get("type"), f"{path}.type", tuple(keys.OF_TYPE)))
    if own is None and not spec.keys() & keys.FORMS:
        return type_, options
    made = parse_options(scope, Field(own or type_), node, path)
    timed = made if spec.keys() & {"format", "epoch"} or own is not None else options
    chosen = replace(
        options,
        zone=made.zone if "zone" in spec else options.zone,
        form=timed.form,
        epoch=timed.epoch,
        as_text=made.as_text if "as" in spec or own is not None else options.as_text,
        enum=options.enum if own is None else None,
    )
    if lacks_zone(own or type_, chosen):
        scope.findings.add(node.where, path, "no_zone")
    return own or type_, chosen


def _list_line(scope: Scope, name: str, field: Field, node: Node, path: str) -> Line | None:
    scope.keys(node, path, keys.LIST_LINE)
    spec = node.map
    if "each" not in spec or "fields" not in spec:
        scope.findings.add(node.where, path, "list_field", name)
        return None
    source = scope.source(spec["each"], f"{path}.each")
    if source is None:
        return None
    if source.names is not None:
        scope.check_word(source.names, spec["each"], f"{path}.each", ("list", Options(), source.rooted))
    inner = scope.inside(field.fields or {}, source)
    key = _line_key(inner, spec.get("key"), f"{path}.key")
    lines = parse_lines(inner, spec["fields"], f"{path}.fields")
    return Line(
        field=name,
        names=tuple(name.split(".")),
        type="list",
        place=scope.place(node),
        written=_written(node),
        codec=codec("text", Options()),
        source=source,
        required=scope.flag(spec.get("required"), f"{path}.required"),
        part=Part(source, key, lines),
    )


def _line_key(scope: Scope, node: Node | None, path: str) -> LineKey | None:
    if node is None:
        return None
    if not isinstance(node.value, dict):
        source = scope.source(node, path)
        return LineKey(source, as_number=False, place=scope.place(node)) if source else None
    scope.keys(node, path, keys.LINE_KEY)
    if "path" not in node.map:
        scope.findings.add(node.where, path, "missing", "path")
        return None
    source = scope.source(node.map["path"], f"{path}.path")
    as_ = scope.choice(node.map.get("as"), f"{path}.as", keys.AS)
    return LineKey(source, as_ == "number", scope.place(node)) if source else None
