"""Which productions of JMESPath's grammar an expression uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from jmespath.lexer import Lexer

from tests.support.expressions import SIGNS

Tree = dict[str, Any]

_RIGHT: Final = {"field": "identifier", "multi_select_list": "list", "multi_select_dict": "hash"}
_RIGHT["function_expression"] = "function"
_NODES: Final = {
    "or_expression": "or-expression",
    "and_expression": "and-expression",
    "not_expression": "not-expression",
    "pipe": "pipe-expression",
    "current": "current-node",
    "expref": "expression-type",
    "index": "index-expression [number]",
    "slice": "slice-expression",
    "flatten": "index-expression []",
    "filter_projection": "index-expression [?filter]",
    "multi_select_list": "multi-select-list",
    "multi_select_dict": "multi-select-hash",
    "key_val_pair": "keyval-expr",
}
PRODUCTIONS: Final = frozenset(
    set(_NODES.values())
    | {f"comparator {sign}" for sign in SIGNS}
    | {f"sub-expression .{name}" for name in (*_RIGHT.values(), "*")}
    | {f"literal {name}" for name in ("null", "bool", "number", "string", "array", "object")}
    | {"wildcard *", "index-expression [*]", "function-expression", "identifier unquoted", "identifier quoted"}
    | {"raw-string", "paren-expression"}
)
"""Every production of the grammar that a text can hold, by the names of its ABNF."""
_SIGN: Final = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_JSON: Final = {
    type(None): "null",
    bool: "bool",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def walk(tree: Tree) -> Iterator[Tree]:
    yield tree
    for child in tree["children"]:
        if isinstance(child, dict):
            yield from walk(child)


def _leftmost(tree: Tree) -> str:
    while tree["type"] not in _RIGHT:
        tree = tree["children"][0]
    return str(tree["type"])


def _of_tree(tree: Tree) -> Iterator[str]:
    for node in walk(tree):
        kind, children = node["type"], node["children"]
        if kind in _NODES:
            yield _NODES[kind]
        if kind == "subexpression":
            for child in children[1:]:
                yield f"sub-expression .{_RIGHT[_leftmost(child)]}"
        elif kind == "comparator":
            yield f"comparator {_SIGN[node['value']]}"
        elif kind == "value_projection":
            yield "wildcard *" if children[0]["type"] == "identity" else "sub-expression .*"
        elif kind == "projection" and children[0]["type"] not in ("flatten",):
            last = children[0]["children"][-1:] if children[0]["type"] == "index_expression" else []
            if not last or last[0]["type"] != "slice":
                yield "index-expression [*]"
        elif kind == "function_expression":
            yield "function-expression"


def _of_tokens(text: str) -> Iterator[str]:
    """What the tree does not tell apart: quotes and brackets."""
    before = ""
    for token in Lexer().tokenize(text):
        kind = token["type"]
        if kind == "literal":
            raw = text[token["start"]] == "'"
            yield "raw-string" if raw else f"literal {_JSON[type(token['value'])]}"
        elif kind in ("unquoted_identifier", "quoted_identifier"):
            yield f"identifier {kind.partition('_')[0]}"
        elif kind == "lparen" and before != "unquoted_identifier":
            yield "paren-expression"
        before = kind


def productions(text: str, tree: Tree) -> set[str]:
    return {*_of_tree(tree), *_of_tokens(text)}
