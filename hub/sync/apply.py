"""Apply: inbox records become entities. One batch of one stream, one transaction: map, resolve, identify, merge, write."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from hub.canon.entity import Fields
from hub.canon.identity import links_by_key, resolve
from hub.canon.lock import applying
from hub.config.runtime import BoundSync
from hub.db.session import is_passing
from hub.mapping import RecordError, Ref
from hub.sync import settle, suspects, taking
from hub.sync.arrive import DELETED_THERE, not_for_us
from hub.sync.batch import Batch, Item
from hub.sync.bells import Ring, ring
from hub.sync.engine import Engine
from hub.sync.identify import Identified, identify
from hub.sync.merging import brought, merge_and_write
from hub.sync.policy import failure_of
from hub.sync.questions import wake_answered
from hub.sync.references import awaited, parent_bell, refs_in, with_ids
from hub.sync.rereading import NOT_WHOLE, again, is_not_whole, is_read_by, read_by, recall, record_version
from hub.sync.returning import ask_again
from hub.sync.rewriting import count_again, owe_again
from hub.sync.tombstones import bury, rise
from hub.telemetry import traces, trail

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
            work = _apply_carefully if engine.careful else apply_stream
            handled += await work(engine, sync)
    if engine.careful and handled < APPLY_BATCH:
        await suspects.grow_confident(engine)
    return handled


async def _apply_carefully(engine: Engine, sync: BoundSync) -> int:
    """After a start: noted before it is taken, for the last process may have died of one of these."""
    values = {"connection": sync.connection, "stream": sync.stream, "now": engine.now(), "limit": APPLY_BATCH}
    async with engine.db.read() as conn:
        due = await taking.noted(conn, values)
    taken = await suspects.take(engine, "inbox", due)
    if taken.dead:
        await settle.park_poison(engine, sync, taken.dead)
    return len(taken.dead) + await apply_stream(engine, sync, max(1, len(taken.ids)), taken.ids)


async def apply_stream(
    engine: Engine, sync: BoundSync, limit: int = APPLY_BATCH, only: Sequence[int] | None = None
) -> int:
    """Apply one batch of one stream. When the batch cannot be written, its records go one by one, so that the one
    that cannot be stored is parked alone. `only`: of these rows."""
    try:
        return await engine.db.retrying(lambda: _apply_batch(engine, sync, limit, only))
    except Exception as error:  # the database's refusal or a fault of ours: either way of one record
        if is_passing(error):
            raise
        if limit > 1:
            return sum([await apply_stream(engine, sync, 1) for _ in range(APPLY_BATCH)])
        await settle.park_first_due(engine, sync, failure_of(error))
        return 1


async def _apply_batch(engine: Engine, sync: BoundSync, limit: int, only: Sequence[int] | None) -> int:
    began = traces.began()
    async with engine.db.begin("apply") as conn:
        if not await engine.alone(conn, applying(sync.kind)):
            return 0
        now = engine.now()
        values: dict[str, Any] = {"connection": sync.connection, "stream": sync.stream, "now": now, "limit": limit}
        rows = await taking.take(conn, values, only)
        if rows:
            batch = Batch(engine, conn, sync, now, settle.Verdicts())
            await _apply_rows(batch, rows)
            await settle.write_verdicts(conn, sync, batch.verdicts, now)
            # Whose parent came in this very batch sat down to wait only now.
            if waiting := batch.verdicts.awaited():
                await settle.wake(conn, sorted(waiting & brought(batch)), now)
            await count_again(batch, rows)
            if any(row.corrects is not None for row in rows):
                await wake_answered(conn, now)
        if only is not None:
            await suspects.clear(conn, "inbox", only)
    if rows:
        _tell(sync, rows, batch.verdicts, began)
    return len(rows)


def _tell(sync: BoundSync, rows: Sequence[Row[Any]], verdicts: settle.Verdicts, began: int) -> None:
    """To the log, once it is so."""
    of = {row.id: row for row in rows}
    told = [(verdict, of[verdict["id"]]) for verdict in verdicts.rows if verdict["id"] in of]
    parked = ((verdict["error_class"], row.correlation) for verdict, row in told if verdict["state"] == "parked")
    trail.failed("records were parked", sync.name, parked)
    steps = (
        {"sync": sync.name, "key": row.key, "inbox": row.id, "to": verdict["state"], "correlation": row.correlation}
        for verdict, row in told
    )
    trail.follow("applied", steps, began)


async def _apply_rows(batch: Batch, rows: Sequence[Row[Any]]) -> None:
    newest = _newest(batch, await ask_again(batch, rows))
    items = read_items(batch, recall(batch, await with_links(batch, newest)))
    items = await _resolve(batch, items)
    items = await _identify(batch, items)
    await merge_and_write(batch, items)
    await owe_again(batch, items)
    await rise(batch, items)
    await bury(batch, newest)
    await settle.supersede_older(batch.conn, batch.sync, _settling(batch, newest), batch.now)


def _settling(batch: Batch, newest: Sequence[Item]) -> dict[str, int]:
    return {item.row.key: item.row.id for item in newest if item.row.key not in batch.stale and not item.remapped}


def _newest(batch: Batch, rows: Sequence[Row[Any]]) -> list[Item]:
    """Of several rows of one record the newest says it all: a record is a whole document. What is to be read again
    from a link stays due until what came from outside is through."""
    by_key: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    fresh = {row.key for row in rows if not row.from_link}
    for row in rows:
        if not row.from_link or row.key not in fresh:
            by_key[row.key].append(row)
    newest = [_newest_of(batch, same) for same in by_key.values()]
    kept = {row.key: row.id for row in newest}
    for row in (row for same in by_key.values() for row in same):
        if row.id != kept[row.key]:
            batch.verdicts.superseded(row.id, f"by {kept[row.key]}")
    return [Item.of(row) for row in sorted(newest, key=lambda row: int(row.id))]


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


async def with_links(batch: Batch, items: list[Item]) -> list[Item]:
    sync = batch.sync
    links = await links_by_key(batch.conn, sync.connection, sync.stream, [item.row.key for item in items])
    for item in items:
        item.link = links.get(item.row.key)
    return items


def read_items(batch: Batch, items: list[Item]) -> list[Item]:
    """Map each record in; set aside what is not ours, says nothing new, is older, or cannot be read."""
    kept = []
    for item in items:
        if item.row.deleted:
            batch.gone.append((item.row.key, item.row.digest, None))
            batch.verdicts.done(item.row.id, DELETED_THERE)
            continue
        try:
            if not batch.mapping.concerns(item.record):
                batch.verdicts.done(item.row.id, not_for_us(batch.sync))
                continue
            item.reading = batch.mapping.read(item.record)
            item.digest = batch.mapping.digest_of(item.record)  # it may have come under another version
            item.entity = item.reading.entity
            if item.remapped:
                again(batch, item)
            note = _nothing_new(batch, item)
        except Exception as error:
            if item.remapped and isinstance(error, RecordError) and is_not_whole(batch, item):
                batch.verdicts.superseded(item.row.id, NOT_WHOLE)
            else:
                batch.verdicts.parked(item.row.id, failure_of(error))
            continue
        if note:
            batch.verdicts.superseded(item.row.id, note)
            if note != UNCHANGED:
                batch.stale.add(item.row.key)
        elif item.reading.deleted:
            batch.gone.append((item.row.key, item.digest, item.reading.version))
            batch.verdicts.done(item.row.id, DELETED_THERE)
        else:
            kept.append(item)
    return kept


def _nothing_new(batch: Batch, item: Item) -> str | None:
    link, reading = item.link, item.reading
    if link is None or reading is None or item.row.corrects is not None or item.remapped:
        return None
    known = record_version(batch, link)
    if known and reading.version and reading.version < known:
        return f"older than what we know ({reading.version} < {known})"
    if link.digest == item.digest and is_read_by(batch.sync, link) and not link.deleted:
        return UNCHANGED
    return None


def _base(batch: Batch, item: Item) -> Fields:
    """The last known record, read through the mapping version that last applied it."""
    link = item.link
    if item.remapped or link is None or link.known is None:
        return item.base
    mapping = read_by(batch.engine, batch.sync, link) or batch.mapping
    try:
        return mapping.read(link.known).entity
    except RecordError:
        return {}  # what we know came back from a write and is not whole: then the whole record is offered


async def _resolve(batch: Batch, items: list[Item]) -> list[Item]:
    """Replace references by ids; a record whose parent is unknown waits, and the parent is fetched."""
    for item in items:
        item.base = _base(batch, item)
    named = [refs_in(item.entity) for item in items]
    refs = {ref for refs in named for ref in refs} | {ref for item in items for ref in refs_in(item.base)}
    found = await resolve(batch.conn, batch.sync.connection, refs)
    kept = []
    rings: defaultdict[str, list[Ring]] = defaultdict(list)
    for item, mine in zip(items, named, strict=True):
        missing = next((ref for ref in mine if ref not in found), None)
        if missing is None:
            item.entity, item.base = with_ids(item.entity, found), with_ids(item.base, found)
            kept.append(item)
        else:
            connection = missing.system or batch.sync.connection
            rings[connection] += _wait_for(batch, item, missing, connection)
    for connection, told in rings.items():
        await ring(batch.conn, connection, told, f"parent-of-{batch.sync.stream}", batch.now)
    return kept


def _wait_for(batch: Batch, item: Item, missing: Ref, connection: str) -> list[Ring]:
    """The bell that brings the parent, where there is one."""
    what = awaited(connection, missing)
    bell = parent_bell(batch.engine.configuration, connection, missing)
    if bell is None and "." not in missing.kind:
        batch.verdicts.parked(item.row.id, settle.no_reader(missing, connection))
        return []
    batch.verdicts.waiting(item.row.id, what)
    return [Ring(bell, "parent", what, item.row.correlation)] if bell else []


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
            batch.verdicts.parked(item.row.id, answer.question, answer.asks)
        elif answer.entity_id is not None:
            item.entity_id = answer.entity_id
            kept.append(item)
    return kept
