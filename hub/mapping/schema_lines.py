"""The JSON Schema of one line of `fields:`, by type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from hub.mapping import keys
from hub.mapping.schema_words import FIELD_TYPES_ZH, WORDS
from hub.mapping.shape import FieldType

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string", "minLength": 1}
FLAG: Final[Schema] = {"enum": list(keys.FLAGS)}
_MONEY: Final[Schema] = {
    "type": "object",
    "properties": {"amount": {"type": ["string", "number"]}, "currency": {"type": "string"}},
    "required": ["amount", "currency"],
    "additionalProperties": False,
}
_LITERALS: Final[Mapping[str, Schema]] = {
    "text": {"type": ["string", "number", "null"]},
    "integer": {"type": ["string", "number", "null"]},
    "decimal": {"type": ["string", "number", "null"]},
    "money": {"anyOf": [{"type": ["string", "null"]}, _MONEY]},
    "date": {"type": ["string", "null"]},
    "instant": {"type": ["string", "null"]},
    "bool": {"type": ["boolean", "null"]},
    "enum": {"type": ["string", "number", "null"]},
    "ref": {"type": ["string", "number", "null"]},
}


def said(name: str, schema: Schema) -> Schema:
    zh, en = WORDS[name]
    return {**schema, "description": f"{zh} · {en}"}


def object_of(names: Iterable[str], shaped: Mapping[str, Schema], needed: Iterable[str] = ()) -> Schema:
    """An object of these keys and no others."""
    made: Schema = {
        "type": "object",
        "properties": {name: said(name, shaped[name]) for name in sorted(names)},
        "additionalProperties": False,
    }
    return made | {"required": list(needed)} if needed else made


def to(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def line_definitions() -> dict[str, Schema]:
    """What the fields of every kind refer to."""
    lines = {line_name(type_): _line(type_) for type_ in keys.OF_TYPE}
    return {**lines, "target": _target(), "out": _out(), "custom": _custom(), "any_line": _any_line()}


def unknown() -> Schema:
    return {"enum": [*keys.UNKNOWN, None]}


def line_key() -> Schema:
    return {"anyOf": [TEXT, object_of(keys.LINE_KEY, {"path": TEXT, "as": {"enum": list(keys.AS)}}, ["path"])]}


def line_name(type_: str) -> str:
    return f"{type_}_line"


def _line(type_: FieldType) -> Schema:
    """The long form of a line of that type."""
    shaped = _line_keys(type_)
    names = keys.EVERY_LINE | keys.OF_TYPE[type_]
    line = object_of(names, shaped, ["ref", "by"] if type_ == "ref" else [])
    zh = FIELD_TYPES_ZH[type_]
    line |= {"title": f"{type_} · {zh}", "anyOf": [{"required": [source]} for source in sorted(keys.SOURCES)]}
    apart = [["path", "in"], ["path", "out"], ["const", "path"], ["const", "in"]]
    conditions: list[Schema] = [{"not": {"required": pair}} for pair in apart]
    if type_ == "money":
        reads = {"anyOf": [{"required": ["path"]}, {"required": ["in"]}]}
        conditions.append({"if": reads, "then": {"required": ["currency"]}})
    return line | {"allOf": conditions}


def _line_keys(type_: FieldType) -> Mapping[str, Schema]:
    words = _LITERALS[type_]
    return {
        "path": TEXT,
        "in": TEXT,
        "out": to("out"),
        "type": {"const": type_},
        "default": words,
        "const": words,
        "required": FLAG,
        "when": TEXT,
        "only": {"enum": list(keys.ONLY)},
        "description": {},
        "as": {"enum": list(keys.AS)},
        "clean": FLAG,
        "enum": {"type": "object", "additionalProperties": words},
        "lookup": TEXT,
        "unknown": unknown(),
        "currency": {"anyOf": [TEXT, _currency()]},
        "currency_enum": {"type": "object", "additionalProperties": _LITERALS["text"]},
        "currency_lookup": TEXT,
        "ref": TEXT,
        "by": TEXT,
        "system": TEXT,
        "zone": TEXT,
        "format": TEXT,
        "epoch": {"enum": list(keys.EPOCHS)},
    }


def _currency() -> Schema:
    code: Schema = {"type": "string", "pattern": r"^\s*[A-Z]{3}\s*$"}
    made = object_of(keys.CURRENCY, {"path": TEXT, "const": code, "default": code})
    return made | {"anyOf": [{"required": ["path"]}, {"required": ["const"]}]}


def _target() -> Schema:
    shaped: Mapping[str, Schema] = {
        "path": TEXT,
        "value": TEXT,
        "type": {"enum": list(keys.OF_TYPE)},
        "as": {"enum": list(keys.AS)},
        "format": TEXT,
        "epoch": {"enum": list(keys.EPOCHS)},
        "zone": TEXT,
    }
    return object_of(keys.TARGET, shaped, ["path"])


def _out() -> Schema:
    """A path, the long form, a list of those, or paths with expressions."""
    one = {"anyOf": [TEXT, to("target")]}
    short: Schema = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"not": {"enum": sorted(keys.TARGET)}},
        "additionalProperties": TEXT,
    }
    return {"anyOf": [*one["anyOf"], {"type": "array", "items": one, "minItems": 1}, short]}


def _custom() -> Schema:
    """A line of a custom field, whose type stands in the line."""
    chosen = [
        {"if": {"properties": {"type": {"const": type_}}, "required": ["type"]}, "then": to(line_name(type_))}
        for type_ in keys.OF_TYPE
    ]
    return {
        "type": "object",
        "properties": {"type": {"enum": list(keys.OF_TYPE)}},
        "required": ["type"],
        "allOf": chosen,
    }


def _any_line() -> Schema:
    """Any line at all: of files that leave the kind to the one they extend."""
    shaped = {
        **_line_keys("text"),
        "default": {},
        "const": {},
        "type": {"enum": list(keys.OF_TYPE)},
        "enum": {"type": "object"},
        "each": TEXT,
        "key": line_key(),
        "fields": {"type": "object"},
    }
    return object_of(keys.LINE, shaped)
