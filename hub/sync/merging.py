"""The second half of apply: merge each record into its entity, write the edits, keep the links, wake who waited."""

from hub.canon.fresh import FirstWord, taken_whole
from hub.canon.identity import LinkState, awaited_link, save_links
from hub.canon.merge import Merged, merge
from hub.canon.ownership import LATEST, may_set, stamp_of
from hub.canon.store import load
from hub.canon.write import Edit, Origin, lock_entities, write
from hub.sync import settle
from hub.sync.accepting import accept_spellings
from hub.sync.batch import REMAPPED, Batch, Item
from hub.sync.disputes import disputed
from hub.sync.overruled import overruled
from hub.sync.references import awaited_by
from hub.sync.rereading import record_version
from hub.sync.spellings import spelled


async def merge_and_write(batch: Batch, items: list[Item]) -> None:
    ids = [item.entity_id for item in items]
    await lock_entities(batch.conn, ids)
    entities = await load(batch.conn, batch.engine.kinds, batch.sync.kind, ids)
    for item in items:
        item.before = entities.get(item.entity_id)
    judged = [(item, merge_item(batch, item)) for item in items]
    for item, merged in judged:
        item.overruled = overruled(batch, item, merged)
    parked = await disputed(batch, judged)
    for row_id, failure in parked.items():
        batch.verdicts.parked(row_id, failure)
    edits, states = [], []
    for item, merged in judged:
        if item.row.id in parked:
            continue
        item.after, item.version = merged.fields, item.before.version if item.before else 0
        if merged.changed or item.before is None:
            edits.append(_edit(batch, item, merged))
            item.version += 1
        states.append((item, merged))
        note = "created" if item.before is None else "changed" if merged.changed else "no difference"
        batch.verdicts.done(item.row.id, note, item.entity_id)
    await write(batch.conn, batch.engine.kinds, edits, batch.engine.match_sets, batch.now)
    batch.links = [_link_state(batch, item, merged) for item, merged in states]
    await save_links(batch.conn, batch.links, batch.now)
    await accept_spellings(batch, states)
    if await settle.anybody_waits(batch.conn):
        await settle.wake(batch.conn, sorted(brought(batch)), batch.now)


def merge_item(batch: Batch, item: Item) -> Merged:
    """What the record changes of its entity, as the owners allow. Changes nothing itself."""
    rules = batch.engine.configuration.owners(batch.sync.kind)
    assert item.reading is not None
    stamp = stamp_of(item.reading.version, item.received_at)
    who = batch.sync.connection

    if item.before is None and item.link is None and not item.row.kept and item.row.corrects is None:
        batch.free = batch.free or FirstWord(rules, who)
        return taken_whole(item.entity, batch.free)
    kept, own_spelling = item.row.kept or {}, spelled(item)

    def allowed(name: str) -> bool:
        if name in own_spelling:
            return False
        if kept:
            return bool(kept[name] == who) if name in kept else may_set(rules, name, who, item.before, stamp)
        return item.row.corrects is not None or may_set(rules, name, who, item.before, stamp)

    current = item.before.fields if item.before else {}
    lines = item.link.lines if item.link else {}
    shape = batch.engine.kinds.shape(batch.sync.kind)
    # Where nobody knows what the record said before, reading it again fills what is empty and takes nothing back.
    new = {name: value for name, value in item.entity.items() if name not in current} if item.blind else item.entity
    return merge(shape, current, item.base, new, allowed=allowed, line_ids=lines, late=lambda n: rules.get(n) == LATEST)


def _stamp(batch: Batch, item: Item) -> str | None:
    """When the vendor changed the record; kept per field only where a rule asks who was the latest."""
    assert item.reading is not None
    if "latest" not in batch.engine.configuration.owners(batch.sync.kind).values():
        return None
    return stamp_of(item.reading.version, item.received_at)


def _edit(batch: Batch, item: Item, merged: Merged) -> Edit:
    assert item.reading is not None
    sync = batch.sync
    return Edit(
        id=item.entity_id,
        kind=sync.kind,
        fields=merged.fields,
        changed=merged.changed,
        before=item.before,
        late=merged.late,
        raw={name: batch.mapping.explain(name) for name in merged.changed} if item.before else {},
        origin=Origin(
            who=sync.connection,
            correlation=item.row.correlation,
            arrived_at=item.row.received_at,
            live=item.row.live,
            connection=sync.connection,
            stream=sync.stream,
            key=item.row.key,
            mapping=batch.mapping.name,
            mapping_version=sync.mapping_version,
            inbox_id=item.row.id,
            reason=REMAPPED if item.remapped else None,
            stamp=_stamp(batch, item),
            observing=sync.mode == "observing",
        ),
    )


def _link_state(batch: Batch, item: Item, merged: Merged) -> LinkState:
    assert item.reading is not None
    sync = batch.sync
    return LinkState(
        entity_id=item.entity_id,
        kind=sync.kind,
        connection=sync.connection,
        stream=sync.stream,
        key=item.row.key,
        known=batch.mapping.project(item.record),
        digest=item.digest,
        mapping=batch.mapping.name,
        mapping_version=sync.mapping_version,
        record_version=_record_version(batch, item),
        names=item.reading.names,
        lines={
            path: {key: line["_id"] for key, line in keyed.items() if "_id" in line}
            for path, keyed in merged.lines.items()
        },
    )


def _record_version(batch: Batch, item: Item) -> str | None:
    """What came back from a write may lack its version: read again by another mapping it says no less than before."""
    assert item.reading is not None
    if item.reading.version is None and item.remapped and item.link is not None:
        return record_version(batch, item.link)
    return item.reading.version


def brought(batch: Batch) -> set[str]:
    """What may have been waited for, and is there now."""
    found: set[str] = set()
    for state in batch.links:
        pairs = [(path, key) for path, keys in state.lines.items() for key in keys]
        found.update(awaited_by(state.connection, state.kind, state.key, state.names, pairs))
        found.add(awaited_link(state.connection, state.kind, state.entity_id))
    return found
