"""Recheck: records that are still open are fetched again by key every so often, for vendors whose time stamp does not
move with every change. A round goes through the stream's links batch by batch, with a rest between."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Fields
from hub.canon.store import load
from hub.config.model import RecheckSpec
from hub.config.runtime import BoundSync, Test
from hub.db.session import is_passing
from hub.mapping import ExpressionError, RecordError, compile_expression
from hub.sdk.connector import Fetches
from hub.sdk.records import Record
from hub.sync import deletes
from hub.sync.arrive import Source, store_records
from hub.sync.engine import Engine
from hub.sync.pauses import paused, set_pause
from hub.sync.policy import Standing, decide

LOOK_THROUGH = 1_000  # links looked at for open ones in one turn


@dataclass(frozen=True, slots=True)
class Batch:
    """What one turn fetches. `after`: the link the round came to; `ended`: there are no more."""

    keys: Sequence[str]
    after: int
    ended: bool


_CLAIM = """
UPDATE sync SET recheck_at = :lease WHERE name = :name AND coalesce(recheck_at, :now) <= :now AND mode <> 'paused'
  AND backfilled RETURNING recheck_after
"""
_LINKS = """
SELECT l.id, l.key, l.entity_id FROM link l WHERE l.connection = :connection AND l.stream = :stream AND l.id > :after
  AND l.deleted_at IS NULL ORDER BY l.id LIMIT :limit
"""
_NEXT = "UPDATE sync SET recheck_at = :at, recheck_after = :after WHERE name = :name"


async def recheck_due(engine: Engine) -> int:
    """One batch of every sync whose recheck is due; returns how many records were fetched."""
    return sum([await recheck(engine, sync) for sync in await recheck_candidates(engine)])


async def recheck_candidates(engine: Engine) -> list[BoundSync]:
    """The syncs of which a batch is to be fetched again."""
    syncs = [sync for sync in engine.configuration.readers() if sync.spec.recheck is not None]
    if not syncs:
        return []
    async with engine.db.read() as conn:
        closed = await paused(conn)
        due = await conn.execute(
            text("SELECT name FROM sync WHERE coalesce(recheck_at, :now) <= :now AND backfilled"),
            {"now": engine.now()},
        )
        names = {row.name for row in due}
    syncs = [sync for sync in syncs if sync.name in names]
    return [sync for sync in syncs if not {(sync.connection, ""), (sync.connection, sync.stream)} & closed]


async def recheck(engine: Engine, sync: BoundSync) -> int:
    """One batch of one sync."""
    spec = sync.spec.recheck
    if spec is None:
        return 0
    bound = engine.configuration.connections[sync.connection]
    stream = bound.streams[sync.stream]
    async with engine.db.begin("recheck claim") as conn:
        values = {"name": sync.name, "now": engine.now(), "lease": engine.after(engine.settings.lease_seconds)}
        row = (await conn.execute(text(_CLAIM), values)).first()
        batch = await _open(engine, conn, sync, row.recheck_after) if row is not None else None
    if batch is None or not isinstance(stream, Fetches):
        return 0
    try:
        found = list(await stream.fetch(engine.outward.context(bound), batch.keys)) if batch.keys else []
    except Exception as error:  # the round goes on from here when the source answers again
        if is_passing(error):
            raise
        await _failed(engine, sync, error)
        return 0
    await _keep(engine, sync, spec, batch, found)
    return len(found)


async def _open(engine: Engine, conn: AsyncConnection, sync: BoundSync, after: int) -> Batch:
    """The next open records of the round."""
    spec = sync.spec.recheck
    assert spec is not None
    values = {"connection": sync.connection, "stream": sync.stream, "after": after, "limit": LOOK_THROUGH}
    rows = (await conn.execute(text(_LINKS), values)).all()
    entities = await load(conn, engine.kinds, sync.kind, {row.entity_id for row in rows}) if spec.when else {}
    keys: list[str] = []
    for row in rows:
        entity = entities.get(row.entity_id)
        if spec.when is None or (entity is not None and _is_open(spec.when, entity.fields)):
            keys.append(row.key)
        after = row.id
        if len(keys) == spec.batch:
            return Batch(keys, after, ended=False)
    return Batch(keys, after, ended=len(rows) < LOOK_THROUGH)


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Test:
    return compile_expression(expression)


def _is_open(expression: str, fields: Fields) -> bool:
    """One about which nobody can say counts as open: fetching it does no harm."""
    try:
        return bool(_compiled(expression)(fields))
    except ExpressionError:
        return True


async def _keep(engine: Engine, sync: BoundSync, spec: RecheckSpec, batch: Batch, found: Sequence[Record]) -> None:
    rest = spec.every if batch.ended else spec.pause
    async with engine.db.begin("recheck") as conn:
        source = Source(sync.connection, sync.stream, engine.reads_live(sync), f"recheck-{sync.name}")
        await store_records(conn, sync, source, found, engine.now())
        there = set(map(_key_of(sync), found))
        absent = [key for key in batch.keys if key not in there]
        # By key and by its own answer gone: a few are believed, of many a whole reading must be the judge.
        if len(absent) <= deletes.limit(await deletes.standing(conn, sync)):
            await deletes.store_gone(conn, sync, source, absent, engine.now())
        after = 0 if batch.ended else batch.after
        await conn.execute(text(_NEXT), {"at": engine.after(rest.total_seconds()), "after": after, "name": sync.name})


def _key_of(sync: BoundSync) -> Any:
    def key(record: Record) -> str | None:
        assert sync.mapping is not None
        try:
            return sync.mapping.key_of(record)
        except RecordError:
            return None

    return key


async def _failed(engine: Engine, sync: BoundSync, error: Exception) -> None:
    decision = decide(error, Standing(0, 0, None, False, 0), engine.now(), engine.random, engine.settings.speed)
    async with engine.db.begin("recheck failed") as conn:
        if decision.pause is not None:
            await set_pause(conn, sync.connection, decision.pause, decision, engine.now())
        await conn.execute(
            text("UPDATE sync SET recheck_at = :at WHERE name = :name"), {"at": decision.due_at, "name": sync.name}
        )
