"""Kinds a customer declares: their notation checked, their shapes made."""

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any

from hub.canon.kinds import Kinds
from hub.config.model import KindSpec
from hub.config.problem import Flaw, Path
from hub.db.kinds import OURS, parse_shape
from hub.mapping.faults import near
from hub.mapping.shape import FIELD_TYPES, Shape

FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
TAKEN = frozenset({"custom", "id", "kind", "version"})
WORDS = frozenset(FIELD_TYPES) - {"ref", "enum", "list", "object"}
_FORMS = "a type, {ref: kind}, {enum: [...]} or a list of lines"
_FORMS_ZH = "类型、{ref: 对象类型}、{enum: [...]} 或行的列表"


def shapes_of(specs: Mapping[str, KindSpec]) -> Kinds:
    """All kinds there are with these declared beside ours."""
    return Kinds(own={kind: parse_shape(kind, spec.fields) for kind, spec in specs.items()})


def check_kind(spec: KindSpec, kinds: Set[str], before: Shape | None) -> Iterator[Flaw]:
    """`kinds`: all names there will be; `before`: the kind as it is in force, whose fields keep their type."""
    if spec.kind in OURS:
        yield Flaw(
            ("kind",),
            f"{spec.kind} is a kind of the hub's own; use its custom fields, or choose another name",
            f"{spec.kind} 是系统自带的对象类型：请使用它的 custom 字段，或换一个名称",
        )
        return
    flaws = list(_fields(spec.fields, ("fields",), kinds, lines=True))
    yield from flaws
    if not flaws and before is not None:
        yield from _changed(spec, before)


def _fields(fields: Mapping[str, Any], path: Path, kinds: Set[str], *, lines: bool) -> Iterator[Flaw]:
    if not fields:
        yield Flaw(path, "there are no fields; add one", "没有字段：请至少写一个")
    for name, spec in fields.items():
        place = (*path, name)
        if not FIELD_NAME.fullmatch(name) or name in TAKEN:
            yield Flaw(
                place,
                f"{name} cannot name a field; use small letters, digits and underscores, and none of"
                f" {', '.join(sorted(TAKEN))}",
                f"{name} 不能作字段名：请用小写字母、数字和下划线，且不能是 {'、'.join(sorted(TAKEN))}",
            )
        elif isinstance(spec, list):
            yield from _lines(spec, place, kinds, allowed=lines)
        else:
            yield from _single(spec, place, kinds)


def _lines(spec: list[Any], path: Path, kinds: Set[str], *, allowed: bool) -> Iterator[Flaw]:
    if not allowed:
        yield Flaw(path, "lines cannot have lines of their own; use a kind for them", "行内不能再有行：请另建对象类型")
    elif len(spec) == 1 and isinstance(spec[0], Mapping):
        yield from _fields(spec[0], (*path, 0), kinds, lines=False)
    else:
        yield Flaw(path, "a list of lines holds one object: the fields of a line", "行的列表只写一个对象：行的字段")


def _single(spec: Any, path: Path, kinds: Set[str]) -> Iterator[Flaw]:
    if isinstance(spec, str):
        if spec not in WORDS:
            zh, en = near(spec, WORDS)
            en, zh = en or f"; types are {', '.join(sorted(WORDS))}", zh or f"；可用类型 {'、'.join(sorted(WORDS))}"
            yield Flaw(path, f"there is no type {spec}{en}", f"没有类型 {spec}{zh}")
    elif isinstance(spec, Mapping) and spec.keys() == {"ref"}:
        head, _, sub = str(spec["ref"]).partition(".")
        if head not in kinds or (sub and sub != "lines"):
            zh, en = near(head, kinds)
            yield Flaw((*path, "ref"), f"there is no kind {spec['ref']}{en}", f"没有对象类型 {spec['ref']}{zh}")
    elif isinstance(spec, Mapping) and spec.keys() == {"enum"}:
        values = spec["enum"]
        if not (isinstance(values, list) and values and all(isinstance(value, str) for value in values)):
            yield Flaw((*path, "enum"), "enum needs a list of words; quote numbers", "enum 应为文本列表：数字请加引号")
    else:
        yield Flaw(path, f"this is no field; write {_FORMS}", f"不是字段的写法：请写{_FORMS_ZH}")


def _changed(spec: KindSpec, before: Shape) -> Iterator[Flaw]:
    after = parse_shape(spec.kind, spec.fields)
    for name in sorted(after.fields.keys() & before.fields.keys()):
        old, new = before.fields[name].type, after.fields[name].type
        if old != new:
            yield Flaw(
                ("fields", name),
                f"{name} is {old} and in use; it cannot become {new}: add a field with another name",
                f"{name} 已是 {old} 类型并在使用，不能改为 {new}：请用新名称另加字段",
            )
