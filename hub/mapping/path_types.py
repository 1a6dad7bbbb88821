"""What a stream says a path holds, against what a line takes it for: contradictions are told before any record comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hub.mapping import keys
from hub.mapping.codecs import Options
from hub.mapping.shape import FieldType

FLOATS: Final = frozenset({"float", "double", "real"})
NESTED: Final = frozenset({"list", "object"})
SCALARS: Final = frozenset({"text", "enum", "integer", "decimal", "money", "date", "instant", "bool"})
_TIMES: Final = frozenset({"date", "instant"})

# Of the scalars, those a line of that type cannot take as they are.
_REFUSED: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"bool"}),
    "integer": frozenset({"bool", "date", "money"}),
    "decimal": _TIMES | {"bool"},
    "money": _TIMES | {"bool"},
    "date": frozenset({"bool", "decimal", "money"}),
    "instant": frozenset({"bool", "decimal", "money"}),
    "bool": _TIMES | {"integer", "decimal", "money"},
    "enum": _TIMES | {"bool", "money"},
    "ref": _TIMES | {"bool", "money"},
}


def clash(type_: FieldType, word: str | None, options: Options) -> str | None:
    """The rule that a line of this type breaks on a path of that word; None where they go together."""
    if word is None or word not in SCALARS | NESTED | FLOATS:
        return None
    if type_ == "list":
        return None if word == "list" else "path_no_list"
    if word in NESTED:
        return "path_nested"
    if word in FLOATS:
        return "path_float" if type_ in ("money", "decimal") else None
    if options.enum is not None:
        return None
    if type_ in _TIMES and word == "integer" and options.epoch is None and options.form is None:
        return "path_epoch"
    if word not in _REFUSED[type_]:
        return None
    return "path_word" if "bool" in (word, type_) and "enum" in keys.OF_TYPE[type_] else "path_type"
