"""JMESPath nodes as Python statements: `emit(emitter, tree, here)` writes them and gives the variable with the result."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

from hub.mapping.emitter import DEEP, Emitter
from hub.mapping.functions import Expref, Function, Usual, uniform
from hub.mapping.grammar import Tree
from hub.mapping.json_values import EMPTY, equal, kind_of
from hub.mapping.meter import too_much

Functions = Mapping[str, Function]
_LEAVES: Final = frozenset({"current", "field", "identity", "index", "literal"})


_WEIGHTS: Final[Mapping[str, int]] = {
    "comparator": 2,
    "filter_projection": 4,
    "flatten": 4,
    "function_expression": 5,
    "multi_select_dict": 10,
    "multi_select_list": 4,
    "projection": 4,
    "slice": 4,
    "value_projection": 4,
}


def weight(tree: Tree) -> int:
    """The steps one evaluation is counted as: its nodes, those more often that take more time or memory."""
    return _WEIGHTS.get(tree["type"], 1) + sum(weight(child) for child in tree["children"] if isinstance(child, dict))


class Nodes:
    """Writes the nodes of one expression. In what is written `m` holds the steps that are left, as `meter` keeps them."""

    def __init__(self, emitter: Emitter, functions: Functions) -> None:
        self.emitter = emitter
        self.functions = functions
        self.empty = emitter.bind(EMPTY)

    def emit(self, tree: Tree, here: str) -> str:
        if self.emitter.depth > DEEP and tree["type"] not in _LEAVES:
            return self.emitter.set(f"{self._apart(tree)}(m, {here})")
        return _EMIT[tree["type"]](self, tree, here)

    def _apart(self, tree: Tree, charged: bool = False) -> str:
        """A function of its own: for what is evaluated later, or stands too deep for Python."""
        with self.emitter.function("m, here") as name:
            if charged:
                self._charge(str(weight(tree)))
            self.emitter.line(f"return {_EMIT[tree['type']](self, tree, 'here')}")
        return name

    def _holds(self, tree: Tree, here: str) -> str:
        """A Python condition: whether the node finds anything but JMESPath's false."""
        found = self.emit(tree, here)
        if tree["type"] in ("comparator", "not_expression"):
            return found
        return f"{found} or type({found}) not in {self.empty}"

    def _charge(self, steps: str) -> None:
        self.emitter.line(f"m[0] -= {steps}")
        self.emitter.line(f"if m[0] < 0: raise {self.emitter.bind(too_much)}()")

    def itself(self, tree: Tree, here: str) -> str:
        return here

    def literal(self, tree: Tree, here: str) -> str:
        return self.emitter.bind(tree["value"])

    def field(self, tree: Tree, here: str) -> str:
        name = self.emitter.bind(tree["value"])
        return self.emitter.set(f"{here}.get({name}) if type({here}) is dict else None")

    def sequence(self, tree: Tree, here: str) -> str:
        for child in tree["children"]:
            here = self.emit(child, here)
        return here

    def index(self, tree: Tree, here: str) -> str:
        at = tree["value"]
        name = self.emitter.bind(at)
        enough = f"len({here}) > {name}" if at >= 0 else f"len({here}) + {name} >= 0"
        return self.emitter.set(f"{here}[{name}] if type({here}) is list and {enough} else None")

    def cut(self, tree: Tree, here: str) -> str:
        part = self.emitter.bind(slice(*tree["children"]))
        found = self.emitter.set("None")
        with self.emitter.block(f"if type({here}) is list:"):
            self._charge(f"len({here}) + 1")
            self.emitter.line(f"{found} = {here}[{part}]")
        return found

    def _project(self, items: str, each: Tree, wanted: Tree | None = None) -> str:
        """What `each` finds in the elements that are `wanted`, in a new list, which takes the place of `items`."""
        made, item = self.emitter.fresh(), self.emitter.fresh()
        self._charge(f"len({items}) * {weight(each) + (weight(wanted) if wanted else 0)} + 1")
        self.emitter.line(f"{made} = []")
        with self.emitter.block(f"for {item} in {items}:"):
            if wanted is not None:
                holds = self._holds(wanted, item)
                self.emitter.line(f"if not ({holds}): continue")
            found = self.emit(each, item)
            self.emitter.line(f"if {found} is not None: {made}.append({found})")
        return made

    def projection(self, tree: Tree, here: str) -> str:
        base, each, *wanted = tree["children"]
        items = self.emit(base, here)
        found = self.emitter.set("None")
        with self.emitter.block(f"if type({items}) is list:"):
            self.emitter.line(f"{found} = {self._project(items, each, *wanted)}")
        return found

    def value_projection(self, tree: Tree, here: str) -> str:
        base, each = tree["children"]
        items = self.emit(base, here)
        found = self.emitter.set("None")
        with self.emitter.block(f"if type({items}) is dict:"):
            values = self.emitter.set(f"list({items}.values())")
            self.emitter.line(f"{found} = {self._project(values, each)}")
        return found

    def flatten(self, tree: Tree, here: str) -> str:
        items = self.emit(tree["children"][0], here)
        found, item = self.emitter.set("None"), self.emitter.fresh()
        with self.emitter.block(f"if type({items}) is list:"):
            self._charge(f"len({items}) + 1")
            self.emitter.line(f"{found} = []")
            with self.emitter.block(f"for {item} in {items}:"):
                with self.emitter.block(f"if type({item}) is list:"):
                    self._charge(f"len({item}) + 1")
                    self.emitter.line(f"{found} += {item}")
                self.emitter.line(f"else: {found}.append({item})")
        return found

    def multi_select_list(self, tree: Tree, here: str) -> str:
        found = self.emitter.set("None")
        with self.emitter.block(f"if {here} is not None:"):
            parts = [self.emit(child, here) for child in tree["children"]]
            self.emitter.line(f"{found} = [{', '.join(parts)}]")
        return found

    def multi_select_dict(self, tree: Tree, here: str) -> str:
        found = self.emitter.set("None")
        with self.emitter.block(f"if {here} is not None:"):
            parts = [
                f"{self.emitter.bind(child['value'])}: {self.emit(child['children'][0], here)}"
                for child in tree["children"]
            ]
            self.emitter.line(f"{found} = {{{', '.join(parts)}}}")
        return found

    def either(self, tree: Tree, here: str) -> str:
        left, right = tree["children"]
        found = self.emitter.set(self.emit(left, here))
        with self.emitter.block(f"if not {found} and type({found}) in {self.empty}:"):
            self.emitter.line(f"{found} = {self.emit(right, here)}")
        return found

    def both(self, tree: Tree, here: str) -> str:
        left, right = tree["children"]
        found = self.emitter.set(self.emit(left, here))
        with self.emitter.block(f"if {found} or type({found}) not in {self.empty}:"):
            self.emitter.line(f"{found} = {self.emit(right, here)}")
        return found

    def negation(self, tree: Tree, here: str) -> str:
        return self.emitter.set(f"not ({self._holds(tree['children'][0], here)})")

    def comparator(self, tree: Tree, here: str) -> str:
        left, right = (self.emit(child, here) for child in tree["children"])
        literals = {type(child["value"]) for child in tree["children"] if child["type"] == "literal"}
        sign = tree["value"]
        if sign in _ORDER:
            symbol, order = _ORDER[sign]
            general = f"{self.emitter.bind(ordered)}({self.emitter.bind(order)}, {left}, {right})"
            return self.emitter.set(f"{left} {symbol} {right} if {self._numbers(left, right)} else {general}")
        same = self._same(left, right, literals)
        return self.emitter.set(same if sign == "eq" else f"not ({same})")

    def _numbers(self, left: str, right: str) -> str:
        decimal = self.emitter.bind(Decimal)
        return f"(type({left}) is int or type({left}) is {decimal}) and (type({right}) is int or type({right}) is {decimal})"

    def _same(self, left: str, right: str, literals: set[type]) -> str:
        """Equality by the kinds of JSON, the quick way where a literal tells the kind."""
        if literals & {type(None), bool}:
            return f"{left} is {right}"
        if str in literals:
            return f"type({left}) is type({right}) and {left} == {right}"
        general = f"{self.emitter.bind(equal)}({left}, {right})"
        usual = self._numbers(left, right) if literals else f"type({left}) is str and type({right}) is str"
        return f"{left} == {right} if {usual} else {general}"

    def later(self, tree: Tree, here: str) -> str:
        run = f"{self.emitter.bind(partial)}({self._apart(tree['children'][0], charged=True)}, m)"
        return self.emitter.set(f"{self.emitter.bind(Expref)}({run})")

    def call(self, tree: Tree, here: str) -> str:
        name, function = tree["value"], self.functions[tree["value"]]
        given = [self.emit(child, here) for child in tree["children"]]
        self._charge(str(len(given) + 1))
        tests = [self._is_usual(value, usual) for value, usual in zip(given, function.usual(len(given)), strict=True)]
        if as_usual := " and ".join(test for test in tests if test):
            check = f"{self.emitter.bind(function.check_types)}({self.emitter.bind(name)}, [{', '.join(given)}])"
            self.emitter.line(f"if not ({as_usual}): {check}")
        return self.emitter.set(f"{self.emitter.bind(function.call)}({', '.join(given)})")

    def _is_usual(self, value: str, usual: Usual) -> str:
        """The condition for an argument as it should be; empty when anything will do."""
        plain = f"type({value}) in {self.emitter.bind(usual.types)}" if usual.types else ""
        if not usual.lists:
            return plain
        of_kind = f"type({value}) is list and {self.emitter.bind(uniform)}({value}, {self.emitter.bind(usual.lists)})"
        return f"({plain} or {of_kind})" if plain else of_kind


def ordered(order: Callable[[Any, Any], bool], one: Any, other: Any) -> bool | None:
    """Only two numbers or two texts have an order."""
    kind = kind_of(one)
    return order(one, other) if kind in ("number", "string") and kind == kind_of(other) else None


_ORDER: Final[Mapping[str, tuple[str, Callable[[Any, Any], bool]]]] = {
    "lt": ("<", operator.lt),
    "lte": ("<=", operator.le),
    "gt": (">", operator.gt),
    "gte": (">=", operator.ge),
}

_EMIT: Final[Mapping[str, Callable[[Nodes, Tree, str], str]]] = {
    "and_expression": Nodes.both,
    "comparator": Nodes.comparator,
    "current": Nodes.itself,
    "expref": Nodes.later,
    "field": Nodes.field,
    "filter_projection": Nodes.projection,
    "flatten": Nodes.flatten,
    "function_expression": Nodes.call,
    "identity": Nodes.itself,
    "index": Nodes.index,
    "index_expression": Nodes.sequence,
    "literal": Nodes.literal,
    "multi_select_dict": Nodes.multi_select_dict,
    "multi_select_list": Nodes.multi_select_list,
    "not_expression": Nodes.negation,
    "or_expression": Nodes.either,
    "pipe": Nodes.sequence,
    "projection": Nodes.projection,
    "slice": Nodes.cut,
    "subexpression": Nodes.sequence,
    "value_projection": Nodes.value_projection,
}
