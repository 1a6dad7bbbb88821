"""What goes with an entity that is joined into another, and comes back when it is parted: keys, links, deliveries.

Each move returns what it moved, as it was; the move back takes that."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.identity import awaited_link
from hub.canon.joinable import Pair
from hub.db import bulk
from hub.db.tables import line_link, match_key, weak_key
from hub.sdk import jsontext

Rows = list[dict[str, Any]]
KEY_TABLES = (match_key.name, weak_key.name)


async def _all(conn: AsyncConnection, query: str, **values: Any) -> Rows:
    return [dict(row) for row in (await conn.execute(text(query), values)).mappings()]


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return jsontext.dumps(list(rows)).decode()


# --- match keys ----------------------------------------------------------------------------------------------------

# Both may have the same weak key; then the winner's row stands for both.
_SHARED = """
WITH gone AS (DELETE FROM weak_key k USING weak_key w WHERE k.entity_id = :loser AND w.entity_id = :winner
  AND w.kind = k.kind AND w.value = k.value RETURNING k.kind, k.value, k.joined_from),
kept AS (UPDATE weak_key w SET joined_from = coalesce(w.joined_from, :loser) FROM gone
  WHERE w.entity_id = :winner AND w.kind = gone.kind AND w.value = gone.value)
SELECT kind, value, joined_from FROM gone
"""
_MOVE_KEYS = """
WITH old AS (SELECT kind, value, joined_from FROM {table} WHERE entity_id = :loser),
moved AS (UPDATE {table} k SET entity_id = :winner, joined_from = :loser FROM old
  WHERE k.entity_id = :loser AND k.kind = old.kind AND k.value = old.value)
SELECT kind, value, joined_from FROM old
"""
_KEYS_BACK = """
UPDATE {table} k SET entity_id = :loser, joined_from = x.joined_from
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(kind text, value text, joined_from bigint)
WHERE k.kind = x.kind AND k.value = x.value AND k.entity_id = :winner AND k.joined_from = :loser
"""
_SHARED_BACK = """
WITH x AS (SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(kind text, value text, joined_from bigint)),
own AS (UPDATE weak_key w SET joined_from = NULL FROM x
  WHERE w.kind = x.kind AND w.value = x.value AND w.entity_id = :winner AND w.joined_from = :loser)
INSERT INTO weak_key (kind, value, entity_id, joined_from) SELECT kind, value, :loser, joined_from FROM x
ON CONFLICT DO NOTHING
"""


async def move_keys(conn: AsyncConnection, pair: Pair) -> dict[str, Rows]:
    """What finds the loser finds the winner from now on, whatever the winner's own fields say."""
    ends = {"loser": pair[0], "winner": pair[1]}
    moved = {"shared": await _all(conn, _SHARED, **ends)}
    for table in KEY_TABLES:
        moved[table] = await _all(conn, _MOVE_KEYS.format(table=table), **ends)
    return moved


async def keys_back(conn: AsyncConnection, pair: Pair, moved: Mapping[str, Rows]) -> None:
    ends = {"loser": pair[0], "winner": pair[1]}
    for table in KEY_TABLES:
        await conn.execute(text(_KEYS_BACK.format(table=table)), {**ends, "rows": _json(moved[table])})
    await conn.execute(text(_SHARED_BACK), {**ends, "rows": _json(moved["shared"])})


# --- links ---------------------------------------------------------------------------------------------------------

_LINES_OF = "SELECT connection, stream, path, key, line_id, link_id FROM line_link WHERE link_id = ANY(:ids)"
_LINES_GONE = """
DELETE FROM line_link n USING jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(old bigint, new bigint)
WHERE n.line_id = x.old AND x.new IS NULL
"""
_LINES_NEW = """
UPDATE line_link n SET line_id = x.new FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(old bigint, new bigint)
WHERE n.line_id = x.old AND x.new IS NOT NULL
"""


async def move_links(conn: AsyncConnection, pair: Pair, lines: Mapping[int, int | None]) -> dict[str, Rows]:
    """The loser's records are the winner's, names and all; `lines`: the loser's line -> the winner's. A record's line
    that is none of the winner's is met as for the first time."""
    query = "UPDATE link SET entity_id = :winner WHERE entity_id = :loser RETURNING id, connection"
    links = await _all(conn, query, loser=pair[0], winner=pair[1])
    before = await _all(conn, _LINES_OF, ids=[row["id"] for row in links])
    known = await _all(conn, "SELECT id, digest FROM link WHERE entity_id = :winner", winner=pair[1])
    pairs = {"rows": _json([{"old": old, "new": new} for old, new in lines.items()])}
    await conn.execute(text(_LINES_GONE), pairs)
    await conn.execute(text(_LINES_NEW), pairs)
    return {"links": links, "line_links": before, "known": known}


async def written_since(conn: AsyncConnection, known: Rows) -> bool:
    """Is any of these records another one than it was when the two were joined?"""
    query = """SELECT EXISTS (SELECT 1 FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(id bigint, digest text)
        JOIN link l ON l.id = x.id WHERE l.digest IS DISTINCT FROM x.digest) AS written"""
    return bool((await conn.execute(text(query), {"rows": _json(known)})).scalar_one())


async def links_back(conn: AsyncConnection, pair: Pair, moved: Mapping[str, Rows]) -> None:
    ids = [row["id"] for row in moved["links"]]
    await conn.execute(text("UPDATE link SET entity_id = :loser WHERE id = ANY(:ids)"), {"loser": pair[0], "ids": ids})
    await conn.execute(text("DELETE FROM line_link WHERE link_id = ANY(:ids)"), {"ids": ids})
    await bulk.upsert(conn, line_link, moved["line_links"], conflict=["connection", "stream", "path", "key"])


# --- deliveries ----------------------------------------------------------------------------------------------------

_SUPERSEDE = """
WITH old AS (SELECT id, state, note, settled_at, waiting_for FROM delivery
  WHERE entity_id = :loser AND state IN ('due', 'waiting', 'parked')),
done AS (UPDATE delivery d SET state = 'superseded', note = :note, settled_at = :now, waiting_for = NULL
  FROM old WHERE d.id = old.id)
SELECT id, state, note, settled_at, waiting_for FROM old ORDER BY id
"""
_DELIVERIES_BACK = """
UPDATE delivery d SET state = x.state, note = x.note, settled_at = x.settled_at, waiting_for = x.waiting_for
FROM jsonb_to_recordset(CAST(:rows AS jsonb))
  AS x(id bigint, state text, note text, settled_at timestamptz, waiting_for text)
WHERE d.id = x.id AND d.state = 'superseded'
"""
_WAKE = """
UPDATE delivery SET state = 'due', due_at = :now, waiting_for = NULL
WHERE state = 'waiting' AND waiting_for = ANY(:awaited)
"""


async def supersede(conn: AsyncConnection, pair: Pair, now: datetime) -> Rows:
    """The loser owes nothing: the winner does."""
    return await _all(conn, _SUPERSEDE, loser=pair[0], note=f"joined into {pair[1]}", now=now)


async def deliveries_back(conn: AsyncConnection, moved: Rows) -> None:
    await conn.execute(text(_DELIVERIES_BACK), {"rows": _json(moved)})


async def wake(conn: AsyncConnection, kind: str, winner: int, links: Rows, now: datetime) -> None:
    """The winner became known to these connections: what waited for that goes on."""
    names = {row["connection"] for row in links}
    awaited = sorted(awaited_link(name, kind, winner) for name in names)
    await conn.execute(text(_WAKE), {"awaited": awaited, "now": now})


# --- heads ---------------------------------------------------------------------------------------------------------


async def mark_joined(conn: AsyncConnection, pair: Pair) -> list[int]:
    """The loser, and all who were joined into it, are the winner; returns the latter."""
    query = "UPDATE entity SET joined_into = :winner WHERE joined_into = :loser OR id = :loser RETURNING id"
    rows = await _all(conn, query, loser=pair[0], winner=pair[1])
    return sorted(row["id"] for row in rows if row["id"] != pair[0])


async def mark_parted(conn: AsyncConnection, pair: Pair, along: Sequence[int]) -> None:
    await conn.execute(text("UPDATE entity SET joined_into = NULL WHERE id = :loser"), {"loser": pair[0]})
    query = "UPDATE entity SET joined_into = :loser WHERE id = ANY(:along) AND joined_into = :winner"
    await conn.execute(text(query), {"loser": pair[0], "winner": pair[1], "along": list(along)})
