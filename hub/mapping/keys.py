"""The words of a mapping file: which key stands where. The parser and the JSON Schema are both made from these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hub.mapping.shape import FieldType

TOP: Final = frozenset(
    {"mapping", "kind", "key", "names", "reference", "version", "deleted", "where", "match", "fields"}
    | {"tests", "extends", "constants", "description"}
)
TOP_NEEDED: Final = ("mapping", "kind", "key", "fields")
TEST: Final = frozenset({"record", "entity", "way", "creating", "name"})
TEST_NEEDED: Final = ("record", "entity")
CONSTANT: Final = frozenset({"value", "only"})
MATCH: Final = frozenset({"weak"})
TABLE: Final = frozenset({"table", "entries", "unknown", "description"})
TABLE_NEEDED: Final = ("table", "entries")

FORMS: Final = frozenset({"as", "format", "epoch", "zone"})
TARGET: Final = FORMS | {"path", "value", "type"}
CURRENCY: Final = frozenset({"path", "const", "default"})
LINE_KEY: Final = frozenset({"path", "as"})
SOURCES: Final = frozenset({"path", "in", "out", "const"})
"""A line has one of them."""
EVERY_LINE: Final = SOURCES | {"type", "default", "required", "when", "only", "description"}
LIST_LINE: Final = frozenset({"each", "key", "fields", "required", "description"})
OF_TYPE: Final[Mapping[FieldType, frozenset[str]]] = {
    "text": frozenset({"as", "enum", "lookup", "unknown"}),
    "integer": frozenset({"as", "enum", "lookup", "unknown"}),
    "decimal": frozenset({"as", "clean"}),
    "money": frozenset({"as", "clean", "currency", "currency_enum", "currency_lookup"}),
    "date": FORMS,
    "instant": FORMS,
    "bool": frozenset({"enum", "lookup", "unknown"}),
    "enum": frozenset({"enum", "lookup", "unknown"}),
    "ref": frozenset({"as", "ref", "by", "system"}),
}
LINE: Final = EVERY_LINE.union(LIST_LINE, *OF_TYPE.values())
LONG_FORM: Final[Mapping[str, str]] = {
    "money": "{path: FAmount, currency: FCurrency}",
    "ref": "{ref: customer, by: number, path: FCustId.FNumber}",
    "list": "{each: FEntry, key: FEntryID, fields: {…}}",
}
"""Types that a path alone does not say enough of."""

WAYS: Final = ("both", "in", "out")
ONLY: Final = ("create", "change")
CONSTANT_ONLY: Final = (*ONLY, "always")
UNKNOWN: Final = ("fail", "pass", "null")
AS: Final = ("text", "number")
EPOCHS: Final = ("ms", "s")
FLAGS: Final[Mapping[str | bool, bool]] = {"yes": True, "no": False, True: True, False: False}
