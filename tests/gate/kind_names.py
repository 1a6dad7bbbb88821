"""The engine knows no kind: no kind's name in hub/sync, hub/jobs or hub/config."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from hub.db.kinds import DECLARED
from tests.gate.finding import Finding, sources

ROOMS = ("hub/sync", "hub/jobs", "hub/config")
OTHER_WORDS = {"statement": "a statement of SQL", "order": "the order of things"}
"""Kinds whose name is an ordinary word for an identifier; as a text they are still refused."""
TABLE = re.compile(r"\b(?:from|join|into|update|table|only)\s+\"?([a-z_]+)\"?", re.IGNORECASE)


def kind_names(root: Path) -> Iterable[Finding]:
    for name, tree in sources(root, *ROOMS):
        for line, word in _words(tree):
            yield Finding(name, line, f"names the kind {word!r}: the engine sees only (kind, id, fields)")


def _words(tree: ast.Module) -> Iterator[tuple[int, str]]:
    prose = _docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            yield from ((node.lineno, kind) for kind in _told_by(node.value))
        elif (identifier := _identifier(node)) is not None:
            kind = identifier.lower().removesuffix("s")
            if kind in DECLARED and kind not in OTHER_WORDS:
                yield getattr(node, "lineno", 1), kind


def _told_by(text: str) -> set[str]:
    """A text that is a kind, or SQL that reads or writes a kind's table."""
    return {text, *TABLE.findall(text)} & DECLARED.keys()


def _identifier(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.alias(name=name):
            return name.rsplit(".", 1)[-1]
    return None


def _docstrings(tree: ast.Module) -> set[ast.AST]:
    return {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
