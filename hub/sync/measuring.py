"""What a re-mapping would do: links read by the old and the new version, page by page; nothing is written."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from hub.canon.entity import Entity
from hub.canon.identity import resolve
from hub.canon.store import load
from hub.config.runtime import BoundSync
from hub.mapping import CompiledMapping
from hub.sync.apply import read_items, with_links
from hub.sync.batch import Batch, Item
from hub.sync.condition import condition_holds
from hub.sync.holding import Tally
from hub.sync.merging import merge_item
from hub.sync.references import refs_in, with_ids
from hub.sync.rereading import read_by, recall
from hub.sync.rewriting import Rewrite, differs_out, writes_now
from hub.sync.route import LIVE


async def measure(batch: Batch, rows: Sequence[Row[Any]], tally: Tally) -> None:
    """Add to the tally what reading these links again would do. `rows` look like rows of the inbox."""
    items = read_items(batch, recall(batch, await with_links(batch, [Item.of(row) for row in rows])))
    for verdict in batch.verdicts.rows:
        if verdict["state"] == "parked":
            tally.unreadable += 1
            tally.example("", error=verdict["error"], error_zh=verdict["error_zh"])
    asked = items if writes_now(batch.sync) else [item for item in items if item.entity != item.base]
    asked = await _resolved(batch, asked, tally)
    ids = [item.link.entity_id for item in asked if item.link]
    entities = await load(batch.conn, batch.engine.kinds, batch.sync.kind, ids)
    targets = [sync for sync in batch.engine.configuration.outbound(batch.sync.kind) if _is_other(sync, batch.sync)]
    for item in asked:
        item.before = entities.get(item.link.entity_id) if item.link else None
        if item.before is not None:
            _count(batch, item, item.before, targets, tally)


def _is_other(sync: BoundSync, mine: BoundSync) -> bool:
    return sync.mode == LIVE and (sync.connection, sync.stream) != (mine.connection, mine.stream)


async def _resolved(batch: Batch, items: Sequence[Item], tally: Tally) -> list[Item]:
    """With ids for references; those that would wait for a parent are counted."""
    refs = {ref for item in items for ref in (*refs_in(item.entity), *refs_in(item.base))}
    found = await resolve(batch.conn, batch.sync.connection, refs)
    kept = []
    for item in items:
        if all(ref in found for ref in refs_in(item.entity)):
            item.entity, item.base = with_ids(item.entity, found), with_ids(item.base, found)
            kept.append(item)
    tally.waiting += len(items) - len(kept)
    return kept


def _count(batch: Batch, item: Item, before: Entity, targets: Sequence[BoundSync], tally: Tally) -> None:
    merged = merge_item(batch, item)
    if merged.changed:
        tally.changes += 1
        tally.fields.update(merged.changed.keys())
        for name, (old, new) in merged.changed.items():
            tally.example(name, key=item.row.key, entity=before.id, **{"from": old, "to": new})
        heads = {name.partition(".")[0] for name in merged.changed} | merged.changed.keys()
        tally.pushes += sum(1 for sync in targets if sync.mapping and heads & sync.mapping.fields_out)
    if item.link is not None and writes_now(batch.sync):
        old = read_by(batch.engine, batch.sync, item.link)
        rewrite = Rewrite(before.fields, merged.fields, item.link.known)
        if differs_out(old, batch.mapping, rewrite) and condition_holds(batch.sync, merged.fields):
            tally.rewrites += 1
            tally.pushes += 1


def to_write(
    sync: BoundSync, old: CompiledMapping | None, pairs: Sequence[tuple[Entity, dict[str, Any]]]
) -> list[Entity]:
    """Of these entities, each with its target's last known record, those whose target would be told something else."""
    mapping = sync.mapping
    if mapping is None or not writes_now(sync):
        return []
    return [
        entity
        for entity, known in pairs
        if differs_out(old, mapping, Rewrite(entity.fields, entity.fields, known))
        and condition_holds(sync, entity.fields)
    ]
