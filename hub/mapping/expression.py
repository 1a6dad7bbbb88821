"""JMESPath compiled to Python: `compile_expression(text)` gives a plain function of the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from hub.mapping.emitter import Emitter, alone, function_of
from hub.mapping.faults import Fault
from hub.mapping.functions import STANDARD, Function
from hub.mapping.grammar import ExpressionError, Tree, chain_of, parse, too_deep
from hub.mapping.hub_functions import HUB
from hub.mapping.meter import MAX_STEPS, METER, counted
from hub.mapping.nodes import Functions, Nodes
from hub.mapping.reads import Path, copies, paths_read, present, take
from hub.mapping.shape import ABSENT
from hub.mapping.tables import TablesByName, with_tables

Run = Callable[[Any], Any]

FUNCTIONS: Final[Mapping[str, Function]] = {**STANDARD, **HUB}
# Python's own ways to fail on a value an expression was not made for.
FAILURES: Final = (ArithmeticError, RecursionError, TypeError, ValueError)
# Only these can multiply work; an expression without them needs no meter.
_METERED: Final = frozenset({"projection", "value_projection", "filter_projection", "flatten", "slice"})
_SHARED: Final = frozenset({"function_expression", "comparator"})
"""These count their steps in functions of ours, which look for the meter where the thread keeps it."""
_MOST_COPIES: Final = 16
"""A result that may hold its input more often than this is counted, node by node."""


@dataclass(frozen=True)
class Expression:
    """`reads` are the paths it looks at, `chain` its names when it is a plain path."""

    text: str
    reads: tuple[Path, ...]
    chain: Path | None
    tree: Tree = field(compare=False, repr=False)
    functions: Functions = field(compare=False, repr=False)

    def emit(self, emitter: Emitter, here: str) -> str:
        """Write it as statements; gives the variable with what it finds. They raise ExpressionError and FAILURES."""
        kinds = {node["type"] for node in _nodes(self.tree)}
        if kinds & _SHARED:
            emitter.line(f"m = {emitter.bind(METER)}.left = [{MAX_STEPS}]")
        else:
            emitter.line(f"m = [{MAX_STEPS}]" if kinds & _METERED else "m = None")
        found = Nodes(emitter, self.functions).emit(self.tree, here)
        if copies(self.tree) > _MOST_COPIES:
            emitter.line(f"{emitter.bind(counted)}({found})")
        return found

    def emit_value(self, emitter: Emitter, here: str) -> str:
        """The same, as it is used on records and entities: what goes wrong is a Fault, and an expression that looks
        only at absent fields says nothing (ABSENT), while over empty ones it says "empty" (None)."""
        found = emitter.fresh()
        with emitter.block("try:"):
            emitter.line(f"{found} = {self.emit(emitter, here)}")
        wrong = f"{emitter.bind(_wrong)}(error, {here}, {emitter.bind(self.reads)})"
        emitter.line(f"except {emitter.bind(FAILURES)} as error: raise {wrong} from error")
        if self.reads:
            silent = f"{emitter.bind(_silent)}({here}, {emitter.bind(self.reads)})"
            emitter.line(f"if {found} is None and {silent}: {found} = {emitter.bind(ABSENT)}")
        return found

    @cached_property
    def value(self) -> Run:
        """`emit_value` as a function of the record or entity."""
        return function_of(alone("here", lambda emitter: emitter.line(f"return {self.emit_value(emitter, 'here')}")))

    @cached_property
    def run(self) -> Run:
        """The expression as a function of the data. Raises ExpressionError."""

        def write(emitter: Emitter) -> None:
            with emitter.block("try:"):
                emitter.line(f"return {self.emit(emitter, 'here')}")
            emitter.line(f"except {emitter.bind(FAILURES)} as error: raise {emitter.bind(failed)}(error) from error")

        return function_of(alone("here", write))


def failed(error: Exception) -> ExpressionError:
    return error if isinstance(error, ExpressionError) else ExpressionError(str(error), str(error))


def _wrong(error: Exception, data: Any, reads: tuple[Path, ...]) -> Fault:
    said = failed(error)
    offending = next((value for path in reads if (value := take(data, path)) is not ABSENT), None)
    return Fault("expression", value=offending, zh=said.zh, en=said.en)


def _silent(data: Any, reads: tuple[Path, ...]) -> bool:
    return not any(present(data, path) for path in reads)


def _nodes(tree: Tree) -> Iterator[Tree]:
    yield tree
    for child in tree["children"]:
        if isinstance(child, dict):
            yield from _nodes(child)


def _check(tree: Tree, functions: Functions) -> None:
    """What the grammar does not forbid and no run of it could do."""
    for node in _nodes(tree):
        if node["type"] == "slice" and node["children"][2] == 0:
            raise ExpressionError("切片的步长不能为 0", "the step of a slice cannot be 0")
        if node["type"] == "function_expression":
            name = node["value"]
            if name not in functions:
                raise ExpressionError(f"没有函数 {name}", f"there is no function {name}()")
            functions[name].check_count(name, len(node["children"]))
        _check_later(node, functions)
    if tree["type"] == "expref":
        raise _no_value()


def _check_later(node: Tree, functions: Functions) -> None:
    """`&a` is no value: it stands only where a function takes it."""
    later = [
        index for index, child in enumerate(node["children"]) if isinstance(child, dict) and child["type"] == "expref"
    ]
    if later and node["type"] != "function_expression":
        raise _no_value()
    for index in later:
        if not functions[node["value"]].takes_later(index):
            raise _no_value()


def _no_value() -> ExpressionError:
    return ExpressionError(
        "& 只能作为 map、sort_by、max_by、min_by 的参数",
        "& stands only before an argument of map, sort_by, max_by or min_by",
    )


def parse_expression(text: str, functions: Functions = FUNCTIONS, tables: TablesByName | None = None) -> Expression:
    """Check it, and keep what the mapping wants to know of the expression. `tables` gives those that `lookup` may
    name. Raises ExpressionError."""
    try:
        tree = with_tables(parse(text), tables)
        _check(tree, functions)
        return Expression(text, paths_read(tree), chain_of(tree), tree, functions)
    except RecursionError:
        raise too_deep() from None


def compile_expression(text: str) -> Run:
    """A function that gives what the expression finds in the data. Raises ExpressionError, now or when run."""
    expression = parse_expression(text)
    try:
        return expression.run
    except RecursionError:
        raise too_deep() from None
