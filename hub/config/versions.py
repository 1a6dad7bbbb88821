"""Mappings one at a time: draft, publish, history, roll back. A version in force is changed by the next one only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.draft import Draft
from hub.config.force import By, files_in_force, note_files, one_at_a_time, only_active, owe_remaps, write_versions
from hub.config.placed import Checker, affected, behind, checked_in_place, with_mapping
from hub.config.problem import Problem
from hub.config.stored import Stored, StoredMapping, read_stored
from hub.config.texts import MappingText, told
from hub.mapping import MappingError, compile_mapping
from hub.security import audit

Row = dict[str, Any]


class VersionError(Exception):
    """It cannot be done; why and what to do instead, in both languages."""

    def __init__(self, sentence: str, zh: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh


class NoSuchMapping(VersionError):
    """There is no such mapping, version or draft."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was made: mapping -> version, and the runs of re-mapping that follow. With problems nothing was."""

    versions: Mapping[str, int]
    runs: tuple[int, ...] = ()
    problems: tuple[Problem, ...] = ()
    behind: tuple[str, ...] = ()  # texts that are no longer what the version in force was made of


# --- reading -------------------------------------------------------------------------------------------------------

_LISTED = """
SELECT coalesce(m.name, d.name) AS name, m.version, m.latest, m.created_at, m.created_by, m.note,
  d.who AS draft_by, d.at AS draft_at, d.based_on AS draft_based_on,
  ARRAY(SELECT s.name FROM sync s WHERE s.spec->>'mapping' = m.name ORDER BY s.name) AS syncs
FROM (SELECT name, max(version) FILTER (WHERE active) AS version, max(version) AS latest,
    max(created_at) AS created_at, (array_agg(created_by ORDER BY version DESC))[1] AS created_by,
    (array_agg(note ORDER BY version DESC))[1] AS note FROM mapping GROUP BY name) m
FULL JOIN mapping_draft d ON d.name = m.name ORDER BY 1
"""
_HISTORY = """
SELECT m.version, m.active, m.digest, m.created_at, m.created_by, m.note, coalesce(r.runs, '[]') AS runs
FROM mapping m LEFT JOIN LATERAL (
  SELECT jsonb_agg(jsonb_build_object('id', id, 'sync', sync, 'state', state, 'total', total, 'done', done,
    'changed', changed, 'note', note, 'note_zh', note_zh) ORDER BY id) AS runs
  FROM run WHERE what = 'remap' AND detail->>'mapping' = m.name AND CAST(detail->>'version' AS int) = m.version
) r ON true WHERE m.name = :name ORDER BY m.version DESC
"""


async def listed(conn: AsyncConnection) -> list[Row]:
    """Every mapping there ever was, and every draft: the version in force, the syncs by it, who drafts."""
    return [dict(row) for row in (await conn.execute(text(_LISTED))).mappings()]


async def history(conn: AsyncConnection, name: str) -> list[Row]:
    """All versions, newest first, with the runs of re-mapping they led to. Raises NoSuchMapping."""
    rows = [dict(row) for row in (await conn.execute(text(_HISTORY), {"name": name})).mappings()]
    if not rows:
        raise _no_mapping(name)
    return rows


async def version(conn: AsyncConnection, name: str, number: int | None = None) -> Row:
    """One version with its texts; the one in force, else the newest, where no number is given."""
    found = await conn.execute(
        text(
            "SELECT name, version, active, digest, created_at, created_by, note, body, sources FROM mapping"
            " WHERE name = :name AND (CAST(:number AS int) IS NULL OR version = :number)"
            " ORDER BY active DESC, version DESC LIMIT 1"
        ),
        {"name": name, "number": number},
    )
    row = found.mappings().first()
    if row is None:
        raise _no_mapping(name) if number is None else _no_version(name, number)
    return dict(row)


async def draft(conn: AsyncConnection, name: str) -> Row | None:
    """The draft of a mapping, where there is one."""
    found = await conn.execute(
        text("SELECT name, body, based_on, who, at FROM mapping_draft WHERE name = :name"), {"name": name}
    )
    row = found.mappings().first()
    return dict(row) if row else None


# --- drafts --------------------------------------------------------------------------------------------------------

_DRAFT = """
INSERT INTO mapping_draft (name, body, based_on, who, at)
VALUES (:name, :body, (SELECT version FROM mapping WHERE name = :name AND active), :who, :now)
ON CONFLICT (name) DO UPDATE SET body = excluded.body, who = excluded.who, at = excluded.at
"""


async def save_draft(conn: AsyncConnection, checker: Checker, name: str, body: str, by: By) -> tuple[Problem, ...]:
    """Keep a draft, also an unfinished one; returns what would keep it from being published."""
    stored = await read_stored(conn)
    _, problems = await checked_in_place(conn, checker, stored, name, body)
    await conn.execute(text(_DRAFT), {"name": name, "body": body, "who": by.who, "now": by.now})
    await audit.record(conn, by.who, "mapping.draft", name, {"problems": len(problems)})
    return problems


async def discard_draft(conn: AsyncConnection, name: str, by: By) -> None:
    """Throw a draft away. Raises NoSuchMapping."""
    gone = await conn.execute(text("DELETE FROM mapping_draft WHERE name = :name"), {"name": name})
    if not gone.rowcount:
        raise NoSuchMapping(f"there is no draft of {name}", f"{name} 没有草稿")
    await audit.record(conn, by.who, "mapping.discard", name)


# --- into force ----------------------------------------------------------------------------------------------------


async def publish(conn: AsyncConnection, checker: Checker, name: str, by: By, body: str | None = None) -> Published:
    """Put a text (the draft, where none is given) into force as the next version, with everything that extends it;
    with problems nothing is written."""
    await one_at_a_time(conn)
    if body is None:
        found = await draft(conn, name)
        if found is None:
            raise NoSuchMapping(
                f"there is no draft of {name}: save one first, or give a file",
                f"{name} 没有草稿：请先保存草稿或指定文件",
            )
        body = str(found["body"])
    before = await read_stored(conn)
    checked, problems = await checked_in_place(conn, checker, before, name, body)
    if problems:
        return Published({}, problems=problems)
    await conn.execute(text("DELETE FROM mapping_draft WHERE name = :name"), {"name": name})
    wanted = _renewed(before, checked, affected(before, name))
    if not wanted:
        return Published({})
    made = await write_versions(conn, before, wanted, by)
    return await _in_force(conn, before, (name, body), made, by, "mapping.publish")


async def rollback(conn: AsyncConnection, checker: Checker, name: str, number: int, by: By) -> Published:
    """Put an older version into force again, and what extends it on top of that; it keeps its number. Raises
    NoSuchMapping, VersionError."""
    await one_at_a_time(conn)
    before = await read_stored(conn)
    found = before.mappings.get((name, number))
    if found is None:
        raise _no_version(name, number) if name in before.latest() else _no_mapping(name)
    if found.active:
        raise VersionError(f"version {number} of {name} is in force already", f"{name} 的 v{number} 已在生效")
    problems, others = _still_good(found, before), affected(before, name)[1:]
    wanted: dict[str, MappingText] = {}
    if others and not problems:
        checked, problems = await checked_in_place(conn, checker, before, name, found.body)
        wanted = _renewed(before, checked, others)
    if problems:
        return Published({}, problems=problems)
    await only_active(conn, {name: number})
    made = {name: number, **await write_versions(conn, before, wanted, by)}
    done = await _in_force(conn, before, (name, found.body), made, by, "mapping.rollback")
    return replace(done, behind=behind(found, await files_in_force(conn)))


def _renewed(before: Stored, checked: Draft, names: Sequence[str]) -> dict[str, MappingText]:
    """Those of these mappings whose texts, their own or one they are made of, are not what they were."""
    active, new = before.active(), checked.mappings
    return {
        name: new[name]
        for name in names
        if name in new and (name not in active or _texts(active[name]) != _texts(new[name]))
    }


def _texts(found: StoredMapping | MappingText) -> tuple[str, dict[str, str]]:
    return found.body, dict(found.sources)


async def _in_force(
    conn: AsyncConnection, before: Stored, text_of: tuple[str, str], made: Mapping[str, int], by: By, act: str
) -> Published:
    """What follows: runs of re-mapping, the files, the audit record."""
    name, body = text_of
    active = before.active()
    changed = {
        other: number for other, number in made.items() if other not in active or active[other].version != number
    }
    runs = await owe_remaps(conn, before, await read_stored(conn), by.now)
    files = with_mapping(await files_in_force(conn), name, body)
    await note_files(conn, files, by, act, {"what": name, "versions": changed, "note": by.note, "runs": runs})
    return Published(changed, tuple(runs))


def _still_good(found: StoredMapping, stored: Stored) -> tuple[Problem, ...]:
    """An old version must still compile: kinds may have changed since."""
    try:
        compile_mapping(found.body, kinds=stored.shapes().get, file=found.name, load=found.load, table=found.table)
    except MappingError as error:
        return tuple(map(told, error.problems))
    return ()


def _no_mapping(name: str) -> NoSuchMapping:
    return NoSuchMapping(
        f"there is no mapping {name} in use; `hub map list` shows all",
        f"没有使用中的映射 {name}，可用 hub map list 查看",
    )


def _no_version(name: str, number: int) -> NoSuchMapping:
    return NoSuchMapping(
        f"mapping {name} has no version {number}; `hub map history {name}` shows all",
        f"映射 {name} 没有 v{number}，可用 hub map history {name} 查看",
    )
