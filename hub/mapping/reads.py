"""Which paths of its input an expression looks at, found without running it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any, Final

from hub.mapping.grammar import Tree
from hub.mapping.shape import ABSENT

Path = tuple[str, ...]
Places = frozenset[Path]

NOWHERE: Final[Places] = frozenset()


class _Reads:
    """Follows where a value may stand; what is looked at as a whole ends up in `found`."""

    def __init__(self) -> None:
        self.found: set[Path] = set()

    def follow(self, tree: Tree, here: Places) -> Places:
        return _FOLLOW.get(tree["type"], _Reads.consume)(self, tree, here)

    def consume(self, tree: Tree, here: Places) -> Places:
        """Anything that looks at its parts and makes a new value of them."""
        for child in tree["children"]:
            self.found |= self.follow(child, here)
        return NOWHERE

    def field(self, tree: Tree, here: Places) -> Places:
        return frozenset((*place, tree["value"]) for place in here)

    def stay(self, tree: Tree, here: Places) -> Places:
        return here

    def nothing(self, tree: Tree, here: Places) -> Places:
        return NOWHERE

    def elements(self, tree: Tree, here: Places) -> Places:
        """A part of a list: the list is read whole, and its elements stand nowhere we can name."""
        self.found |= here
        return NOWHERE

    def sequence(self, tree: Tree, here: Places) -> Places:
        for child in tree["children"]:
            here = self.follow(child, here)
        return here

    def project(self, tree: Tree, here: Places) -> Places:
        base, *inner = tree["children"]
        self.found |= self.follow(base, here)
        for child in inner:
            self.follow(child, NOWHERE)
        return NOWHERE

    def either(self, tree: Tree, here: Places) -> Places:
        left, right = (self.follow(child, here) for child in tree["children"])
        self.found |= left
        return left | right

    def expref(self, tree: Tree, here: Places) -> Places:
        self.follow(tree["children"][0], NOWHERE)
        return NOWHERE


_FOLLOW: Final[Mapping[str, Callable[[_Reads, Tree, Places], Places]]] = {
    "and_expression": _Reads.either,
    "current": _Reads.stay,
    "expref": _Reads.expref,
    "field": _Reads.field,
    "filter_projection": _Reads.project,
    "identity": _Reads.stay,
    "index": _Reads.elements,
    "index_expression": _Reads.sequence,
    "literal": _Reads.nothing,
    "or_expression": _Reads.either,
    "pipe": _Reads.sequence,
    "projection": _Reads.project,
    "slice": _Reads.elements,
    "subexpression": _Reads.sequence,
    "value_projection": _Reads.project,
}


def present(record: Any, names: Path) -> bool:
    for name in names:
        if not isinstance(record, dict) or name not in record:
            return record is None
        record = record[name]
    return True


def take(record: Any, names: Path) -> Any:
    """The value at a path, ABSENT when any part of it is not there."""
    for name in names:
        if not isinstance(record, dict) or name not in record:
            return ABSENT
        record = record[name]
    return record


def shortest(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The paths without those that lie under another of them."""
    known = set(paths)
    return tuple(sorted(path for path in known if not any(path[:length] in known for length in range(len(path)))))


def paths_read(tree: Tree) -> tuple[Path, ...]:
    reads = _Reads()
    reads.found |= reads.follow(tree, frozenset({()}))
    return shortest(reads.found)


def copies(tree: Tree) -> int:
    """How often the result may hold what the expression is given, at most."""
    type_, children = tree["type"], [child for child in tree["children"] if isinstance(child, dict)]
    each = [copies(child) for child in children]
    if type_ in _CHOOSING:
        return max(each)
    if type_ == "filter_projection":
        return each[0] * each[1]
    if type_ in _GATHERING:
        return sum(each)
    if type_ == "function_expression":
        later = prod(count for child, count in zip(children, each, strict=True) if child["type"] == "expref")
        return later * sum(count for child, count in zip(children, each, strict=True) if child["type"] != "expref")
    return 1 if type_ in ("comparator", "not_expression") else prod(each)


_CHOOSING: Final = frozenset({"or_expression", "and_expression"})
_GATHERING: Final = frozenset({"multi_select_list", "multi_select_dict"})
