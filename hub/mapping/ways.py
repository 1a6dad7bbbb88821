"""Which way each line of a mapping works, and why where it is not simply both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from hub.mapping.compiled import CompiledMapping
from hub.mapping.lines import Line
from hub.mapping.shape import ABSENT

Direction = Literal["both", "in", "out"]
Reason = tuple[str, str]
"""Chinese, English."""


@dataclass(frozen=True, slots=True)
class Way:
    """`zh` and `en` say why a line is one-way, or under which condition it is two-way; empty for a plain one."""

    field: str
    way: Direction
    zh: str
    en: str
    file: str
    line: int


def ways(mapping: CompiledMapping) -> tuple[Way, ...]:
    """Every line of the mapping, those of lists as `lines[].quantity`."""
    return tuple(_ways(mapping.lines, "", None))


def _ways(lines: Iterable[Line], prefix: str, above: Reason | None) -> Iterator[Way]:
    """`above`: why nothing inside this list is written."""
    for line in lines:
        name = prefix + line.field
        inward, outward = line.inward, line.outward and above is None
        if inward or outward:
            way: Direction = "both" if inward and outward else "in" if inward else "out"
            zh, en = _why(line, way, above)
            yield Way(name, way, zh, en, *line.where)
        if line.part is not None:
            yield from _ways(line.part.lines, f"{name}[].", above or _unwritten_list(line))


def _unwritten_list(line: Line) -> Reason | None:
    return None if line.part is None or line.part.source.names is not None else _REASONS["list"]


def _why(line: Line, way: Direction, above: Reason | None) -> Reason:
    if way == "in":
        return above or _REASONS[next(name for name, holds in _INWARD if holds(line))]
    found = [_REASONS[name] for name, holds in (_OUTWARD if way == "out" else _BOTH) if holds(line)]
    return "；".join(zh for zh, _ in found), "; ".join(en for _, en in found)


def _inner_one_way(line: Line) -> bool:
    return line.part is not None and not line.outward


def _apart(line: Line) -> bool:
    """Read and written by different rules, so that neither is the other's inverse by itself."""
    if line.part is not None or line.source is None:
        return False
    return [(target.names, target.value) for target in line.targets] != [(line.source.names, None)]


def _shared_words(line: Line) -> bool:
    return line.enum is not None and len(line.enum.outward) < len(
        [w for w in line.enum.inward.values() if w is not None]
    )


def _borrowed_currency(line: Line) -> bool:
    source = line.currency.source if line.currency else None
    return source is not None and (source.rooted or source.names is None)


Test = Callable[[Line], bool]
_INWARD: Final[tuple[tuple[str, Test], ...]] = (
    ("list", lambda line: line.part is not None and line.part.source.names is None),
    ("inner", _inner_one_way),
    ("const_in", lambda line: line.const is not ABSENT),
    ("root", lambda line: line.source is not None and line.source.rooted),
    ("expression", lambda line: line.source is not None and line.source.names is None),
    ("in_only", lambda _: True),
)
_CONDITIONS: Final[tuple[tuple[str, Test], ...]] = (
    ("when", lambda line: line.when_entity is not None),
    ("create", lambda line: line.only == "create"),
    ("change", lambda line: line.only == "change"),
)
_OUTWARD: Final[tuple[tuple[str, Test], ...]] = (
    ("const_out", lambda line: line.const is not ABSENT),
    ("computed", lambda line: line.const is ABSENT and any(target.value is not None for target in line.targets)),
    ("out_only", lambda line: line.const is ABSENT and all(target.value is None for target in line.targets)),
    *_CONDITIONS,
)
_BOTH: Final[tuple[tuple[str, Test], ...]] = (
    ("apart", _apart),
    ("words", _shared_words),
    ("currency", _borrowed_currency),
    *_CONDITIONS,
)
_REASONS: Final[dict[str, Reason]] = {
    "list": ("列表由表达式读出，无法写回", "the list is read by an expression, which cannot be written"),
    "inner": ("列表中的每一行都只读", "every line inside the list is read only"),
    "const_in": ("常量，不写给对方", "a constant of ours, not written to the other side"),
    "root": ("$. 取自整条记录，不能从列表行写回", "$. takes it from the whole record, where a line cannot write"),
    "expression": ("表达式不能反向计算；要写回请加 out", "an expression has no inverse; add out to write it"),
    "in_only": ("只写了 in；要写回请改用 path 或加 out", "says in only; write path, or add out, to write it"),
    "const_out": ("写出常量，不读入", "writes a constant and reads nothing"),
    "computed": ("写出由表达式算出的值；要读入请加 in", "writes what an expression computes; add in to read it"),
    "out_only": ("只写了 out；要读入请改用 path 或加 in", "says out only; write path, or add in, to read it"),
    "apart": ("读入与写出各有规则，互不为逆", "in and out are two rules, not one read backwards"),
    "words": ("对方有几个词表示同一取值，写出第一个", "several words of theirs mean one of ours; the first is written"),
    "currency": ("币种取自整张单据，这里只核对不写出", "the currency is the document's: checked here, not written"),
    "when": ("仅在 when 成立时写出", "written only while when holds"),
    "create": ("仅在新建时写出", "written only when creating"),
    "change": ("仅在更新时写出", "written only when changing"),
}
