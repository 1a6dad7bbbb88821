"""The mutants of a source file: small mistakes, each made in one place of its syntax tree.

Left out is what no test should notice: docstrings, annotations, decorators, assertions, log lines, sentences for people,
names of transactions, and keys of dictionaries (an empty one fails at once and proves nothing)."""

import ast
import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

Variant = tuple[str, ast.AST]

COMPARED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
COUNTED: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
SQL: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"<=", "<"),
        (r"(?<![<>@])<(?![=>@])", "<="),
        (r">=", ">"),
        (r"(?<![<>@-])>(?![=>])", ">="),
        (r"<>", "="),
        (r"\bAND\b", "OR"),
        (r"\bOR\b", "AND"),
        (r"\bDESC\b", "ASC"),
        (r"\bIS NOT NULL\b", "IS NULL"),
        (r"\bIS NULL\b", "IS NOT NULL"),
        (r"\bNOT (?=EXISTS\b|LIKE\b|IN\b|\()", ""),
        (r"\bmin\(", "max("),
        (r"\bmax\(", "min("),
    )
)
IS_SQL = re.compile(r"\b(SELECT|UPDATE|DELETE|INSERT|WHERE|FROM|AND|OR|SET|EXISTS|ORDER BY|IS NULL|IS NOT NULL)\b")
PROSE = re.compile(r"\s|[\u3000-\u9fff\uff00-\uffef]")
NAMING = frozenset({"begin", "retrying", "TypeVar", "cast", "get_logger"})
"""Calls whose strings are names for people who read logs, or for the type checker."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """The `number`-th mistake of its file. `scope`: the outermost function it is in, '' outside of all.
    `names`: what is assigned
    or defined around it, where that is outside of a function."""

    file: str
    number: int
    line: int
    last: int
    scope: str
    names: tuple[str, ...]
    what: str

    @property
    def inside(self) -> bool:
        return self.scope.endswith("()")


@dataclass(slots=True)
class _Place:
    """A node, where it hangs, and what replaces it."""

    holder: ast.AST
    field: str
    at: int | None
    scope: str
    names: tuple[str, ...]
    node: ast.AST
    what: str
    new: ast.AST


def mutants(file: str, source: str) -> list[Mutant]:
    """All of one file, in the order of its text."""
    return [
        Mutant(
            file,
            number,
            getattr(place.node, "lineno", 0),
            getattr(place.node, "end_lineno", 0),
            place.scope,
            place.names,
            place.what,
        )
        for number, place in enumerate(_places(ast.parse(source)))
    ]


def mutated(source: str, number: int) -> ast.Module:
    """The file's tree with its `number`-th mistake in it."""
    tree = ast.parse(source)
    place = next(place for at, place in enumerate(_places(tree)) if at == number)
    if place.at is None:
        setattr(place.holder, place.field, place.new)
    else:
        getattr(place.holder, place.field)[place.at] = place.new
    return ast.fix_missing_locations(tree)


def _places(tree: ast.Module) -> list[_Place]:
    found = list(_below(tree, "", (), frozenset()))
    return sorted(found, key=lambda place: (getattr(place.node, "lineno", 0), getattr(place.node, "col_offset", 0)))


def _below(holder: ast.AST, scope: str, names: tuple[str, ...], silent: frozenset[str]) -> Iterator[_Place]:
    """`silent`: kinds of mistakes that do not count below here."""
    for field, at, node in _children(holder):
        if _left_out(holder, field, node):
            continue
        inner_scope = _scope(holder, field, scope)
        inner_names = names if inner_scope.endswith("()") else (*names, *_assigned(node))
        hushed = silent | _hushed(holder, field, node)
        for what, new in _variants(holder, field, node, hushed):
            yield _Place(holder, field, at, inner_scope, inner_names, node, what, ast.copy_location(new, node))
        yield from _below(node, inner_scope, inner_names, hushed)


def _children(holder: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for field, value in ast.iter_fields(holder):
        if isinstance(value, ast.AST):
            yield field, None, value
        elif isinstance(value, list):
            yield from ((field, at, node) for at, node in enumerate(value) if isinstance(node, ast.AST))


def _scope(holder: ast.AST, field: str, scope: str) -> str:
    """Functions are replaced whole, so only the outermost one counts: `merge`, or `Turn.end` of a class."""
    if isinstance(holder, ast.FunctionDef | ast.AsyncFunctionDef) and field == "body" and not scope.endswith("()"):
        return f"{scope}{holder.name}()"
    if isinstance(holder, ast.ClassDef) and field == "body" and not scope.endswith("()"):
        return f"{scope}{holder.name}."
    return scope


def _assigned(node: ast.AST) -> tuple[str, ...]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return (node.name,)
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return tuple(target.id for target in targets if isinstance(target, ast.Name))


def _left_out(holder: ast.AST, field: str, node: ast.AST) -> bool:
    if field in ("annotation", "returns", "decorator_list", "type_comment", "format_spec"):
        return True
    if isinstance(node, ast.Assert | ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _called(node.value).startswith("log."):
        return True
    if isinstance(holder, ast.Module) and isinstance(node, ast.Assign):
        return any(isinstance(t, ast.Name) and (t.id == "__all__" or t.id[:2].istitle()) for t in node.targets)
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _called(call: ast.Call) -> str:
    return ast.unparse(call.func)


def _hushed(holder: ast.AST, field: str, node: ast.AST) -> frozenset[str]:
    named = isinstance(node, ast.Call) and _called(node).rpartition(".")[2] in NAMING
    if named or isinstance(node, ast.Raise):
        return frozenset({"text"})
    key = (isinstance(holder, ast.Dict) and field == "keys") or (isinstance(holder, ast.Subscript) and field == "slice")
    return frozenset({"key"}) if key else frozenset()


def _variants(holder: ast.AST, field: str, node: ast.AST, hushed: frozenset[str]) -> Iterator[Variant]:
    if field in ("test", "ifs") and isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Await | ast.NamedExpr):
        yield f"not {_short(node)}", ast.UnaryOp(ast.Not(), node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _texts(holder, node.value, hushed)
    elif (make := KINDS.get(type(node))) is not None:
        yield from make(node)


def _texts(holder: ast.AST, told: str, hushed: frozenset[str]) -> Iterator[Variant]:
    if IS_SQL.search(told):
        for pattern, instead in SQL:
            for hit in pattern.finditer(told):
                text = told[: hit.start()] + instead + told[hit.end() :]
                around = " ".join(told[max(0, hit.start() - 30) : hit.end() + 30].split())
                yield f"SQL {hit[0]} -> {instead or 'nothing'} in …{around}…", ast.Constant(text)
    elif not hushed & {"text", "key"} and not PROSE.search(told) and not isinstance(holder, ast.JoinedStr):
        new = "" if told else "x"
        yield f"{told!r} -> {new!r}", ast.Constant(new)


def _constants(node: ast.Constant) -> Iterator[Variant]:
    if isinstance(node.value, bool):
        yield f"{node.value} -> {not node.value}", ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        for step in (1, -1):
            yield f"{node.value} -> {node.value + step}", ast.Constant(node.value + step)


def _compares(node: ast.Compare) -> Iterator[Variant]:
    for at, operator in enumerate(node.ops):
        new = copy.copy(node)
        new.ops = [*node.ops[:at], COMPARED[type(operator)](), *node.ops[at + 1 :]]
        yield f"{_short(node)} -> {_short(new)}", new


def _and_or(node: ast.BoolOp) -> Iterator[Variant]:
    new = ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    yield f"{_short(node)} -> {_short(new)}", new


def _not(node: ast.UnaryOp) -> Iterator[Variant]:
    if isinstance(node.op, ast.Not):
        yield f"{_short(node)} without not", node.operand


def _arithmetic(node: ast.BinOp) -> Iterator[Variant]:
    other = COUNTED.get(type(node.op))
    if other is not None:
        new = ast.BinOp(node.left, other(), node.right)
        yield f"{_short(node)} -> {_short(new)}", new


def _returns(node: ast.Return) -> Iterator[Variant]:
    if node.value is not None and not isinstance(node.value, ast.Constant):
        yield f"{_short(node)} -> return None", ast.Return(ast.Constant(None))
    if isinstance(node.value, ast.Compare | ast.BoolOp) or (isinstance(node.value, ast.Call) and _is_bool(node.value)):
        yield f"{_short(node)} negated", ast.Return(ast.UnaryOp(ast.Not(), node.value))


def _is_bool(call: ast.Call) -> bool:
    return _called(call) in ("bool", "any", "all", "isinstance")


def _deleted(node: ast.stmt) -> Iterator[Variant]:
    yield f"deleted: {_short(node)}", ast.Pass()


def _calls(node: ast.Expr) -> Iterator[Variant]:
    if isinstance(node.value, ast.Call | ast.Await):
        yield from _deleted(node)


def _assigns(node: ast.Assign) -> Iterator[Variant]:
    if isinstance(node.targets[0], ast.Attribute | ast.Subscript):
        yield from _deleted(node)


KINDS: Mapping[type[ast.AST], Callable[..., Iterable[Variant]]] = {
    ast.Constant: _constants,
    ast.Compare: _compares,
    ast.BoolOp: _and_or,
    ast.UnaryOp: _not,
    ast.BinOp: _arithmetic,
    ast.Return: _returns,
    ast.Expr: _calls,
    ast.Assign: _assigns,
    ast.AugAssign: _deleted,
    ast.Raise: _deleted,
    ast.Continue: _deleted,
    ast.Break: _deleted,
}


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 90 else f"{text[:88]} …"
