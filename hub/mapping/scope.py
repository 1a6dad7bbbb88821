"""What one level of a mapping file is checked against: the kind's fields and the stream's paths."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from fnmatch import fnmatchcase
from typing import Final, cast

from hub.mapping.codecs import Options
from hub.mapping.document import Node
from hub.mapping.expression import Expression, parse_expression
from hub.mapping.faults import Fault, Findings, Place
from hub.mapping.grammar import ExpressionError
from hub.mapping.keys import FLAGS
from hub.mapping.moments import zone_named
from hub.mapping.path_types import clash
from hub.mapping.paths import Source, dotted, parse_source
from hub.mapping.reads import Path
from hub.mapping.shape import CUSTOM, FIELD_TYPES, Field, FieldType, StreamSchema
from hub.mapping.tables import NoTable, Table, Tables

_FREE: Final = frozenset({"object", "any", "json"})


class StreamPaths:
    """The paths a stream declares, with everything above them; without a schema nothing is checked. A last part with a
    star (`*__c`, `lines[].*__c`) stands for the fields a customer of the vendor adds by the vendor's naming rule."""

    def __init__(self, schema: StreamSchema | None) -> None:
        self.checked = schema is not None
        self.known: set[str] = set()
        self.free: set[str] = set()
        self.added = tuple(path for path in schema or {} if "*" in path)
        for path, type_ in (schema or {}).items():
            if path in self.added:
                continue
            parts = path.split(".")
            above = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
            self.known |= above | {part.removesuffix("[]") for part in above}
            if type_ in _FREE:
                self.free.add(path.removesuffix("[]"))
        self.words = dict(_words(schema or {}))
        self.free -= {path.rpartition(".")[0].removesuffix("[]") for path in self.known}

    def has(self, path: str) -> bool:
        if not self.checked or path in self.known:
            return True
        return any(path.startswith((f"{free}.", f"{free}[]")) for free in self.free) or self._added(path)

    def word(self, path: str) -> str | None:
        """What the stream says stands there: a type word, also of what lies above its paths; None when it does not."""
        return self.words.get(path)

    def _added(self, path: str) -> bool:
        above, _, name = path.rpartition(".")
        rules = (rule.rpartition(".") for rule in self.added)
        return any(above == over and fnmatchcase(name, pattern) for over, _, pattern in rules)


def _words(schema: StreamSchema) -> Iterator[tuple[str, str]]:
    for path in schema:
        parts = path.split(".")
        for length in range(1, len(parts) + 1):
            above = ".".join(parts[:length])
            if above.endswith("[]"):
                yield above.removesuffix("[]"), "list"
            elif length < len(parts):
                yield above, "object"
    yield from ((path, word) for path, word in schema.items() if "*" not in path and not path.endswith("[]"))


def field_names(fields: Mapping[str, Field], prefix: str = "") -> Iterator[str]:
    for name, field in fields.items():
        if field.type == "object":
            yield from field_names(field.fields or {}, f"{prefix}{name}.")
        else:
            yield prefix + name


@dataclass(frozen=True, slots=True)
class Scope:
    """`prefix` is where the level stands in the stream's schema: empty, or `FSaleOrderEntry[].`."""

    kind: str
    fields: Mapping[str, Field]
    findings: Findings
    zone: tzinfo | None
    stream: StreamPaths
    file: str
    tables: Tables
    prefix: str = ""

    def place(self, node: Node) -> Place:
        file, line = node.where
        return Place(file, line, "" if file == self.file else file)

    def inside(self, fields: Mapping[str, Field], each: Source) -> Scope:
        stream = self.stream if each.names else StreamPaths(None)
        return replace(self, fields=fields, stream=stream, prefix=f"{self.prefix}{dotted(each.names or ())}[].")

    def field(self, name: str, node: Node, path: str) -> Field | None:
        """The kind's field of that dotted name; for `custom.x` the one its line declares."""
        head, _, rest = name.partition(".")
        if head == CUSTOM and rest:
            return self._custom_field(node, path)
        found = self.fields.get(head)
        for part in rest.split(".") if rest else ():
            found = (found.fields or {}).get(part) if found else None
        if found is None:
            known = field_names(self.fields)
            self.findings.unknown(node.where, path, "unknown_field", name, known, kind=self.kind)
        elif found.type == "object":
            inner = next(iter(found.fields or {"…": found}))
            self.findings.add(node.where, path, "object_field", name, example=f"{name}.{inner}")
            return None
        return found

    def _custom_field(self, node: Node, path: str) -> Field | None:
        type_ = node.map["type"].value if "type" in node.map else None
        if type_ not in FIELD_TYPES or type_ in ("list", "object"):
            self.findings.add(node.where, path, "custom_type")
            return None
        return Field(cast(FieldType, type_))

    def text(self, node: Node, path: str) -> str:
        """The node's text; a finding and "" where it is something else or nothing."""
        if isinstance(node.value, str) and node.value:
            return node.value
        self.findings.add(node.where, path, "empty_text" if node.value == "" else "not_text", node.plain())
        return ""

    def flag(self, node: Node | None, path: str) -> bool:
        if node is None:
            return False
        if not isinstance(node.value, str | bool) or node.value not in FLAGS:
            self.findings.add(node.where, path, "not_flag", node.plain())
            return False
        return FLAGS[node.value]

    def choice(self, node: Node | None, path: str, known: Collection[str]) -> str | None:
        if node is None:
            return None
        word = "null" if node.value is None else node.value
        if not isinstance(word, str) or word not in known:
            self.findings.unknown(node.where, path, "unknown_word", str(node.plain()), known)
            return None
        return word

    def keys(self, node: Node, path: str, known: Collection[str]) -> None:
        for key, inner in {**node.removed, **node.map}.items():
            if key not in known:
                self.findings.unknown(inner.where, f"{path}.{key}".strip("."), "unknown_key", key, known)

    def source(self, node: Node, path: str) -> Source | None:
        text = self.text(node, path)
        if not text:
            return None
        try:
            source = parse_source(text, self.tables.named)
        except ExpressionError as error:
            self.findings.add(node.where, path, "expression_text", text, zh=error.zh, en=str(error))
            return None
        for names in source.reads:
            self.check_path(names, node, path, source.rooted)
        return source

    def target(self, node: Node, path: str) -> Path | None:
        """A path that can be written."""
        source = self.source(node, path)
        if source is not None and (source.names is None or source.rooted):
            self.findings.add(node.where, path, "not_path", source.text)
            return None
        return source.names if source else None

    def expression(self, node: Node | None, path: str) -> Expression | None:
        """An expression over something else than this stream's record: its paths are not checked."""
        text = self.text(node, path) if node is not None else ""
        if node is None or not text:
            return None
        try:
            return parse_expression(text, tables=self.tables.named)
        except ExpressionError as error:
            self.findings.add(node.where, path, "expression_text", text, zh=error.zh, en=str(error))
            return None

    def table(self, node: Node, path: str) -> Table | None:
        name = self.text(node, path)
        try:
            return self.tables.get(name) if name else None
        except NoTable as error:
            zh, en = error.hints
            self.findings.add(node.where, path, "unknown_table", name, hint_zh=zh, hint_en=en)
            return None

    def zone_of(self, node: Node | None, path: str) -> tzinfo | None:
        if node is None:
            return self.zone
        name = self.text(node, path)
        try:
            return zone_named(name) if name else self.zone
        except (KeyError, ValueError, OSError):
            self.findings.add(node.where, path, "zone_name", name)
            return self.zone

    def check_path(self, names: Path, node: Node, path: str, rooted: bool = False) -> None:
        written = ("" if rooted else self.prefix) + dotted(names)
        if names and not self.stream.has(written):
            self.findings.unknown(node.where, path, "unknown_path", written, sorted(self.stream.known))

    def check_word(self, names: Path, node: Node, path: str, taken: tuple[FieldType, Options, bool]) -> None:
        """The line takes the path for what the stream says it is. `taken`: as what, how, and from the whole record."""
        type_, options, rooted = taken
        written = ("" if rooted else self.prefix) + dotted(names)
        word = self.stream.word(written)
        rule = clash(type_, word, options)
        if rule is not None:
            self.findings.add(node.where, path, rule, written, word=str(word), type=type_)

    def fault(self, node: Node, path: str, fault: Fault) -> None:
        """A value the author wrote breaks a rule of its type."""
        text = node.plain()
        self.findings.add(node.where, path, fault.rule, text, **{"zh": "", "en": "", "form": "", **fault.detail})
