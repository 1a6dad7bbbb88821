"""Derive: changed entities go through the rules of receivables; what they answer is written as changes by the hub."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon import store
from hub.canon.entity import Entity, is_join
from hub.canon.identity import find_origins, keep_origins
from hub.canon.kinds import Kinds
from hub.canon.lock import DERIVING
from hub.canon.ownership import HUB
from hub.canon.write import Edit, Origin, lock_entities, write
from hub.receivables.derive import Changed, Write, derive
from hub.sync.engine import Engine

DERIVE_BATCH = 500
HOME_ZONE = ZoneInfo("Asia/Shanghai")  # the day that "today" is, until companies carry their own zone

_CHANGES = """
SELECT id, entity_id, kind, fields, correlation, arrived_at, live, routed FROM change WHERE NOT derived ORDER BY live DESC, id LIMIT :limit
FOR UPDATE SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class StoreReader:
    """The rules' view of the store, inside the transaction."""

    conn: AsyncConnection
    kinds: Kinds

    async def by_ids(self, kind: str, ids: Collection[int]) -> dict[int, Entity]:
        return store.standing(await store.load(self.conn, self.kinds, kind, ids))

    async def referring(self, kind: str, path: str, ids: Collection[int]) -> list[Entity]:
        return await store.referring(self.conn, self.kinds, kind, path, ids)

    async def with_text(self, kind: str, field: str, texts: Collection[str]) -> list[Entity]:
        return await store.with_text(self.conn, self.kinds, kind, field, texts)


async def derive_due(engine: Engine) -> int:
    """Take changes not yet derived, write what follows from them; returns how many were taken."""
    return await engine.db.retrying(lambda: _derive_batch(engine))


async def _derive_batch(engine: Engine) -> int:
    async with engine.db.begin("derive") as conn:
        if not await engine.alone(conn, DERIVING):
            return 0
        rows = (await conn.execute(text(_CHANGES), {"limit": DERIVE_BATCH})).all()
        if not rows:
            return 0
        changed = [_changed(row) for row in rows]
        today = engine.now().astimezone(HOME_ZONE).date()
        writes = await derive(changed, StoreReader(conn, engine.kinds), today)
        await _write(engine, conn, writes, {row.id: row for row in rows})
        await conn.execute(
            text("UPDATE change SET derived = true WHERE id = ANY(:ids)"), {"ids": [row.id for row in rows]}
        )
    return len(rows)


def _changed(row: Row[Any]) -> Changed:
    if row.fields is None:
        return Changed(row.id, row.kind, row.entity_id, None, {})
    previous = {name: value.get("from") for name, value in row.fields.items()}
    if is_join(row.fields):
        return Changed(row.id, row.kind, row.entity_id, frozenset(), previous)
    return Changed(row.id, row.kind, row.entity_id, frozenset(row.fields), previous)


async def _write(engine: Engine, conn: AsyncConnection, writes: Sequence[Write], causes: dict[int, Row[Any]]) -> None:
    """Turn the rules' wishes into edits; a wish that changes nothing writes nothing."""
    targets = await _targets(conn, writes)
    await lock_entities(conn, [entity_id for entity_id, fresh in targets if not fresh])
    current = await _load(engine, conn, writes, targets)
    edits: dict[int, Edit] = {}
    fresh_origins: list[tuple[str, str, int]] = []
    for wish, (entity_id, fresh) in zip(writes, targets, strict=True):
        edit = edits.get(entity_id)
        before = current.get(entity_id)
        fields = dict(edit.fields if edit else before.fields if before else {})
        changed = dict(edit.changed) if edit else {}
        for name, value in wish.fields.items():
            if fields.get(name) != value:
                changed[name] = (fields.get(name), value)
                fields[name] = value
        if fresh and edit is None and wish.origin:
            fresh_origins.append((wish.kind, wish.origin, entity_id))
        if changed or before is None:
            kept = {name: value for name, value in fields.items() if value is not None}
            caused = tuple(dict.fromkeys([*(edit.origin.caused_by if edit else ()), *wish.caused_by]))
            origin = _origin(wish, caused, causes)
            edits[entity_id] = Edit(entity_id, wish.kind, kept, changed, origin, before)
    await write(conn, engine.kinds, list(edits.values()), engine.match_sets, engine.now())
    await keep_origins(conn, fresh_origins)


def _origin(wish: Write, caused: Sequence[int], causes: dict[int, Row[Any]]) -> Origin:
    known = [causes[change_id] for change_id in caused if change_id in causes]
    return Origin(
        who=HUB,
        correlation=known[0].correlation if known else "derive",
        live=any(row.live for row in known),
        arrived_at=min((row.arrived_at for row in known if row.arrived_at), default=None),
        caused_by=caused,
        reason=wish.reason,
        # Routed before it was derived: it came from a sync that only observes, so what follows owes nothing either.
        observing=bool(known) and all(row.routed for row in known),
    )


async def _targets(conn: AsyncConnection, writes: Sequence[Write]) -> list[tuple[int, bool]]:
    """For each wish its entity's id and whether that is fresh: by id, or by the stable key it is derived under."""
    keys = dict.fromkeys((wish.kind, wish.origin) for wish in writes if wish.id is None and wish.origin)
    known: dict[tuple[str, str], int] = {}
    for kind in {kind for kind, _ in keys}:
        origins = [origin for k, origin in keys if k == kind and origin]
        for origin, entity_id in (await find_origins(conn, kind, origins)).items():
            known[kind, origin] = entity_id
    missing = [key for key in keys if key not in known]
    fresh = dict(zip(missing, await store.new_ids(conn, len(missing)), strict=True))
    targets = []
    for wish in writes:
        if wish.id is not None:
            targets.append((wish.id, False))
        else:
            key = (wish.kind, wish.origin or "")
            targets.append((known[key], False) if key in known else (fresh[key], True))
    return targets


async def _load(
    engine: Engine, conn: AsyncConnection, writes: Sequence[Write], targets: Sequence[tuple[int, bool]]
) -> dict[int, Entity]:
    current: dict[int, Entity] = {}
    for kind in {wish.kind for wish in writes}:
        ids = {target for wish, (target, fresh) in zip(writes, targets, strict=True) if wish.kind == kind and not fresh}
        current |= await store.load(conn, engine.kinds, kind, ids)
    return current
