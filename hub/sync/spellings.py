"""Fields in which a system only spells our value its own way: no difference, until either says something else.

`link.accepted`: field -> {ours, theirs, again}. A value that a person kept, or that its system may not set, is sent there
once more; `again`: and then it said `theirs` again. `asked`, `times`: when it was put right without a person, and how often
in a row by then; of these only what has the same letters counts as a spelling (`hub.sync.overruled`)."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from hub.canon.entity import Fields
from hub.canon.identity import Link
from hub.mapping import CompiledMapping, RecordError
from hub.mapping.paths import put, take
from hub.mapping.reads import Path
from hub.sdk import jsontext
from hub.sync.batch import Item


def letters(value: Any) -> str:
    """A value without anything that spellings differ in: case, width, blanks, punctuation."""
    text = value if isinstance(value, str) else jsontext.canonical(value).decode()
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


def spelled(item: Item) -> frozenset[str]:
    """The fields in which this record only spells our value its own way, as a person has accepted."""
    accepted = item.link.accepted if item.link else {}
    current = item.before.fields if item.before else {}
    same = (
        name
        for name, each in accepted.items()
        if is_pair(each, value_at(current, name), value_at(item.entity, name))
        and ("asked" not in each or letters(each["theirs"]) == letters(each["ours"]))
    )
    return frozenset(same)


def is_pair(entry: Mapping[str, Any], ours: Any, theirs: Any) -> bool:
    return bool(entry["ours"] == ours and entry["theirs"] == theirs)


def value_at(fields: Fields, name: str) -> Any:
    """`phone` or `custom.region`."""
    head, _, sub = name.partition(".")
    value = fields.get(head)
    return (value or {}).get(sub) if sub else value


def unsent(link: Link, fields: Fields, mapping: CompiledMapping, record: dict[str, Any]) -> dict[str, Any]:
    """What is to be sent, without the fields the target spells its own way."""
    known = _reading(mapping, link)
    for name, each in link.accepted.items():
        if each.get("again") and is_pair(each, value_at(fields, name), value_at(known, name)):
            record = _without(record, mapping, name)
    return record


def _without(record: dict[str, Any], mapping: CompiledMapping, name: str) -> dict[str, Any]:
    """What is to be sent, without what this field writes."""
    lines = [line for line in mapping.lines if line.field == name]
    written = {target.names for line in lines for target in line.targets}
    written |= {line.part.source.names for line in lines if line.part and line.part.source.names}
    left: dict[str, Any] = {}
    for path in _leaves(record):
        if not any(path[: len(above)] == above for above in written):
            put(left, path, take(record, path))
    return left


def _leaves(record: dict[str, Any], above: Path = ()) -> Iterator[Path]:
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, name))
        else:
            yield (*above, name)


def _reading(mapping: CompiledMapping, link: Link) -> Fields:
    try:
        return mapping.read(link.known or {}).entity
    except RecordError:
        return {}  # what we know came back from a write and is not whole: nothing is left out then
