"""One closure per kind of JMESPath node: `build(tree)` gives a plain function of the data."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from hub.mapping.functions import STANDARD, Expref, Function
from hub.mapping.grammar import ExpressionError, Tree, chain_of
from hub.mapping.hub_functions import HUB
from hub.mapping.json_values import equal, is_false, kind_of
from hub.mapping.meter import charge

Run = Callable[[Any], Any]

FUNCTIONS: Final[Mapping[str, Function]] = {**STANDARD, **HUB}


def _path(names: tuple[str, ...]) -> Run:
    if len(names) == 1:
        return _one(names[0])
    if len(names) == 2:
        return _two(*names)

    def many(value: Any) -> Any:
        for name in names:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return many


def _one(name: str) -> Run:
    def one(value: Any) -> Any:
        return value.get(name) if isinstance(value, dict) else None

    return one


def _two(first: str, second: str) -> Run:
    def two(value: Any) -> Any:
        if not isinstance(value, dict):
            return None
        inner = value.get(first)
        return inner.get(second) if isinstance(inner, dict) else None

    return two


def _itself(tree: Tree) -> Run:
    return lambda value: value


def _always(constant: Any) -> Run:
    return lambda _: constant


def _literal(tree: Tree) -> Run:
    return _always(tree["value"])


def _field(tree: Tree) -> Run:
    return _one(tree["value"])


def _sequence(tree: Tree) -> Run:
    chain = chain_of(tree)
    if chain is not None:
        return _path(chain)
    steps = [build(child) for child in tree["children"]]
    if len(steps) == 2:
        first, second = steps
        return lambda value: second(first(value))

    def sequence(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return sequence


def _index(tree: Tree) -> Run:
    at = tree["value"]

    def index(value: Any) -> Any:
        if not isinstance(value, list) or not -len(value) <= at < len(value):
            return None
        return value[at]

    return index


def _slice(tree: Tree) -> Run:
    start, stop, step = tree["children"]
    if step == 0:
        raise ExpressionError("切片的步长不能为 0", "the step of a slice cannot be 0")
    part = slice(start, stop, step)

    def cut(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        charge(len(value))
        return value[part]

    return cut


def _project(items: list[Any], each: Run) -> list[Any]:
    charge(len(items))
    return [result for result in map(each, items) if result is not None]


def _projection(tree: Tree) -> Run:
    base, each = map(build, tree["children"])

    def projection(value: Any) -> Any:
        items = base(value)
        return _project(items, each) if isinstance(items, list) else None

    return projection


def _value_projection(tree: Tree) -> Run:
    base, each = map(build, tree["children"])

    def value_projection(value: Any) -> Any:
        items = base(value)
        return _project(list(items.values()), each) if isinstance(items, dict) else None

    return value_projection


def _filter_projection(tree: Tree) -> Run:
    base, each, wanted = map(build, tree["children"])

    def filter_projection(value: Any) -> Any:
        items = base(value)
        if not isinstance(items, list):
            return None
        charge(len(items))
        return _project([item for item in items if not is_false(wanted(item))], each)

    return filter_projection


def _flatten(tree: Tree) -> Run:
    base = build(tree["children"][0])

    def flatten(value: Any) -> Any:
        items = base(value)
        if not isinstance(items, list):
            return None
        flat: list[Any] = []
        for item in items:
            inner = item if isinstance(item, list) else [item]
            charge(len(inner))
            flat.extend(inner)
        return flat

    return flatten


def _multi_select_list(tree: Tree) -> Run:
    parts = [build(child) for child in tree["children"]]
    return lambda value: None if value is None else [part(value) for part in parts]


def _multi_select_dict(tree: Tree) -> Run:
    parts = [(child["value"], build(child["children"][0])) for child in tree["children"]]
    return lambda value: None if value is None else {name: part(value) for name, part in parts}


def _or(tree: Tree) -> Run:
    left, right = map(build, tree["children"])

    def either(value: Any) -> Any:
        found = left(value)
        return right(value) if is_false(found) else found

    return either


def _and(tree: Tree) -> Run:
    left, right = map(build, tree["children"])

    def both(value: Any) -> Any:
        found = left(value)
        return found if is_false(found) else right(value)

    return both


def _not(tree: Tree) -> Run:
    inner = build(tree["children"][0])
    return lambda value: is_false(inner(value))


_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


def _comparator(tree: Tree) -> Run:
    left, right = map(build, tree["children"])
    sign = tree["value"]
    if sign == "eq":
        return lambda value: equal(left(value), right(value))
    if sign == "ne":
        return lambda value: not equal(left(value), right(value))
    order = _ORDER[sign]

    def compare(value: Any) -> Any:
        one, other = left(value), right(value)
        kind = kind_of(one)
        return order(one, other) if kind in ("number", "string") and kind == kind_of(other) else None

    return compare


def _expref(tree: Tree) -> Run:
    return _always(Expref(build(tree["children"][0])))


def _call(tree: Tree) -> Run:
    name = tree["value"]
    function = FUNCTIONS.get(name)
    if function is None:
        raise ExpressionError(f"没有函数 {name}", f"there is no function {name}()")
    function.check_count(name, len(tree["children"]))
    arguments = [build(child) for child in tree["children"]]
    check, call = function.check_types, function.call

    def apply(value: Any) -> Any:
        given = [argument(value) for argument in arguments]
        charge(len(given))
        check(name, given)
        return call(*given)

    return apply


_BUILDERS: Final[Mapping[str, Callable[[Tree], Run]]] = {
    "and_expression": _and,
    "comparator": _comparator,
    "current": _itself,
    "expref": _expref,
    "field": _field,
    "filter_projection": _filter_projection,
    "flatten": _flatten,
    "function_expression": _call,
    "identity": _itself,
    "index": _index,
    "index_expression": _sequence,
    "literal": _literal,
    "multi_select_dict": _multi_select_dict,
    "multi_select_list": _multi_select_list,
    "not_expression": _not,
    "or_expression": _or,
    "pipe": _sequence,
    "projection": _projection,
    "slice": _slice,
    "subexpression": _sequence,
    "value_projection": _value_projection,
}


def build(tree: Tree) -> Run:
    return _BUILDERS[tree["type"]](tree)
