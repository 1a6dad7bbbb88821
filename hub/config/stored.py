"""The configuration in force, as the tables hold it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.kinds import Kinds
from hub.config.declared import shapes_of
from hub.config.model import KindSpec
from hub.db import tables


@dataclass(frozen=True, slots=True)
class StoredMapping:
    """One version of a mapping."""

    name: str
    version: int
    digest: str
    body: str
    active: bool
    sources: Mapping[str, str] = field(default_factory=dict)

    def load(self, name: str) -> str:
        """The text of a mapping this version extends, as it was then; LookupError when it extends no such."""
        return self.sources[f"mapping {name}"]

    def table(self, name: str) -> str:
        """The text of a look-up table as it was then; LookupError when this version uses no such."""
        return self.sources[f"table {name}"]


@dataclass(frozen=True, slots=True)
class StoredSync:
    """A sync's row as far as the configuration goes."""

    name: str
    connection: str
    stream: str
    kind: str
    mode: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """All of it, by name; `mappings` holds every version ever used."""

    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    mappings: Mapping[tuple[str, int], StoredMapping] = field(default_factory=dict)
    syncs: Mapping[str, StoredSync] = field(default_factory=dict)
    owners: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    kinds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def latest(self) -> dict[str, StoredMapping]:
        """The highest version of each mapping, active or not."""
        return {name: self.mappings[name, version] for name, version in sorted(self.mappings)}

    def active(self) -> dict[str, StoredMapping]:
        """The version of each mapping that is in force."""
        return {name: found for (name, _), found in self.mappings.items() if found.active}

    def shapes(self) -> Kinds:
        return shapes_of({name: KindSpec.model_validate(spec) for name, spec in self.kinds.items()})


async def read_stored(conn: AsyncConnection) -> Stored:
    """Read the configuration tables in one go."""
    connection, mapping, sync = tables.connection.c, tables.mapping.c, tables.sync.c
    connections = await conn.execute(select(connection.name, connection.spec))
    columns = (mapping.name, mapping.version, mapping.digest, mapping.body, mapping.active, mapping.sources)
    versions = await conn.execute(select(*columns))
    syncs = await conn.execute(select(sync.name, sync.connection, sync.stream, sync.kind, sync.mode, sync.spec))
    owners = await conn.execute(select(tables.field_owner.c.kind, tables.field_owner.c.rules))
    kinds = await conn.execute(select(tables.kind_definition.c.kind, tables.kind_definition.c.spec))
    return Stored(
        connections={row.name: row.spec for row in connections},
        mappings={(row.name, row.version): StoredMapping(*row) for row in versions},
        syncs={row.name: StoredSync(*row) for row in syncs},
        owners={row.kind: row.rules for row in owners},
        kinds={row.kind: row.spec for row in kinds},
    )


async def current_kinds(conn: AsyncConnection) -> Kinds:
    """The kinds in force, for `check`."""
    return (await read_stored(conn)).shapes()
