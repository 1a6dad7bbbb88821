"""What stands on both sides, compared: records of a stream beside what we hold of them. It reads; it never writes.

A difference is what a repair would mend: a field that this system may set and in which its record says something new
comes here; one that is set elsewhere and that a push would send goes there. A field that nobody would move is none."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity, Fields, reference_of
from hub.canon.identity import Link, links_by_key, resolve
from hub.canon.ownership import owner
from hub.canon.store import load
from hub.config.runtime import BoundSync
from hub.mapping import CompiledMapping, RecordError
from hub.mapping.paths import dotted, take
from hub.mapping.shape import ABSENT
from hub.sdk.records import Record
from hub.sync import settle
from hub.sync.batch import Batch, Item
from hub.sync.condition import condition_holds
from hub.sync.engine import Engine
from hub.sync.finding import DIFFERENT, MISSING_HERE, MISSING_THERE, Differing, Finding, What
from hub.sync.merging import merge_item
from hub.sync.policy import failure_of
from hub.sync.prepare import as_called
from hub.sync.references import refs_in, with_ids
from hub.sync.rereading import as_read, read_by
from hub.sync.rewriting import writes_now
from hub.sync.spellings import unsent, value_at


@dataclass(frozen=True, slots=True)
class _Seen:
    """Stands where a row of the inbox would, for the steps of apply that are asked what they would do."""

    id: int
    key: str
    received_at: datetime
    live: bool = False
    deleted: bool = False
    from_link: bool = False
    correlation: str = ""
    corrects: None = None
    identity: None = None
    kept: None = None


async def compare(
    engine: Engine,
    conn: AsyncConnection,
    sync: BoundSync,
    records: Mapping[str, Record],
    absent: Collection[str] = (),
) -> dict[str, Finding]:
    """Key -> how it differs, for records as they stand there and for keys that surely are not there."""
    links = await links_by_key(conn, sync.connection, sync.stream, [*records, *absent])
    found: dict[str, Finding] = {}
    for key in absent:
        if key in links and not links[key].deleted:
            found[key] = Finding(key, MISSING_THERE, links[key].entity_id)
    pairs: list[_Pair] = []
    for number, (key, record) in enumerate(records.items(), 1):
        link = links.get(key)
        what = _presence(sync, record, link)
        if what is not None:
            found[key] = Finding(key, what, link.entity_id if link else None)
        elif link is not None and not link.deleted:
            pairs.append(_Pair(number, record, link, as_read(engine, sync, link)))
    for finding in await _compare_pairs(engine, conn, sync, pairs):
        found[finding.key] = finding
    return found


def _presence(sync: BoundSync, record: Record, link: Link | None) -> What | None:
    mapping = sync.mapping
    assert mapping is not None
    dead = _says(mapping.head.functions.deleted, record, unless=False)
    if link is not None and not link.deleted:
        return MISSING_THERE if dead else None
    ours = sync.reads and not dead and _says(mapping.concerns, record, unless=True)
    return MISSING_HERE if ours else None


def _says(asked: Any, record: Record, *, unless: bool) -> bool:
    try:
        return bool(asked(record))
    except RecordError:
        return unless


@dataclass(slots=True)
class _Pair:
    """A record beside its link. `sync`: by the mapping version that last read it."""

    number: int
    record: Record
    link: Link
    sync: BoundSync
    after: Fields | None = None  # the entity once the record's own changes are in

    @property
    def mapping(self) -> CompiledMapping:
        assert self.sync.mapping is not None
        return self.sync.mapping


async def _compare_pairs(
    engine: Engine, conn: AsyncConnection, sync: BoundSync, pairs: Sequence[_Pair]
) -> list[Finding]:
    entities = await load(conn, engine.kinds, sync.kind, {pair.link.entity_id for pair in pairs})
    standing = [pair for pair in pairs if (e := entities.get(pair.link.entity_id)) and e.joined_into is None]
    differing: defaultdict[str, list[Differing]] = defaultdict(list)
    if sync.reads:
        changed = [pair for pair in standing if pair.mapping.digest_of(pair.record) != pair.link.digest]
        for pair, some in await _inward(engine, conn, sync, changed, entities):
            differing[pair.link.key] += some
    if writes_now(sync):
        for pair, some in await _outward(engine, conn, standing, entities):
            known = {each.field for each in differing[pair.link.key]}
            differing[pair.link.key] += [each for each in some if each.field not in known]
    of = {pair.link.key: pair.link.entity_id for pair in standing}
    return [Finding(key, DIFFERENT, of[key], some) for key, some in differing.items() if some]


# --- what comes here -----------------------------------------------------------------------------------------------


async def _inward(
    engine: Engine,
    conn: AsyncConnection,
    sync: BoundSync,
    pairs: Sequence[_Pair],
    entities: Mapping[int, Entity],
) -> list[tuple[_Pair, list[Differing]]]:
    """What reading these records would change here, as the owners allow."""
    found: list[tuple[_Pair, list[Differing]]] = []
    read: list[tuple[_Pair, Item]] = []
    for pair in pairs:
        try:
            if pair.mapping.concerns(pair.record):
                read.append((pair, _item(engine, sync, pair, entities)))
        except RecordError as error:
            told = failure_of(error).sentence
            found.append((pair, [Differing("", None, told, sync.connection, "in")]))
    refs = {ref for _, item in read for ref in (*refs_in(item.entity), *refs_in(item.base))}
    ids = await resolve(conn, sync.connection, refs)
    batch = Batch(engine, conn, sync, engine.now(), settle.Verdicts())
    for pair, item in read:
        item.entity, item.base = with_ids(item.entity, ids), with_ids(item.base, ids)
        merged = merge_item(batch, item)
        pair.after = merged.fields
        some = [Differing(name, old, new, sync.connection, "in") for name, (old, new) in merged.changed.items()]
        found.append((pair, some))
    return found


def _item(engine: Engine, sync: BoundSync, pair: _Pair, entities: Mapping[int, Entity]) -> Item:
    row = cast("Row[Any]", _Seen(pair.number, pair.link.key, engine.now()))
    item = Item(row, pair.record, "", engine.now(), link=pair.link)
    item.reading = pair.mapping.read(pair.record)
    item.entity = item.reading.entity
    item.base = _base(engine, sync, pair)
    item.before = entities[pair.link.entity_id]
    return item


def _base(engine: Engine, sync: BoundSync, pair: _Pair) -> Fields:
    """The last known record, read through the version that last applied it."""
    if pair.link.known is None:
        return {}
    mapping = read_by(engine, sync, pair.link) or pair.mapping
    try:
        return mapping.read(pair.link.known).entity
    except RecordError:
        return {}  # what we know came back from a write and is not whole: then the whole record is offered


# --- what goes there -----------------------------------------------------------------------------------------------


async def _outward(
    engine: Engine, conn: AsyncConnection, pairs: Sequence[_Pair], entities: Mapping[int, Entity]
) -> list[tuple[_Pair, list[Differing]]]:
    """What a push would send if what stands there were known."""
    by_mapping: defaultdict[int, list[_Pair]] = defaultdict(list)
    for pair in pairs:
        if not entities[pair.link.entity_id].deleted:
            by_mapping[id(pair.mapping)].append(pair)
    found = []
    for some in by_mapping.values():
        wanted = {pair.link.entity_id: _after(pair, entities) for pair in some}
        links = {pair.link.entity_id: pair.link for pair in some}
        called = await as_called(conn, some[0].sync.connection, some[0].mapping, wanted, links)
        for pair in some:
            named = called[pair.link.entity_id]
            if not isinstance(named, tuple):
                rules = engine.configuration.owners(pair.sync.kind)
                found.append((pair, _unsent(pair, wanted[pair.link.entity_id], named, rules)))
    return found


def _after(pair: _Pair, entities: Mapping[int, Entity]) -> Entity:
    entity = entities[pair.link.entity_id]
    return entity if pair.after is None else replace(entity, fields=pair.after)


def _unsent(pair: _Pair, entity: Entity, named: Fields, rules: Mapping[str, Any]) -> list[Differing]:
    if condition_holds(pair.sync, entity.fields) is not True:
        return []
    mapping, there = pair.mapping, pair.record
    try:
        wanted = mapping.write(named, creating=False, reference=reference_of(entity.kind, entity.id))
    except RecordError:
        return []  # a delivery of it is parked, where a person sees why
    record = mapping.differences(wanted, there)
    if pair.link.accepted:
        record = unsent(replace(pair.link, known=there), entity.fields, mapping, record)
    return [
        Differing(name, here, over, owner(rules, entity, name), "out")
        for name, here, over in _fields_of(pair, entity, wanted, record)
    ]


def _fields_of(pair: _Pair, entity: Entity, wanted: Record, record: Record) -> list[tuple[str, Any, Any]]:
    """The entity's fields that these paths of the record are written from, with both values."""
    if not record:
        return []
    try:
        said: Fields = pair.mapping.read(pair.record).entity
    except RecordError:
        said = {}
    found: dict[str, tuple[Any, Any]] = {}
    for line in (line for line in pair.mapping.lines if line.outward):
        paths = [target.names for target in line.targets]
        paths += [line.part.source.names] if line.part and line.part.source.names else []
        paths += (
            [line.currency.source.names]
            if line.currency and line.currency.source and line.currency.source.names
            else []
        )
        first = next((path for path in paths if take(record, path) is not ABSENT), None)
        if first is None:
            continue
        here, there = value_at(entity.fields, line.field), value_at(said, line.field)
        raw = (take(wanted, first), take(pair.record, first))
        found[line.field] = (here, there) if line.inward and line.type not in ("ref", "list") and here != there else raw
    for constant in pair.mapping.constants:
        if take(record, constant.names) is not ABSENT:
            found[dotted(constant.names)] = (constant.value, take(pair.record, constant.names))
    return [(name, here, None if there is ABSENT else there) for name, (here, there) in found.items()]
