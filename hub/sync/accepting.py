"""What is written down at the links of a batch: spellings that are accepted, and what is put right where it was said."""

from collections import defaultdict
from typing import Any

from sqlalchemy import text

from hub.sdk import jsontext
from hub.sync.batch import Batch, Item
from hub.sync.disputes import Judged, setter_of, within
from hub.sync.overruled import noted
from hub.sync.route import owe, row_for
from hub.sync.spellings import spelled, value_at

_ACCEPT = """
UPDATE link l SET accepted = (coalesce(l.accepted, '{}') - ARRAY(SELECT jsonb_array_elements_text(x.over))) || x.accepted
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(entity_id bigint, connection text, accepted jsonb, over jsonb)
WHERE l.entity_id = x.entity_id AND l.connection = x.connection
"""

Links = defaultdict[tuple[int, str], dict[str, Any]]
"""(entity, connection) -> field -> what the link says of it."""


async def accept_spellings(batch: Batch, judged: Judged) -> None:
    """Write down what a person's word means for the links, which spellings were met again, which are over because the
    system says something else now, and what it may not say; that, and what a person kept, is owed to it once more."""
    accepted: Links = defaultdict(dict)
    over: dict[tuple[int, str], list[str]] = {}
    owed = []
    for item, merged in judged:
        if not (item.row.kept or item.overruled or (item.link and item.link.accepted)):
            continue
        here = (item.entity_id, batch.sync.connection)
        known = item.link.accepted if item.link else {}
        accepted[here] |= {name: {**known[name], "again": True} for name in spelled(item) if _said_again(item, name)}
        accepted[here] |= {name: noted(batch, item, name, within(batch)) for name in item.overruled}
        over[here] = sorted(known.keys() & merged.changed.keys())
        if _obey(batch, item, accepted) or item.overruled:
            owed += _owed(batch, item)
    rows = [
        {"entity_id": link[0], "connection": link[1], "accepted": entries, "over": over.get(link, [])}
        for link, entries in accepted.items()
        if entries or over.get(link)
    ]
    if rows:
        await batch.conn.execute(text(_ACCEPT), {"rows": jsontext.dumps(rows).decode()})
        await owe(batch.conn, owed, batch.engine)


def _said_again(item: Item, name: str) -> bool:
    """Was our value there meanwhile? A record that is only read once more has not been told anything yet."""
    return bool(value_at(item.base, name) != value_at(item.entity, name))


def _obey(batch: Batch, item: Item, accepted: Links) -> bool:
    """What a person kept; true when this system is to be told so."""
    told = False
    for name, connection in (item.row.kept or {}).items():
        mine = connection == batch.sync.connection
        accepted[item.entity_id, setter_of(item, name) if mine else batch.sync.connection][name] = _entry(
            item, name, mine=mine
        )
        told |= not mine
    return told


def _entry(item: Item, name: str, *, mine: bool) -> dict[str, Any]:
    here, there = value_at(item.entity, name), value_at(item.before.fields if item.before else {}, name)
    return {"ours": here, "theirs": there} if mine else {"ours": there, "theirs": here}


def _owed(batch: Batch, item: Item) -> list[dict[str, Any]]:
    target = batch.engine.configuration.target(batch.sync.connection, batch.sync.kind)
    return [row_for(target, item.before, item.row.correlation)] if target and item.before else []
