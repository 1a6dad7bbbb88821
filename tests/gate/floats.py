"""No float near money: only durations may be floats in the rooms that handle amounts."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.gate.finding import Finding, sources

ROOMS = ("hub/receivables", "hub/canon", "hub/mapping", "hub/sdk/statement.py", "hub/sdk/jsontext.py", "connectors")
DURATIONS = frozenset(
    (
        *("seconds", "timeout", "timeouts", "delay", "settle", "interval", "latency", "after", "age", "per", "wait"),
        *("until", "lag", "expires", "started", "now", "deadline", "overlap", "window", "mtime"),
    )
)
"""Last words of names that hold a duration or an instant, never an amount."""
ANYWHERE = frozenset(("seconds", "until"))
"""Words that say it wherever they stand in a name."""

ALLOWED: dict[str, str] = {}
"""File -> why floats are right there. An entry without a float in its file fails: the list only shrinks."""


def floats(root: Path) -> Iterable[Finding]:
    used = set()
    for name, tree in sources(root, *ROOMS):
        found = list(_walk(name, tree, timing=False))
        if name in ALLOWED and found:
            used.add(name)
            continue
        yield from found
    for name in sorted(ALLOWED.keys() - used):
        yield Finding(name, 1, "no float is left here: take it off the list in tests/gate/floats.py")


def _walk(name: str, node: ast.AST, *, timing: bool) -> Iterator[Finding]:
    timing = timing or _names_a_duration(node)
    if _looks_for_floats(node):
        return
    if not timing and _is_float(node):
        line = getattr(node, "lineno", 1)
        yield Finding(name, line, "a float: money is Decimal; a duration says so in its name (…_seconds)")
    for child in ast.iter_child_nodes(node):
        # A function's name vouches for what it returns, not for all that happens inside.
        inside = timing and not (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and child in node.body)
        yield from _walk(name, child, timing=inside)


def _is_float(node: ast.AST) -> bool:
    literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
    return literal or (isinstance(node, ast.Name) and node.id == "float")


def _looks_for_floats(node: ast.AST) -> bool:
    """`isinstance(x, float)` and `kind is float` are how floats are kept out."""
    match node:
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, ast.Name(id="float")]):
            return True
        case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[ast.Name(id="float")]):
            return True
    return False


def _names_a_duration(node: ast.AST) -> bool:
    return any(_is_duration(name) for name in _bound(node))


def _bound(node: ast.AST) -> list[str]:
    """The names that what is written inside this node ends up under."""
    match node:
        case ast.Assign(targets=targets):
            return [_spelt(target) for target in targets]
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            return [_spelt(target)]
        case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return [name]
        case ast.keyword(arg=str(name)):
            return [name]
        case ast.Call(func=ast.Attribute(attr="timeout" | "total_seconds")):
            return ["timeout"]
    return []


def _spelt(target: ast.expr) -> str:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _is_duration(name: str) -> bool:
    words = name.lower().strip("_").split("_")
    return words[-1] in DURATIONS or bool(ANYWHERE.intersection(words))
