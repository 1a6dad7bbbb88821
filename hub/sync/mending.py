"""Repair: a drift goes in the direction of who owns the field. What that system owns comes here through the inbox, as
any record does; what is set elsewhere is owed to it once more, from what really stands there.

A drift under repair is worked on until a look by key finds that both sides agree; nothing is taken for granted. What
still differs after a few tries is open again, and says so."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity
from hub.canon.identity import links_by_key
from hub.canon.store import load
from hub.config.runtime import BoundSync
from hub.db import bulk
from hub.db.session import is_passing
from hub.db.tables import inbox
from hub.db.wake import wake
from hub.mapping import RecordError
from hub.sdk import jsontext
from hub.sdk.records import Record
from hub.sync import drift
from hub.sync.comparing import compare
from hub.sync.deletes import GONE
from hub.sync.engine import Engine
from hub.sync.finding import DIFFERENT, MISSING_THERE, Finding
from hub.sync.pauses import failures_of, paused, set_pause
from hub.sync.policy import Standing, decide
from hub.sync.rereading import as_read
from hub.sync.rewriting import writes_now
from hub.sync.route import owe, row_for
from hub.sync.standing import There, is_comparable, stand

BATCH: Final = 200
AGAIN_SECONDS: Final = 5.0
LONGEST: Final = timedelta(minutes=10)
TRIES: Final = 3
PARKED: Final = (
    "its record or its delivery waits for a person: `hub failed` says why; then repair again",
    "其记录或推送待人工处理：原因见 hub failed；处理后再修复",
)
ACCEPT: Final = "accept"
RECREATE: Final = "recreate"

_CLAIM = """
UPDATE drift SET look_at = :lease WHERE id = ANY(ARRAY(
  SELECT id FROM drift WHERE state = 'repairing' AND look_at <= :now AND sync = ANY(:syncs) ORDER BY look_at, id
  LIMIT :limit FOR UPDATE SKIP LOCKED))
RETURNING id, sync, key, entity_id, what, state, fields, digest, seen_at, look_at, rounds, note, note_zh, choice
"""
_ANY = "SELECT EXISTS (SELECT 1 FROM drift WHERE state = 'repairing' AND look_at <= :now)"


async def is_mending_due(engine: Engine) -> bool:
    """Is there a repair whose time has come?"""
    async with engine.db.read() as conn:
        return bool((await conn.execute(text(_ANY), {"now": engine.now()})).scalar_one())


async def mend_due(engine: Engine) -> int:
    """Go on with the repairs whose time has come; returns how many drifts were taken in hand."""
    if not await is_mending_due(engine):
        return 0
    async with engine.db.read() as conn:
        closed = await paused(conn)
    able = [
        sync for sync in engine.configuration.syncs.values() if sync.mode != "paused" and is_comparable(engine, sync)
    ]
    free = [s.name for s in able if not {(s.connection, ""), (s.connection, s.stream)} & closed]
    async with engine.db.begin("mend claim") as conn:
        lease = engine.after(engine.settings.lease_seconds)
        values = {"now": engine.now(), "lease": lease, "syncs": free, "limit": BATCH}
        rows = (await conn.execute(text(_CLAIM), values)).all()
    groups: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[row.sync].append(row)
    for name, some in groups.items():
        await _mend(engine, engine.configuration.syncs[name], some)
    return len(rows)


async def _mend(engine: Engine, sync: BoundSync, rows: Sequence[Row[Any]]) -> None:
    asked = engine.now()
    try:
        there = await stand(engine, sync, [row.key for row in rows])
    except Exception as error:
        if is_passing(error):
            raise
        await _put_off(engine, sync, rows, error)
        return
    async with engine.db.begin("mend") as conn:
        found = await compare(engine, conn, sync, there.records, there.absent)
        busy = await drift.under_way(conn, sync, [(row.key, row.entity_id, asked) for row in rows])
        again = [row for row in rows if row.key not in busy and row.key in found and row.rounds < TRIES]
        await _Repair(engine, conn, sync, there, asked).do([(row, found[row.key]) for row in again])
        told = [_told(engine, row, found.get(row.key), busy.get(row.key)) for row in rows]
        await drift.change(conn, told, engine.now())


def _told(engine: Engine, row: Row[Any], finding: Finding | None, parked: bool | None) -> dict[str, Any]:
    """`parked`: does what is open about it wait for a person? None: nothing is open."""
    soon = engine.after(AGAIN_SECONDS)
    if parked is False:
        # What takes long is asked about less and less often.
        waited = (engine.now() - (row.seen_at or engine.now())) / 2
        return drift.as_row(row, look_at=max(soon, engine.now() + min(waited, LONGEST)))
    if parked:
        return drift.as_row(row, state="open", note=PARKED[0], note_zh=PARKED[1])
    if finding is None:
        return drift.as_row(row, state="closed", note="repaired: both sides agree", note_zh="已修复：两侧一致")
    if row.rounds < TRIES:
        return drift.as_row(row, look_at=soon, rounds=row.rounds + 1)
    return drift.as_row(
        row,
        state="open",
        what=finding.what,
        fields=finding.told(),
        digest=finding.digest,
        note=f"repaired {TRIES} times, and it still differs: look at the record on both sides, or dismiss it",
        note_zh=f"已修复 {TRIES} 次仍不一致：请核对两侧记录，或忽略",
    )


async def _put_off(engine: Engine, sync: BoundSync, rows: Sequence[Row[Any]], error: Exception) -> None:
    async with engine.db.begin("mend failed") as conn:
        standing = Standing(0, 0, None, False, await failures_of(conn, sync.connection))
        decision = decide(error, standing, engine.now(), engine.random, engine.settings.speed)
        if decision.pause is not None:
            await set_pause(conn, sync.connection, decision.pause, decision, engine.now())
        said = {"note": decision.failure.sentence, "note_zh": decision.failure.zh}
        told = [drift.as_row(row, look_at=decision.due_at or engine.after(60), **said) for row in rows]
        await drift.change(conn, told, engine.now())


class _Repair:
    """One transaction's repairs of one sync. `asked`: when the records were asked for."""

    def __init__(self, engine: Engine, conn: AsyncConnection, sync: BoundSync, there: There, asked: datetime) -> None:
        self._engine = engine
        self._conn = conn
        self._sync = sync
        self._there = there
        self._asked = asked

    async def do(self, some: Sequence[tuple[Row[Any], Finding]]) -> None:
        ids = {finding.entity_id for _, finding in some if finding.entity_id is not None}
        entities = await load(self._conn, self._engine.kinds, self._sync.kind, ids)
        gone = [pair for pair in some if pair[1].what == MISSING_THERE]
        anew = {row.id for row, finding in gone if self._choice(row, finding, entities) == RECREATE}
        await self._bring_here([pair for pair in some if pair[1].comes_here])
        await self._bury([pair for pair in gone if pair[0].id not in anew])
        await self._free([pair for pair in gone if pair[0].id in anew])
        out = [pair for pair in some if pair[1].what == DIFFERENT and not pair[1].comes_here]
        await self._know([finding for _, finding in out])
        owed = [
            row_for(self._sync, entities[finding.entity_id], f"drift-{row.id}")
            for row, finding in [*out, *(pair for pair in gone if pair[0].id in anew)]
            if finding.entity_id in entities
        ]
        await owe(self._conn, owed, self._engine)

    def _choice(self, row: Row[Any], finding: Finding, entities: Mapping[int, Entity]) -> str:
        """A person's word; else what its maker deletes is deleted, and a copy is made anew where the sync says so."""
        if row.choice is not None:
            return str(row.choice)
        entity = entities.get(finding.entity_id or 0)
        theirs = entity is None or (self._sync.reads and entity.created_by == self._sync.connection)
        return RECREATE if self._sync.spec.recreate and writes_now(self._sync) and not theirs else ACCEPT

    async def _bring_here(self, some: Sequence[tuple[Row[Any], Finding]]) -> None:
        """The record as it stands there goes the way of any other; nobody gets a message of it."""
        mapping = self._sync.mapping
        assert mapping is not None
        records = [(row, finding, self._there.records[finding.key]) for row, finding in some]
        await bulk.insert(
            self._conn,
            inbox,
            [self._row(row, finding.key, record, mapping.digest_of(record)) for row, finding, record in records],
        )
        await self._admit({finding.key: record for _, finding, record in records})
        wake(self._conn)

    def _row(self, row: Row[Any], key: str, record: Record, digest: str, *, deleted: bool = False) -> dict[str, Any]:
        return {
            "connection": self._sync.connection,
            "stream": self._sync.stream,
            "key": key,
            "record": record,
            "digest": digest,
            "deleted": deleted,
            "received_at": self._asked,
            "correlation": f"drift-{row.id}",
            "live": False,
            "state": "due",
            "due_at": self._asked,
        }

    async def _admit(self, records: Mapping[str, Record]) -> None:
        """A record that went back there (a backup was restored) is older than what we know; a person wants it all the
        same."""
        mapping = self._sync.mapping
        links = await links_by_key(self._conn, self._sync.connection, self._sync.stream, records)
        older = []
        for key, link in links.items():
            try:
                version = mapping.read(records[key]).version if mapping else None
            except RecordError:
                continue  # it is parked, where a person sees why
            if version and link.record_version and version < link.record_version:
                older.append(link.id)
        await self._conn.execute(text("UPDATE link SET record_version = NULL WHERE id = ANY(:ids)"), {"ids": older})

    async def _bury(self, some: Sequence[tuple[Row[Any], Finding]]) -> None:
        """It is taken for deleted there."""
        if self._sync.reads:
            rows = [self._row(row, finding.key, {}, GONE, deleted=True) for row, finding in some]
            await bulk.insert(self._conn, inbox, rows)
            wake(self._conn)
            return
        await self._mark([finding.key for _, finding in some], by=None)

    async def _free(self, some: Sequence[tuple[Row[Any], Finding]]) -> None:
        """It is to be created anew: its link gives way to the new one, as that of a record we deleted ourselves."""
        await self._mark([finding.key for _, finding in some], by="hub")

    async def _mark(self, keys: Sequence[str], *, by: str | None) -> None:
        scope = {"connection": self._sync.connection, "stream": self._sync.stream}
        await self._conn.execute(
            text(
                "UPDATE link SET deleted_at = :now, deleted_by = :by, digest = NULL WHERE connection = :connection"
                " AND stream = :stream AND key = ANY(:keys) AND deleted_at IS NULL"
            ),
            {**scope, "now": self._engine.now(), "by": by, "keys": list(keys)},
        )

    async def _know(self, findings: Sequence[Finding]) -> None:
        """The last known record becomes what really stands there, so that a push sends just what differs."""
        sync = self._sync
        links = await links_by_key(self._conn, sync.connection, sync.stream, [finding.key for finding in findings])
        rows = []
        for key, link in links.items():
            mapping = as_read(self._engine, sync, link).mapping
            assert mapping is not None
            record = self._there.records[key]
            rows.append({"id": link.id, "known": mapping.project(record), "digest": mapping.digest_of(record)})
        await self._conn.execute(
            text(
                "UPDATE link l SET known = x.known, digest = x.digest FROM jsonb_to_recordset(CAST(:rows AS jsonb))"
                " AS x(id bigint, known jsonb, digest text) WHERE l.id = x.id"
            ),
            {"rows": jsontext.dumps(rows).decode()},
        )
