"""The JSON Schema of mapping files and of look-up tables, for editors: made from the words the parser itself uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hub.mapping import keys
from hub.mapping.schema_lines import (
    FLAG,
    TEXT,
    Schema,
    line_definitions,
    line_key,
    line_name,
    object_of,
    said,
    to,
    unknown,
)
from hub.mapping.scope import field_names
from hub.mapping.shape import CUSTOM, Field, Shape

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SCALAR: Final[Schema] = {"type": ["string", "number", "boolean"]}
CUSTOM_PATTERN: Final = rf"^{CUSTOM}\..+"


def mapping_schema(kinds: Iterable[Shape]) -> Schema:
    """The schema of a mapping file, with the fields of these kinds."""
    shapes = {shape.kind: shape for shape in kinds}
    definitions = line_definitions()
    branches: list[Schema] = []
    for kind, shape in shapes.items():
        for over in (False, True):
            definitions[_fields_name(kind, over)] = _fields(shape.fields, over, kind)
            branches.append(_branch(kind, over))
    return {
        "$schema": DIALECT,
        "title": "O2C Hub mapping / 业财通映射文件",
        "type": "object",
        "properties": {name: said(name, schema) for name, schema in _top(shapes).items()},
        "additionalProperties": False,
        "required": ["mapping"],
        "if": {"required": ["extends"]},
        "else": _alone(),
        "allOf": [*branches, _without_kind()],
        "$defs": dict(sorted(definitions.items())),
    }


def table_schema() -> Schema:
    """The schema of a look-up table file."""
    shaped: Mapping[str, Schema] = {
        "table": TEXT,
        "entries": {"type": "object", "additionalProperties": _SCALAR},
        "unknown": unknown(),
        "description": {},
    }
    return {
        "$schema": DIALECT,
        "title": "O2C Hub look-up table / 业财通对照表",
        "type": "object",
        "properties": {name: said(name, shaped[name]) for name in sorted(keys.TABLE)},
        "additionalProperties": False,
        "required": list(keys.TABLE_NEEDED),
    }


def _or_null(schema: Schema, over: bool) -> Schema:
    """In a file that extends another, null removes what that one says."""
    return {"anyOf": [{"type": "null"}, schema]} if over else schema


def _top(shapes: Iterable[str]) -> Mapping[str, Schema]:
    """`null` is for files that extend another: see `_alone`."""
    text_or_null = {"anyOf": [{"type": "null"}, TEXT]}
    constant = {"anyOf": [_SCALAR, _constant()]}
    several: Schema = {"type": "array", "items": {"type": "string"}}
    match = {"anyOf": [several, {"type": "string"}, object_of(keys.MATCH, {"weak": {"anyOf": [several, TEXT]}})]}
    return {
        "mapping": TEXT,
        "kind": {"enum": list(shapes)},
        "extends": TEXT,
        "key": TEXT,
        "names": {"type": ["object", "null"], "additionalProperties": text_or_null},
        "reference": text_or_null,
        "version": text_or_null,
        "deleted": text_or_null,
        "where": text_or_null,
        "match": {"type": ["array", "null"], "items": match},
        "constants": {"type": ["object", "null"], "additionalProperties": {"anyOf": [{"type": "null"}, constant]}},
        "fields": {"type": "object"},
        "tests": {"type": ["array", "null"], "items": _test()},
        "description": {},
    }


def _alone() -> Schema:
    """A file that extends none says everything itself, and nothing is null."""
    there: Schema = {"not": {"type": "null"}}
    nullable = ("names", "reference", "version", "deleted", "where", "match", "constants", "tests")
    inside = {name: {**there, "additionalProperties": there} for name in ("names", "constants")}
    return {"required": list(keys.TOP_NEEDED), "properties": {**dict.fromkeys(nullable, there), **inside}}


def _constant() -> Schema:
    return object_of(keys.CONSTANT, {"value": _SCALAR, "only": {"enum": list(keys.CONSTANT_ONLY)}}, ["value"])


def _test() -> Schema:
    shaped: Mapping[str, Schema] = {
        "record": {"type": "object"},
        "entity": {"type": "object"},
        "way": {"enum": list(keys.WAYS)},
        "creating": FLAG,
        "name": {},
    }
    return object_of(keys.TEST, shaped, keys.TEST_NEEDED)


# --- fields --------------------------------------------------------------------------------------------------------


def _fields_name(kind: str, over: bool) -> str:
    return f"{kind}_over" if over else kind


def _branch(kind: str, over: bool) -> Schema:
    told = {"properties": {"kind": {"const": kind}}, "required": ["kind"]}
    extends: Schema = {"required": ["extends"]}
    return {
        "if": {"allOf": [told, extends if over else {"not": extends}]},
        "then": {"properties": {"fields": to(_fields_name(kind, over))}},
    }


def _without_kind() -> Schema:
    """A file over another may leave the kind to it: then any field may be meant."""
    line = {"anyOf": [{"type": ["string", "null"]}, to("any_line")]}
    return {
        "if": {"not": {"required": ["kind"]}},
        "then": {"properties": {"fields": {"type": "object", "additionalProperties": line}}},
    }


def _fields(fields: Mapping[str, Field], over: bool, kind: str = "") -> Schema:
    """`kind`: where the same fields stand for a file by itself, so that one over another can refer to them."""
    lines: dict[str, Schema] = {}
    for name in field_names(fields):
        field = _at(fields, name)
        shared = over and kind and field.type != "list"
        lines[name] = _or_null(to(f"{kind}/properties/{name}") if shared else _field(field, over), over)
    return {
        "type": "object",
        "properties": lines,
        "patternProperties": {CUSTOM_PATTERN: _or_null(to("custom"), over)},
        "additionalProperties": False,
    }


def _at(fields: Mapping[str, Field], name: str) -> Field:
    head, _, rest = name.partition(".")
    return _at(fields[head].fields or {}, rest) if rest else fields[head]


def _field(field: Field, over: bool) -> Schema:
    if field.type == "list":
        return _list(field, over)
    line = to(line_name(field.type)) | _narrowed(field)
    return line if field.type in keys.LONG_FORM else {"anyOf": [TEXT, line]}


def _narrowed(field: Field) -> Schema:
    """What this field allows of what its type does."""
    if field.values:
        words: Schema = {"enum": [*field.values, None]}
        return {"properties": {"enum": {"additionalProperties": words}, "default": words, "const": words}}
    return {"properties": {"ref": {"const": field.ref}}} if field.ref else {}


def _list(field: Field, over: bool) -> Schema:
    shaped: Mapping[str, Schema] = {
        "each": TEXT,
        "key": line_key(),
        "fields": _fields(field.fields or {}, over),
        "required": FLAG,
        "description": {},
    }
    return object_of(keys.LIST_LINE, shaped, ["fields"] if over else ["each", "fields"])
