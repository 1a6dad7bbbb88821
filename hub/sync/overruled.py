"""What a system says in a field that another one owns is written back to it at once, so that what its users read holds.

Bounded: what was put right is noted at the link. The same value again is the target's own spelling where only case, width
or blanks differ; else, and after a second time, it is a dispute for a person."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hub.canon.entity import Entity
from hub.canon.merge import Merged
from hub.config.runtime import BoundSync
from hub.mapping import CompiledMapping
from hub.sync.batch import Batch, Item
from hub.sync.condition import condition_holds
from hub.sync.rewriting import writes_now
from hub.sync.spellings import is_pair, spelled, value_at

MOST = 2


def overruled(batch: Batch, item: Item, merged: Merged) -> list[str]:
    """The fields that this record says otherwise than their owner, and that we write there."""
    if not merged.withheld or item.link is None or item.link.known is None or item.before is None:
        return []
    target = writer(batch)
    if target is None or target.mapping is None or item.remapped or item.blind:
        return []
    if condition_holds(target, merged.fields) is not True:
        return []
    decided = spelled(item) | (item.row.kept or {}).keys()
    return [name for name in merged.withheld if name not in decided and _is_told(target.mapping, item.before, name)]


def _is_told(mapping: CompiledMapping, entity: Entity, name: str) -> bool:
    """Is there something to write there, be it that it was emptied?"""
    head = name.partition(".")[0]
    said = name in entity.setters or head in entity.setters or value_at(entity.fields, name) is not None
    return said and (name in mapping.fields_out or head in mapping.fields_out)


def writer(batch: Batch) -> BoundSync | None:
    """The sync that writes to where this batch comes from."""
    sync = batch.sync
    target = batch.engine.configuration.target(sync.connection, sync.kind)
    return target if target is not None and target.stream == sync.stream and writes_now(target) else None


def insisted(batch: Batch, item: Item, names: Sequence[str], within: timedelta) -> list[str]:
    """Those of the overruled fields that were put right just before, to no avail."""
    known = item.link.accepted if item.link else {}
    current = item.before.fields if item.before else {}
    return [
        name
        for name in names
        if _lately(known.get(name), batch.now, within)
        and (known[name]["times"] >= MOST or is_pair(known[name], value_at(current, name), value_at(item.entity, name)))
    ]


def noted(batch: Batch, item: Item, name: str, within: timedelta) -> dict[str, Any]:
    """The link's note of a field that is put right now."""
    before = (item.link.accepted if item.link else {}).get(name)
    current = item.before.fields if item.before else {}
    return {
        "ours": value_at(current, name),
        "theirs": value_at(item.entity, name),
        "asked": batch.now.isoformat(),
        "times": before["times"] + 1 if before and _lately(before, batch.now, within) else 1,
    }


def _lately(entry: dict[str, Any] | None, now: datetime, within: timedelta) -> bool:
    return entry is not None and "asked" in entry and now - datetime.fromisoformat(entry["asked"]) <= within
