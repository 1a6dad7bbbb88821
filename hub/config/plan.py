"""What applying a draft would change, and applying it in one transaction."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Table, delete
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.difference import spec_lines
from hub.config.draft import Draft
from hub.config.force import (
    By,
    next_version,
    note_files,
    one_at_a_time,
    only_active,
    owe_remaps,
    version_lines,
    write_versions,
)
from hub.config.model import stored
from hub.config.stored import Stored, StoredSync, read_stored
from hub.config.texts import MappingText
from hub.db import bulk, tables

What = Literal["add", "change", "remove", "same"]


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One thing of the configuration; `kind`: connection, mapping, sync, owner or kind."""

    what: What
    kind: str
    name: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    lines: tuple[PlanLine, ...]

    @property
    def changes(self) -> tuple[PlanLine, ...]:
        """The lines that are not `same`."""
        return tuple(line for line in self.lines if line.what != "same")


async def plan(conn: AsyncConnection, draft: Draft) -> Plan:
    """What `apply` would do now; writes nothing."""
    return _compare(await read_stored(conn), draft)


async def apply(conn: AsyncConnection, draft: Draft, who: str, now: datetime) -> Plan:
    """Put a draft without problems into force, inside the caller's transaction. Nothing differs: nothing is written."""
    await one_at_a_time(conn)
    before = await read_stored(conn)
    made = _compare(before, draft)
    if made.changes:
        by = By(who, now)
        await _write(conn, draft, before, by)
        changes = [f"{line.what} {line.kind} {line.name}" for line in made.changes]
        await note_files(conn, draft.files, by, "apply", {"what": "configuration", "changes": changes})
    return made


def _compare(before: Stored, draft: Draft) -> Plan:
    connections = {name: stored(spec) for name, spec in draft.connections.items()}
    owners = {name: spec.rules() for name, spec in draft.owners.items()}
    kinds = {name: stored(spec) for name, spec in draft.kinds.items()}
    return Plan(
        (
            *_specs("kind", before.kinds, kinds),
            *_specs("connection", before.connections, connections),
            *_mappings(before, draft.mappings),
            *_syncs(before, draft),
            *_specs("owner", before.owners, owners),
        )
    )


def _specs(kind: str, old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> Iterator[PlanLine]:
    for name in sorted(old.keys() | new.keys()):
        details = tuple(spec_lines(old.get(name, {}), new.get(name, {})))
        yield PlanLine(_what(name in old, name in new, bool(details)), kind, name, details if name in new else ())


def _what(was: bool, is_: bool, differs: bool) -> What:
    if was and is_:
        return "change" if differs else "same"
    return "add" if is_ else "remove"


def _mappings(before: Stored, new: Mapping[str, MappingText]) -> Iterator[PlanLine]:
    active = before.active()
    for name in sorted(active.keys() | new.keys()):
        if name not in new:
            yield PlanLine("remove", "mapping", name)
            continue
        version = next_version(before, new[name])
        if name not in active:
            yield PlanLine("add", "mapping", name, (f"version {version}",))
        else:
            details = tuple(version_lines(active[name], new[name], version))
            yield PlanLine("change" if details else "same", "mapping", name, details)


def _syncs(before: Stored, draft: Draft) -> Iterator[PlanLine]:
    for name in sorted(before.syncs.keys() | draft.syncs.keys()):
        old, new = before.syncs.get(name), draft.syncs.get(name)
        if new is None:
            yield PlanLine("remove", "sync", name)
        elif old is None:
            yield PlanLine("add", "sync", name, (f"mode: {new.mode}", *spec_lines({}, stored(new))))
        else:
            details = spec_lines(old.spec, stored(new))
            if old.kind != draft.sync_kinds[name]:
                details.append(f"kind: {old.kind} -> {draft.sync_kinds[name]}")
            if _moved(old, draft):
                details.append(f"reads from the beginning; mode: {old.mode} -> {new.mode}")
            yield PlanLine("change" if details else "same", "sync", name, tuple(details))


def _moved(old: StoredSync, draft: Draft) -> bool:
    """Bound to another stream or kind it is a new sync: its cursor and a person's word on its mode were for the old."""
    new = draft.syncs[old.name]
    return (old.connection, old.stream, old.kind) != (new.connection, new.stream, draft.sync_kinds[old.name])


async def _write(conn: AsyncConnection, draft: Draft, before: Stored, by: By) -> None:
    await _write_connections(conn, draft, before, by.now)
    await write_versions(conn, before, draft.mappings, by)
    await only_active(conn, dict.fromkeys(before.active().keys() - draft.mappings.keys(), 0))
    await _write_syncs(conn, draft, before)
    await _drop(conn, tables.connection, "name", before.connections.keys() - draft.connections.keys())
    owners = [{"kind": name, "rules": spec.rules()} for name, spec in draft.owners.items()]
    await bulk.upsert(conn, tables.field_owner, owners, conflict=["kind"])
    await _drop(conn, tables.field_owner, "kind", before.owners.keys() - draft.owners.keys())
    kinds = [{"kind": name, "spec": stored(spec)} for name, spec in draft.kinds.items()]
    await bulk.upsert(conn, tables.kind_definition, kinds, conflict=["kind"])
    await _drop(conn, tables.kind_definition, "kind", before.kinds.keys() - draft.kinds.keys())
    await owe_remaps(conn, before, await read_stored(conn), by.now)


async def _write_connections(conn: AsyncConnection, draft: Draft, before: Stored, now: datetime) -> None:
    rows = [
        {"name": name, "connector": spec.connector, "spec": stored(spec), "updated_at": now}
        for name, spec in draft.connections.items()
        if before.connections.get(name) != stored(spec)
    ]
    await bulk.upsert(conn, tables.connection, rows, conflict=["name"])


async def _write_syncs(conn: AsyncConnection, draft: Draft, before: Stored) -> None:
    """An existing sync keeps its mode and its cursor, unless it was bound to something else."""
    await _drop(conn, tables.sync, "name", before.syncs.keys() - draft.syncs.keys())
    moved = [name for name, old in before.syncs.items() if name in draft.syncs and _moved(old, draft)]
    await _drop(conn, tables.sync, "name", moved)
    rows = [
        {
            "name": name,
            "connection": spec.connection,
            "stream": spec.stream,
            "kind": draft.sync_kinds[name],
            "spec": stored(spec),
            "mode": spec.mode,
        }
        for name, spec in draft.syncs.items()
    ]
    await bulk.upsert(conn, tables.sync, rows, conflict=["name"], update=["spec"])


async def _drop(conn: AsyncConnection, table: Table, key: str, names: Any) -> None:
    if names:
        await conn.execute(delete(table).where(table.c[key].in_(sorted(names))))
