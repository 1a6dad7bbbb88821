"""After a record was read again by another version: what its own target is owed by that, and how far the run is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text

from hub.canon.entity import Fields
from hub.config.runtime import BoundSync
from hub.mapping import CompiledMapping, RecordError, Ref
from hub.sdk import jsontext
from hub.sync.batch import Batch, Item
from hub.sync.condition import condition_holds
from hub.sync.rereading import read_by
from hub.sync.route import LIVE, owe

SETTLED = ("done", "superseded")


async def owe_again(batch: Batch, items: Sequence[Item]) -> None:
    """A record whose target would be told otherwise now is owed to it; `deliver` sends only what differs there."""
    sync = batch.sync
    if not writes_now(sync):
        return
    rows = [
        row_of(sync, item.entity_id, item.version, item.row.correlation)
        for item in items
        if item.remapped
        and item.link is not None
        and item.before is not None
        and differs_out(
            read_by(batch.engine, sync, item.link),
            batch.mapping,
            Rewrite(item.before.fields, item.after, item.link.known),
        )
        and condition_holds(sync, item.after)
    ]
    await owe(batch.conn, rows, batch.engine)


def writes_now(sync: BoundSync) -> bool:
    """May this sync owe changes of what is linked? Observing and paused ones owe nothing."""
    return sync.writes and sync.mode == LIVE and sync.spec.push.update


def row_of(sync: BoundSync, entity_id: int, version: int, correlation: str) -> dict[str, Any]:
    """A delivery of an entity at this version by a sync, of a re-mapping."""
    return {
        "sync": sync.name,
        "connection": sync.connection,
        "stream": sync.stream,
        "kind": sync.kind,
        "entity_id": entity_id,
        "change_id": 0,
        "version": version,
        "patient": True,
        "correlation": correlation,
    }


@dataclass(frozen=True, slots=True)
class Rewrite:
    """An entity as an old version knew it and as it is now, and the last known record of its target."""

    before: Fields
    after: Fields
    known: dict[str, Any] | None


def differs_out(old: CompiledMapping | None, new: CompiledMapping, rewrite: Rewrite) -> bool:
    """Would the target be told by the new version what neither the old one told it nor its record says? Not knowing
    counts as yes."""
    told, was = _told(new, rewrite.after), _told(old, rewrite.before) if old else None
    if told is None:
        return old is None or was is not None
    try:
        said = told if was is None else new.differences(told, was)
        return bool(said) and bool(new.differences(said, rewrite.known or {}))
    except RecordError:
        return True


def _told(mapping: CompiledMapping, fields: Fields) -> dict[str, Any] | None:
    """What a mapping writes of an entity, with our own ids for the names of what it refers to."""
    named: Fields = {name: _keyed(value) for name, value in fields.items()}
    for line in mapping.refs:
        head, _, sub = line.field.partition("[].")
        if not line.outward:
            continue
        if sub:
            named[head] = [_named(row, sub, line.kind, line.by) for row in named.get(head) or []]
        else:
            named = _named(named, head, line.kind, line.by)
    try:
        return mapping.write(named, creating=False)
    except RecordError:
        return None


def _keyed(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [{**line, "_key": str(line["_id"])} if isinstance(line, dict) and "_id" in line else line for line in value]


def _named(fields: Mapping[str, Any], name: str, kind: str, by: str) -> Fields:
    value = fields.get(name)
    return {**fields, name: Ref(kind, by, f"{by} {value}")} if isinstance(value, int) else dict(fields)


_COUNT = """
UPDATE run r SET done = r.done + x.done, changed = r.changed + x.changed
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(id bigint, done int, changed int) WHERE r.id = x.id
"""


async def count_again(batch: Batch, rows: Sequence[Row[Any]]) -> None:
    """How far the runs of re-mapping are, by the verdicts of this batch."""
    runs = {row.id: row.run_id for row in rows if row.from_link}
    if not runs:
        return
    settled = [row for row in batch.verdicts.rows if row["id"] in runs and row["state"] in SETTLED]
    done = Counter(runs[row["id"]] for row in settled)
    changed = Counter(runs[row["id"]] for row in settled if row.get("note") == "changed")
    counts = [{"id": run, "done": done[run], "changed": changed[run]} for run in done]
    await batch.conn.execute(text(_COUNT), {"rows": jsontext.dumps(counts).decode()})
