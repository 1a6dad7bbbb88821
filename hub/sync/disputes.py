"""Disputes: two systems that keep changing each other's value. The record is parked with both values; a person says
which one to keep, and that the other system holds it in its own spelling is accepted from then on.

A dispute is three changes of one field in quick succession, by one system, another, and the first again, of which the
third goes back to what was said before: what two systems do that each rewrite what they are given (case, blanks, full
width), and what two people do who do not know of each other. Found before the third is written, so no target is written
to more than twice."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, text

from hub.canon.entity import Fields
from hub.canon.identity import Link
from hub.canon.merge import Merged
from hub.mapping import CompiledMapping, RecordError
from hub.mapping.faults import shown
from hub.mapping.paths import put, take
from hub.mapping.reads import Path
from hub.sdk import jsontext
from hub.sync.batch import Batch, Item
from hub.sync.policy import Failure
from hub.sync.route import owe, row_for

DISPUTED = "Disputed"
WITHIN_SECONDS = 600.0
POLLS = 3  # a source that is asked seldom answers late

Judged = Sequence[tuple[Item, Merged]]

_HISTORY = """
SELECT entity_id, connection, at, fields FROM change WHERE entity_id = ANY(:ids) AND at > :since ORDER BY entity_id, version DESC
"""


@dataclass(frozen=True, slots=True)
class Dispute:
    """One field on which a record disagrees with what another system said just before."""

    field: str
    other: str
    theirs: str
    ours: str


async def disputed(batch: Batch, judged: Judged) -> dict[int, Failure]:
    """Inbox row -> why it is parked, for the records of a batch that would go on with a dispute."""
    doubtful = {item.row.id: names for item, merged in judged if (names := list(_overruling(batch, item, merged)))}
    if not doubtful:
        return {}
    within = _within(batch)
    ids = [item.entity_id for item, _ in judged if item.row.id in doubtful]
    rows = await batch.conn.execute(text(_HISTORY), {"ids": ids, "since": batch.now - 2 * within})
    history: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        history[row.entity_id].append(row)
    found = {}
    for item, merged in judged:
        if item.row.id not in doubtful:
            continue
        told = history[item.entity_id]
        names = [name for name in doubtful[item.row.id] if _goes_round(batch, name, merged.changed[name], told, within)]
        if names:
            found[item.row.id] = _failure(batch, item, [_dispute(item, merged, name) for name in names])
    return found


def _within(batch: Batch) -> timedelta:
    seconds = max(WITHIN_SECONDS, POLLS * batch.sync.spec.every.total_seconds())
    return timedelta(seconds=batch.engine.settings.scaled(seconds))


def _overruling(batch: Batch, item: Item, merged: Merged) -> Iterator[str]:
    """The fields whose value another connection has set, and no person has spoken about since."""
    if item.before is None or item.row.corrects is not None or item.remapped:
        return
    for name in merged.changed:
        if item.link is not None and name in item.link.accepted:
            continue
        setter, _ = item.before.setters.get(name, (item.before.created_by, None))
        if setter != batch.sync.connection and setter in batch.engine.configuration.connections:
            yield name


def _goes_round(batch: Batch, name: str, change: tuple[Any, Any], told: Sequence[Row[Any]], within: timedelta) -> bool:
    """Was this field changed by another system just before, and by this one just before that, and do we return?"""
    about = [row for row in told if row.fields is None or name in row.fields][:2]
    if len(about) < 2:
        return False
    last, before = about
    quick = batch.now - last.at <= within and last.at - before.at <= within
    turns = last.connection not in (None, batch.sync.connection) and before.connection == batch.sync.connection
    if not quick or not turns or last.fields is None:
        return False
    theirs, ours = change[1], change[0]
    return _letters(theirs) in (_letters(ours), _letters(last.fields[name].get("from")))


def _letters(value: Any) -> str:
    """A value without anything that spellings differ in: case, width, blanks, punctuation."""
    text = value if isinstance(value, str) else jsontext.canonical(value).decode()
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


def _dispute(item: Item, merged: Merged, name: str) -> Dispute:
    assert item.before is not None
    old, new = merged.changed[name]
    setter, _ = item.before.setters.get(name, (item.before.created_by, None))
    return Dispute(name, setter, shown(new), shown(old))


def _failure(batch: Batch, item: Item, disputes: Sequence[Dispute]) -> Failure:
    here, number = batch.sync.connection, item.row.id
    first = disputes[0]
    fields = [
        {"path": each.field, "other": each.other, "theirs": each.theirs, "ours": each.ours, "sentence": each.theirs}
        for each in disputes
    ]
    return Failure(
        DISPUTED,
        f"{here} and {first.other} keep changing each other's {first.field}: {here} says {first.theirs}, {first.other} "
        f"says {first.ours}. Say which one to keep: hub keep {number} {here}, or hub keep {number} {first.other}",
        f"{here} 与 {first.other} 反复改写字段 {first.field}：{here} 为 {first.theirs}，{first.other} 为 {first.ours}。"
        f"请选择保留哪一个：hub keep {number} {here} 或 hub keep {number} {first.other}",
        fields,
    )


# --- what a person kept --------------------------------------------------------------------------------------------
#
# `link.accepted`: field -> {ours, theirs, again}. The kept value is sent to the other system once more. Where that says
# `theirs` again, it spells our value so: from then on this is no difference, until either says something else.

_ACCEPT = """
UPDATE link l SET accepted = (coalesce(l.accepted, '{}') - ARRAY(SELECT jsonb_array_elements_text(x.over))) || x.accepted
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(entity_id bigint, connection text, accepted jsonb, over jsonb)
WHERE l.entity_id = x.entity_id AND l.connection = x.connection
"""


def spelled(item: Item) -> frozenset[str]:
    """The fields in which this record only spells our value its own way, as a person has accepted."""
    accepted = item.link.accepted if item.link else {}
    current = item.before.fields if item.before else {}
    same = (
        name
        for name, each in accepted.items()
        if value_at(item.entity, name) == each["theirs"] and value_at(current, name) == each["ours"]
    )
    return frozenset(same)


def value_at(fields: Fields, name: str) -> Any:
    """`phone` or `custom.region`."""
    head, _, sub = name.partition(".")
    value = fields.get(head)
    return (value or {}).get(sub) if sub else value


def unsent(link: Link, fields: Fields, mapping: CompiledMapping, record: dict[str, Any]) -> dict[str, Any]:
    """What is to be sent, without the fields the target spells its own way."""
    known = _reading(mapping, link)
    for name, each in link.accepted.items():
        same = value_at(known, name) == each["theirs"] and value_at(fields, name) == each["ours"]
        if each.get("again") and same:
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


async def accept_spellings(batch: Batch, judged: Judged) -> None:
    """Write down what a person's word means for the links, which spellings were met again, and which are over because
    the system says something else now."""
    accepted: defaultdict[tuple[int, str], dict[str, Any]] = defaultdict(dict)
    over: dict[tuple[int, str], list[str]] = {}
    owed = []
    for item, merged in judged:
        here = (item.entity_id, batch.sync.connection)
        known = item.link.accepted if item.link else {}
        accepted[here] |= {name: {**known[name], "again": True} for name in spelled(item)}
        over[here] = sorted(known.keys() & merged.changed.keys())
        for name, connection in (item.row.kept or {}).items():
            if connection == batch.sync.connection:
                accepted[item.entity_id, _other(item, name)][name] = _entry(item, name, mine=True)
            else:
                accepted[here][name] = _entry(item, name, mine=False)
                owed += _owed(batch, item)
    rows = [
        {"entity_id": link[0], "connection": link[1], "accepted": entries, "over": over.get(link, [])}
        for link, entries in accepted.items()
        if entries or over.get(link)
    ]
    if rows:
        await batch.conn.execute(text(_ACCEPT), {"rows": jsontext.dumps(rows).decode()})
        await owe(batch.conn, owed, batch.engine)


def _entry(item: Item, name: str, *, mine: bool) -> dict[str, Any]:
    here, there = value_at(item.entity, name), value_at(item.before.fields if item.before else {}, name)
    return {"ours": here, "theirs": there} if mine else {"ours": there, "theirs": here}


def _other(item: Item, name: str) -> str:
    assert item.before is not None
    setter, _ = item.before.setters.get(name, (item.before.created_by, None))
    return setter


def _owed(batch: Batch, item: Item) -> list[dict[str, Any]]:
    target = batch.engine.configuration.target(batch.sync.connection, batch.sync.kind)
    return [row_for(target, item.before, item.row.correlation)] if target and item.before else []
