"""A mapping file as a tree that remembers its lines: YAML without surprises, and `extends`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import yaml

from hub.mapping.faults import Findings, MappingError

Scalar = str | int | bool | Decimal | None
Where = tuple[str, int]
Load = Callable[[str], str]

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
MAX_BASES: Final = 8

# libyaml reads a mapping file fifteen times as fast.
_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
# Not YAML 1.1's list: there `NO`, `on` and 12:30 would stop being the vendor's words.
_CONSTANTS: Final[dict[str, Scalar]] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(slots=True)
class Node:
    """`keys` holds the keys as written (1, true, "1") beside their text; `removed` what a file over another set null."""

    value: Scalar | dict[str, Node] | list[Node]
    where: Where
    keys: dict[str, Scalar] = field(default_factory=dict)
    removed: dict[str, Node] = field(default_factory=dict)

    @property
    def map(self) -> dict[str, Node]:
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        return self.value if isinstance(self.value, list) else []

    def plain(self) -> Any:
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def scalar(text: str) -> Scalar:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text


def key_text(key: Scalar) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(key)


def _scalar_of(raw: yaml.Node) -> Scalar:
    text = str(raw.value)
    quoted = isinstance(raw, yaml.ScalarNode) and raw.style
    return text if quoted else scalar(text)


class _Builder:
    def __init__(self, file: str, findings: Findings) -> None:
        self.file = file
        self.findings = findings
        self.seen: set[int] = set()

    def node(self, raw: yaml.Node, path: str, depth: int = 0) -> Node:
        where = (self.file, raw.start_mark.line + 1)
        if depth > MAX_DEPTH:
            self.findings.add(where, path, "too_large")
            self.findings.raise_any()
        if id(raw) in self.seen:
            self.findings.add(where, path, "yaml", zh="不支持锚点与别名", en="anchors are not used here")
            self.findings.raise_any()
        self.seen.add(id(raw))
        if isinstance(raw, yaml.MappingNode):
            return self.mapping(raw, where, path, depth)
        if isinstance(raw, yaml.SequenceNode):
            parts = enumerate(raw.value)
            return Node([self.node(item, f"{path}[{index}]", depth + 1) for index, item in parts], where)
        return Node(_scalar_of(raw), where)

    def mapping(self, raw: yaml.MappingNode, where: Where, path: str, depth: int) -> Node:
        result = Node({}, where)
        for raw_key, raw_value in raw.value:
            if not isinstance(raw_key, yaml.ScalarNode):
                self.findings.add(where, path, "not_text", "?")
                continue
            key = _scalar_of(raw_key)
            text = key_text(key)
            inner = f"{path}.{text}" if path else text
            line = (self.file, raw_key.start_mark.line + 1)
            if text in result.map:
                self.findings.add(line, inner, "duplicate", text)
            result.keys[text] = key
            result.map[text] = self.node(raw_value, inner, depth + 1)
            result.map[text].where = line  # a value that begins below its key is sought at the key
        return result


def _check_depth(text: str) -> None:
    """libyaml's composer calls itself for each level, and would end the process where there are too many."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > 2 * MAX_DEPTH:
            raise RecursionError


def parse_document(text: str, file: str, findings: Findings) -> Node:
    """The tree of one file. Raises MappingError when it is no YAML mapping at all."""
    if len(text) > MAX_BYTES:
        findings.add((file, 1), "", "too_large")
        findings.raise_any()
    try:
        _check_depth(text)
        raw = yaml.compose(text, Loader=_LOADER)  # composes nodes, constructs nothing
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        mark = getattr(error, "problem_mark", None)
        said = str(getattr(error, "problem", None) or error)
        findings.add((file, mark.line + 1 if mark else 1), "", "yaml", zh=said, en=said)
        raise MappingError(findings.problems) from None
    except RecursionError:
        findings.add((file, 1), "", "too_large")
        raise MappingError(findings.problems) from None
    if not isinstance(raw, yaml.MappingNode):
        findings.add((file, 1), "", "not_mapping", "" if raw is None else str(raw.value))
        raise MappingError(findings.problems)
    return _Builder(file, findings).node(raw, "")


def _merged(base: Node, over: Node, deep: bool) -> Node:
    """`over` laid on `base`; null removes. `deep` lines with fields of their own are merged field by field."""
    result = Node(dict(base.map), over.where, {**base.keys, **over.keys})
    for key, node in over.map.items():
        known = result.map.get(key)
        if node.value is None:
            result.map.pop(key, None)
            result.removed[key] = node
        elif deep and known is not None and "fields" in known.map and _is_mapping(node.map.get("fields")):
            line = Node({**known.map, **node.map}, node.where, {**known.keys, **node.keys})
            line.map["fields"] = _merged(known.map["fields"], node.map["fields"], deep=True)
            result.map[key] = line
        else:
            result.map[key] = node
    return result


def _is_mapping(node: Node | None) -> bool:
    return node is not None and isinstance(node.value, dict)


_MERGED: Final = {"fields": True, "names": False, "constants": False}
_OWN: Final = ("mapping", "tests", "description")


def _overlaid(base: Node, over: Node) -> Node:
    kept = {key: node for key, node in base.map.items() if key not in _OWN}
    result = Node(kept, over.where, {**base.keys, **over.keys})
    for key, node in over.map.items():
        if node.value is None:
            result.map.pop(key, None)
            result.removed[key] = node
        elif key in _MERGED and key in kept and _is_mapping(node):
            result.map[key] = _merged(kept[key], node, _MERGED[key])
        elif key != "extends":
            result.map[key] = node
    result.map.pop("extends", None)
    return result


def load_document(text: str, file: str, load: Load | None, findings: Findings) -> Node:
    """The file with everything it extends laid beneath it."""
    chain = [parse_document(text, file, findings)]
    names: list[str] = []
    while (extends := chain[-1].map.get("extends")) is not None:
        name = str(extends.value)
        if name in names or len(names) >= MAX_BASES:
            findings.add(extends.where, "extends", "extends_loop", name)
            raise MappingError(findings.problems)
        names.append(name)
        try:
            if load is None:
                raise LookupError(name)
            base = load(name)
        except (LookupError, OSError):
            findings.add(extends.where, "extends", "extends", name)
            raise MappingError(findings.problems) from None
        chain.append(parse_document(base, name, findings))
    result = chain.pop()
    while chain:
        result = _overlaid(result, chain.pop())
    return result
