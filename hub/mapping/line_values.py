"""What a line says beside its paths: forms, enum tables, constants, references, currencies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from hub.mapping import keys
from hub.mapping.canonical import canonical, currency_code
from hub.mapping.codecs import EnumTable, Options, Unknown
from hub.mapping.document import Node
from hub.mapping.faults import Fault
from hub.mapping.lines import Currency
from hub.mapping.moments import Epoch, usable_format
from hub.mapping.scope import Scope
from hub.mapping.shape import ABSENT, Field, RefBy
from hub.mapping.tables import Table


def parse_options(scope: Scope, field: Field, node: Node, path: str) -> Options:
    spec = node.map
    if "format" in spec and "epoch" in spec:
        scope.findings.add(spec["epoch"].where, path, "two_forms")
    as_ = scope.choice(spec.get("as"), f"{path}.as", keys.AS)
    return Options(
        zone=scope.zone_of(spec.get("zone"), f"{path}.zone"),
        form=_format(scope, spec.get("format"), f"{path}.format"),
        epoch=cast(Epoch | None, scope.choice(spec.get("epoch"), f"{path}.epoch", keys.EPOCHS)),
        clean=scope.flag(spec.get("clean"), f"{path}.clean"),
        as_text=None if as_ is None else as_ == "text",
        enum=_words(scope, field, node, path),
        values=field.values or (),
    )


def lacks_zone(type_: str, options: Options) -> bool:
    """Whether it could only guess at the zone of a time: none is stated anywhere and the values carry none."""
    if options.zone is not None:
        return False
    carried = options.epoch is not None or (options.form is not None and "%z" in options.form)
    return not carried if type_ == "instant" else carried and type_ == "date"


def _format(scope: Scope, node: Node | None, path: str) -> str | None:
    if node is None:
        return None
    form = scope.text(node, path)
    if form and not usable_format(form):
        scope.findings.add(node.where, path, "format", form)
        return None
    return form or None


def _words(scope: Scope, field: Field, node: Node, path: str) -> EnumTable | None:
    """The line's own table or the shared one it names."""
    enum, lookup = node.map.get("enum"), node.map.get("lookup")
    unknown = scope.choice(node.map.get("unknown"), f"{path}.unknown", keys.UNKNOWN)
    if enum is not None and lookup is not None:
        scope.findings.add(lookup.where, f"{path}.lookup", "two_tables")
    if enum is None:
        table = scope.table(lookup, f"{path}.lookup") if lookup is not None else None
        return _shared(scope, field, table, cast(Unknown, unknown or table.unknown)) if table else None
    return _enum_table(scope, field, enum, f"{path}.enum", cast(Unknown, unknown or "fail"))


def _shared(scope: Scope, field: Field, table: Table, unknown: Unknown) -> EnumTable:
    return replace(_enum_table(scope, field, table.entries, "entries", unknown), name=table.name)


def _enum_table(scope: Scope, field: Field, table: Node, path: str, unknown: Unknown) -> EnumTable:
    if not isinstance(table.value, dict):
        scope.findings.add(table.where, path, "not_mapping", table.plain())
    inward: dict[str, Any] = {}
    outward: dict[Any, Any] = {}
    for text, node in table.map.items():
        ours = node.plain()
        if ours is not None and field.values and ours not in field.values:
            scope.findings.unknown(node.where, f"{path}.{text}", "enum_value", str(ours), field.values)
            continue
        try:
            inward[text] = canonical(field.type, ours)
        except Fault as fault:
            scope.fault(node, f"{path}.{text}", fault)
            continue
        if ours is not None:
            outward.setdefault(inward[text], table.keys[text])
    return EnumTable(inward, outward, unknown)


def parse_literal(scope: Scope, field: Field, ref: RefBy, node: Node | None, path: str) -> Any:
    if node is None:
        return ABSENT
    try:
        return canonical(field.type, node.plain(), values=field.values or (), ref=ref)
    except Fault as fault:
        scope.fault(node, path, fault)
        return ABSENT


def parse_ref(scope: Scope, field: Field, node: Node, path: str) -> RefBy:
    if field.type != "ref":
        return ("", "", "")
    spec = node.map
    for key in ("ref", "by"):
        if key not in spec:
            scope.findings.add(node.where, path, "missing", key)
            return ("", "", "")
    kind, by = scope.text(spec["ref"], f"{path}.ref"), scope.text(spec["by"], f"{path}.by")
    if field.ref is not None and kind != field.ref:
        scope.findings.add(spec["ref"].where, f"{path}.ref", "ref_differs", kind, type=field.ref)
    system = scope.text(spec["system"], f"{path}.system") if "system" in spec else ""
    return (kind, by, system)


def parse_currency(scope: Scope, node: Node, path: str, needed: bool) -> Currency | None:
    given = node.map.get("currency")
    if given is None:
        if needed:
            scope.findings.add(node.where, path, "missing", "currency")
        return None
    here = f"{path}.currency"
    table = _currency_words(scope, node, path)
    if not isinstance(given.value, dict):
        return Currency(scope.source(given, here), None, None, table)
    scope.keys(given, here, keys.CURRENCY)
    source = scope.source(given.map["path"], f"{here}.path") if "path" in given.map else None
    const = _code(scope, given.map.get("const"), f"{here}.const")
    if source is None and const is None:
        scope.findings.add(given.where, here, "missing", "path / const")
    return Currency(source, const, _code(scope, given.map.get("default"), f"{here}.default"), table)


def _currency_words(scope: Scope, node: Node, path: str) -> EnumTable | None:
    words, lookup = node.map.get("currency_enum"), node.map.get("currency_lookup")
    if words is not None and lookup is not None:
        scope.findings.add(lookup.where, f"{path}.currency_lookup", "two_tables")
    if words is not None:
        return _enum_table(scope, Field("text"), words, f"{path}.currency_enum", "pass")
    table = scope.table(lookup, f"{path}.currency_lookup") if lookup is not None else None
    return _shared(scope, Field("text"), table, "pass") if table else None


def _code(scope: Scope, node: Node | None, path: str) -> str | None:
    if node is None:
        return None
    try:
        return currency_code(node.plain())
    except Fault as fault:
        scope.fault(node, path, fault)
        return None
