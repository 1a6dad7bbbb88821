"""Schema drift: a page whose records look unlike all before is noticed, weighed and told with the field's name.

What breaks the mapping stands its flow still, before the page is kept: the stream is paused and tried again, until the
source mends it, the mapping no longer needs the field, or a person accepts it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync
from hub.db import bulk
from hub.db.tables import schema_change, stream_sketch
from hub.sdk.errors import ConfigInvalid
from hub.sync.sketch import (
    ENOUGH,
    Difference,
    Facet,
    Needs,
    Sketch,
    Weight,
    differences,
    merged,
    needs_of,
    sketch,
    weight,
)

SCHEMA_DRIFT: Final = "SchemaDrift"


class SchemaDrift(ConfigInvalid):
    """The records of a stream lost something the mapping cannot do without."""

    def __init__(self, sentence: str, *, zh: str, scope: str, told: Sequence["Told"]) -> None:
        super().__init__(sentence, zh=zh, scope=scope)
        self.told = tuple(told)


@dataclass(frozen=True, slots=True)
class Told:
    """One difference with its weight and its sentences."""

    difference: Difference
    weight: Weight
    sentence: str
    zh: str


@dataclass(slots=True)
class Eye:
    """Watches the pages of one pull."""

    connection: str
    stream: str
    needs: Needs
    known: Sketch = field(default_factory=dict)
    records: int = 0

    def look(self, page: Sequence[Mapping[str, Any]]) -> tuple[list[Told], Sketch]:
        """What is different about this page, and what will be known with it. Raises SchemaDrift when it breaks."""
        seen = sketch(page, self.needs.enums)
        if self.records < ENOUGH:
            return [], merged(self.known, seen) if self.known else seen
        told = [_told(self, one, weight(one, self.needs, len(page))) for one in differences(self.known, seen)]
        breaking = [one for one in told if one.weight == "breaking"]
        if breaking:
            raise SchemaDrift(
                "; ".join(one.sentence for one in breaking) + f"; correct it there or in the mapping, or say hub sync "
                f"accept for the sync that reads {self.stream}",
                zh="；".join(one.zh for one in breaking) + "；请在来源系统或映射中更正，或用 hub sync accept 接受",
                scope=self.stream,
                told=breaking,
            )
        return told, merged(self.known, seen)


async def open_eye(conn: AsyncConnection, sync: BoundSync, declared: Mapping[str, str]) -> Eye:
    """With what is known of the stream so far."""
    assert sync.mapping is not None
    eye = Eye(sync.connection, sync.stream, needs_of(sync.mapping, declared))
    row = (
        await conn.execute(
            text("SELECT records, fields FROM stream_sketch WHERE connection = :connection AND stream = :stream"),
            {"connection": sync.connection, "stream": sync.stream},
        )
    ).first()
    if row is not None:
        eye.known = {path: Facet.of(said) for path, said in row.fields.items()}
        eye.records = row.records
    return eye


async def keep_look(
    conn: AsyncConnection, eye: Eye, now: datetime, page: Sequence[Mapping[str, Any]], run_id: int | None
) -> list[Told]:
    """Look at what is new of a page and keep what is new about it, inside the page's transaction. Records like all before
    write nothing, and those read again are not looked at."""
    if not page:
        return []
    told, known = eye.look(page)
    await note(conn, eye.connection, eye.stream, told, now, run_id)
    if known != eye.known or eye.records < ENOUGH:
        eye.known, eye.records = known, eye.records + len(page)
        fields = {path: facet.as_json() for path, facet in known.items()}
        row = {"connection": eye.connection, "stream": eye.stream, "records": eye.records, "fields": fields}
        await bulk.upsert(conn, stream_sketch, [row], conflict=["connection", "stream"])
    return told


_NOTED = """
SELECT path, what FROM schema_change WHERE connection = :connection AND stream = :stream AND accepted_at IS NULL
  AND weight = 'breaking'
"""


async def note(
    conn: AsyncConnection, connection: str, stream: str, told: Sequence[Told], now: datetime, run_id: int | None
) -> None:
    """Write differences down; what breaks and is found again at each try is written once."""
    if not told:
        return
    rows = await conn.execute(text(_NOTED), {"connection": connection, "stream": stream})
    before = {(row.path, row.what) for row in rows}
    await bulk.insert(
        conn,
        schema_change,
        [
            {
                "connection": connection,
                "stream": stream,
                "at": now,
                "run_id": run_id,
                "path": one.difference.path,
                "what": one.difference.what,
                "weight": one.weight,
                "sentence": one.sentence,
                "sentence_zh": one.zh,
            }
            for one in told
            if (one.difference.path, one.difference.what) not in before
        ],
    )


async def accept(conn: AsyncConnection, connection: str, stream: str, who: str, now: datetime) -> int:
    """A person takes the stream as it is now: it is learned anew, and a pause for its sake ends."""
    scope = {"connection": connection, "stream": stream}
    await conn.execute(text("DELETE FROM stream_sketch WHERE connection = :connection AND stream = :stream"), scope)
    await conn.execute(
        text("DELETE FROM pause WHERE connection = :connection AND stream = :stream AND reason = :reason"),
        {**scope, "reason": SCHEMA_DRIFT},
    )
    accepted = await conn.execute(
        text(
            "UPDATE schema_change SET accepted_by = :who, accepted_at = :now"
            " WHERE connection = :connection AND stream = :stream AND accepted_at IS NULL"
        ),
        {**scope, "who": who, "now": now},
    )
    return int(accepted.rowcount)


_SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "added": ("{where}: a new field {path} ({after})", "{where}：新增字段 {path}（{after}）"),
    "vanished": (
        "{where}: the field {path} is gone from every record of a page",
        "{where}：整页记录都没有字段 {path}",
    ),
    "retyped": (
        "{where}: the field {path} was {before} and is {after} now",
        "{where}：字段 {path} 的类型由 {before} 变为 {after}",
    ),
    "enum": ("{where}: the field {path} has new values: {after}", "{where}：字段 {path} 出现新的取值：{after}"),
}


def _told(eye: Eye, one: Difference, heavy: Weight) -> Told:
    said = {"where": f"{eye.connection} {eye.stream}", "path": one.path, "before": one.before, "after": one.after}
    en, zh = _SENTENCES[one.what]
    return Told(one, heavy, en.format(**said), zh.format(**said))
