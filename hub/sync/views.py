"""What the faces show: one listing per noun, newest first, page by page. They read; they never write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.identity import links_by_key
from hub.sync.health import health

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
    archived: bool = False


LISTINGS: Final[Mapping[str, Listing]] = {
    "receipts": Listing(
        "receipt",
        "id, connection, source, received_at, method, path, event_id, verdict, reason, reason_zh, state, attempts,"
        f" opened_at, records, octet_length(body) AS size, {_FAILURE}",
        ("connection", "source", "verdict", "state"),
        "query, headers, body",
        archived=True,
    ),
    "inbox": Listing(
        "inbox",
        "id, connection, stream, key, deleted, received_at, receipt_id, run_id, correlation, live, state, due_at,"
        f" waiting_for, attempts, corrects, entity_id, note, settled_at, from_link, {_FAILURE}",
        ("connection", "stream", "key", "state", "error_class", "receipt_id", "entity_id", "correlation"),
        "record",
        archived=True,
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
        "id, sync, what, state, started_at, ended_at, updated_at, read, unchanged, stored, pages, gone,"
        " round(read / nullif(extract(epoch FROM updated_at - started_at), 0), 1)::float8 AS per_second, cursor, total, done, changed, note,"
        " note_zh, error, error_zh, owner",
        ("sync", "what", "state"),
        "detail",
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
    tables = [listing.table, *_archive(listing, wanted.get("state"))]
    newest = (f"(SELECT {listing.columns} FROM {table} {where} ORDER BY id DESC LIMIT :limit)" for table in tables)
    statement = f"SELECT * FROM ({' UNION ALL '.join(newest)}) listed ORDER BY id DESC LIMIT :limit"
    values = {**wanted, "limit": min(limit, MOST)}
    return await rows(conn, statement, values if before is None else {**values, "before": before})


async def one(conn: AsyncConnection, noun: str, number: int) -> Row | None:
    """One row with everything that is known of it."""
    listing = LISTINGS[noun]
    columns = f"{listing.columns}, {listing.detail}" if listing.detail else listing.columns
    there = (f"SELECT {columns} FROM {table} WHERE id = :id" for table in (listing.table, *_archive(listing)))
    found = await rows(conn, " UNION ALL ".join(there), {"id": number})
    if found and found[0].get("from_link"):
        found[0]["record"] = await last_known(conn, found[0])
    return found[0] if found else None


async def last_known(conn: AsyncConnection, row: Mapping[str, Any]) -> dict[str, Any]:
    """The record of an inbox row that has none of its own: what its link knows now."""
    links = await links_by_key(conn, row["connection"], row["stream"], [row["key"]])
    found = links.get(row["key"])
    return (found.known if found else None) or {}


def _archive(listing: Listing, state: str | None = None) -> list[str]:
    """Where the settled rows of it are, when rows in this state can be there."""
    return [f"{listing.table}_archive"] if listing.archived and (state is None or state in _SETTLED) else []


_SETTLED = ("done", "superseded", "dismissed")


async def attempts(conn: AsyncConnection, delivery: int) -> list[Row]:
    columns = "id, at, seconds, version, correlation, outcome, error, error_zh, exchanges"
    newest = f"{columns} FROM {{}} WHERE delivery_id = :id ORDER BY id DESC LIMIT 100"
    arms = (f"(SELECT {newest.format(table)})" for table in ("attempt", "attempt_archive"))
    statement = f"SELECT * FROM ({' UNION ALL '.join(arms)}) listed ORDER BY id DESC LIMIT 100"
    return await rows(conn, statement, {"id": delivery})


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
       s.failures, s.error, s.error_zh, s.doubt, s.doubt_zh, s.spec,
       s.reconciled_at, s.reconcile_at, s.reconcile_doubt, s.reconcile_doubt_zh,
       (SELECT count(*) FROM drift WHERE drift.sync = s.name AND drift.state IN ('open', 'repairing')) AS drifts,
       EXISTS (SELECT 1 FROM pause p WHERE p.connection = s.connection AND p.stream IN ('', s.stream)) AS held_up,
       i.waiting AS inbox_waiting, i.parked AS inbox_parked, i.oldest AS inbox_oldest,
       d.waiting AS deliveries_waiting, d.parked AS deliveries_parked, d.oldest AS deliveries_oldest,
       coalesce(CAST(:now AS timestamptz), clock_timestamp()) AS now
FROM sync s
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state IN ('due', 'running', 'waiting')) AS waiting,
           count(*) FILTER (WHERE state = 'parked') AS parked,
           min(received_at) FILTER (WHERE state = 'due') AS oldest
    FROM (
        SELECT state, received_at FROM inbox
        WHERE connection = s.connection AND stream = s.stream AND state = 'due' AND NOT s.spec ? 'message'
        UNION ALL SELECT state, received_at FROM inbox WHERE connection = s.connection AND stream = s.stream
          AND state IN ('parked', 'waiting') AND NOT s.spec ? 'message'
    ) opened
) i
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state IN ('due', 'running', 'waiting')) AS waiting,
           count(*) FILTER (WHERE state = 'parked') AS parked,
           min(owed_since) FILTER (WHERE state IN ('due', 'running')) AS oldest
    FROM delivery WHERE sync = s.name AND connection = s.connection
      AND state NOT IN ('done', 'superseded', 'dismissed')
) d
ORDER BY s.name
"""


async def syncs(conn: AsyncConnection, now: datetime | None = None) -> list[Row]:
    """Syncs with health, mode, cursor and lag. `now`: None is the database's."""
    return [_sync(row) for row in await rows(conn, _SYNCS, {"now": now})]


def _sync(row: Row) -> Row:
    spec, now = row.pop("spec"), row.pop("now")
    held_up = row.pop("held_up")
    oldest = [moment for moment in (row.pop("inbox_oldest"), row.pop("deliveries_oldest")) if moment is not None]
    lag = max((int((now - moment).total_seconds()) for moment in oldest), default=0)
    row |= {"direction": spec.get("direction", "in"), "mapping": spec.get("mapping"), "lag_seconds": max(lag, 0)}
    return {**row, **health(row, spec, now, held_up=held_up)}


_SCHEMA = """
SELECT c.id, c.at, c.run_id, c.path, c.what, c.weight, c.sentence, c.sentence_zh, c.accepted_by, c.accepted_at
FROM schema_change c JOIN sync s ON s.connection = c.connection AND s.stream = c.stream
WHERE s.name = :name ORDER BY c.id DESC LIMIT 500
"""


async def schema_changes(conn: AsyncConnection, sync: str) -> list[Row]:
    """How the records of a sync's stream changed their shape, newest first."""
    return await rows(conn, _SCHEMA, {"name": sync})


_STATUS = """
SELECT 'receipt' AS what, state, count(*) AS count FROM receipt WHERE state IN ('due', 'running', 'parked') GROUP BY 2
UNION ALL SELECT 'inbox', state, count(*) FROM inbox WHERE state = 'due' GROUP BY 2
UNION ALL SELECT 'inbox', state, count(*) FROM inbox WHERE state IN ('parked', 'waiting') GROUP BY 2
UNION ALL SELECT 'delivery', state, count(*) FROM delivery
    WHERE state NOT IN ('done', 'superseded', 'dismissed') GROUP BY 2
UNION ALL SELECT 'bell', state, count(*) FROM bell WHERE state NOT IN ('done', 'superseded', 'dismissed') GROUP BY 2
UNION ALL SELECT 'change', 'due', count(*) FROM (
    SELECT 1 FROM change WHERE NOT derived UNION ALL SELECT 1 FROM change WHERE derived AND NOT routed
) c HAVING count(*) > 0
UNION ALL SELECT 'run', state, count(*) FROM run WHERE state = 'held' OR (what = 'remap' AND state = 'running') GROUP BY 2
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
