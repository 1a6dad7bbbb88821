"""JMESPath compiled to closures: `compile_expression(text)` gives a plain function of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from hub.mapping.grammar import Tree, chain_of, parse
from hub.mapping.meter import reset
from hub.mapping.nodes import Run, build
from hub.mapping.reads import Path, paths_read

# Only these can multiply work; an expression without them needs no meter.
_METERED: Final = frozenset(
    {"projection", "value_projection", "filter_projection", "flatten", "function_expression", "slice"} | {"comparator"}
)


@dataclass(frozen=True, slots=True)
class Expression:
    """`reads` are the paths it looks at, `chain` its names when it is a plain path."""

    text: str
    run: Run
    reads: tuple[Path, ...]
    chain: Path | None


def _uses_meter(tree: Tree) -> bool:
    if tree["type"] in _METERED:
        return True
    children = tree.get("children", ())
    return any(_uses_meter(child) for child in children if isinstance(child, dict))


def _metered(run: Run) -> Run:
    def metered(value: Any) -> Any:
        reset()
        return run(value)

    return metered


def parse_expression(text: str) -> Expression:
    """Compile, and keep what the mapping wants to know of the expression."""
    tree = parse(text)
    run = build(tree)
    chain = chain_of(tree)
    return Expression(text, _metered(run) if _uses_meter(tree) else run, paths_read(tree), chain)


def compile_expression(text: str) -> Run:
    """A function that gives what the expression finds in the data. Raises ExpressionError, now or when run."""
    return parse_expression(text).run
