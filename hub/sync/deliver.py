"""Deliver: claim what is owed, work out what to send, send it side by side, keep what came back.

Claim, preparation and the note "a write may be under way" (`hub.sync.intents`) are one transaction; no call is made inside
one. Each result is settled in a batch of its own kind (`hub.sync.results`)."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.identity import LinkState
from hub.db.session import is_away
from hub.sdk import jsontext
from hub.sync import shares, suspects
from hub.sync.attempt import attempt, keep_ids
from hub.sync.engine import Engine
from hub.sync.gate import Gate
from hub.sync.grouped import Grouped
from hub.sync.intents import Intents, is_unrepeatable, note
from hub.sync.message import prepare_messages
from hub.sync.outgoing import Outcome, Plan
from hub.sync.pauses import paused, put_trial_back, resume, take_trial
from hub.sync.prepare import prepare_records
from hub.sync.results import Results

CLAIM_BATCH = 100
CLAIM_PER_PLACE = 8  # so that what is urgent does not wait for a hundred others where few may go at once

_CLAIM = """
UPDATE delivery SET state = 'running', fence = fence + 1, lease_until = :lease WHERE id = ANY(ARRAY(
  SELECT d.id FROM delivery d WHERE d.connection = :connection AND d.state = 'due' AND d.due_at <= :now
    AND (d.crashes > 0) = :crashed
    AND NOT d.stream = ANY(:closed) AND :only IN ('', d.stream) AND d.sync = ANY(:syncs)
    AND NOT EXISTS (SELECT 1 FROM delivery r WHERE r.state = 'running' AND r.connection = d.connection
      AND r.stream = d.stream AND r.entity_id = d.entity_id AND r.part = d.part AND r.change_id = d.change_id)
  ORDER BY d.patient, d.due_at, d.id LIMIT :limit FOR UPDATE SKIP LOCKED))
RETURNING id, sync, connection, stream, kind, entity_id, part, change_id, wanted_version, applied_version, attempts,
  in_hand, crashes, lookups, remade, intent_at, busy_since, fence, correlation, created_at, owed_since, due_at, patient
"""


# The record in whose hands the trouble began is not the one that tries whether it is over, where there is another.
_CLAIM_TRIAL = _CLAIM.replace("ORDER BY d.patient", "ORDER BY d.in_hand, d.patient")


async def deliver_due(engine: Engine) -> int:
    """One turn for every connection that owes something; returns the deliveries handled."""
    async with engine.db.read() as conn:
        rows = await conn.execute(
            text("SELECT DISTINCT connection FROM delivery WHERE state = 'due' AND due_at <= :now"),
            {"now": engine.now()},
        )
        owing = sorted(row.connection for row in rows)
    return sum(await asyncio.gather(*(deliver_to(engine, name) for name in owing)))


async def deliver_to(engine: Engine, connection: str, limit: int = CLAIM_BATCH) -> int:
    """One batch for one connection."""
    places = _places(engine, connection)
    if not places:
        return 0
    try:
        most = min(limit, places * CLAIM_PER_PLACE)
        plans, settled = await engine.db.retrying(lambda: _claim(engine, connection, most))
    except IntegrityError:
        if limit == 1:
            return 0  # the same record is in flight for another sync: this one waits its turn
        return await deliver_to(engine, connection, 1)
    results = Results(engine)
    for outcome in settled:
        results.add(outcome)
    beat = asyncio.create_task(keep_leases(engine, plans))
    try:
        await _send(engine, plans, results, places)
    finally:
        beat.cancel()
    await results.close()
    return len(plans) + len(settled)


async def _send(engine: Engine, plans: Sequence[Plan], results: Results, places: int) -> None:
    room, intents, gate = asyncio.Semaphore(places), Intents(engine), Gate()
    ids: Grouped[LinkState] = Grouped(lambda states: keep_ids(engine, states))

    async def one(plan: Plan) -> None:
        async with room:
            if gate.is_closed(plan) or not await intents.may_go(plan):
                results.add(Outcome(plan.delivery, plan.sync, "unsent", due_at=engine.now()))
            else:
                results.add(gate.passed(await attempt(engine, plan, ids)))

    async with asyncio.TaskGroup() as group:
        writer = group.create_task(results.write_as_they_come(len(plans)))
        for plan in plans:
            group.create_task(one(plan))
        await writer


_BEAT = """
UPDATE delivery d SET lease_until = :lease
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(id bigint, fence bigint)
WHERE d.id = x.id AND d.fence = x.fence AND d.state = 'running'
"""


async def keep_leases(engine: Engine, plans: Sequence[Plan]) -> None:
    """While a batch is under way its leases are renewed: a slow target, or a long queue before few places, is no crash.
    A beat that the database cannot take is left out; the next one comes."""
    rows = jsontext.dumps([{"id": plan.delivery.id, "fence": plan.delivery.fence} for plan in plans]).decode()
    while True:
        await asyncio.sleep(engine.settings.scaled(engine.settings.heartbeat_seconds))
        lease = engine.now() + timedelta(seconds=engine.settings.lease_seconds)
        try:
            async with engine.db.begin("heartbeat") as conn:
                await conn.execute(text(_BEAT), {"rows": rows, "lease": lease})
        except Exception as error:
            if not is_away(error):
                raise


def _places(engine: Engine, connection: str) -> int:
    """How many pushes this engine may have under way; 0 for a connection that is no more, or is left to others."""
    bound = engine.configuration.connections.get(connection)
    if bound is None:
        return 0
    limits = bound.spec.limits or tuple(bound.connector.manifest.limits)
    return shares.places(connection, limits, engine.me, engine.others)


async def _claim(engine: Engine, connection: str, limit: int) -> tuple[list[Plan], list[Outcome]]:
    now = engine.now()
    async with engine.db.begin("claim") as conn:
        scopes = {stream for name, stream in await paused(conn) if name == connection}
        trial = await take_trial(conn, connection) if scopes else None
        if "" in scopes - {trial}:
            return [], []
        syncs = [s.name for s in engine.configuration.syncs.values() if s.mode == "live"]
        values: dict[str, Any] = {
            "connection": connection,
            "now": now,
            "lease": now + timedelta(seconds=engine.settings.lease_seconds),
            "closed": sorted(scopes - {trial}),
            "syncs": syncs,
            "only": trial or "",
            "limit": limit if trial is None else 1,
        }
        claim = text(_CLAIM if trial is None else _CLAIM_TRIAL)
        rows = (await conn.execute(claim, values | {"crashed": False})).all()
        # A process died with these in hand: one of them may be why, so each goes alone, and when nothing else may be why.
        if not rows and await suspects.confident(engine, conn):
            rows = (await conn.execute(claim, values | {"crashed": True, "limit": 1})).all()
        plans, settled = await _prepare(engine, conn, rows)
        if trial is not None:
            await _try_out(conn, connection, trial, (rows, plans))
        await note(conn, engine, [plan for plan in plans if not is_unrepeatable(engine, plan)])
    return plans, settled


async def _try_out(
    conn: AsyncConnection, connection: str, scope: str, claimed: tuple[Sequence[Row[Any]], Sequence[Plan]]
) -> None:
    """One push tries whether a pause is over: its outcome ends the pause or carries it on."""
    rows, plans = claimed
    if not rows:
        await resume(conn, connection, scope)
    elif not plans:
        await put_trial_back(conn, connection, scope)
    for plan in plans:
        plan.trial = scope


async def _prepare(engine: Engine, conn: AsyncConnection, rows: Sequence[Row[Any]]) -> tuple[list[Plan], list[Outcome]]:
    by_sync: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.patient, row.due_at, row.id)):  # RETURNING keeps no order
        by_sync[row.sync].append(row)
    plans: list[Plan] = []
    settled: list[Outcome] = []
    for name, group in by_sync.items():
        sync = engine.configuration.syncs[name]
        prepare = prepare_messages if sync.is_message else prepare_records
        more, done = await prepare(engine, conn, sync, group)
        plans += more
        settled += done
    return plans, settled
