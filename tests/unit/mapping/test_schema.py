"""The JSON Schema says what the parser says: it is made from the same words, and random files prove it."""

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import pytest
import yaml

from hub.config.shipped import shipped_mappings, shipped_tables
from hub.mapping import MappingError, keys
from hub.mapping.document import parse_document
from hub.mapping.faults import Findings
from hub.mapping.schema import mapping_schema, table_schema
from hub.mapping.schema_words import WORDS
from hub.mapping.tables import parse_table
from tests.support.mapping_schema import committed
from tests.unit.mapping.orders import MAPPING, ORDER, compiled

BENT = 1200 if os.environ.get("HUB_TEST_FULL") == "1" else 120
SHAPE_RULES = {
    "unknown_key", "not_mapping", "not_list", "not_text", "empty_text", "not_flag", "not_scalar", "missing",
    "needs_long_form", "list_field", "no_source", "not_for_type", "type_differs", "unknown_field", "unknown_kind",
    "unknown_word", "two_sources", "const_in", "ref_differs", "enum_value", "custom_type", "object_field",
}  # fmt: skip
SCHEMA = jsonschema.Draft202012Validator(mapping_schema([ORDER]))
WHOLE = (
    MAPPING
    + """\
tests:
  - {record: {FID: 1}, entity: {remark: x}, way: in, creating: no, name: one}
description: a whole file
"""
)
MORE = """\
mapping: t.more
kind: order
key: id
match: [order_no, {weak: customer}]
fields:
  order_no: {in: no, out: {a: order_no, b.c: upper(order_no)}, only: create, when: remark}
  customer: {ref: customer, by: number, system: erp, in: c, out: [c, {path: d, as: number}]}
  total: {path: t, currency: {path: c2, default: CNY}, clean: yes, currency_enum: {RMB: CNY}}
  paid: {out: {path: p, value: paid.amount, type: text}, currency: {const: CNY}}
  status: {in: s, enum: {A: draft, "": null}, unknown: null, default: draft}
  changed_at: {path: at, zone: Europe/Berlin, format: "%Y%m%d %H%M"}
  ordered_at: {out: {path: d2, epoch: ms, zone: UTC}}
  rush: {const: true}
  remark: {path: n, type: text, required: no, description: a note}
  custom.level: {path: l, type: integer, default: 3}
  lines: {each: rows, required: yes, fields: {note: n, custom.x: {type: bool, in: x}}}
"""
OVER = """\
mapping: t.over
kind: order
extends: base
version: null
names: {number: null, code: c}
fields:
  remark: null
  copies: n
  lines: {fields: {note: null, due: d}}
"""
ODD: tuple[Any, ...] = (None, "", "x", 5, True, [], ["x"], {}, {"x": "y"}, {"path": 1}, "no", "trim(x)")


def problems(text: str) -> list[str]:
    """The rules a text breaks in the parser's eyes."""
    try:
        compiled(text, load={"base": MAPPING}.__getitem__)
    except MappingError as error:
        return [problem.rule for problem in error.problems]
    return []


def plain(text: str) -> Any:
    return parse_document(text, "x", Findings()).plain()


def said(text: str) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(plain(text))]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place but those inside a test's record and entity, which may hold anything."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*path, key)
        if key not in ("record", "entity"):
            yield from places(inner, (*path, key))


def bent(document: Any, random: Random) -> Any:
    """The document with one thing changed."""
    made = copy.deepcopy(document)
    *above, last = random.choice(list(places(made)))
    holder = made
    for part in above:
        holder = holder[part]
    kind = random.random()
    if kind < 0.6:
        holder[last] = random.choice(ODD)
    elif kind < 0.75 or isinstance(holder, list):
        del holder[last]
    elif kind < 0.9:
        holder[random.choice(sorted(keys.LINE | keys.TOP | {"colour"}))] = random.choice(ODD)
    else:
        holder[f"{last}x"] = holder.pop(last)
    return made


@pytest.mark.parametrize("text", [WHOLE, MORE, OVER, OVER.replace("kind: order\n", "")])
def test_what_compiles_is_accepted(text: str) -> None:
    assert problems(text) == []
    assert said(text) == []


@pytest.mark.parametrize("text", [WHOLE, MORE, OVER])
def test_bent_files_are_judged_alike(text: str) -> None:
    """What compiles the schema accepts; what breaks a rule of shape it refuses."""
    document, random = plain(text), Random(text)
    verdicts = {True: 0, False: 0}
    for _ in range(BENT):
        made = yaml.safe_dump(bent(document, random), allow_unicode=True, sort_keys=False)
        rules, told = problems(made), said(made)
        if not rules:
            assert told == [], made
            verdicts[True] += 1
        elif set(rules) & SHAPE_RULES:
            assert told, f"{rules}\n{made}"
            verdicts[False] += 1
    assert verdicts[True] > BENT / 20
    assert verdicts[False] > BENT / 3


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ("order_no: FBillNo", "ordr_no: FBillNo", "ordr_no"),
        ("required: yes", "required: perhaps", "perhaps"),
        ("by: key, path", "bye: key, path", "bye"),
        ("unknown", "unknown", ""),
    ],
)
def test_a_mistake_is_told(before: str, after: str, word: str) -> None:
    found = " ".join(said(WHOLE.replace(before, after)))
    assert word in found
    assert bool(found) is (before != after)


def test_tables_are_judged_alike() -> None:
    validator = jsonschema.Draft202012Validator(table_schema())
    document = {"table": "t", "description": "d", "unknown": "pass", "entries": {"a": "b", "c": 1, "d": True}}
    random, verdicts = Random(1), {True: 0, False: 0}
    for _ in range(400):
        made, findings = bent(document, random), Findings()
        text = yaml.safe_dump(made)
        parse_table(text, "tables/t.yaml", "t", findings)
        rules = {problem.rule for problem in findings.problems} - {"table_name"}
        assert bool(rules) is not validator.is_valid(plain(text)), f"{rules}\n{text}"
        verdicts[bool(rules)] += 1
    assert min(verdicts.values()) > 40


def test_every_word_is_explained_in_two_languages() -> None:
    known = keys.TOP | keys.LINE | keys.TARGET | keys.TEST | keys.CONSTANT | keys.TABLE | keys.MATCH | keys.CURRENCY
    assert known == WORDS.keys()
    assert all(zh and en and zh != en for zh, en in WORDS.values())


@pytest.mark.parametrize("path", sorted(committed()))
def test_the_committed_schemas_are_the_schemas(path: Path) -> None:
    assert path.read_text("utf-8") == committed()[path], "run: python -m tests.support.mapping_schema"


def test_what_we_ship_is_accepted() -> None:

    schemas = {path.name: jsonschema.Draft202012Validator(json.loads(text)) for path, text in committed().items()}
    for name, text in shipped_mappings().items():
        assert list(schemas["mapping.schema.json"].iter_errors(plain(text.text))) == [], name
    for name, text in shipped_tables().items():
        assert list(schemas["table.schema.json"].iter_errors(plain(text.text))) == [], name
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema.schema)
