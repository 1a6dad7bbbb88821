"""One try of one delivery: look up if a create is in doubt, then push; every error becomes an outcome."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hub.canon.identity import LinkState, save_links
from hub.config.runtime import Bound
from hub.sdk.connector import Finds, Messages, Pushes, Stream
from hub.sdk.context import Created
from hub.sdk.errors import ConfigInvalid, NotFound
from hub.sdk.records import Push, Pushed
from hub.sync.engine import Engine
from hub.sync.grouped import Grouped
from hub.sync.keep import line_ids_from, link_state
from hub.sync.outgoing import Outcome, Plan
from hub.sync.outward import Exchanges
from hub.sync.policy import Failure
from hub.telemetry import traces
from hub.telemetry.log import correlated

LOOK_AGAIN_SECONDS = 60.0
MAX_LOOKUPS = 2


async def attempt(engine: Engine, plan: Plan, ids: Grouped[LinkState]) -> Outcome:
    """Never raises for what the other side does; the outcome says it."""
    bound = engine.configuration.connections[plan.sync.connection]
    exchanges = Exchanges(bound.secrets)
    started = time.perf_counter()
    try:
        known = plan.delivery.correlation
        pushing = traces.work("pushed", known, sync=plan.sync.name, delivery=plan.delivery.id)
        with correlated(correlation=known, delivery=str(plan.delivery.id)), pushing:
            outcome = await _try(engine, plan, ids, exchanges)
    except Exception as error:
        outcome = Outcome(plan.delivery, plan.sync, "failed", plan.entity.version, plan, error=error)
    outcome.seconds = time.perf_counter() - started
    outcome.exchanges = exchanges.rows
    return outcome


async def _try(engine: Engine, plan: Plan, ids: Grouped[LinkState], exchanges: Exchanges) -> Outcome:
    bound = engine.configuration.connections[plan.sync.connection]
    stream = bound.streams[plan.sync.stream]
    if plan.message is not None:
        return await _tell(engine, plan, bound, stream, exchanges)
    if not isinstance(stream, Pushes):
        raise ConfigInvalid(f"{plan.sync.stream} cannot be written", scope=plan.sync.stream)
    if plan.look_up:
        doubt = await _look_up(engine, plan, bound, stream, exchanges)
        if doubt is not None:
            return doubt
    assert plan.push is not None
    ctx = engine.outward.context(bound, exchanges, _created(plan, ids))
    try:
        pushed = await stream.push(ctx, plan.push)
    except NotFound:
        if plan.push.action not in {"cancel", "delete"} or plan.push.key is None:
            raise
        pushed = Pushed(plan.push.key)  # what is to be ended is not there
    version = plan.entity.version
    if plan.look_up and plan.push.key is None and stream.grade == "A":
        # Asked for a second time it may have answered with what the first create made: then the newest is still owed.
        pushed = replace(pushed, record=pushed.record or {})
        version -= bool(plan.sync.mapping and plan.sync.mapping.differences(plan.wanted, pushed.record or {}))
    return Outcome(plan.delivery, plan.sync, "done", version, plan, pushed)


async def _tell(engine: Engine, plan: Plan, bound: Bound, stream: Stream, exchanges: Exchanges) -> Outcome:
    assert plan.message is not None
    if not isinstance(stream, Messages):
        raise ConfigInvalid(f"{plan.sync.stream} takes no messages", scope=plan.sync.stream)
    if plan.look_up and stream.grade == "C":
        return Outcome(plan.delivery, plan.sync, "parked", plan.entity.version, plan, failure=PERHAPS_SENT)
    number = await stream.message(engine.outward.context(bound, exchanges), plan.message)
    return Outcome(plan.delivery, plan.sync, "done", plan.entity.version, plan, note=number or None)


def _created(plan: Plan, ids: Grouped[LinkState]) -> Created:
    """An id is known: commit the link before the next call. The delivery stays unfinished (`intent_at`), so that a
    crash in the middle enters the push again."""

    async def created(key: str, lines: Mapping[str, Sequence[str]]) -> None:
        assert plan.push is not None and plan.sync.mapping is not None
        state = link_state(plan, Pushed(key, None, lines))
        plan.begun = True
        await ids.keep(state)

    return created


async def _look_up(engine: Engine, plan: Plan, bound: Bound, stream: Stream, exchanges: Exchanges) -> Outcome | None:
    """An earlier create has an unknown outcome: None when the push may go on (found and linked, or safe to repeat)."""
    assert isinstance(stream, Pushes) and plan.push is not None and plan.sync.mapping is not None
    row, path = plan.delivery, plan.sync.mapping.reference_path
    visible_at = row.intent_at + timedelta(seconds=engine.settings.scaled(stream.settle))
    if engine.now() < visible_at:
        return Outcome(row, plan.sync, "waiting", plan=plan, due_at=visible_at, note="letting the create settle")
    found: Sequence[dict[str, Any]] = []
    if isinstance(stream, Finds) and path is not None:
        found = await stream.find(engine.outward.context(bound, exchanges), path, plan.push.reference)
    if len(found) > 1:
        return Outcome(row, plan.sync, "parked", plan.entity.version, plan, failure=_several(len(found)))
    if found:
        await _adopt(engine, plan, found[0])
        return None
    if stream.grade in {"A", "B"} or plan.sync.spec.push.create_again:
        return None
    if row.lookups + 1 < MAX_LOOKUPS:
        again = engine.after(LOOK_AGAIN_SECONDS)
        return Outcome(row, plan.sync, "waiting", plan=plan, due_at=again, looked_up=True, note="not there yet")
    return Outcome(row, plan.sync, "parked", plan.entity.version, plan, failure=PERHAPS_CREATED, looked_up=True)


async def _adopt(engine: Engine, plan: Plan, record: dict[str, Any]) -> None:
    """The create had worked: link the record found and go on from where it stands."""
    mapping = plan.sync.mapping
    assert mapping is not None and plan.push is not None
    key = mapping.key_of(record)
    state: LinkState = link_state(plan, Pushed(key, record, {}))
    plan.begun = True
    whole = replace(state, lines=line_ids_from(plan, record))
    await engine.keep(lambda: _keep_links(engine, [whole], "adopt"))
    plan.push = Push(
        action="create",
        record=plan.wanted,
        reference=plan.push.reference,
        idempotency_key=plan.push.idempotency_key,
        key=key,
        known=record,
    )


async def keep_ids(engine: Engine, states: Sequence[LinkState]) -> None:
    """Commit the links of records whose ids have just been obtained, however long the database is away."""
    await engine.keep(lambda: _keep_links(engine, states, "created"))


async def _keep_links(engine: Engine, states: Sequence[LinkState], why: str) -> None:
    async with engine.db.begin(why) as conn:
        await save_links(conn, states, engine.now())


def _several(count: int) -> Failure:
    return Failure(
        "PerhapsCreated",
        f"{count} records there carry our reference: remove the doubles there, then retry",
        f"对方有 {count} 条记录带有我们的引用：请在对方删除多余的，再重试",
    )


PERHAPS_CREATED = Failure(
    "PerhapsCreated",
    "perhaps created: the create was sent, no answer came, and it is not found there; look there yourself; then "
    "retry (it looks again first), retry with --absent (it is created again), or dismiss",
    "可能已创建：新建请求已发出但没有收到答复，目前在对方查不到；请到对方核实：重试会先再次查找；确认没有则用 --absent 重试以重新新建；或忽略",
)
PERHAPS_SENT = Failure(
    "PerhapsCreated",
    "perhaps sent: the message left and no answer came; ask the reader, then retry or dismiss",
    "通知可能已发出：请求已发出但没有收到答复；请向接收人核实，然后重试或忽略",
)
