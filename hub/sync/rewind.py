"""The database's clock was set back: what was to happen soon lies far ahead now. Each row shows it by itself (it began in
the future, or lies further ahead than its rule allows), so it is safe to look again, and for several engines to look."""

from datetime import timedelta

from sqlalchemy import text

from hub.sync.engine import Engine
from hub.sync.policy import PERSON_PROBE_SECONDS, RETRY_SECONDS

_SET_BACK = (
    "UPDATE delivery SET lease_until = :lease WHERE state = 'running' AND lease_until > :lease",
    "UPDATE delivery SET due_at = :now WHERE state IN ('due', 'waiting') AND due_at > :now AND (owed_since > :now"
    " OR (due_at > :retry AND error_class IS DISTINCT FROM 'Throttled' AND error_class IS DISTINCT FROM 'Busy'))",
    "UPDATE inbox SET due_at = :now WHERE state = 'due' AND due_at > :now AND received_at > :now",
    "UPDATE bell SET due_at = :lease WHERE state IN ('due', 'running') AND due_at > :lease",
    "UPDATE sync SET lease_until = :lease WHERE lease_until > :lease",
    "UPDATE sync SET next_pull_at = :now + (next_pull_at - last_pull_at), last_pull_at = :now"
    " WHERE last_pull_at > :now AND next_pull_at > :now",
    "UPDATE sync SET reconcile_lease = :lease WHERE reconcile_lease > :lease",
    "UPDATE sync SET reconcile_at = :now WHERE reconciled_at > :now AND reconcile_at > :now",
    "UPDATE pause SET probe_at = :now WHERE probe_at > :now AND (since > :now"
    " OR (probe_at > :probe AND reason <> 'Throttled'))",
)


async def clock_set_back(engine: Engine) -> int:
    """Bring near again what lies ahead only because the clock was set back; returns how much."""
    now = engine.now()
    values = {
        "now": now,
        "lease": now + timedelta(seconds=engine.settings.lease_seconds),
        "retry": now + timedelta(seconds=RETRY_SECONDS[-1]),
        "probe": now + timedelta(seconds=PERSON_PROBE_SECONDS),
    }
    async with engine.db.begin("clock set back") as conn:
        return sum([(await conn.execute(text(statement), values)).rowcount for statement in _SET_BACK])
