"""Disputes: two systems that keep changing each other's value. The record is parked with both values; a person says
which one to keep, and that the other system holds it in its own spelling is accepted from then on.

A dispute is three changes of one field in quick succession, by one system, another, and the first again, of which the
third goes back to what was said before: what two systems do that each rewrite what they are given (case, blanks, full
width), and what two people do who do not know of each other. Found before the third is written, so no target is written
to more than twice. Or one system insists on a value that another one owns, and that was put right there just before."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, text

from hub.canon.entity import Entity
from hub.canon.merge import Merged
from hub.canon.ownership import HUB, Rule, owner
from hub.mapping.faults import shown
from hub.sync.batch import Batch, Item
from hub.sync.overruled import insisted
from hub.sync.policy import Failure
from hub.sync.spellings import letters, value_at

DISPUTED = "Disputed"
WITHIN_SECONDS = 600.0
POLLS = 3  # a source that is asked seldom answers late

Judged = Sequence[tuple[Item, Merged]]

_HISTORY = """
SELECT entity_id, connection, at, fields FROM change WHERE entity_id = ANY(:ids) AND at > :since ORDER BY entity_id, version DESC
"""


ROUND = (
    "{here} and {other} keep changing each other's {field}: {here} says {theirs}, {other} says {ours}. ",
    "{here} 与 {other} 反复改写字段 {field}：{here} 为 {theirs}，{other} 为 {ours}。",
)
INSISTED = (
    "{here} keeps saying {theirs} for {field}, which is {other}'s to say ({ours}), and it was put right just before. ",
    "{here} 一再把字段 {field} 改为 {theirs}，但该字段由 {other} 决定（{ours}），刚刚已经改回。",
)
ASK = (
    "Say which one to keep: hub keep {number} {here}, or hub keep {number} {other}",
    "请选择保留哪一个：hub keep {number} {here} 或 hub keep {number} {other}",
)
ASK_HUB = (  # what the hub works out is nobody else's to say
    "Find out who sets it there; hub keep {number} hub puts it right once more",
    "请查明对方由谁改写；hub keep {number} hub 会再改回一次",
)


@dataclass(frozen=True, slots=True)
class Dispute:
    """One field on which a record disagrees with what another system said just before."""

    field: str
    other: str
    theirs: str
    ours: str


async def disputed(batch: Batch, judged: Judged) -> dict[int, Failure]:
    """Inbox row -> why it is parked, for the records of a batch that would go on with a dispute."""
    return await _going_round(batch, judged) | _insisting(batch, judged)


def _insisting(batch: Batch, judged: Judged) -> dict[int, Failure]:
    """Those that say again what was put right in their system just before."""
    found = {}
    rules = batch.engine.configuration.owners(batch.sync.kind)
    for item, _ in judged:
        names = insisted(batch, item, item.overruled, within(batch))
        if names and item.before is not None:
            disputes = [_insistence(item, item.before, rules, name) for name in names]
            found[item.row.id] = _failure(batch, item, disputes, INSISTED)
    return found


async def _going_round(batch: Batch, judged: Judged) -> dict[int, Failure]:
    doubtful = {item.row.id: names for item, merged in judged if (names := list(_overruling(batch, item, merged)))}
    if not doubtful:
        return {}
    lately = within(batch)
    ids = [item.entity_id for item, _ in judged if item.row.id in doubtful]
    rows = await batch.conn.execute(text(_HISTORY), {"ids": ids, "since": batch.now - 2 * lately})
    history: defaultdict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        history[row.entity_id].append(row)
    found = {}
    for item, merged in judged:
        if item.row.id not in doubtful:
            continue
        told = history[item.entity_id]
        names = [name for name in doubtful[item.row.id] if _goes_round(batch, name, merged.changed[name], told, lately)]
        if names:
            found[item.row.id] = _failure(batch, item, [_dispute(item, merged, name) for name in names])
    return found


def within(batch: Batch) -> timedelta:
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


def _goes_round(batch: Batch, name: str, change: tuple[Any, Any], told: Sequence[Row[Any]], lately: timedelta) -> bool:
    """Was this field changed by another system just before, and by this one just before that, and do we return?"""
    about = [row for row in told if row.fields is None or name in row.fields][:2]
    if len(about) < 2:
        return False
    last, before = about
    quick = batch.now - last.at <= lately and last.at - before.at <= lately
    turns = last.connection not in (None, batch.sync.connection) and before.connection == batch.sync.connection
    if not quick or not turns or last.fields is None:
        return False
    theirs, ours = change[1], change[0]
    return letters(theirs) in (letters(ours), letters(last.fields[name].get("from")))


def _dispute(item: Item, merged: Merged, name: str) -> Dispute:
    old, new = merged.changed[name]
    return Dispute(name, setter_of(item, name), shown(new), shown(old))


def setter_of(item: Item, name: str) -> str:
    """Who said last what this field is."""
    assert item.before is not None
    setter, _ = item.before.setters.get(name, (item.before.created_by, None))
    return setter


def _insistence(item: Item, entity: Entity, rules: Mapping[str, Rule], name: str) -> Dispute:
    ours, theirs = value_at(entity.fields, name), value_at(item.entity, name)
    return Dispute(name, owner(rules, entity, name), shown(theirs), shown(ours))


def _failure(batch: Batch, item: Item, disputes: Sequence[Dispute], said: tuple[str, str] = ROUND) -> Failure:
    fields = [
        {"path": each.field, "other": each.other, "theirs": each.theirs, "ours": each.ours, "sentence": each.theirs}
        for each in disputes
    ]
    first = disputes[0]
    values = {
        "here": batch.sync.connection,
        "number": item.row.id,
        "other": first.other,
        "field": first.field,
        "theirs": first.theirs,
        "ours": first.ours,
    }
    (en, zh), (ask, ask_zh) = said, ASK_HUB if first.other == HUB else ASK
    return Failure(DISPUTED, (en + ask).format(**values), (zh + ask_zh).format(**values), fields)
