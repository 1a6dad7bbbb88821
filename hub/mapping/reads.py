"""Which paths of its input an expression looks at, found without running it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from hub.mapping.grammar import Tree

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


def shortest(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The paths without those that lie under another of them."""
    known = set(paths)
    return tuple(sorted(path for path in known if not any(path[:length] in known for length in range(len(path)))))


def paths_read(tree: Tree) -> tuple[Path, ...]:
    reads = _Reads()
    reads.found |= reads.follow(tree, frozenset({()}))
    return shortest(reads.found)
