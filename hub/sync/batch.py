"""A batch of inbox records of one stream, on its way through one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity, Fields
from hub.canon.identity import Link, LinkState
from hub.config.runtime import BoundSync
from hub.mapping import CompiledMapping, Reading
from hub.sync import settle
from hub.sync.engine import Engine

REMAPPED = "re-mapping"
"""The reason of a change that no record brought: another version of the mapping reads the last known one otherwise."""


@dataclass(slots=True)
class Item:
    """One inbox record on its way through a batch."""

    row: Row[Any]
    record: dict[str, Any]
    digest: str
    received_at: datetime
    link: Link | None = None
    reading: Reading | None = None
    entity: Fields = field(default_factory=dict)
    base: Fields = field(default_factory=dict)
    before: Entity | None = None
    entity_id: int = 0
    after: Fields = field(default_factory=dict)
    version: int = 0  # of the entity, once written
    blind: bool = False  # what the last known record said before cannot be told
    overruled: Sequence[str] = ()  # the fields that its system may not set, and is to be told so

    @classmethod
    def of(cls, row: Row[Any]) -> "Item":
        return cls(row, row.record, row.digest, row.received_at)

    @property
    def remapped(self) -> bool:
        """Nothing new from outside: the link's last known record is read by another version."""
        return bool(self.row.from_link)


@dataclass(slots=True)
class Batch:
    """One transaction's work on one stream."""

    engine: Engine
    conn: AsyncConnection
    sync: BoundSync
    now: datetime
    verdicts: settle.Verdicts
    gone: list[tuple[str, str, str | None]] = field(default_factory=list)  # key, digest, version of tombstones
    free: Mapping[str, bool] | None = None  # which fields of a new entity its system may set
    links: list[LinkState] = field(default_factory=list)  # as this batch leaves them
    stale: set[str] = field(default_factory=set)  # keys of records that came late: they settle nothing

    @property
    def mapping(self) -> CompiledMapping:
        assert self.sync.mapping is not None
        return self.sync.mapping
