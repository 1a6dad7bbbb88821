"""Reading a link's last known record by another version of the mapping: what it says then, beside what it said before.

Only what both versions looked at can be read again. What the old one did not keep is read from the source."""

from collections.abc import Sequence
from dataclasses import replace

from hub.canon.entity import Fields
from hub.canon.identity import Link
from hub.config.runtime import BoundSync
from hub.mapping import CompiledMapping, MappingError, RecordError
from hub.mapping.projection import Tree, keep_tree, line_paths
from hub.mapping.shape import CUSTOM
from hub.sync.batch import Batch, Item
from hub.sync.engine import Engine

NO_LINK = "there is no last known record any more"
NOT_WHOLE = "the last known record is not whole; it is read when it arrives again"


def read_by(engine: Engine, sync: BoundSync, link: Link) -> CompiledMapping | None:
    """The version that read the last known record; None when it cannot be had any more."""
    if link.mapping is None or link.mapping_version is None:
        return None
    try:
        return engine.configuration.mapping(link.mapping, link.mapping_version, sync.connection)
    except (KeyError, MappingError):
        return None  # from before a restore, or of a language we no longer speak


def is_read_by(sync: BoundSync, link: Link) -> bool:
    """Is this link read by the version in force already?"""
    return (link.mapping, link.mapping_version) == (sync.spec.mapping, sync.mapping_version)


def as_read(engine: Engine, sync: BoundSync, link: Link | None) -> BoundSync:
    """The sync by the version that this link was last read by. Until it is read again it is written by that one, too:
    its entity says what the old version understood, which the new one would put down in other words."""
    if link is None or link.known is None or not sync.reads or is_read_by(sync, link):
        return sync
    old = read_by(engine, sync, link)
    return sync if old is None else replace(sync, mapping=old, mapping_version=link.mapping_version)


def same_versions(old: CompiledMapping | None, new: CompiledMapping) -> bool:
    """Do both read a record's version at the same place, so that their answers can be compared?"""
    if old is None:
        return False
    places = [(head.version.text if head.version else None, head.zone) for head in (old.head, new.head)]
    return places[0] == places[1]


def record_version(batch: Batch, link: Link) -> str | None:
    """The version of the last known record as the mapping in force tells versions."""
    if is_read_by(batch.sync, link) or same_versions(read_by(batch.engine, batch.sync, link), batch.mapping):
        return link.record_version
    try:
        return batch.mapping.read(link.known).version if link.known else None
    except RecordError:
        return None


def fields_not_kept(old: CompiledMapping, new: CompiledMapping) -> frozenset[str]:
    """The fields for which the new version looks at something that the old one did not keep."""
    return frozenset(
        line.field for line in new.lines if line.inward and not _covers(old.keep, keep_tree(line_paths([line])))
    )


def keeps_more(old: CompiledMapping, new: CompiledMapping) -> bool:
    """Does the new version look at anything the old one did not keep?"""
    return not _covers(old.keep, new.keep)


def _covers(kept: Tree, wanted: Tree) -> bool:
    """An empty tree keeps everything below it."""
    if not kept:
        return True
    return bool(wanted) and all(name in kept and _covers(kept[name], inner) for name, inner in wanted.items())


def recall(batch: Batch, items: Sequence[Item]) -> list[Item]:
    """Give each item of a re-mapping the record it is about: what the link knows at this moment. Set aside those that
    have nothing to be read again."""
    kept = []
    for item in items:
        note = _recalled(batch, item) if item.remapped else None
        if note is None:
            kept.append(item)
        else:
            batch.verdicts.superseded(item.row.id, note)
    return kept


def _recalled(batch: Batch, item: Item) -> str | None:
    link = item.link
    if link is None or link.known is None or link.deleted:
        return NO_LINK
    if is_read_by(batch.sync, link):
        return f"already read by version {link.mapping_version}"
    item.record, item.digest = link.known, batch.mapping.digest_of(link.known)
    item.received_at = link.updated_at or item.received_at
    base = _base(read_by(batch.engine, batch.sync, link), link)
    item.base, item.blind = base or {}, base is None
    return None


def _base(mapping: CompiledMapping | None, link: Link) -> Fields | None:
    try:
        return mapping.read(link.known).entity if mapping and link.known else None
    except RecordError:
        return None


def again(batch: Batch, item: Item) -> None:
    """After reading: leave out what the last known record cannot tell."""
    assert item.link is not None
    old = read_by(batch.engine, batch.sync, item.link)
    if old is None:
        return
    for name in fields_not_kept(old, batch.mapping):
        head, _, sub = name.partition(".")
        if not sub:
            item.entity.pop(head, None)
        elif isinstance(item.entity.get(CUSTOM), dict):
            item.entity[CUSTOM].pop(sub, None)


def is_not_whole(batch: Batch, item: Item) -> bool:
    """A last known record that cannot be read: is that only because it was never kept whole?"""
    assert item.link is not None
    old = read_by(batch.engine, batch.sync, item.link)
    return item.blind or old is None or keeps_more(old, batch.mapping)
