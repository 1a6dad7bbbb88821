"""Apply: inbox records become entities. One batch of one stream, one transaction: map, resolve, identify, merge, write."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from hub.canon.entity import Fields
from hub.canon.identity import Link, links_by_key, resolve
from hub.canon.lock import alone, applying
from hub.config.runtime import BoundSync
from hub.db.session import is_passing
from hub.mapping import RecordError, Ref
from hub.sync import settle
from hub.sync.batch import Batch, Item
from hub.sync.bells import Ring, ring
from hub.sync.engine import Engine
from hub.sync.identify import Identified, identify
from hub.sync.merging import merge_and_write
from hub.sync.policy import failure_of
from hub.sync.references import awaited, parent_bell, refs_in, with_ids
from hub.sync.tombstones import bury

APPLY_BATCH = 500
UNCHANGED = "unchanged"


async def apply_due(engine: Engine) -> int:
    """Apply what is due, stream by stream in turn, so that a huge one starves no other; returns the records handled."""
    async with engine.db.read() as conn:
        rows = await conn.execute(
            text(
                "SELECT connection, stream FROM inbox WHERE state = 'due' AND due_at <= :now"
                " GROUP BY connection, stream ORDER BY min(id)"
            ),
            {"now": engine.now()},
        )
        streams = [(row.connection, row.stream) for row in rows]
    handled = 0
    for connection, stream in streams:
        sync = engine.configuration.inbound(connection, stream)
        if sync is not None and sync.mapping is not None and sync.mode != "paused":
            handled += await apply_stream(engine, sync)
    return handled


_CLAIM = """
SELECT id, key, record, digest, deleted, live, correlation, identity, corrects, attempts,
  received_at FROM inbox
WHERE connection = :connection AND stream = :stream AND state = 'due' AND due_at <= :now
ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
"""


async def apply_stream(engine: Engine, sync: BoundSync, limit: int = APPLY_BATCH) -> int:
    """Apply one batch of one stream. When the batch cannot be written, its records go one by one, so that the one
    that cannot be stored is parked alone."""
    try:
        return await engine.db.retrying(lambda: _apply_batch(engine, sync, limit))
    except Exception as error:  # the database's refusal or a fault of ours: either way of one record
        if is_passing(error):
            raise
        if limit > 1:
            return sum([await apply_stream(engine, sync, 1) for _ in range(APPLY_BATCH)])
        await settle.park_first_due(engine, sync, failure_of(error))
        return 1


async def _apply_batch(engine: Engine, sync: BoundSync, limit: int) -> int:
    async with engine.db.begin("apply") as conn:
        await alone(conn, [applying(sync.kind)])
        now = engine.now()
        values = {"connection": sync.connection, "stream": sync.stream, "now": now, "limit": limit}
        rows = (await conn.execute(text(_CLAIM), values)).all()
        if rows:
            batch = Batch(engine, conn, sync, now, settle.Verdicts())
            await _apply_rows(batch, rows)
            await settle.write_verdicts(conn, batch.verdicts, now)
    return len(rows)


async def _apply_rows(batch: Batch, rows: Sequence[Row[Any]]) -> None:
    newest = _newest(batch, rows)
    items = _read(batch, await _known(batch, newest))
    items = await _resolve(batch, items)
    items = await _identify(batch, items)
    await merge_and_write(batch, items)
    await bury(batch.conn, batch.sync, batch.gone, batch.now)
    await settle.supersede_older(batch.conn, batch.sync, _settling(batch, newest))


def _settling(batch: Batch, newest: Sequence[Item]) -> dict[str, int]:
    return {item.row.key: item.row.id for item in newest if item.row.key not in batch.stale}


def _newest(batch: Batch, rows: Sequence[Row[Any]]) -> list[Item]:
    """Of several rows of one record the newest says it all: a record is a whole document."""
    by_key: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        by_key[row.key].append(row)
    newest = [_newest_of(batch, same) for same in by_key.values()]
    kept = {row.key: row.id for row in newest}
    for row in rows:
        if row.id != kept[row.key]:
            batch.verdicts.superseded(row.id, f"by {kept[row.key]}")
    return [Item(row) for row in sorted(newest, key=lambda row: int(row.id))]


def _newest_of(batch: Batch, rows: Sequence[Row[Any]]) -> Row[Any]:
    """By the vendor's own version, for calls overtake each other; by arrival where not all of them tell one."""
    if len(rows) == 1:
        return rows[0]
    try:
        versions = {row.id: "" if row.deleted else batch.mapping.read(row.record).version for row in rows}
    except RecordError:
        versions = {}
    told = len(versions) == len(rows) and all(versions.values())
    return max(rows, key=lambda row: (versions[row.id] if told else "", row.id))


async def _known(batch: Batch, items: list[Item]) -> list[Item]:
    sync = batch.sync
    links = await links_by_key(batch.conn, sync.connection, sync.stream, [item.row.key for item in items])
    for item in items:
        item.link = links.get(item.row.key)
    return items


def _read(batch: Batch, items: list[Item]) -> list[Item]:
    """Map each record in; set aside what is not ours, says nothing new, is older, or cannot be read."""
    kept = []
    for item in items:
        if item.row.deleted:
            batch.gone.append((item.row.key, item.row.digest, None))
            batch.verdicts.done(item.row.id, "deleted there")
            continue
        try:
            if not batch.mapping.concerns(item.row.record):
                batch.verdicts.done(item.row.id, "not for us: the mapping's condition does not hold")
                continue
            item.reading = batch.mapping.read(item.row.record)
            item.entity = item.reading.entity
            note = _nothing_new(batch, item)
        except Exception as error:
            batch.verdicts.parked(item.row.id, failure_of(error))
            continue
        if note:
            batch.verdicts.superseded(item.row.id, note)
            if note != UNCHANGED:
                batch.stale.add(item.row.key)
        elif item.reading.deleted:
            batch.gone.append((item.row.key, item.row.digest, item.reading.version))
            batch.verdicts.done(item.row.id, "deleted there")
        else:
            kept.append(item)
    return kept


def _nothing_new(batch: Batch, item: Item) -> str | None:
    link, reading = item.link, item.reading
    if link is None or reading is None or item.row.corrects is not None:
        return None
    if link.record_version and reading.version and reading.version < link.record_version:
        return f"older than what we know ({reading.version} < {link.record_version})"
    if link.digest == item.row.digest and link.mapping_version == batch.sync.mapping_version and not link.deleted:
        return UNCHANGED
    return None


def _base(batch: Batch, link: Link | None) -> Fields:
    """The last known record, read through the mapping version that last applied it."""
    if link is None or link.known is None:
        return {}
    mapping = batch.mapping
    if link.mapping is not None and link.mapping_version is not None:
        mapping = batch.engine.configuration.mapping(link.mapping, link.mapping_version)
    try:
        return mapping.read(link.known).entity
    except RecordError:
        return {}  # what we know came back from a write and is not whole: then the whole record is offered


async def _resolve(batch: Batch, items: list[Item]) -> list[Item]:
    """Replace references by ids; a record whose parent is unknown waits, and the parent is fetched."""
    for item in items:
        item.base = _base(batch, item.link)
    refs = {ref for item in items for ref in (*refs_in(item.entity), *refs_in(item.base))}
    found = await resolve(batch.conn, batch.sync.connection, refs)
    kept, rings = [], []
    for item in items:
        missing = next((ref for ref in refs_in(item.entity) if ref not in found), None)
        if missing is None:
            item.entity, item.base = with_ids(item.entity, found), with_ids(item.base, found)
            kept.append(item)
        else:
            rings.append(_wait_for(batch, item, missing))
    await ring(batch.conn, batch.sync.connection, [r for r in rings if r], f"parent-of-{batch.sync.stream}", batch.now)
    return kept


def _wait_for(batch: Batch, item: Item, missing: Ref) -> Ring | None:
    connection = batch.sync.connection
    what = awaited(connection, missing)
    bell = parent_bell(batch.engine.configuration, connection, missing)
    if bell is None and "." not in missing.kind:
        batch.verdicts.parked(item.row.id, settle.no_reader(missing, connection))
        return None
    batch.verdicts.waiting(item.row.id, what)
    return Ring(bell, "parent", what) if bell else None


async def _identify(batch: Batch, items: list[Item]) -> list[Item]:
    """Give each record its entity: the linked one, the matched one, a new one; or a question to a person."""
    asked = [
        Identified(
            row_id=item.row.id,
            fields=item.entity,
            linked=item.link.entity_id if item.link else None,
            answer=item.row.identity,
            reference=item.reading.reference if item.reading else None,
        )
        for item in items
    ]
    await identify(batch.engine, batch.conn, batch.sync, asked)
    kept = []
    for item, answer in zip(items, asked, strict=True):
        if answer.question is not None:
            batch.verdicts.parked(item.row.id, answer.question)
        elif answer.entity_id is not None:
            item.entity_id = answer.entity_id
            kept.append(item)
    return kept
