"""Intents: before a write whose outcome may stay unknown, it is noted that it is under way.

What can be repeated safely (grades A and B, and every update) is noted with its claim, a whole batch at once. A create or a
message of grade C is noted when its turn has come, together with those that begin beside it: what a crash leaves in doubt
for a person is what was really under way."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db.session import is_passing
from hub.sdk.connector import Messages, Pushes
from hub.sync.engine import Engine
from hub.sync.grouped import Grouped
from hub.sync.outgoing import Plan

_NOTE = """
UPDATE delivery d SET intent_at = coalesce(d.intent_at, :now)
FROM unnest(CAST(:ids AS bigint[]), CAST(:fences AS bigint[])) AS x(id, fence)
WHERE d.id = x.id AND d.fence = x.fence AND d.state = 'running'
RETURNING d.id
"""


def is_unrepeatable(engine: Engine, plan: Plan) -> bool:
    """Would a second try after an unknown outcome need a person?"""
    stream = engine.configuration.connections[plan.sync.connection].streams[plan.sync.stream]
    new = plan.message is not None or (plan.push is not None and plan.push.key is None)
    once = isinstance(stream, Pushes | Messages) and stream.grade == "C"
    return new and once and plan.delivery.intent_at is None


async def note(conn: AsyncConnection, engine: Engine, plans: Sequence[Plan]) -> set[int]:
    """Note it for these deliveries; returns those that are still in our hands."""
    if not plans:
        return set()
    values = {
        "now": engine.now(),
        "ids": [plan.delivery.id for plan in plans],
        "fences": [plan.delivery.fence for plan in plans],
    }
    return {row.id for row in await conn.execute(text(_NOTE), values)}


class Intents:
    """Those of one batch that are noted one by one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._noted: set[int] = set()
        self._group = Grouped(self._write)

    async def may_go(self, plan: Plan) -> bool:
        """True when the call may be made; false when that could not be noted, or another has taken it over."""
        if not is_unrepeatable(self._engine, plan):
            return True
        try:
            await self._group.keep(plan)
        except Exception as error:
            if is_passing(error):
                return False
            raise
        return plan.delivery.id in self._noted

    async def _write(self, plans: Sequence[Plan]) -> None:
        self._noted |= await self._engine.db.retrying(lambda: self._commit(plans))

    async def _commit(self, plans: Sequence[Plan]) -> set[int]:
        async with self._engine.db.begin("intent") as conn:
            return await note(conn, self._engine, plans)
