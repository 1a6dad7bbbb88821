"""The reference of every setting as docs/ keeps it, from hub/settings.py: `python -m tests.support.settings_reference`."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from hub.settings import Settings
from tests.support.settings_words import GROUPS_ZH, HEAD_EN, HEAD_ZH, KINDS_ZH, MEANINGS_ZH

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "hub" / "settings.py"
SIGNS = {Ge: "≥", Gt: ">", Le: "≤"}
TITLES = {"en": ("Variable", "Value", "Default", "Meaning"), "zh": ("环境变量", "取值", "默认值", "含义")}
Language = Literal["en", "zh"]


@dataclass(frozen=True)
class Setting:
    """One variable. `group`: of which class its sentence stands in."""

    variable: str
    value: str
    default: str
    group: str
    meaning: str


def settings() -> Iterator[Setting]:
    """Every one, in the order of hub/settings.py."""
    yield from _of(Settings, "HUB_", _said())


def _of(model: type[BaseModel], prefix: str, said: dict[str, str]) -> Iterator[Setting]:
    plain = {name: field for name, field in model.model_fields.items() if _inner(field) is None}
    for name, field in plain.items():
        where = f"{model.__name__}.{name}"
        yield Setting(prefix + name.upper(), _value(field), _default(field), model.__name__, said.get(where, ""))
    for name, field in model.model_fields.items():
        inner = _inner(field)
        if inner is not None:
            yield from _of(inner, f"{prefix}{name.upper()}__", said)


def _inner(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _said() -> dict[str, str]:
    """Class, or class.field -> the sentence below it in the source."""
    found: dict[str, str] = {}
    for node in ast.parse(SOURCE.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = _flat(ast.get_docstring(node) or "")
            for line, below in zip(node.body, node.body[1:], strict=False):
                match line, below:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(sentence))):
                        found[f"{node.name}.{name}"] = _flat(sentence)
    return found


def _flat(text: str) -> str:
    return " ".join(text.split())


def _value(field: FieldInfo) -> str:
    bounds = [f"{SIGNS[type(bound)]} {_bound(bound)}" for bound in field.metadata if type(bound) in SIGNS]
    return " ".join([_kind(field.annotation), *bounds])


def _bound(bound: Any) -> Any:
    return next(getattr(bound, name) for name in ("ge", "gt", "le") if hasattr(bound, name))


def _kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " / ".join(f"`{word}`" for word in get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return _kind(next(part for part in get_args(kind) if part is not type(None)))
    words = {int: "integer", float: "number", bool: "true / false", str: "text", Path: "path", SecretStr: "secret"}
    return words.get(kind, "JSON list")


def _default(field: FieldInfo) -> str:
    value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{'[]' if value == () else value}`"


def document(language: Language) -> str:
    said = _said()
    lines = [(HEAD_EN if language == "en" else HEAD_ZH).strip()]
    group = ""
    for setting in settings():
        value = setting.value
        if setting.group != group:
            group = setting.group
            titles = TITLES[language]
            lines += ["", f"## {_title(setting)}", _about(group, said, language), ""]
            lines += [f"| {' | '.join(titles)} |", f"|{' --- |' * len(titles)}"]
        if language == "zh":
            value = next((value.replace(en, zh) for en, zh in KINDS_ZH.items() if value.startswith(en)), value)
        meaning = setting.meaning if language == "en" else MEANINGS_ZH.get(setting.variable, "")
        lines.append(f"| `{setting.variable}` | {value} | {setting.default} | {meaning} |")
    return "\n".join(lines) + "\n"


def _title(setting: Setting) -> str:
    return setting.variable.rpartition("__")[0] + "__…" if "__" in setting.variable else "HUB_…"


def _about(group: str, said: dict[str, str], language: Language) -> str:
    return said[group] if language == "en" else GROUPS_ZH.get(group, "")


def committed() -> dict[Path, str]:
    """Path -> what the file must say."""
    return {
        ROOT / "docs" / "settings.md": document("en"),
        ROOT / "docs" / "settings.zh-CN.md": document("zh"),
    }


if __name__ == "__main__":
    for path, text in committed().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
