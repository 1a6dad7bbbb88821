"""What a line says beside its paths: forms, enum tables, constants, references, currencies."""

from __future__ import annotations

from typing import Any, cast

from hub.mapping.canonical import canonical, currency_code
from hub.mapping.codecs import EnumTable, Options, Unknown
from hub.mapping.document import Node
from hub.mapping.faults import Fault
from hub.mapping.lines import Currency
from hub.mapping.moments import Epoch, usable_format
from hub.mapping.scope import Scope
from hub.mapping.shape import ABSENT, Field


def parse_options(scope: Scope, field: Field, node: Node, path: str) -> Options:
    spec = node.map
    if "format" in spec and "epoch" in spec:
        scope.findings.add(spec["epoch"].where, path, "two_forms")
    as_ = scope.choice(spec.get("as"), f"{path}.as", ("text", "number"))
    return Options(
        zone=scope.zone_of(spec.get("zone"), f"{path}.zone"),
        form=_format(scope, spec.get("format"), f"{path}.format"),
        epoch=cast(Epoch | None, scope.choice(spec.get("epoch"), f"{path}.epoch", ("ms", "s"))),
        clean=scope.flag(spec.get("clean"), f"{path}.clean"),
        as_text=None if as_ is None else as_ == "text",
        enum=_enum(scope, field, node, path) if "enum" in spec else None,
        values=field.values or (),
    )


def _format(scope: Scope, node: Node | None, path: str) -> str | None:
    if node is None:
        return None
    form = scope.text(node, path)
    if form and not usable_format(form):
        scope.findings.add(node.where, path, "format", form)
        return None
    return form or None


def _enum(scope: Scope, field: Field, node: Node, path: str) -> EnumTable | None:
    table = node.map["enum"]
    if not isinstance(table.value, dict):
        scope.findings.add(table.where, f"{path}.enum", "not_mapping", table.plain())
        return None
    unknown = scope.choice(node.map.get("unknown"), f"{path}.unknown", ("fail", "pass", "null")) or "fail"
    return _enum_table(scope, field, table, f"{path}.enum", cast(Unknown, unknown))


def _enum_table(scope: Scope, field: Field, table: Node, path: str, unknown: Unknown) -> EnumTable:
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


def parse_literal(scope: Scope, field: Field, ref: tuple[str, str], node: Node | None, path: str) -> Any:
    if node is None:
        return ABSENT
    try:
        return canonical(field.type, node.plain(), values=field.values or (), ref=ref)
    except Fault as fault:
        scope.fault(node, path, fault)
        return ABSENT


def parse_ref(scope: Scope, field: Field, node: Node, path: str) -> tuple[str, str]:
    if field.type != "ref":
        return ("", "")
    spec = node.map
    for key in ("ref", "by"):
        if key not in spec:
            scope.findings.add(node.where, path, "missing", key)
            return ("", "")
    kind, by = scope.text(spec["ref"], f"{path}.ref"), scope.text(spec["by"], f"{path}.by")
    if field.ref is not None and kind != field.ref:
        scope.findings.add(spec["ref"].where, f"{path}.ref", "ref_differs", kind, type=field.ref)
    return (kind, by)


def parse_currency(scope: Scope, node: Node, path: str, needed: bool) -> Currency | None:
    given = node.map.get("currency")
    if given is None:
        if needed:
            scope.findings.add(node.where, path, "missing", "currency")
        return None
    here = f"{path}.currency"
    table = None
    if "currency_enum" in node.map:
        words = node.map["currency_enum"]
        table = _enum_table(scope, Field("text"), words, f"{path}.currency_enum", "pass")
    if not isinstance(given.value, dict):
        return Currency(scope.source(given, here), None, None, table)
    scope.keys(given, here, ("path", "const", "default"))
    source = scope.source(given.map["path"], f"{here}.path") if "path" in given.map else None
    const = _code(scope, given.map.get("const"), f"{here}.const")
    if source is None and const is None:
        scope.findings.add(given.where, here, "missing", "path / const")
    return Currency(source, const, _code(scope, given.map.get("default"), f"{here}.default"), table)


def _code(scope: Scope, node: Node | None, path: str) -> str | None:
    if node is None:
        return None
    try:
        return currency_code(node.plain())
    except Fault as fault:
        scope.fault(node, path, fault)
        return None
