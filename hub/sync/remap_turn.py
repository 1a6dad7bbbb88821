"""One page of a run of re-mapping: the transaction it is, the links it is about, and how far the run is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity
from hub.canon.store import load, standing
from hub.config.runtime import BoundSync
from hub.mapping import CompiledMapping, MappingError
from hub.sdk import jsontext
from hub.sync.engine import Engine

PAGE: Final = 500

OF_STREAM = """
FROM link l WHERE l.connection = :connection AND l.stream = :stream AND l.kind = :kind AND l.id > :cursor
  AND l.known IS NOT NULL AND l.deleted_at IS NULL
"""


@dataclass(slots=True)
class Turn:
    """One page of one run."""

    engine: Engine
    conn: AsyncConnection
    sync: BoundSync
    id: int
    cursor: int
    detail: dict[str, Any]
    notes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def values(self) -> dict[str, Any]:
        """What the statements of a page are about."""
        return {
            "run": self.id,
            "connection": self.sync.connection,
            "stream": self.sync.stream,
            "kind": self.sync.kind,
            "mapping": self.sync.spec.mapping,
            "version": self.sync.mapping_version,
            "cursor": self.cursor,
            "limit": PAGE,
        }


async def links(turn: Turn) -> Sequence[Row[Any]]:
    values = {name: value for name, value in turn.values.items() if name not in ("run", "mapping", "version")}
    query = f"SELECT l.id, l.entity_id, l.known {OF_STREAM} ORDER BY l.id LIMIT :limit"
    return (await turn.conn.execute(text(query), values)).all()


async def pairs(turn: Turn, rows: Sequence[Row[Any]]) -> list[tuple[Entity, dict[str, Any]]]:
    """The entities of these links, with what is known of each there."""
    found = await load(turn.conn, turn.engine.kinds, turn.sync.kind, [row.entity_id for row in rows])
    there = standing(found)
    return [(there[row.entity_id], row.known) for row in rows if row.entity_id in there]


def written_by(turn: Turn) -> CompiledMapping | None:
    """The version that wrote before; None when nobody can say what it wrote."""
    return version_of(turn, turn.detail.get("from_mapping"), turn.detail.get("from_version"))


def version_of(turn: Turn, mapping: Any, version: Any) -> CompiledMapping | None:
    try:
        return turn.engine.configuration.mapping(mapping, int(version), turn.sync.connection)
    except (KeyError, TypeError, ValueError, MappingError):
        return None


_PROGRESS = """
UPDATE run SET cursor = :cursor, detail = detail || CAST(:more AS jsonb), total = coalesce(:total, total) WHERE id = :run
"""


async def progress(turn: Turn, cursor: int, more: Mapping[str, Any], total: int | None = None) -> None:
    values = {"cursor": str(cursor), "more": jsontext.dumps(dict(more)).decode(), "total": total, "run": turn.id}
    await turn.conn.execute(text(_PROGRESS), values)


async def end(turn: Turn) -> None:
    await turn.conn.execute(
        text("UPDATE run SET state = 'done', ended_at = :now, note = :note, note_zh = :zh WHERE id = :run"),
        {
            "now": turn.engine.now(),
            "run": turn.id,
            "note": "; ".join(en for en, _ in turn.notes) or None,
            "zh": "；".join(zh for _, zh in turn.notes) or None,
        },
    )
