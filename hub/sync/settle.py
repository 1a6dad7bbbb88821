"""What became of inbox records: verdicts of a batch, written in one statement; wakes those who waited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync
from hub.db import tally
from hub.mapping import Ref
from hub.sdk import jsontext
from hub.sync import suspects
from hub.sync.engine import Engine
from hub.sync.policy import Failure


@dataclass(slots=True)
class Verdicts:
    """What each inbox record of a batch came to."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def _add(self, row_id: int, state: str, **more: Any) -> None:
        self.rows.append({"id": row_id, "state": state, **more})

    def awaited(self) -> set[str]:
        """What the waiting ones of this batch wait for."""
        return {row["waiting_for"] for row in self.rows if row["state"] == "waiting"}

    def done(self, row_id: int, note: str, entity_id: int | None = None) -> None:
        self._add(row_id, "done", note=note, entity_id=entity_id)

    def superseded(self, row_id: int, note: str) -> None:
        self._add(row_id, "superseded", note=note)

    def waiting(self, row_id: int, what: str) -> None:
        self._add(row_id, "waiting", waiting_for=what)

    def parked(self, row_id: int, failure: Failure, asks: Sequence[int] | None = None) -> None:
        """`asks`: it is a question to a person, which of these entities it is."""
        self._add(
            row_id,
            "parked",
            asks=None if asks is None else list(asks),
            error_class=failure.error_class,
            error=failure.sentence,
            error_zh=failure.zh,
            error_fields=list(failure.fields),
        )


_WRITE = """
UPDATE inbox i SET state = x.state, note = x.note, waiting_for = x.waiting_for, attempts = i.attempts + 1,
  entity_id = coalesce(x.entity_id, i.entity_id), error_class = x.error_class, error = x.error, error_zh = x.error_zh,
  error_fields = x.error_fields, asks = x.asks, settled_at = CASE WHEN x.state = 'waiting' THEN NULL ELSE CAST(:now AS timestamptz) END
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(id bigint, state text, note text, waiting_for text, entity_id bigint,
  error_class text, error text, error_zh text, error_fields jsonb, asks bigint[])
WHERE i.id = x.id
"""


async def write_verdicts(conn: AsyncConnection, sync: BoundSync, verdicts: Verdicts, now: datetime) -> None:
    """Write them all, and count them."""
    if verdicts.rows:
        await conn.execute(text(_WRITE), {"rows": jsontext.dumps(verdicts.rows).decode(), "now": now})
    for row in verdicts.rows:
        tally.count(conn, "applied", sync.name, row.get("error_class") or row["state"])


_PARK_FIRST = """
UPDATE inbox SET state = 'parked', settled_at = :now, error_class = :class, error = :error, error_zh = :zh
WHERE id = (SELECT id FROM inbox WHERE connection = :connection AND stream = :stream AND state = 'due'
  AND due_at <= :now ORDER BY from_link, patient, due_at, id LIMIT 1)
"""


async def park_first_due(engine: Engine, sync: BoundSync, failure: Failure) -> None:
    """The database refuses this one record: park it, its neighbours go on."""
    async with engine.db.begin("park") as conn:
        await conn.execute(
            text(_PARK_FIRST),
            {
                "now": engine.now(),
                "class": failure.error_class,
                "error": failure.sentence,
                "zh": failure.zh,
                "connection": sync.connection,
                "stream": sync.stream,
            },
        )
        tally.count(conn, "applied", sync.name, failure.error_class)


async def park_poison(engine: Engine, sync: BoundSync, ids: Sequence[int]) -> None:
    """Processes died of these: nobody touches them again until a person says so."""
    async with engine.db.begin("park poison") as conn:
        await suspects.clear(conn, "inbox", ids)
        verdicts = Verdicts()
        for number in ids:
            verdicts.parked(number, suspects.POISON)
        await write_verdicts(conn, sync, verdicts, engine.now())


async def supersede_older(conn: AsyncConnection, sync: BoundSync, newest: Mapping[str, int], now: datetime) -> None:
    """Older rows of these records that waited or were parked are settled by the newest: whatever it came to. What was
    to be read again from a link is older than anything that came from outside."""
    await conn.execute(
        text(
            "UPDATE inbox i SET state = 'superseded', note = 'by ' || x.id, waiting_for = NULL, settled_at = :now"
            " FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(key text, id bigint)"
            " WHERE i.connection = :connection AND i.stream = :stream AND i.key = x.key"
            " AND (i.id < x.id OR i.from_link) AND i.id <> x.id"
            " AND i.state IN ('parked', 'waiting')"
        ),
        {
            "rows": jsontext.dumps([{"key": key, "id": row_id} for key, row_id in newest.items()]).decode(),
            "connection": sync.connection,
            "stream": sync.stream,
            "now": now,
        },
    )


async def anybody_waits(conn: AsyncConnection) -> bool:
    """Is there any record or delivery that waits for another? Hardly ever, so this is asked first."""
    waiting = "SELECT EXISTS (SELECT 1 FROM inbox WHERE state = 'waiting') OR EXISTS (SELECT 1 FROM delivery WHERE state = 'waiting')"
    return bool((await conn.execute(text(waiting))).scalar_one())


async def wake(conn: AsyncConnection, awaited: Sequence[str], now: datetime) -> None:
    """Make due what waited for these: inbox records and deliveries."""
    if not awaited:
        return
    for table in ("inbox", "delivery"):
        await conn.execute(
            text(
                f"UPDATE {table} SET state = 'due', due_at = :now, waiting_for = NULL"
                " WHERE state = 'waiting' AND waiting_for = ANY(:awaited)"
            ),
            {"awaited": list(awaited), "now": now},
        )


def no_reader(ref: Ref, connection: str) -> Failure:
    """Nothing reads the kind a record refers to."""
    return Failure(
        "ReferenceMissing",
        f"it refers to {ref}, but no sync reads {ref.kind} from {connection}: add one, then retry",
        f"引用了 {ref.text}（{ref.kind}），但没有从 {connection} 读取 {ref.kind} 的同步任务：请先添加，再重试",
    )
