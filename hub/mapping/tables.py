"""Look-up tables shared between mappings: a file says them once, `lookup: NAME` and `lookup(value, 'NAME')` use them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from hub.mapping import keys
from hub.mapping.codecs import Unknown, word
from hub.mapping.document import Load, Node, key_text, parse_document
from hub.mapping.faults import Fault, Findings, near
from hub.mapping.grammar import ExpressionError, Tree

TablesByName = Callable[[str], "Table"]

LOOKUP: Final = "lookup"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """`words` are the vendor's words with ours; `entries` the same with their places in the file."""

    name: str
    entries: Node
    words: Mapping[str, Any]
    unknown: Unknown

    def find(self, raw: Any, fallback: tuple[Any, ...] = ()) -> Any:
        """What the table says of a vendor's word. Raises ExpressionError."""
        try:
            text = word(raw)
        except Fault:
            raise ExpressionError("不是单个的值", "is not a single value") from None
        if text in self.words:
            return self.words[text]
        if fallback:
            return fallback[0]
        if self.unknown == "fail":
            raise ExpressionError(
                f"对照表 {self.name} 中没有 {text[:40]}：请补上它",
                f"table {self.name} has no {text[:40]!r}; add it there",
            )
        return raw if self.unknown == "pass" else None


class NoTable(LookupError):
    """There is no table of that name; `hints` (zh, en) name the nearest."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(name)
        self.name = name
        self.hints = near(name, known)


class Tables:
    """The tables one mapping uses, each read once."""

    def __init__(self, load: Load | None, findings: Findings) -> None:
        self._load = load
        self._findings = findings
        self.used: dict[str, Table] = {}

    def get(self, name: str) -> Table:
        """Raises NoTable. What is wrong inside the file is among the findings."""
        if name not in self.used:
            self.used[name] = parse_table(self._text(name), f"tables/{name}.yaml", name, self._findings)
        return self.used[name]

    def _text(self, name: str) -> str:
        if self._load is None:
            raise NoTable(name, ())
        try:
            return self._load(name)
        except LookupError as error:
            known = error.args[1] if len(error.args) > 1 else ()
            raise NoTable(name, known) from None

    def named(self, name: str) -> Table:
        """For expressions. Raises ExpressionError."""
        try:
            return self.get(name)
        except NoTable as error:
            zh, en = error.hints
            raise ExpressionError(f"没有对照表 {name}{zh}", f"there is no table {name}{en}") from None


def parse_table(text: str, file: str, name: str, findings: Findings) -> Table:
    """One table file; what is wrong with it is added to the findings. Raises MappingError when it is no YAML at all."""
    document = parse_document(text, file, findings)
    spec = document.map
    for key, node in spec.items():
        if key not in keys.TABLE:
            findings.unknown(node.where, key, "unknown_key", key, keys.TABLE)
    for key in keys.TABLE_NEEDED:
        if key not in spec:
            findings.add(document.where, key, "missing", key)
    if "table" in spec:
        _check_name(spec["table"], name, findings)
    unknown = spec.get("unknown")
    chosen = "fail" if unknown is None else "null" if unknown.value is None else str(unknown.value)
    if unknown is not None and chosen not in keys.UNKNOWN:
        findings.unknown(unknown.where, "unknown", "unknown_word", chosen, keys.UNKNOWN)
    entries = spec.get("entries") or Node({}, document.where)
    return Table(name, entries, _words(entries, findings), cast(Unknown, chosen))


def _check_name(node: Node, name: str, findings: Findings) -> None:
    if not isinstance(node.value, str) or not node.value:
        findings.add(node.where, "table", "not_text", node.plain())
    elif node.value != name:
        findings.add(node.where, "table", "table_name", node.value, name=name)


def _words(entries: Node, findings: Findings) -> dict[str, Any]:
    if not isinstance(entries.value, dict):
        findings.add(entries.where, "entries", "not_mapping", entries.plain())
    words: dict[str, Any] = {}
    for text, node in entries.map.items():
        if isinstance(node.value, dict | list) or node.value is None:
            findings.add(node.where, f"entries.{text}", "not_scalar", node.plain())
        else:
            words[text] = node.value
    return words


def said(table: Table) -> Any:
    """What a mapping's digest knows of a table it uses."""
    written = [[key_text(key), isinstance(key, str)] for key in table.entries.keys.values()]
    return [table.unknown, table.words, written]


def with_tables(tree: Tree, named: TablesByName | None) -> Tree:
    """The tree with the tables in the place of their names. Raises ExpressionError."""
    children = tree.get("children")
    if not isinstance(children, list | tuple):
        return tree
    made = [with_tables(child, named) if isinstance(child, dict) else child for child in children]
    if tree["type"] == "function_expression" and tree["value"] == LOOKUP and len(made) > 1:
        made[1] = {**made[1], "value": _table_at(made[1], named)}
    return {**tree, "children": made}


def _table_at(tree: Tree, named: TablesByName | None) -> Table:
    if tree["type"] != "literal" or not isinstance(tree["value"], str):
        raise ExpressionError(
            "函数 lookup 的第二个参数应为对照表的名称，例如 'units'", "lookup() takes a table's name, 'units'"
        )
    if named is None:
        raise ExpressionError("lookup 只能用在映射文件中", "lookup() works in mapping files only")
    return named(tree["value"])
