"""One YAML file and the line of every value in it; plain words stay text, numbers are exact."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import yaml

from hub.config.problem import Flaw, Path, Problem, dotted

MAX_BYTES = 1_000_000
MAX_NODES = 50_000
"""Aliases may repeat a node: the count bounds what a small file can unfold to."""

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")


@dataclass(frozen=True, slots=True)
class Document:
    """`lines`: path -> line, counted from 1."""

    file: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line(self, path: Sequence[str | int]) -> int:
        """The line of a path, or of what it stands in when it is missing."""
        place = tuple(path)
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def problem(self, flaw: Flaw) -> Problem:
        return Problem(self.file, self.line(flaw.path), dotted(flaw.path), flaw.en, flaw.zh)


def stem(file: str) -> str:
    """A file's name without folder and ending: what the thing inside must be called."""
    return PurePosixPath(file).stem


class _Unreadable(Exception):
    def __init__(self, line: int, path: Path, en: str, zh: str) -> None:
        super().__init__(en)
        self.line, self.path, self.en, self.zh = line, path, en, zh


def read_document(file: str, text: str) -> Document | Problem:
    """The file's one object with its lines, or why it cannot be read."""
    try:
        return _read(file, text)
    except _Unreadable as error:
        return Problem(file, error.line, dotted(error.path), error.en, error.zh)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "not readable"
        line = mark.line + 1 if mark else 0
        return Problem(file, line, "", f"is not valid YAML: {reason}", f"不是有效的 YAML：{reason}")
    except RecursionError:
        return Problem(file, 0, "", "is nested too deeply; simplify it", "嵌套过深：请简化")


def _read(file: str, text: str) -> Document:
    if len(text.encode()) > MAX_BYTES:
        raise _Unreadable(0, (), "is larger than 1 MB; split it", "超过 1 MB：请拆分")
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        raise _Unreadable(1, (), "must hold names and values at the top", "顶层应为键值对")
    reader = _Reader()
    return Document(file, text, reader.read(node, ()), reader.lines)


class _Reader:
    """Turns nodes into values, noting where each stood."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}

    def read(self, node: yaml.Node, path: Path) -> Any:
        if len(self.lines) >= MAX_NODES:
            raise _Unreadable(_line(node), path, "unfolds to too many values; split it", "内容过多：请拆分")
        self.lines.setdefault(path, _line(node))
        if isinstance(node, yaml.MappingNode):
            return {name: self.read(value, (*path, name)) for name, value in self._pairs(node, path)}
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _pairs(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, yaml.Node]]:
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Unreadable(_line(key), path, "a name must be plain text", "键应为文本")
            if key.value in seen:
                en, zh = f"{key.value} is given twice; remove one", f"{key.value} 写了两次：请删去一个"
                raise _Unreadable(_line(key), (*path, key.value), en, zh)
            seen.add(key.value)
            self.lines[*path, key.value] = _line(key)
            yield key.value, value


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _scalar(node: yaml.Node) -> Any:
    """YAML 1.1 would read 0123 as octal, 1:30 as 90 and 2026-01-31 as a date: those stay text."""
    kind = node.tag.rsplit(":", 1)[-1]
    return _SCALARS[kind](node.value) if kind in _SCALARS else node.value


def _integer(text: str) -> int | str:
    return int(text) if _INTEGER.fullmatch(text) else text


def _number(text: str) -> Decimal | str:
    return Decimal(text) if _NUMBER.fullmatch(text) else text


_SCALARS: Mapping[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() in {"yes", "true", "on"},
    "int": _integer,
    "float": _number,
}
