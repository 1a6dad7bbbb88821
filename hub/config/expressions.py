"""Expressions and placeholders over an entity: compiled, and checked against the fields of its kind."""

import re
from collections.abc import Iterator
from typing import Any

from hub.canon.kinds import Kinds
from hub.config.problem import Flaw, Path
from hub.mapping import ExpressionError, compile_expression
from hub.mapping.faults import near
from hub.mapping.grammar import parse
from hub.mapping.shape import Field, Shape

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_WRITTEN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*(?:\|(?:zh|en))?")
_FIRST_ONLY = frozenset(
    ("subexpression", "index_expression", "projection", "filter_projection", "value_projection", "flatten", "pipe")
)
"""Only the first part of these looks at the entity itself; what follows looks at what that gave."""


def check_expression(text: str, shape: Shape, path: Path) -> Iterator[Flaw]:
    """An expression must compile and speak of fields the kind has: a typo would be a silent `null`."""
    try:
        compile_expression(text)
        names = set(_roots(parse(text)))
    except ExpressionError as error:
        yield Flaw(path, f"expression {text!r}: {error}", f"表达式 {text!r}：{error.zh}")
        return
    for name in sorted(names - shape.fields.keys()):
        yield _no_field(name, shape, path)


def _roots(tree: Any) -> Iterator[str]:
    if tree["type"] == "field":
        yield tree["value"]
        return
    children = tree.get("children", ())
    for child in children[:1] if tree["type"] in _FIRST_ONLY else children:
        if isinstance(child, dict) and "type" in child:
            yield from _roots(child)


def check_text(text: str, shape: Shape, kinds: Kinds, path: Path) -> Iterator[Flaw]:
    """Every placeholder of a title or text: `{customer.name}`, or `{status|zh}` for the word people use."""
    for inside in PLACEHOLDER.findall(text):
        if not _WRITTEN.fullmatch(inside):
            yield Flaw(
                path,
                f"{{{inside}}} is no placeholder; write a path such as {{number}}, with |zh or |en for a state",
                f"{{{inside}}} 不是占位符：请写路径，例如 {{number}}，状态可加 |zh 或 |en",
            )
            continue
        flaw = check_path(inside.partition("|")[0], shape, kinds, path)
        if flaw:
            yield flaw


def check_path(dotted_path: str, shape: Shape, kinds: Kinds, path: Path) -> Flaw | None:
    """A path into an entity whose references are expanded one level must end in one value."""
    here: Shape = shape
    names = dotted_path.split(".")
    hops = 0
    for index, name in enumerate(names):
        field = here.fields.get(name)
        if field is None:
            return _no_field(name, here, path)
        rest = names[index + 1 :]
        if field.type == "ref" and rest and hops == 0:
            target = kinds.get(str(field.ref).partition(".")[0])
            if target is None:
                return _no_field(name, here, path)
            here, hops = target, 1
            continue
        return None if _ends(field, rest) else _no_value(dotted_path, path)
    return None


def _ends(field: Field, rest: list[str]) -> bool:
    if field.type == "money":
        return rest in ([], ["amount"], ["currency"])
    if field.type == "object":
        return len(rest) >= 1
    return field.type not in {"list", "ref"} and not rest


def _no_field(name: str, shape: Shape, path: Path) -> Flaw:
    zh, en = near(name, shape.fields)
    return Flaw(path, f"kind {shape.kind} has no field {name}{en}", f"对象类型 {shape.kind} 没有字段 {name}{zh}")


def _no_value(dotted_path: str, path: Path) -> Flaw:
    return Flaw(
        path,
        f"{dotted_path} is not one value; name a field, at most one reference away, such as {{owner.name}}",
        f"{dotted_path} 不是单个值：请写到字段，最多经过一个引用，例如 {{owner.name}}",
    )
