"""What the faces show: one listing per noun, newest first, page by page. They read; they never write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Row = dict[str, Any]
MOST: Final = 500
_FAILURE = "error_class, error, error_zh, error_fields, owner"


@dataclass(frozen=True, slots=True)
class Listing:
    """A table as it is listed: `columns` in lists, `detail` besides when one row is asked for."""

    table: str
    columns: str
    filters: tuple[str, ...]
    detail: str = ""


LISTINGS: Final[Mapping[str, Listing]] = {
    "receipts": Listing(
        "receipt",
        "id, connection, source, received_at, method, path, event_id, verdict, reason, reason_zh, state, attempts,"
        f" opened_at, records, octet_length(body) AS size, {_FAILURE}",
        ("connection", "source", "verdict", "state"),
        "query, headers, body",
    ),
    "inbox": Listing(
        "inbox",
        "id, connection, stream, key, deleted, received_at, receipt_id, run_id, correlation, live, state, due_at,"
        f" waiting_for, attempts, corrects, entity_id, note, settled_at, {_FAILURE}",
        ("connection", "stream", "key", "state", "error_class", "receipt_id", "entity_id", "correlation"),
        "record",
    ),
    "deliveries": Listing(
        "delivery",
        "id, sync, connection, stream, kind, entity_id, part, change_id, wanted_version, applied_version, state,"
        f" due_at, waiting_for, attempts, correlation, created_at, settled_at, note, {_FAILURE}",
        ("sync", "connection", "stream", "kind", "entity_id", "state", "error_class", "correlation"),
    ),
    "bells": Listing(
        "bell",
        f"id, connection, stream, path, text, reason, correlation, state, due_at, attempts, {_FAILURE}",
        ("connection", "stream", "state"),
    ),
    "runs": Listing(
        "run",
        "id, sync, what, state, started_at, ended_at, read, unchanged, stored, cursor, error, error_zh",
        ("sync", "what", "state"),
    ),
}


async def listed(
    conn: AsyncConnection,
    noun: str,
    filters: Mapping[str, Any] | None = None,
    *,
    before: int | None = None,
    limit: int = 100,
) -> list[Row]:
    """The newest rows of a noun below `before`; filters that are None do not count."""
    listing = LISTINGS[noun]
    wanted = {name: value for name, value in (filters or {}).items() if value is not None}
    unknown = set(wanted) - set(listing.filters)
    if unknown:
        raise ValueError(f"{noun} cannot be filtered by {', '.join(sorted(unknown))}")
    conditions = [f"{name} = :{name}" for name in wanted]
    if before is not None:
        conditions.append("id < :before")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    statement = f"SELECT {listing.columns} FROM {listing.table} {where} ORDER BY id DESC LIMIT :limit"
    values = {**wanted, "limit": min(limit, MOST)}
    return await rows(conn, statement, values if before is None else {**values, "before": before})


async def one(conn: AsyncConnection, noun: str, number: int) -> Row | None:
    """One row with everything that is known of it."""
    listing = LISTINGS[noun]
    columns = f"{listing.columns}, {listing.detail}" if listing.detail else listing.columns
    found = await rows(conn, f"SELECT {columns} FROM {listing.table} WHERE id = :id", {"id": number})
    return found[0] if found else None


async def attempts(conn: AsyncConnection, delivery: int) -> list[Row]:
    statement = """
        SELECT id, at, seconds, version, outcome, error, error_zh, exchanges
        FROM attempt WHERE delivery_id = :id ORDER BY id DESC LIMIT 100
    """
    return await rows(conn, statement, {"id": delivery})


# Everything that waits for a person, in one list; `place` orders the tables so that a cursor can go on.
_FAILED = f"""
SELECT * FROM (
    SELECT 1 AS place, 'inbox' AS what, id, connection, stream, key AS name, entity_id, received_at AS since,
           attempts, {_FAILURE} FROM inbox WHERE state = 'parked'
    UNION ALL
    SELECT 2, 'delivery', d.id, d.connection, d.stream, d.kind || ' ' || d.entity_id, d.entity_id, d.created_at,
           d.attempts, {", ".join(f"d.{name.strip()}" for name in _FAILURE.split(","))}
    FROM delivery d WHERE state = 'parked'
    UNION ALL
    SELECT 3, 'bell', id, connection, stream, text, NULL, due_at, attempts, {_FAILURE} FROM bell WHERE state = 'parked'
    UNION ALL
    SELECT 4, 'receipt', id, connection, source, path, NULL, received_at, attempts, {_FAILURE}
    FROM receipt WHERE state = 'parked'
) parked
WHERE (place, -id) > (:place, :id) ORDER BY place, id DESC LIMIT :limit
"""


async def failed(conn: AsyncConnection, *, after: tuple[int, int] = (0, 0), limit: int = 100) -> list[Row]:
    """All that is parked: records, deliveries, bells and receipts. `after`: place and id of the last one seen."""
    place, number = after
    return await rows(conn, _FAILED, {"place": place, "id": -number, "limit": min(limit, MOST)})


async def rows(conn: AsyncConnection, statement: str, values: Mapping[str, Any] | None = None) -> list[Row]:
    found = (await conn.execute(text(statement), values or {})).mappings()
    return [dict(row) for row in found]


_CONNECTIONS = """
SELECT c.name, c.connector, c.spec, c.updated_at,
       p.reason AS pause_reason, p.error AS pause_error, p.error_zh AS pause_error_zh, p.since AS paused_since,
       p.who AS paused_by, p.probe_at, p.stream AS paused_stream
FROM connection c LEFT JOIN LATERAL (
    SELECT * FROM pause WHERE pause.connection = c.name ORDER BY stream LIMIT 1
) p ON true
ORDER BY c.name
"""


async def connections(conn: AsyncConnection) -> list[Row]:
    """Connections with their pause, where there is one."""
    return [_connection(row) for row in await rows(conn, _CONNECTIONS)]


def _connection(row: Row) -> Row:
    spec = row.pop("spec")
    state = "ok" if row["pause_reason"] is None else _STATES.get(row["pause_reason"], "paused")
    return {**row, "owner": spec.get("owner"), "base_url": spec.get("config", {}).get("base_url"), "state": state}


_STATES = {"AuthFailed": "needs_new_secret", "Unavailable": "unreachable"}


_SYNCS = """
SELECT s.name, s.connection, s.stream, s.kind, s.mode, s.cursor, s.next_pull_at, s.last_pull_at, s.last_read,
       s.failures, s.error, s.error_zh, s.spec,
       EXISTS (SELECT 1 FROM pause p WHERE p.connection = s.connection AND p.stream IN ('', s.stream)) AS held_up,
       i.waiting AS inbox_waiting, i.parked AS inbox_parked, i.oldest AS inbox_oldest,
       d.waiting AS deliveries_waiting, d.parked AS deliveries_parked, d.oldest AS deliveries_oldest,
       clock_timestamp() AS now
FROM sync s
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state IN ('due', 'running', 'waiting')) AS waiting,
           count(*) FILTER (WHERE state = 'parked') AS parked,
           min(received_at) FILTER (WHERE state IN ('due', 'running')) AS oldest
    FROM inbox WHERE connection = s.connection AND stream = s.stream
      AND state IN ('due', 'running', 'waiting', 'parked') AND NOT s.spec ? 'message'
) i
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state IN ('due', 'running', 'waiting')) AS waiting,
           count(*) FILTER (WHERE state = 'parked') AS parked,
           min(due_at) FILTER (WHERE state IN ('due', 'running')) AS oldest
    FROM delivery WHERE sync = s.name AND state IN ('due', 'running', 'waiting', 'parked')
) d
ORDER BY s.name
"""
BEHIND_SECONDS: Final = 300


async def syncs(conn: AsyncConnection) -> list[Row]:
    """Syncs with health, mode, cursor and lag."""
    return [_sync(row) for row in await rows(conn, _SYNCS)]


def _sync(row: Row) -> Row:
    spec, now = row.pop("spec"), row.pop("now")
    held_up = row.pop("held_up")
    oldest = [moment for moment in (row.pop("inbox_oldest"), row.pop("deliveries_oldest")) if moment is not None]
    lag = max((int((now - moment).total_seconds()) for moment in oldest), default=0)
    row |= {"direction": spec.get("direction", "in"), "mapping": spec.get("mapping"), "lag_seconds": max(lag, 0)}
    return {**row, "health": _health(row, held_up)}


def _health(row: Row, held_up: bool) -> str:
    """`reconciled` and `drifting` are the words of a comparison; without one nothing better than `unverified`."""
    facts = (
        (row["mode"] == "paused" or held_up, "paused"),
        (row["mode"] == "observing", "observing"),
        (bool(row["failures"] or row["inbox_parked"] or row["deliveries_parked"]), "failing"),
        (row["lag_seconds"] > BEHIND_SECONDS, "behind"),
    )
    return next((word for holds, word in facts if holds), "unverified")


_STATUS = """
SELECT 'receipt' AS what, state, count(*) AS count FROM receipt WHERE state IN ('due', 'running', 'parked') GROUP BY 2
UNION ALL SELECT 'inbox', state, count(*) FROM inbox WHERE state NOT IN ('done', 'superseded', 'dismissed') GROUP BY 2
UNION ALL SELECT 'delivery', state, count(*) FROM delivery
    WHERE state NOT IN ('done', 'superseded', 'dismissed') GROUP BY 2
UNION ALL SELECT 'bell', state, count(*) FROM bell WHERE state NOT IN ('done', 'superseded', 'dismissed') GROUP BY 2
UNION ALL SELECT 'change', 'due', count(*) FROM change WHERE NOT derived OR NOT routed HAVING count(*) > 0
ORDER BY 1, 2
"""


async def work_left(conn: AsyncConnection) -> Sequence[Row]:
    """How much is where: table, state, count; nothing for what is finished."""
    return await rows(conn, _STATUS)


async def tokens(conn: AsyncConnection) -> list[Row]:
    return await rows(
        conn,
        "SELECT id, name, scopes, created_at, expires_at, revoked_at, last_used_at FROM api_token ORDER BY created_at, id",
    )
