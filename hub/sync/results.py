"""Results: outcomes are settled in batches as they come in, each batch one transaction, each row behind its fence."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.identity import LinkState, awaited_link, save_links
from hub.db import bulk, tally
from hub.db.tables import attempt as attempt_table
from hub.sdk import jsontext
from hub.sdk.errors import Conflict
from hub.sdk.records import Bell
from hub.sync import settle
from hub.sync.arrive import Source, store_records
from hub.sync.bells import Ring, ring
from hub.sync.ending import bury_ended
from hub.sync.engine import Engine
from hub.sync.keep import link_state, unread
from hub.sync.outgoing import Outcome
from hub.sync.pauses import failures_of, resume, set_pause
from hub.sync.policy import Decision, Pause, Standing, decide, failure_of, probe_wait
from hub.sync.references import awaited_by
from hub.telemetry import trail
from hub.telemetry.latency import observe

GATHER_SECONDS = 0.025
FEW = 16  # pushes of one batch; each result of so few is written as soon as it is in


class Results:
    """Collects the outcomes of one batch of deliveries and writes them while others are still under way."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[Outcome] = []
        self._bell = asyncio.Event()

    def add(self, outcome: Outcome) -> None:
        self._waiting.append(outcome)
        self._bell.set()

    async def write_as_they_come(self, expected: int) -> None:
        """Write until `expected` outcomes of pushes came in."""
        written = -len(self._waiting)
        while written < expected:
            await self._bell.wait()
            if expected > FEW:
                await self._gather(expected - written)
            self._bell.clear()
            written += await self._flush()

    async def _gather(self, missing: int) -> None:
        """With a backlog one transaction is worth a short wait: it costs nearly the same for one as for many."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                while len(self._waiting) < missing:
                    self._bell.clear()
                    await self._bell.wait()

    async def close(self) -> None:
        await self._flush()

    async def _flush(self) -> int:
        batch, self._waiting = self._waiting, []
        if batch:
            await self._engine.keep(lambda: _settle(self._engine, batch))
        return len(batch)


_UPDATE = """
UPDATE delivery d SET
  state = CASE WHEN x.state IN ('done', 'parked') AND d.wanted_version > x.version AND d.change_id = 0
    THEN 'due' ELSE x.state END,
  applied_version = CASE WHEN x.state = 'done' THEN x.version ELSE d.applied_version END,
  due_at = coalesce(x.due_at, d.due_at), waiting_for = x.waiting_for, attempts = x.attempts, in_hand = x.in_hand,
  lookups = CASE WHEN x.state = 'done' THEN 0 ELSE d.lookups + x.lookups END, busy_since = x.busy_since,
  intent_at = CASE WHEN x.known_outcome THEN NULL ELSE d.intent_at END, lease_until = NULL, crashes = 0,
  note = x.note, error_class = x.error_class, error = x.error, error_zh = x.error_zh, error_fields = x.error_fields,
  owner = CASE WHEN x.state <> 'done' THEN d.owner END,
  owed_since = CASE WHEN x.state = 'done' AND d.wanted_version > x.version THEN :now ELSE d.owed_since END,
  settled_at = CASE WHEN x.state IN ('done', 'parked') THEN CAST(:now AS timestamptz) END
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(id bigint, fence bigint, state text, version int, due_at timestamptz,
  waiting_for text, attempts int, in_hand int, lookups int, busy_since timestamptz, known_outcome boolean, note text,
  sent boolean, since timestamptz, error_class text, error text, error_zh text, error_fields jsonb)
WHERE d.id = x.id AND d.fence = x.fence AND d.state = 'running'
RETURNING d.id, d.sync, x.state AS came_to, x.error_class, x.sent, x.since
"""


async def _settle(engine: Engine, outcomes: Sequence[Outcome]) -> None:
    now = engine.now()
    async with engine.db.begin("settle") as conn:
        rows = [await _row(engine, conn, outcome, now) for outcome in outcomes]
        settled = (await conn.execute(text(_UPDATE), {"rows": jsontext.dumps(rows).decode(), "now": now})).all()
        held = {row.id for row in settled}
        _count(conn, settled, now)
        # Who lost the turn says nothing of how the record stands there now: another one may have written since.
        mine = [o for o in outcomes if o.delivery.id in held]
        links = [link_state(o.plan, o.pushed) for o in mine if o.plan is not None and o.pushed is not None]
        await save_links(conn, links, now)
        await bury_ended(conn, mine, now)
        await bulk.insert(conn, attempt_table, [_attempt(o, now) for o in outcomes if o.exchanges or o.error])
        await _end_trial(conn, outcomes)
        await settle.wake(conn, _woken(links), now)
        await _fetch_created(engine, conn, mine, now)
        await _read_answers(engine, conn, mine, now)
    _tell(settled, outcomes)


async def _fetch_created(engine: Engine, conn: AsyncConnection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """What the target filled in by itself (a number, a total) is read at once where its answer did not show it."""
    for outcome in outcomes:
        plan, pushed = outcome.plan, outcome.pushed
        if plan is None or pushed is None or plan.push is None or plan.push.action != "create":
            continue
        row = outcome.delivery
        if pushed.record is None and engine.configuration.inbound(row.connection, row.stream) is not None:
            await ring(conn, row.connection, [Ring(Bell(row.stream, pushed.key), "created")], row.correlation, now)


async def _read_answers(engine: Engine, conn: AsyncConnection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """An answer that says more than we wrote shows what somebody changed there since we read it. It bears the stamp of
    our own write, so nothing older will bring that change any more: the answer itself is read."""
    for outcome in outcomes:
        plan, pushed = outcome.plan, outcome.pushed
        if plan is None or pushed is None:
            continue
        row = outcome.delivery
        reader = engine.configuration.inbound(row.connection, row.stream)
        record = unread(plan, pushed) if reader is not None else None
        if reader is not None and record is not None:
            source = Source(row.connection, row.stream, engine.reads_live(reader), row.correlation)
            await store_records(conn, reader, source, [record], now)


def _count(conn: AsyncConnection, settled: Sequence[Row[Any]], now: datetime) -> None:
    """How many came to what, and how long what was sent had been with us."""
    for row in settled:
        if row.sent or row.came_to != "done":
            tally.count(conn, "pushed", row.sync, row.error_class or row.came_to)
        if row.sent and row.came_to == "done":
            observe(conn, "latency", row.sync, (now - row.since).total_seconds())


def _tell(settled: Sequence[Row[Any]], outcomes: Sequence[Outcome]) -> None:
    """To the log, once it is so."""
    of = {outcome.delivery.id: outcome.delivery for outcome in outcomes}
    for sync in {row.sync for row in settled}:
        parked = ((row.error_class, of[row.id].correlation) for row in settled if _is_parked(row) and row.sync == sync)
        trail.failed("deliveries were parked", sync, parked)
    steps = (
        {"sync": row.sync, "delivery": row.id, "to": row.came_to, "correlation": of[row.id].correlation}
        for row in settled
    )
    trail.follow("delivered", steps)


def _is_parked(row: Row[Any]) -> bool:
    return bool(row.came_to == "parked")


def _woken(links: Sequence[LinkState]) -> list[str]:
    found = []
    for state in links:
        pairs = [(path, key) for path, keys in state.lines.items() for key in keys]
        found += awaited_by(state.connection, state.kind, state.key, state.names, pairs)
        found.append(awaited_link(state.connection, state.kind, state.entity_id))
    return found


async def _row(engine: Engine, conn: AsyncConnection, outcome: Outcome, now: datetime) -> dict[str, Any]:
    row = outcome.delivery
    answer: dict[str, Any] = {
        "id": row.id,
        "fence": row.fence,
        "state": outcome.state,
        "version": outcome.version,
        "due_at": _iso(outcome.due_at),
        "waiting_for": outcome.waiting_for,
        "attempts": 0,
        "in_hand": 0,
        "lookups": int(outcome.looked_up),
        "busy_since": None,
        "known_outcome": outcome.state == "done",
        "note": outcome.note,
        "sent": outcome.plan is not None,
        "since": _iso(row.owed_since),
    }
    if outcome.state in {"waiting", "unsent"} and outcome.due_at is not None:
        # Nothing was tried: it stands as it stood.
        stood = {"attempts": row.attempts, "in_hand": row.in_hand, "busy_since": _iso(row.busy_since)}
        answer |= {"state": "due", **stood}
    if outcome.state == "unsent":
        answer["known_outcome"] = row.intent_at is None
    failure = outcome.failure
    if outcome.error is not None:
        decision = await _decide(engine, conn, outcome, outcome.error, now)
        failure = decision.failure
        answer |= {
            "state": decision.state,
            "due_at": _iso(decision.due_at),
            "attempts": decision.attempts,
            "in_hand": decision.in_hand,
            "busy_since": _iso(decision.busy_since),
            "known_outcome": not decision.look_up and row.intent_at is None and not _begun(outcome),
        }
    if failure is not None:
        answer |= {
            "error_class": failure.error_class,
            "error": failure.sentence,
            "error_zh": failure.zh,
            "error_fields": list(failure.fields),
        }
    return answer


def _begun(outcome: Outcome) -> bool:
    """Did this try get an id before it failed? Then the push must be entered again even with nothing to send."""
    return outcome.plan is not None and outcome.plan.begun


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


_OTHERS = """
SELECT EXISTS (SELECT 1 FROM delivery WHERE connection = :connection AND stream = :stream AND id <> :id
  AND state = 'done' AND settled_at > :since) AS pass
"""


async def _decide(
    engine: Engine, conn: AsyncConnection, outcome: Outcome, error: BaseException, now: datetime
) -> Decision:
    row = outcome.delivery
    others = await conn.execute(
        text(_OTHERS),
        {
            "connection": row.connection,
            "stream": row.stream,
            "id": row.id,
            "since": row.intent_at or row.created_at,
        },
    )
    standing = Standing(
        attempts=row.attempts,
        in_hand=row.in_hand,
        busy_since=row.busy_since,
        others_pass=bool(others.scalar_one()),
        pause_failures=await failures_of(conn, row.connection),
    )
    decision = decide(error, standing, now, engine.random, engine.settings.speed)
    if outcome.breaks:
        wait = engine.settings.scaled(probe_wait(standing.pause_failures, engine.random))
        decision = replace(decision, pause=Pause("", now + timedelta(seconds=wait)))
    if decision.pause is not None:
        trial = outcome.plan.trial if outcome.plan is not None else None
        await set_pause(conn, row.connection, decision.pause, decision, now, again=trial == decision.pause.stream)
        outcome.paused = decision.pause.stream
    if isinstance(error, Conflict) and outcome.plan is not None and outcome.plan.link is not None:
        bell = Bell(row.stream, outcome.plan.link.key)
        await ring(conn, row.connection, [Ring(bell, "conflict")], row.correlation, now)
    return decision


async def _end_trial(conn: AsyncConnection, outcomes: Sequence[Outcome]) -> None:
    """A push that tried whether a pause is over and did not meet it again has ended it."""
    for outcome in outcomes:
        trial = outcome.plan.trial if outcome.plan is not None else None
        if trial is not None and outcome.paused != trial:
            await resume(conn, outcome.delivery.connection, trial)


def _attempt(outcome: Outcome, now: datetime) -> dict[str, Any]:
    failure = outcome.failure or (failure_of(outcome.error) if outcome.error else None)
    return {
        "delivery_id": outcome.delivery.id,
        "at": now,
        "seconds": round(outcome.seconds, 4),
        "version": outcome.version,
        "correlation": outcome.delivery.correlation,
        "outcome": failure.error_class if failure else outcome.state,
        "error": failure and failure.sentence,
        "error_zh": failure and failure.zh,
        "exchanges": list(outcome.exchanges),
    }
