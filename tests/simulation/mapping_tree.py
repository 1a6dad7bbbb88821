"""A mapping file as a tree that tests may change, and back to text."""

import json
from dataclasses import dataclass
from decimal import Decimal

from hub.mapping.document import Node, Scalar, parse_document
from hub.mapping.faults import Findings


def tree_of(text: str) -> Node:
    return parse_document(text, "shipped", Findings())


def text_of(node: Node) -> str:
    """The tree as one line of YAML; keys and values keep their kind (1 is not "1")."""
    if isinstance(node.value, dict):
        pairs = (f"{_scalar(node.keys.get(name, name))}: {text_of(inner)}" for name, inner in node.value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(node.value, list):
        return "[" + ", ".join(map(text_of, node.value)) + "]"
    return _scalar(node.value)


def _scalar(value: Scalar) -> str:
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def leaf(value: Scalar) -> Node:
    return Node(value, ("shipped", 1))


@dataclass(frozen=True)
class Spot:
    """A line of the file: its name, and the map that holds it."""

    name: str
    holder: Node

    @property
    def node(self) -> Node:
        return self.holder.map[self.name]

    def long(self) -> Node:
        """The line in the long form."""
        if not isinstance(self.node.value, dict):
            self.holder.map[self.name] = Node({"path": leaf(self.node.plain())}, self.node.where)
        return self.node

    def path_key(self) -> str | None:
        return next((key for key in ("path", "in") if key in self.node.map), None)

    def path(self) -> str | None:
        if isinstance(self.node.value, str):
            return self.node.value
        key = self.path_key()
        return str(self.node.map[key].value) if key else None

    def set_path(self, path: str) -> None:
        self.long().map[self.path_key() or "path"] = leaf(path)


def spots(tree: Node) -> list[Spot]:
    found: list[Spot] = []

    def walk(fields: Node) -> None:
        for name, node in fields.map.items():
            found.append(Spot(name, fields))
            if "fields" in node.map:
                walk(node.map["fields"])

    walk(tree.map["fields"])
    return found
