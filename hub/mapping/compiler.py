"""From the text of a mapping file to a CompiledMapping, or everything that is wrong with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from typing import Any, Literal, cast

from hub.mapping import keys
from hub.mapping.codecs import Options
from hub.mapping.compare import Overlay, RecordDiffer
from hub.mapping.compiled import CompiledMapping, Constant
from hub.mapping.document import Load, Node, load_document
from hub.mapping.faults import Findings, MappingError, Place
from hub.mapping.heads import Head
from hub.mapping.line_parser import parse_lines
from hub.mapping.lines import Line, Only, ref_lines
from hub.mapping.moments import zone_named
from hub.mapping.paths import Source
from hub.mapping.projection import keep_tree, line_paths
from hub.mapping.reader import compile_steps
from hub.mapping.reads import Path
from hub.mapping.scope import Scope, StreamPaths
from hub.mapping.shape import CUSTOM, Match, Pair, Shape, StreamSchema
from hub.mapping.tables import Tables, said
from hub.mapping.targets import check_targets
from hub.mapping.writer import compile_writes

Kinds = Callable[[str], Shape | None]


def compile_mapping(
    text: str,
    *,
    kinds: Kinds,
    file: str,
    zone: str = "Asia/Shanghai",
    schema: StreamSchema | None = None,
    load: Load | None = None,
    table: Load | None = None,
) -> CompiledMapping:
    """Check and compile one mapping file. Raises MappingError with every problem found, each with its line.
    `load` and `table` give the text of a mapping it extends and of a look-up table, by name; LookupError when there is
    none, whose second argument may be the names there are."""
    findings = Findings()
    document = load_document(text, file, load, findings)
    shape = _shape(document, kinds, findings)
    tables = Tables(table, findings)
    local = _zone(zone, document, findings)
    scope = Scope(shape.kind, shape.fields, findings, local, StreamPaths(schema), file, tables)
    scope.keys(document, "", keys.TOP)
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
    for key in keys.TOP_NEEDED:
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
        digest=_digest(document, scope.tables),
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


def _digest(document: Node, tables: Tables) -> str:
    """The same for two files that differ in comments, layout, description or tests only; with the tables they use."""
    spoken = {key: _spoken(node) for key, node in document.map.items() if key not in ("tests", "description")}
    shared = {name: said(table) for name, table in sorted(tables.used.items())}
    return hashlib.sha256(json.dumps([spoken, shared], ensure_ascii=False, default=repr).encode()).hexdigest()


def _spoken(node: Node) -> Any:
    """As `plain`, but `1` and `"1"` differ as keys, too: outward an enum's words are written as they stand."""
    if isinstance(node.value, dict):
        keys = node.keys
        return [[key, isinstance(keys.get(key, key), str), _spoken(inner)] for key, inner in node.value.items()]
    return [_spoken(item) for item in node.value] if isinstance(node.value, list) else node.value


def _head(scope: Scope, document: Node) -> Head:
    spec = document.map
    names = {
        name: source
        for name, node in (spec["names"].map.items() if "names" in spec else ())
        if (source := scope.source(node, f"names.{name}")) is not None
    }
    if "names" in spec and not isinstance(spec["names"].value, dict):
        scope.findings.add(spec["names"].where, "names", "not_mapping", spec["names"].plain())
    version = _optional(scope, spec, "version")
    if version is not None and version.names is not None:
        _check_version(scope, spec["version"], version.names)
    nothing = Source("", lambda _here, _whole: None, (), None, rooted=False)
    return Head(
        key=scope.source(spec["key"], "key") or nothing,
        names=names,
        reference=scope.target(spec["reference"], "reference") if "reference" in spec else None,
        version=version,
        deleted=_optional(scope, spec, "deleted"),
        where=_optional(scope, spec, "where"),
        zone=scope.zone,
        places=_places(scope, spec),
    )


def _check_version(scope: Scope, node: Node, names: Path) -> None:
    scope.check_word(names, node, "version", ("text", Options(), False))
    if scope.zone is None and scope.stream.word(".".join(names)) == "instant":
        scope.findings.add(node.where, "version", "no_zone")


def _places(scope: Scope, spec: dict[str, Node]) -> dict[str, Place]:
    heads = {key: node for key, node in spec.items() if key in ("key", "version", "deleted", "where", "reference")}
    inside = {f"{key}.{name}": node for key in ("names", "constants") for name, node in _inside(spec, key)}
    return {name: scope.place(node) for name, node in {**inside, **heads}.items()}


def _inside(spec: dict[str, Node], key: str) -> Iterable[tuple[str, Node]]:
    return spec[key].map.items() if key in spec else ()


def _optional(scope: Scope, spec: dict[str, Node], key: str) -> Source | None:
    return scope.source(spec[key], key) if key in spec else None


def _constants(scope: Scope, node: Node | None) -> tuple[Constant, ...]:
    made: list[Constant] = []
    if node is not None and not isinstance(node.value, dict):
        scope.findings.add(node.where, "constants", "not_mapping", node.plain())
    for text, inner in node.map.items() if node is not None else ():
        path = f"constants.{text}"
        names = scope.target(Node(text, inner.where), path)
        only: str | None = "create"
        value = inner
        if isinstance(inner.value, dict):
            scope.keys(inner, path, keys.CONSTANT)
            only = scope.choice(inner.map.get("only"), f"{path}.only", keys.CONSTANT_ONLY) or only
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
        scope.keys(node, "match", keys.MATCH)
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
    if node is not None and not isinstance(node.value, list):
        scope.findings.add(node.where, "tests", "not_list", node.plain())
    for index, item in enumerate(node.items if node is not None else ()):
        path = f"tests[{index}]"
        scope.keys(item, path, keys.TEST)
        way = scope.choice(item.map.get("way"), f"{path}.way", keys.WAYS) or "both"
        parts: dict[str, dict[str, Any]] = {}
        for key in keys.TEST_NEEDED:
            inner = item.map.get(key)
            if inner is None or not isinstance(inner.value, dict):
                scope.findings.add(item.where, f"{path}.{key}", "missing", key)
            else:
                parts[key] = inner.plain()
        if len(parts) == 2:
            creating = scope.flag(item.map.get("creating"), f"{path}.creating")
            known = cast(Literal["both", "in", "out"], way)
            yield Pair(parts["record"], parts["entity"], known, creating, item.where[1], path)
