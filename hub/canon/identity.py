"""Which entity a record is: links, names, match keys; and which entity a reference means. Always for a whole batch."""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity, Fields
from hub.canon.kinds import Kinds
from hub.db import bulk
from hub.db.tables import line_link, link, link_name, match_key, weak_key
from hub.mapping.shape import Match, Ref
from hub.sdk import jsontext

MatchSets = Mapping[str, Sequence[Match]]
"""kind -> every set of fields that some mapping of the kind matches by."""


@dataclass(frozen=True, slots=True)
class Link:
    """'This entity is that record of that stream in that connection.'"""

    id: int
    entity_id: int
    kind: str
    connection: str
    stream: str
    key: str
    known: dict[str, Any] | None
    digest: str | None
    mapping: str | None
    mapping_version: int | None
    record_version: str | None
    deleted: bool
    updated_at: datetime | None = None
    accepted: Mapping[str, Any] = field(default_factory=dict)  # field -> the spelling a person has accepted there
    lines: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # list field -> vendor line key -> line id


_LINK = """
SELECT id, entity_id, kind, connection, stream, key, known, digest, mapping, mapping_version, record_version,
       deleted_at IS NOT NULL AS deleted, updated_at, coalesce(accepted, '{{}}') AS accepted
FROM link WHERE connection = :connection AND stream = :stream AND {column} = ANY(:values)
"""


async def links_by_key(conn: AsyncConnection, connection: str, stream: str, keys: Collection[str]) -> dict[str, Link]:
    """Links of one stream by the vendor's key."""
    rows = await _links(conn, connection, stream, "key", keys)
    return {found.key: found for found in rows}


async def links_by_entity(
    conn: AsyncConnection, connection: str, stream: str, entity_ids: Collection[int]
) -> dict[int, Link]:
    """Links of one stream by entity."""
    rows = await _links(conn, connection, stream, "entity_id", entity_ids)
    return {found.entity_id: found for found in rows}


async def _links(
    conn: AsyncConnection, connection: str, stream: str, column: str, values: Collection[Any]
) -> list[Link]:
    if not values:
        return []
    found = (
        await conn.execute(
            text(_LINK.format(column=column)), {"connection": connection, "stream": stream, "values": list(values)}
        )
    ).mappings()
    rows = [dict(row) for row in found]
    lines = await _lines_of(conn, [row["id"] for row in rows])
    return [Link(**row, lines=lines.get(row["id"], {})) for row in rows]


async def _lines_of(conn: AsyncConnection, link_ids: Sequence[int]) -> dict[int, dict[str, dict[str, int]]]:
    if not link_ids:
        return {}
    rows = await conn.execute(
        text("SELECT link_id, path, key, line_id FROM line_link WHERE link_id = ANY(:ids)"), {"ids": list(link_ids)}
    )
    lines: dict[int, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        lines[row.link_id][row.path][row.key] = row.line_id
    return lines


@dataclass(slots=True)
class LinkState:
    """A link to be written. `names`: name -> value; `lines`: list field -> vendor line key -> line id."""

    entity_id: int
    kind: str
    connection: str
    stream: str
    key: str
    known: dict[str, Any] | None
    digest: str | None
    mapping: str | None
    mapping_version: int | None
    record_version: str | None
    names: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


async def save_links(conn: AsyncConnection, states: Sequence[LinkState], now: datetime) -> None:
    """Insert or renew links with their names and line links."""
    if not states:
        return
    rows = [
        {
            "entity_id": s.entity_id,
            "kind": s.kind,
            "connection": s.connection,
            "stream": s.stream,
            "key": s.key,
            "known": s.known,
            "digest": s.digest,
            "mapping": s.mapping,
            "mapping_version": s.mapping_version,
            "record_version": s.record_version,
            "deleted_at": None,
            "updated_at": now,
        }
        for s in states
    ]
    written = await bulk.upsert(
        conn,
        link,
        rows,
        conflict=["connection", "stream", "key"],
        update=["known", "digest", "mapping", "mapping_version", "record_version", "deleted_at", "updated_at"],
        returning=["id", "connection", "stream", "key"],
    )
    ids = {(row["connection"], row["stream"], row["key"]): row["id"] for row in written}
    await _save_names(conn, states, ids)
    await _save_lines(conn, states, ids)


async def _save_names(
    conn: AsyncConnection, states: Sequence[LinkState], ids: Mapping[tuple[str, str, str], int]
) -> None:
    rows = [
        {
            "connection": s.connection,
            "stream": s.stream,
            "name": name,
            "value": value,
            "link_id": ids[s.connection, s.stream, s.key],
        }
        for s in states
        for name, value in s.names.items()
    ]
    if not rows:
        return
    await conn.execute(
        text(
            "DELETE FROM link_name n USING jsonb_to_recordset(CAST(:rows AS jsonb))"
            " AS x(link_id bigint, name text, value text)"
            " WHERE n.link_id = x.link_id AND n.name = x.name AND n.value <> x.value"
        ),
        {"rows": jsontext.dumps(rows).decode()},
    )
    await bulk.upsert(conn, link_name, rows, conflict=["connection", "stream", "name", "value"], update=["link_id"])


async def _save_lines(
    conn: AsyncConnection, states: Sequence[LinkState], ids: Mapping[tuple[str, str, str], int]
) -> None:
    rows = [
        {
            "connection": s.connection,
            "stream": s.stream,
            "path": path,
            "key": key,
            "line_id": line_id,
            "link_id": ids[s.connection, s.stream, s.key],
        }
        for s in states
        for path, keys in s.lines.items()
        for key, line_id in keys.items()
    ]
    await bulk.upsert(
        conn, line_link, rows, conflict=["connection", "stream", "path", "key"], update=["line_id", "link_id"]
    )


async def resolve(conn: AsyncConnection, connection: str, refs: Collection[Ref]) -> dict[Ref, int]:
    """What references of one connection's records mean: entity ids, or line ids for `kind.list` references."""
    found: dict[Ref, int] = {}
    groups: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for ref in refs:
        groups[ref.kind, ref.by, ref.system].add(ref.text)
    for (kind, by, system), texts in groups.items():
        for value, target in await _resolve_group(conn, system or connection, kind, by, texts):
            found[Ref(kind, by, value, system)] = target
    return found


async def _resolve_group(
    conn: AsyncConnection, connection: str, kind: str, by: str, texts: Collection[str]
) -> list[tuple[str, int]]:
    head, _, path = kind.partition(".")
    if path:
        query = """SELECT n.key AS value, n.line_id AS target FROM line_link n JOIN link l ON l.id = n.link_id
            WHERE n.connection = :connection AND n.path = :path AND n.key = ANY(:texts) AND l.kind = :kind"""
    elif by == "key":
        query = """SELECT key AS value, entity_id AS target FROM link
            WHERE connection = :connection AND kind = :kind AND key = ANY(:texts)"""
    else:
        query = """SELECT n.value, l.entity_id AS target FROM link_name n JOIN link l ON l.id = n.link_id
            WHERE n.connection = :connection AND n.name = :by AND n.value = ANY(:texts) AND l.kind = :kind"""
    values = {"connection": connection, "kind": head, "by": by, "path": path, "texts": list(texts)}
    used = {name: value for name, value in values.items() if f":{name}" in query}
    return [(row.value, row.target) for row in await conn.execute(text(query), used)]


async def names_of(
    conn: AsyncConnection, connection: str, kind: str, by: str, entity_ids: Collection[int]
) -> dict[int, str]:
    """How a connection calls these entities (or, for `kind.list`, these lines): entity id -> text."""
    _, _, path = kind.partition(".")
    if path:
        query = (
            "SELECT line_id AS id, key AS value FROM line_link WHERE connection = :connection AND line_id = ANY(:ids)"
        )
    elif by == "key":
        query = """SELECT entity_id AS id, key AS value FROM link
            WHERE connection = :connection AND entity_id = ANY(:ids) AND deleted_at IS NULL"""
    else:
        query = """SELECT l.entity_id AS id, n.value FROM link l JOIN link_name n ON n.link_id = l.id
            WHERE l.connection = :connection AND n.name = :by AND l.entity_id = ANY(:ids) AND l.deleted_at IS NULL"""
    values = {"connection": connection, "by": by, "ids": list(entity_ids)}
    used = {name: value for name, value in values.items() if f":{name}" in query}
    return {row.id: row.value for row in await conn.execute(text(query), used)}


def awaited_link(connection: str, kind: str, entity_id: int) -> str:
    """What a delivery waits for: that an entity becomes known to a connection."""
    return f"link|{connection}|{kind}|{entity_id}"


# --- match keys ----------------------------------------------------------------------------------------------------


def match_values(fields: Fields, sets: Iterable[Match], *, weak: bool) -> list[str]:
    """The match keys these fields give: one per set whose fields are all filled."""
    values = []
    for match in sets:
        parts = [(name, compared(fields.get(name))) for name in sorted(match.fields)]
        if match.weak == weak and all(text for _, text in parts):
            values.append("|".join(f"{name}={text}" for name, text in parts))
    return values


def compared(value: Any) -> str:
    """A value as it is compared: full width is half width, case and blanks do not count."""
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, dict):
        return jsontext.canonical(value).decode()
    return "".join(unicodedata.normalize("NFKC", str(value)).casefold().split())


async def find_matches(conn: AsyncConnection, kind: str, values: Collection[str], *, weak: bool) -> dict[str, set[int]]:
    """Match key -> entities that have it (at most one for strong keys)."""
    if not values:
        return {}
    table = weak_key if weak else match_key
    rows = await conn.execute(
        text(f"SELECT value, entity_id FROM {table.name} WHERE kind = :kind AND value = ANY(:values)"),
        {"kind": kind, "values": list(values)},
    )
    found: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        found[row.value].add(row.entity_id)
    return found


async def keep_match_keys(
    conn: AsyncConnection, kinds: Kinds, entities: Sequence[Entity], match_sets: MatchSets
) -> None:
    """Bring the match keys of these entities in line with their fields; those of entities joined into them stay."""
    for table, weak in ((match_key, False), (weak_key, True)):
        rows = [
            {"kind": e.kind, "value": value, "entity_id": e.id}
            for e in entities
            if e.joined_into is None
            for value in match_values(e.fields, match_sets.get(e.kind, ()), weak=weak)
        ]
        await conn.execute(
            text(
                f"DELETE FROM {table.name} m WHERE m.entity_id = ANY(:ids) AND m.value NOT LIKE 'origin|%'"
                " AND m.joined_from IS NULL AND NOT EXISTS (SELECT 1 FROM jsonb_to_recordset(CAST(:rows AS jsonb))"
                " AS x(value text, entity_id bigint) WHERE x.value = m.value AND x.entity_id = m.entity_id)"
            ),
            {"ids": [e.id for e in entities], "rows": jsontext.dumps(rows).decode()},
        )
        conflict = ["kind", "value"] if not weak else ["kind", "value", "entity_id"]
        await bulk.upsert(conn, table, rows, conflict=conflict, update=())


async def find_origins(conn: AsyncConnection, kind: str, origins: Collection[str]) -> dict[str, int]:
    """Entities the hub derived, by the stable key they were derived under."""
    found = await find_matches(conn, kind, [f"origin|{origin}" for origin in origins], weak=False)
    return {value.removeprefix("origin|"): next(iter(ids)) for value, ids in found.items()}


async def keep_origins(conn: AsyncConnection, rows: Sequence[tuple[str, str, int]]) -> None:
    """Remember (kind, origin, entity id) of derived entities."""
    await bulk.insert(
        conn, match_key, [{"kind": kind, "value": f"origin|{origin}", "entity_id": i} for kind, origin, i in rows]
    )
