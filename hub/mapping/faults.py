"""What can be wrong with a mapping file or a record, said once in two languages."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hub.mapping.sentences import FILE_RULES, RECORD_RULES

SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Problem:
    file: str
    line: int
    path: str
    value: str
    rule: str
    sentence_zh: str
    sentence_en: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: {self.sentence_en}"


class MappingError(Exception):
    """A mapping file cannot be used: everything found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(tuple(problems))
        self.problems: tuple[Problem, ...] = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a mapping something is said; `base` names the mapping when it is one that this one extends."""

    file: str = ""
    line: int = 0
    base: str = ""

    @property
    def where(self) -> tuple[str, int]:
        return self.file, self.line

    def spoken(self) -> tuple[str, str]:
        """How a sentence begins, Chinese and English."""
        zh = f"第 {self.line} 行 " if self.line else ""
        en = f"line {self.line}, " if self.line else ""
        return (f"{self.base} {zh}", f"{self.base} {en}") if self.base else (zh, en)


_NOWHERE: Final = Place()


class RecordError(MappingError):
    """One record (or entity) cannot be mapped: the line of the mapping, the field, the path, and what to do."""

    def __init__(
        self, field: str, path: str, value: str, rule: str, detail: Mapping[str, str], place: Place = _NOWHERE
    ) -> None:
        self.field, self.path, self.value, self.place = field, path, value, place
        self.rule, self.detail = rule, dict(detail)
        zh, en = RECORD_RULES[rule]
        words = {"field": field, "path": path or "@", "value": value, **self.detail}
        begin_zh, begin_en = place.spoken()
        self.sentence_zh = begin_zh + ("{field}：路径 {path} " + zh).format_map(words)
        self.sentence_en = begin_en + ("{field}: path {path}: " + en).format_map(words)
        super().__init__([Problem(*place.where, path, value, self.rule, self.sentence_zh, self.sentence_en)])

    @property
    def where(self) -> tuple[str, int]:
        """File and line of the mapping; `("", 0)` when it is not known."""
        return self.place.where

    def __reduce__(self) -> tuple[type[RecordError], tuple[Any, ...]]:
        return RecordError, (self.field, self.path, self.value, self.rule, self.detail, self.place)

    def __str__(self) -> str:
        return self.sentence_en

    def within(self, field: str, path: str, index: int) -> RecordError:
        """The same error seen from outside the list it happened in."""
        inner_path = self.path if self.path.startswith("$.") else f"{path}[{index}].{self.path}".rstrip(".")
        inner_field = f"{field}[{index}].{self.field}".rstrip(".")
        return RecordError(inner_field, inner_path, self.value, self.rule, self.detail, self.place)


_UNSAID: Final = object()


class Fault(Exception):
    """A value breaks a rule; whoever knows the field and the path makes it a RecordError or a Problem.
    `value` is the offending value where it is not the one being read."""

    def __init__(self, rule: str, *, value: Any = _UNSAID, **detail: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.detail = detail
        self.value = value


def _sample(value: Any, depth: int = 2) -> Any:
    """The head of a value: an expression may build one far larger than the record it came from."""
    if isinstance(value, str):
        return value[: SHOWN + 1]
    if isinstance(value, list):
        return [_sample(item, depth - 1) for item in value[:4]] if depth else "…"
    if isinstance(value, dict):
        return {key: _sample(value[key], depth - 1) for key in list(value)[:4]} if depth else "…"
    return value


def shown(value: Any) -> str:
    """A value as a sentence quotes it, at most 80 characters."""
    text = json.dumps(_sample(value), ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def record_error(field: str, path: str, value: Any, fault: Fault, place: Place) -> RecordError:
    offending = value if fault.value is _UNSAID else fault.value
    return RecordError(field, path, shown(offending), fault.rule, fault.detail, place)


def near(word: str, words: Iterable[str]) -> tuple[str, str]:
    """The hint (zh, en) that names the nearest known word, or two empty texts."""
    found = difflib.get_close_matches(word, list(words), n=1)
    return (f"，是不是想写 {found[0]}？", f"; did you mean {found[0]}?") if found else ("", "")


def _of_a_value(zh: str, en: str) -> tuple[str, str]:
    return f"此处{zh}", en


class Findings:
    """Collects the problems of one file, so that an author sees all of them at once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, where: tuple[str, int], path: str, rule: str, value: Any = "", **detail: str) -> None:
        zh, en = FILE_RULES[rule] if rule in FILE_RULES else _of_a_value(*RECORD_RULES[rule])
        text = value if isinstance(value, str) else shown(value)
        words = {"hint_zh": "", "hint_en": "", **detail, "value": text[:SHOWN]}
        self.problems.append(Problem(*where, path, text[:SHOWN], rule, zh.format_map(words), en.format_map(words)))

    def unknown(
        self, where: tuple[str, int], path: str, rule: str, word: str, words: Iterable[str], kind: str = ""
    ) -> None:
        known = list(words)
        hint_zh, hint_en = near(word, known)
        listed = ", ".join(known[:12])
        self.add(where, path, rule, word, known=listed, hint_zh=hint_zh, hint_en=hint_en, kind=kind)

    def raise_any(self) -> None:
        if self.problems:
            raise MappingError(sorted(self.problems, key=lambda problem: (problem.file, problem.line)))
