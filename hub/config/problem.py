"""What is wrong with a configuration, with file, line and path, in two languages."""

import difflib
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hub.mapping.faults import near

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct. `line` 0: the file as a whole, or nothing that stands in a file."""

    file: str
    line: int
    path: str
    sentence: str
    sentence_zh: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (where, self.path, self.sentence) if part)


@dataclass(frozen=True, slots=True)
class Flaw:
    """A problem before it is known in which file, or in no file, its path stands."""

    path: Path
    en: str
    zh: str


_SENTENCES: Mapping[str, tuple[str, str]] = {
    "missing": ("{field} is missing; add it", "缺少 {field}：请补上"),
    "extra_forbidden": ("unknown name {field}{hint_en}", "不认识的键 {field}{hint_zh}"),
    "literal_error": ("{field} must be one of {expected}", "{field} 只能是 {expected}"),
    "string_type": ("{field} must be text; put the value in quotes", "{field} 应为文本：请给值加引号"),
    "string_pattern_mismatch": (
        "{field} must match {pattern}: small letters, digits and underscores",
        "{field} 应符合 {pattern}：小写字母、数字和下划线",
    ),
    "bool_type": ("{field} must be true or false", "{field} 应为 true 或 false"),
    "bool_parsing": ("{field} must be true or false", "{field} 应为 true 或 false"),
    "int_type": ("{field} must be a whole number", "{field} 应为整数"),
    "int_parsing": ("{field} must be a whole number", "{field} 应为整数"),
    "float_type": ("{field} must be a number", "{field} 应为数字"),
    "float_parsing": ("{field} must be a number", "{field} 应为数字"),
    "dict_type": ("{field} must hold names and values", "{field} 应为键值对"),
    "model_type": ("{field} must hold names and values", "{field} 应为键值对"),
    "tuple_type": ("{field} must be a list", "{field} 应为列表"),
    "list_type": ("{field} must be a list", "{field} 应为列表"),
    "duration": (
        "{field} must be a time span such as 30s, 5m, 1h or 2d",
        "{field} 应为时长，例如 30s、5m、1h、2d",
    ),
    "channel": (
        "{field} must be CONNECTION/STREAM, CONNECTION/STREAM:PERSON or a mail address",
        "{field} 应为 连接/消息接口、连接/消息接口:人员 或邮箱地址",
    ),
}
_OTHERWISE = ("{field} cannot be used: {msg}", "{field} 的值不可用：{msg}")


def dotted(path: Sequence[str | int]) -> str:
    """A path as people write it: `fields.lines[0].to`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def known_names(model: type[BaseModel], path: Sequence[str | int]) -> Iterable[str]:
    """The names a model allows at a path; none when the path leads into something free."""
    here: type[BaseModel] | None = model
    for part in path:
        if here is None:
            return ()
        if isinstance(part, int) or part not in here.model_fields:
            continue
        here = _model_in(here.model_fields[part].annotation)
    return here.model_fields if here else ()


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    found = (_model_in(argument) for argument in typing.get_args(annotation))
    return next((model for model in found if model), None)


def flaws_of(error: ValidationError, model: type[BaseModel]) -> list[Flaw]:
    """What a model found wrong, as our sentences. No value is shown: it may be a secret."""
    details = error.errors(include_url=False, include_input=False)
    missing = {detail["loc"] for detail in details if detail["type"] == "missing"}
    meant = {place for detail in details if (place := _meant(detail, missing)) is not None}
    return [_flaw(detail, model) for detail in details if detail["loc"] not in meant]


def _meant(detail: ErrorDetails, missing: set[Path]) -> Path | None:
    """The missing name that an unknown one was probably meant to be: told once, not twice."""
    if detail["type"] != "extra_forbidden":
        return None
    *before, name = detail["loc"]
    beside = {str(place[-1]): place for place in missing if place[:-1] == tuple(before)}
    found = difflib.get_close_matches(str(name), beside, n=1)
    return beside[found[0]] if found else None


def _flaw(detail: ErrorDetails, model: type[BaseModel]) -> Flaw:
    path = detail["loc"]
    hint_zh, hint_en = "", ""
    if detail["type"] == "extra_forbidden":
        hint_zh, hint_en = near(str(path[-1]), known_names(model, path[:-1]))
    words = {
        "field": dotted(path) or "@",
        "hint_en": hint_en,
        "hint_zh": hint_zh,
        "msg": detail["msg"].removeprefix("Value error, "),
        **{name: str(value) for name, value in detail.get("ctx", {}).items() if name != "error"},
    }
    en, zh = _SENTENCES.get(detail["type"], _OTHERWISE)
    return Flaw(path, en.format_map(words), zh.format_map(words))
