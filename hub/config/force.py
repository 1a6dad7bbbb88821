"""Putting versions of mappings into force, and what follows from it: runs of re-mapping, the files, the audit record."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.difference import text_lines
from hub.config.model import SyncSpec
from hub.config.stored import Stored, StoredMapping
from hub.config.texts import MappingText
from hub.db import bulk, tables
from hub.sdk import jsontext
from hub.security import audit

CHANNEL: Final = "hub_config"
REMAP: Final = "remap"
_ONE_AT_A_TIME: Final = 0x6F326302


@dataclass(frozen=True, slots=True)
class By:
    """Who puts it into force, when, and what they say to it."""

    who: str
    now: datetime
    note: str | None = None


async def one_at_a_time(conn: AsyncConnection) -> None:
    """Whoever changes the configuration is alone until the transaction ends."""
    await conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ONE_AT_A_TIME})


def next_version(before: Stored, new: MappingText) -> int:
    """A mapping that says the same as a version there was is that version again; else it is the next one."""
    versions = {version: found for (name, version), found in before.mappings.items() if name == new.name}
    same = [version for version, found in versions.items() if found.digest == new.digest]
    return max(same, key=lambda version: (versions[version].active, version)) if same else max(versions, default=0) + 1


def version_lines(found: StoredMapping, new: MappingText, version: int) -> list[str]:
    """What differs between the version in force and the text that is to be; empty when nothing does."""
    lines = text_lines(found.body, new.body)
    for name in sorted(found.sources.keys() | new.sources.keys()):
        changed = text_lines(found.sources.get(name, ""), new.sources.get(name, ""))
        lines += [f"{name}, which it is made of:", *changed] if changed else []
    if version != found.version:
        return [f"version {found.version} -> {version}", *lines]
    return [f"version {version} stays: only its text changes, not what it means", *lines] if lines else []


async def write_versions(
    conn: AsyncConnection, before: Stored, wanted: Mapping[str, MappingText], by: By
) -> dict[str, int]:
    """Make these the mappings in force; returns their versions. The text of a version that stays is renewed, so that
    errors name the lines its author has now."""
    versions = {name: next_version(before, new) for name, new in wanted.items()}
    rows = [
        {
            "name": name,
            "version": version,
            "digest": wanted[name].digest,
            "body": wanted[name].body,
            "sources": dict(wanted[name].sources),
            "active": True,
            "created_at": by.now,
            "created_by": by.who,
            "note": by.note,
        }
        for name, version in versions.items()
    ]
    update = ["active", "body", "sources"]
    await bulk.upsert(conn, tables.mapping, rows, conflict=["name", "version"], update=update)
    await only_active(conn, versions)
    return versions


_ONLY = """
UPDATE mapping m SET active = (m.version = x.version) FROM jsonb_to_recordset(CAST(:rows AS jsonb))
  AS x(name text, version int) WHERE m.name = x.name AND m.active <> (m.version = x.version)
"""


async def only_active(conn: AsyncConnection, versions: Mapping[str, int]) -> None:
    """Of these mappings these versions are in force and no others; version 0: none."""
    rows = [{"name": name, "version": version} for name, version in versions.items()]
    await conn.execute(text(_ONLY), {"rows": jsontext.dumps(rows).decode()})


@dataclass(frozen=True, slots=True)
class _Bound:
    """What a sync is bound to, and by which version."""

    place: tuple[str, str, str]  # connection, stream, kind
    mapping: str | None
    version: int | None
    reads: bool = field(compare=False)


def _bindings(stored: Stored) -> dict[str, _Bound]:
    active = stored.active()
    found = {}
    for name, row in stored.syncs.items():
        spec = SyncSpec.model_validate(row.spec)
        version = active[spec.mapping].version if spec.mapping in active else None
        found[name] = _Bound((row.connection, row.stream, row.kind), spec.mapping, version, spec.reads)
    return found


async def owe_remaps(conn: AsyncConnection, before: Stored, after: Stored, now: datetime) -> list[int]:
    """Every sync whose mapping is another version now owes a run of re-mapping, and no older one; returns the runs."""
    old, new = _bindings(before), _bindings(after)
    moved = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    places = {bound[name].place[:2] for bound in (old, new) for name in moved if name in bound}
    await _end_older(conn, moved, places, now)
    rows = [_run_row(name, old.get(name), new[name]) for name in moved if name in new and new[name].version is not None]
    made = await conn.execute(text(_OWE), {"rows": jsontext.dumps(rows).decode(), "now": now})
    return [row.id for row in made]


def _run_row(name: str, old: _Bound | None, new: _Bound) -> dict[str, Any]:
    connection, stream, kind = new.place
    known = old is not None and old.place == new.place and old.version is not None
    differs = old is None or (old.mapping, old.version) != (new.mapping, new.version)
    detail = {"mapping": new.mapping, "version": new.version, "phase": "measure"}
    if known and old is not None:
        detail |= {"from_mapping": old.mapping, "from_version": old.version}
    return {
        "sync": name,
        "connection": connection,
        "stream": stream,
        "kind": kind,
        "mapping": new.mapping,
        "version": new.version,
        "known": known and differs,
        "may": (not known and new.reads) or (known and differs),
        "detail": detail,
    }


# A sync that is new here owes one only where its stream left links behind that another version read.
_OWE = f"""
INSERT INTO run (sync, what, state, started_at, detail)
SELECT x.sync, '{REMAP}', 'running', :now, x.detail FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(sync text,
  connection text, stream text, kind text, mapping text, version int, known boolean, may boolean, detail jsonb)
WHERE x.may AND (x.known OR EXISTS (SELECT 1 FROM link l WHERE l.connection = x.connection AND l.stream = x.stream
  AND l.kind = x.kind AND l.known IS NOT NULL AND (l.mapping, l.mapping_version) IS DISTINCT FROM (x.mapping, x.version)))
ORDER BY x.sync RETURNING id
"""
_END_RUNS = f"""
UPDATE run SET state = 'dismissed', ended_at = :now, note = 'another version came into force', note_zh = '已有其他版本生效'
WHERE what = '{REMAP}' AND state IN ('running', 'held', 'failed') AND sync = ANY(:syncs)
"""
_END_ROWS = """
UPDATE inbox i SET state = 'superseded', note = 'another version came into force', waiting_for = NULL, settled_at = :now
FROM jsonb_to_recordset(CAST(:places AS jsonb)) AS x(connection text, stream text)
WHERE i.connection = x.connection AND i.stream = x.stream AND i.from_link AND i.state IN ('due', 'waiting', 'parked')
"""


async def _end_older(
    conn: AsyncConnection, syncs: Collection[str], streams: Collection[tuple[str, str]], now: datetime
) -> None:
    """What an earlier version still had to do is not done by this one unasked."""
    if not syncs:
        return
    await conn.execute(text(_END_RUNS), {"syncs": list(syncs), "now": now})
    places = [{"connection": connection, "stream": stream} for connection, stream in streams]
    await conn.execute(text(_END_ROWS), {"places": jsontext.dumps(places).decode(), "now": now})


async def files_in_force(conn: AsyncConnection) -> dict[str, str]:
    """The texts the configuration in force was made from, by their path in the directory."""
    found = await conn.execute(text("SELECT files FROM applied_config ORDER BY id DESC LIMIT 1"))
    files = found.scalar_one_or_none()
    return dict(files or {})


async def note_files(
    conn: AsyncConnection, files: Mapping[str, str], by: By, act: str, told: Mapping[str, Any]
) -> None:
    """Put on record what is in force now, by whom, and wake everybody who works by it. `told`: its `what` names the
    thing, the rest is detail."""
    digest = hashlib.sha256(jsontext.canonical(dict(files))).hexdigest()
    row = insert(tables.applied_config).values(at=by.now, who=by.who, digest=digest, files=dict(files))
    await conn.execute(row)
    detail = {name: value for name, value in told.items() if name != "what"}
    await audit.record(conn, by.who, act, str(told["what"]), {"digest": digest, **detail})
    await conn.execute(text(f"NOTIFY {CHANNEL}"))
