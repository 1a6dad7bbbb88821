"""From the text of a mapping file to a CompiledMapping, or everything that is wrong with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from typing import Any, Final, Literal, cast

from hub.mapping.compare import Overlay, RecordDiffer
from hub.mapping.compiled import CompiledMapping, Constant, Head
from hub.mapping.document import Load, Node, load_document
from hub.mapping.faults import Findings, MappingError
from hub.mapping.line_parser import parse_lines
from hub.mapping.lines import Line, Only, ref_lines
from hub.mapping.moments import zone_named
from hub.mapping.paths import Source
from hub.mapping.projection import keep_tree, line_paths
from hub.mapping.reader import compile_steps
from hub.mapping.reads import Path
from hub.mapping.scope import Scope, StreamPaths
from hub.mapping.shape import CUSTOM, Match, Pair, Shape, StreamSchema
from hub.mapping.targets import check_targets
from hub.mapping.writer import compile_writes

Kinds = Callable[[str], Shape | None]

_KEYS: Final = frozenset(
    {"mapping", "kind", "key", "names", "reference", "version", "deleted", "where", "match", "fields"}
    | {"tests", "extends", "constants", "description"}
)
_TEST_KEYS: Final = frozenset({"record", "entity", "way", "creating", "name"})


def compile_mapping(
    text: str,
    *,
    kinds: Kinds,
    file: str,
    zone: str = "Asia/Shanghai",
    schema: StreamSchema | None = None,
    load: Load | None = None,
) -> CompiledMapping:
    """Check and compile one mapping file. Raises MappingError with every problem found, each with its line."""
    findings = Findings()
    document = load_document(text, file, load, findings)
    shape = _shape(document, kinds, findings)
    scope = Scope(shape.kind, shape.fields, findings, _zone(zone, document, findings), StreamPaths(schema))
    scope.keys(document, "", _KEYS)
    mapping = _assemble(scope, document)
    findings.raise_any()
    return mapping


def _zone(name: str, document: Node, findings: Findings) -> tzinfo | None:
    try:
        return zone_named(name)
    except (KeyError, ValueError, OSError):
        findings.add(document.where, "zone", "zone_name", name)
        return None


def _shape(document: Node, kinds: Kinds, findings: Findings) -> Shape:
    for key in ("mapping", "kind", "key", "fields"):
        if key not in document.map:
            findings.add(document.where, key, "missing", key)
    findings.raise_any()
    node = document.map["kind"]
    shape = kinds(node.value) if isinstance(node.value, str) else None
    if shape is None:
        findings.add(node.where, "kind", "unknown_kind", str(node.plain()))
        raise MappingError(findings.problems)
    return shape


def _assemble(scope: Scope, document: Node) -> CompiledMapping:
    spec = document.map
    head = _head(scope, document)
    lines = parse_lines(scope, spec["fields"], "fields")
    constants = _constants(scope, spec.get("constants"))
    fixed = {constant.names: "constants" for constant in constants}
    if head.reference is not None:
        fixed.setdefault(head.reference, "reference")
    check_targets(scope.findings, lines, fixed, spec["fields"].where)
    fields_in = frozenset(line.field for line in lines if line.inward)
    return CompiledMapping(
        name=scope.text(spec["mapping"], "mapping"),
        kind=scope.kind,
        digest=_digest(document),
        match=_match(scope, spec.get("match"), fields_in),
        refs=tuple(ref_lines(lines)),
        fields_in=fields_in,
        fields_out=frozenset(_fields_out(lines)),
        tests=tuple(_tests(scope, spec.get("tests"))),
        file=document.where[0],
        lines=lines,
        constants=constants,
        head=head,
        steps=compile_steps(lines),
        writes=compile_writes(lines),
        differ=RecordDiffer(lines, [constant.names for constant in constants]),
        over=Overlay(lines),
        keep=keep_tree(_kept(head, lines, constants)),
    )


def _digest(document: Node) -> str:
    """The same for two files that differ in comments, layout, description or tests only."""
    plain = {key: node for key, node in document.plain().items() if key not in ("tests", "description")}
    return hashlib.sha256(json.dumps(plain, ensure_ascii=False, default=str).encode()).hexdigest()


def _head(scope: Scope, document: Node) -> Head:
    spec = document.map
    names = {
        name: source
        for name, node in (spec["names"].map.items() if "names" in spec else ())
        if (source := scope.source(node, f"names.{name}")) is not None
    }
    if "names" in spec and not isinstance(spec["names"].value, dict):
        scope.findings.add(spec["names"].where, "names", "not_mapping", spec["names"].plain())
    nothing = Source("", lambda _here, _whole: None, (), None, rooted=False)
    return Head(
        key=scope.source(spec["key"], "key") or nothing,
        names=names,
        reference=scope.target(spec["reference"], "reference") if "reference" in spec else None,
        version=_optional(scope, spec, "version"),
        deleted=_optional(scope, spec, "deleted"),
        where=_optional(scope, spec, "where"),
        zone=scope.zone,
    )


def _optional(scope: Scope, spec: dict[str, Node], key: str) -> Source | None:
    return scope.source(spec[key], key) if key in spec else None


def _constants(scope: Scope, node: Node | None) -> tuple[Constant, ...]:
    made: list[Constant] = []
    for text, inner in node.map.items() if node is not None else ():
        path = f"constants.{text}"
        names = scope.target(Node(text, inner.where), path)
        only: str | None = "create"
        value = inner
        if isinstance(inner.value, dict):
            scope.keys(inner, path, ("value", "only"))
            only = scope.choice(inner.map.get("only"), f"{path}.only", ("create", "change", "always")) or only
            value = inner.map.get("value", Node(None, inner.where))
        if isinstance(value.value, dict | list) or value.value is None:
            scope.findings.add(value.where, path, "missing", "value")
        elif names is not None:
            made.append(Constant(names, value.value, cast(Only | None, None if only == "always" else only)))
    return tuple(made)


def _match(scope: Scope, node: Node | None, fields_in: frozenset[str]) -> tuple[Match, ...]:
    if node is None:
        return ()
    if not isinstance(node.value, list):
        scope.findings.add(node.where, "match", "not_list", node.plain())
    return tuple(match for item in node.items for match in _one_match(scope, item, fields_in))


def _one_match(scope: Scope, node: Node, fields_in: frozenset[str]) -> Iterator[Match]:
    weak = "weak" in node.map
    if isinstance(node.value, dict):
        scope.keys(node, "match", ("weak",))
        node = node.map.get("weak", node)
    names = [str(item.plain()) for item in node.items] or [str(node.plain())]
    for name in names:
        if name not in fields_in:
            scope.findings.unknown(node.where, "match", "match_field", name, sorted(fields_in))
    yield Match(tuple(names), weak)


def _fields_out(lines: Iterable[Line]) -> Iterator[str]:
    """The entity's fields a change of which may change the record."""
    for line in lines:
        if not line.outward:
            continue
        expressions = [target.value for target in line.targets] + [line.when_entity]
        if line.part is not None or any(target.value is None for target in line.targets):
            yield line.field
        for expression in expressions:
            for path in expression.reads if expression else ():
                yield ".".join(path[:2] if path[:1] == (CUSTOM,) else path[:1])


def _kept(head: Head, lines: Iterable[Line], constants: Iterable[Constant]) -> set[Path]:
    sources = [head.key, *head.names.values(), head.version, head.deleted, head.where]
    found = {path for source in sources if source is not None for path in source.reads}
    if head.reference is not None:
        found.add(head.reference)
    return found | {constant.names for constant in constants} | line_paths(lines)


def _tests(scope: Scope, node: Node | None) -> Iterator[Pair]:
    for index, item in enumerate(node.items if node is not None else ()):
        path = f"tests[{index}]"
        scope.keys(item, path, _TEST_KEYS)
        way = scope.choice(item.map.get("way"), f"{path}.way", ("both", "in", "out")) or "both"
        parts: dict[str, dict[str, Any]] = {}
        for key in ("record", "entity"):
            inner = item.map.get(key)
            if inner is None or not isinstance(inner.value, dict):
                scope.findings.add(item.where, f"{path}.{key}", "missing", key)
            else:
                parts[key] = inner.plain()
        if len(parts) == 2:
            creating = scope.flag(item.map.get("creating"), f"{path}.creating")
            known = cast(Literal["both", "in", "out"], way)
            yield Pair(parts["record"], parts["entity"], known, creating, item.where[1], path)
