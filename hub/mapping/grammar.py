"""JMESPath text to syntax tree: the library's parser, with decimal literals, bounds and positions."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

from jmespath.exceptions import EmptyExpressionError, JMESPathError, LexerError, ParseError
from jmespath.lexer import Lexer
from jmespath.parser import ParsedResult, Parser

Tree = dict[str, Any]

MAX_TEXT: Final = 4096
MAX_DEPTH: Final = 64
# A chain of 104 projections, as the official cases have one, is a deep tree without deep brackets.
MAX_TREE: Final = 240
# Compiling takes some 40 microseconds for each.
MAX_NODES: Final = 600


class ExpressionError(ValueError):
    """An expression that cannot be used, or failed on a value; `position` counts characters from 0."""

    def __init__(self, zh: str, en: str, position: int | None = None) -> None:
        super().__init__(zh, en, position)
        self.zh = zh
        self.en = en
        self.position = position

    def __str__(self) -> str:
        return self.en if self.position is None else f"{self.en} (position {self.position})"


def _no_constant(text: str) -> Any:
    raise ValueError(text)


class _DecimalLexer(Lexer):  # type: ignore[misc]  # jmespath ships no types
    """The library reads `1.5` as a float; here a literal is exact."""

    def _consume_literal(self) -> Tree:
        start = self._position
        text = self._consume_until("`").replace("\\`", "`")
        for candidate in (text, f'"{text.lstrip()}"'):
            try:
                value = json.loads(candidate, parse_float=Decimal, parse_constant=_no_constant)
            except (ValueError, ArithmeticError):  # Decimal refuses an exponent of twenty digits
                continue
            return {"type": "literal", "value": value, "start": start, "end": self._position - start}
        raise LexerError(lexer_position=start, lexer_value=text, message=f"bad literal {text}")


class _DecimalParser(Parser):  # type: ignore[misc]  # jmespath ships no types
    def _parse(self, expression: str) -> ParsedResult:
        self.tokenizer = _DecimalLexer().tokenize(expression)
        self._tokens = list(self.tokenizer)
        self._index = 0
        tree = self._expression(binding_power=0)
        if self._current_token() != "eof":
            token = self._lookahead_token(0)
            raise ParseError(token["start"], token["value"], token["type"], "unexpected token")
        return ParsedResult(expression, tree)


def _nested(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    return deepest


def too_deep() -> ExpressionError:
    return ExpressionError(f"嵌套超过 {MAX_DEPTH} 层", f"nested more than {MAX_DEPTH} deep")


def _bounded(tree: Tree, depth: int = 0) -> int:
    """The number of nodes, neither too deep nor too many."""
    if depth > MAX_TREE:
        raise too_deep()
    count = 1 + sum(_bounded(child, depth + 1) for child in tree["children"] if isinstance(child, dict))
    if count > MAX_NODES:
        raise ExpressionError(
            f"超过 {MAX_NODES} 个部分：请简化表达式", f"has more than {MAX_NODES} parts; simplify the expression"
        )
    return count


def parse(text: str) -> Tree:
    """The syntax tree of an expression. Raises ExpressionError with a position."""
    if len(text.encode("utf-8", "replace")) > MAX_TEXT:
        raise ExpressionError(f"超过 {MAX_TEXT} 字节", f"longer than {MAX_TEXT} bytes")
    if _nested(text) > MAX_DEPTH:
        raise too_deep()
    try:
        # `_do_parse`, not `parse`: the library's cache is shared and keyed by text alone.
        tree: Tree = _DecimalParser()._do_parse(text).parsed
    except EmptyExpressionError:
        raise ExpressionError("表达式为空", "the expression is empty", 0) from None
    except (ParseError, LexerError) as error:
        position = min(int(error.lex_position), len(text))
        near = text[position : position + 12] or "…"
        raise ExpressionError(
            f"第 {position + 1} 个字符处语法错误，靠近 {near}", f"syntax error near {near!r}", position
        ) from None
    except (JMESPathError, ValueError) as error:
        raise ExpressionError("语法错误", f"syntax error: {error}", 0) from None
    except RecursionError:
        raise too_deep() from None
    _bounded(tree)
    return tree


def chain_of(tree: Tree) -> tuple[str, ...] | None:
    """The names of a plain path (`a.b.c`), or None for anything else."""
    if tree["type"] == "field":
        return (tree["value"],)
    if tree["type"] != "subexpression":
        return None
    names: tuple[str, ...] = ()
    for child in tree["children"]:
        part = chain_of(child)
        if part is None:
            return None
        names += part
    return names
