"""A mapping draft beside the version in force, over the last records we know, before it is published."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity, Fields
from hub.canon.identity import Link, links_by_key, resolve
from hub.canon.merge import merge
from hub.canon.ownership import LATEST, may_set, stamp_of
from hub.canon.store import load, standing
from hub.config.runtime import BoundSync, Configuration
from hub.config.shipped import Text, mapping_name
from hub.mapping import CompiledMapping, Problem, Reading, RecordError
from hub.mapping.shadow import Difference, Known, Owed, Shadow, shadow
from hub.mapping.shadow_tally import Tally, differing, flat
from hub.mapping.shape import Record
from hub.sync.condition import condition_holds
from hub.sync.desk import DeskError
from hub.sync.prepare import Parent, as_called
from hub.sync.previewing import ground_in_force
from hub.sync.references import refs_in, with_ids

LAST: Final = 500
LARGEST: Final = 64 * 1024  # bytes of a whole record that is read once more; of larger ones what we keep must do


@dataclass(frozen=True, slots=True)
class Wanted:
    """The draft, and how many of the last known records. Compared with the mapping of that name, or with the one that
    `sync` uses now; `connection` narrows it to one."""

    draft: str
    last: int = LAST
    connection: str | None = None
    sync: str | None = None


@dataclass(frozen=True, slots=True)
class StoreChanges:
    """What re-mapping would change in our store, by field: where the reading differs, the entity says something else,
    and the ownership rules let this connection set it. `withheld`: fields the rules keep."""

    entities: int
    fields: tuple[Difference, ...]
    withheld: Mapping[str, int]
    unresolved: int


@dataclass(frozen=True, slots=True)
class StreamDiff:
    """One stream that the mapping is bound to. `whole`: records compared as the vendor sent them."""

    connection: str
    stream: str
    syncs: tuple[str, ...]
    mapping: str
    version: int | None
    whole: int
    shadow: Shadow
    store: StoreChanges | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Without streams the draft does not compile: the problems say why."""

    problems: tuple[Problem, ...]
    streams: tuple[StreamDiff, ...]


async def compare_draft(conn: AsyncConnection, configuration: Configuration, wanted: Wanted, now: datetime) -> Compared:
    """What the draft would do otherwise than what is in force; writes nothing. Raises DeskError."""
    ground = await ground_in_force(conn, configuration)
    name = mapping_name(wanted.draft)
    problems: dict[Problem, None] = {}
    made: list[StreamDiff] = []
    for (connection, stream), syncs in _places(configuration, wanted, name).items():
        fitting = ground.of(configuration.connections[connection], stream)
        draft, found = fitting.tried(Text(name or "draft", wanted.draft))
        problems |= dict.fromkeys(found)
        if draft is not None:
            made.append(await _Stream(conn, configuration, draft, tuple(syncs), now).compared(wanted.last))
    return Compared(tuple(problems), tuple(made))


def _places(
    configuration: Configuration, wanted: Wanted, name: str | None
) -> Mapping[tuple[str, str], Sequence[BoundSync]]:
    """The streams the draft is compared in, with the syncs bound to them."""
    found: defaultdict[tuple[str, str], list[BoundSync]] = defaultdict(list)
    for sync in configuration.syncs.values():
        asked = sync.name == wanted.sync if wanted.sync is not None else sync.spec.mapping == name
        if asked and sync.mapping is not None and wanted.connection in (None, sync.connection):
            found[sync.connection, sync.stream].append(sync)
    if not found:
        raise DeskError(
            f"no sync uses the mapping {name}, so there is nothing to compare with: name one (sync) whose mapping it "
            "would replace",
            f"没有同步任务使用映射 {name}，无从比较：请用 sync 指明它将替换哪个同步任务的映射",
        )
    return found


@dataclass(frozen=True, slots=True)
class _Stream:
    conn: AsyncConnection
    configuration: Configuration
    draft: CompiledMapping
    syncs: tuple[BoundSync, ...]
    now: datetime

    @property
    def old(self) -> CompiledMapping:
        assert self.syncs[0].mapping is not None
        return self.syncs[0].mapping

    async def compared(self, last: int) -> StreamDiff:
        sync = self.syncs[0]
        links = await self._links(last)
        records = await self._records(links)
        ids = [link.entity_id for link in links]
        entities = standing(await load(self.conn, self.configuration.kinds, sync.kind, ids))
        owed = await self._owed(links, entities)
        found = await asyncio.to_thread(shadow, self.old, self.draft, records, owed)
        reads = any(each.reads for each in self.syncs) and self.draft.kind == sync.kind
        return StreamDiff(
            sync.connection,
            sync.stream,
            tuple(each.name for each in self.syncs),
            self.old.name,
            sync.mapping_version,
            sum(known.whole for known in records),
            found,
            await self._store(links, records, entities) if reads else None,
        )

    async def _links(self, last: int) -> list[Link]:
        sync = self.syncs[0]
        values = {"connection": sync.connection, "stream": sync.stream, "kind": sync.kind, "last": last}
        keys = [row.key for row in await self.conn.execute(text(_LAST), values)]
        found = await links_by_key(self.conn, sync.connection, sync.stream, keys)
        return [found[key] for key in keys]

    async def _records(self, links: Sequence[Link]) -> list[Known]:
        """The vendor's whole record where it still lies in the inbox, else what the mapping in force kept of it."""
        sync = self.syncs[0]
        digests = {link.key: link.digest for link in links}
        values = {"connection": sync.connection, "stream": sync.stream, "keys": list(digests), "largest": LARGEST}
        rows = await self.conn.execute(text(_WHOLE), values)
        whole = {row.key: row.record for row in rows if row.digest == digests[row.key]}
        return [Known(link.key, whole.get(link.key, link.known or {}), link.key in whole) for link in links]

    async def _owed(self, links: Sequence[Link], entities: Mapping[int, Entity]) -> list[Owed]:
        """What is written of the entities behind the links, by each of the two mappings."""
        writing = next((sync for sync in self.syncs if sync.writes), None)
        if writing is None or self.draft.kind != writing.kind:
            return []
        by_entity = {link.entity_id: link for link in links}
        due = {number: entity for number, entity in entities.items() if condition_holds(writing, entity.fields) is True}
        old = await as_called(self.conn, writing.connection, self.old, due, by_entity)
        new = await as_called(self.conn, writing.connection, self.draft, due, by_entity)
        return [
            Owed(_called(entity), _ready(old[number]), _ready(new[number]), by_entity[number].known)
            for number, entity in due.items()
        ]

    async def _store(
        self, links: Sequence[Link], records: Sequence[Known], entities: Mapping[int, Entity]
    ) -> StoreChanges:
        readings = [
            (link, pair) for link, known in zip(links, records, strict=True) if (pair := self._pair(known.record))
        ]
        connection = self.syncs[0].connection
        refs = {ref for _, pair in readings for reading in pair for ref in refs_in(reading.entity)}
        ids = await resolve(self.conn, connection, refs)
        touched: set[int] = set()
        unresolved = 0
        tally = Tally()
        withheld: defaultdict[str, int] = defaultdict(int)
        for link, (old, new) in readings:
            entity = entities.get(link.entity_id)
            if entity is None:
                continue
            if not all(ref in ids for ref in refs_in(new.entity)):
                unresolved += 1
                continue
            base, wanted = with_ids(old.entity, ids), with_ids(new.entity, ids)
            for field, before, after in self._merged(link, entity, new, base, wanted, withheld):
                tally.add(_called(entity), field, before, after)
                touched.add(entity.id)
        return StoreChanges(len(touched), tally.differences(), dict(withheld), unresolved)

    def _pair(self, record: Record) -> tuple[Reading, Reading] | None:
        """Both readings of a record that both mappings can read and take for theirs."""
        try:
            if not self.old.concerns(record) or not self.draft.concerns(record):
                return None
            pair = self.old.read(record), self.draft.read(record)
        except RecordError:
            return None  # told among the errors of the comparison
        return None if any(reading.deleted for reading in pair) else pair

    def _merged(
        self, link: Link, entity: Entity, reading: Reading, base: Fields, new: Fields, withheld: dict[str, int]
    ) -> Iterator[tuple[str, Any, Any]]:
        rules, stamp = self.configuration.owners(entity.kind), stamp_of(reading.version, self.now)

        def allowed(name: str) -> bool:
            return may_set(rules, name, link.connection, entity, stamp)

        shape = self.configuration.kinds.shape(entity.kind)
        merged = merge(
            shape,
            entity.fields,
            base,
            new,
            allowed=allowed,
            line_ids=link.lines,
            late=lambda name: rules.get(name) == LATEST,
        )
        for name in merged.withheld:
            withheld[name] += 1
        for name, (before, after) in merged.changed.items():
            yield from differing(dict(flat(before, at=name)), dict(flat(after, at=name)))


def _ready(named: Fields | Parent) -> Fields | None:
    """None: it waits for that parent."""
    return None if isinstance(named, tuple) else named


def _called(entity: Entity) -> str:
    """An entity as people know it."""
    name = entity.fields.get("number") or entity.fields.get("name")
    return f"{entity.kind} {name} ({entity.id})" if name else f"{entity.kind} {entity.id}"


_LAST = """
SELECT key FROM link WHERE connection = :connection AND stream = :stream AND kind = :kind AND known IS NOT NULL
  AND deleted_at IS NULL ORDER BY updated_at DESC, id DESC LIMIT :last
"""
_WHOLE = """
SELECT DISTINCT ON (key) key, record, digest FROM (
  SELECT id, key, record, digest FROM inbox WHERE connection = :connection AND stream = :stream AND key = ANY(:keys)
    AND state = 'done' AND NOT from_link AND NOT deleted AND pg_column_size(record) < :largest
  UNION ALL
  SELECT id, key, record, digest FROM inbox_archive WHERE connection = :connection AND stream = :stream
    AND key = ANY(:keys) AND state = 'done' AND NOT from_link AND NOT deleted AND pg_column_size(record) < :largest
) arrived ORDER BY key, id DESC
"""
