"""Questions to a person: is this record that entity? Listed, shown side by side, answered one by one or by a rule.

An answer is a correction: a new row of the record that names the old one and says what it is. It is on record, and the
same question does not come back. Until then nobody creates in that stream what the question is about."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.entity import Entity, Fields
from hub.canon.identity import compared, links_by_entity
from hub.canon.store import load
from hub.config.runtime import BoundSync, Configuration
from hub.db.wake import wake
from hub.mapping import RecordError
from hub.sdk import jsontext
from hub.security import audit
from hub.sync.desk import DeskError, NotThere, Person
from hub.sync.identify import NEW

MOST: Final = 100_000
_OPEN = "state = 'parked' AND asks IS NOT NULL"
_LIST = f"""
SELECT id, connection, stream, key, asks, received_at, error, error_zh FROM inbox
WHERE {_OPEN} AND (CAST(:connection AS text) IS NULL OR connection = :connection)
  AND (CAST(:stream AS text) IS NULL OR stream = :stream) AND id > :after ORDER BY id LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Which:
    """Of which connection and stream; None: of all."""

    connection: str | None = None
    stream: str | None = None


async def listed(conn: AsyncConnection, which: Which, *, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
    """Open questions, the oldest first."""
    values = {"connection": which.connection, "stream": which.stream, "after": after, "limit": limit}
    return [dict(row) for row in (await conn.execute(text(_LIST), values)).mappings()]


async def shown(conn: AsyncConnection, configuration: Configuration, number: int) -> dict[str, Any]:
    """One question: what the record says, beside what each candidate says."""
    found = await conn.execute(text(f"SELECT * FROM inbox WHERE id = :id AND {_OPEN}"), {"id": number})
    row = found.mappings().one_or_none()
    if row is None:
        raise NotThere("question", number)
    sync = configuration.inbound(row["connection"], row["stream"])
    entities = await load(conn, configuration.kinds, sync.kind, row["asks"]) if sync else {}
    names = ("id", "connection", "stream", "key", "asks", "received_at", "error", "error_zh")
    return {
        **{name: row[name] for name in names},
        "fields": _said(sync, row["record"]),
        "candidates": [{"id": each.id, "fields": each.fields} for each in entities.values()],
    }


def _said(sync: BoundSync | None, record: dict[str, Any]) -> Fields:
    if sync is None or sync.mapping is None:
        return {}
    try:
        return sync.mapping.read(record).entity
    except RecordError:
        return {}


@dataclass(frozen=True, slots=True)
class Rule:
    """Same where all of these fields are filled and equal, for one candidate only; what is left is new, or left."""

    same_when: Sequence[str] = ()
    new: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """What a rule says: question -> entity id or `new`; `left` keep their question."""

    said: Mapping[int, str]
    left: int

    def told(self) -> dict[str, int]:
        new = sum(answer == NEW for answer in self.said.values())
        return {"same": len(self.said) - new, "new": new, "left": self.left}


async def by_rule(conn: AsyncConnection, configuration: Configuration, which: Which, rule: Rule) -> Answers:
    """What the rule would answer; nothing is written."""
    if not rule.same_when and not rule.new:
        raise DeskError("say which fields make it the same, or that all are new", "请指定判断相同的字段，或全部新建")
    values = {"connection": which.connection, "stream": which.stream, "after": 0, "limit": MOST}
    query = text(_LIST.replace("SELECT id,", "SELECT record, id,"))
    rows = [dict(row) for row in (await conn.execute(query, values)).mappings()]
    said: dict[int, str] = {}
    for (connection, stream), group in _by_stream(rows).items():
        sync = configuration.inbound(connection, stream)
        if sync is None:
            continue
        said |= await _of_stream(conn, configuration, sync, group, rule)
    return Answers(said, len(rows) - len(said))


def _by_stream(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["connection"], row["stream"]), []).append(row)
    return groups


async def _of_stream(
    conn: AsyncConnection, configuration: Configuration, sync: BoundSync, rows: Sequence[dict[str, Any]], rule: Rule
) -> dict[int, str]:
    unknown = set(rule.same_when) - set(configuration.kinds.shape(sync.kind).fields)
    if unknown:
        names = ", ".join(sorted(unknown))
        raise DeskError(f"{sync.kind} has no field {names}", f"{sync.kind} 没有字段 {names}")
    ids = {i for row in rows for i in row["asks"]}
    entities = await load(conn, configuration.kinds, sync.kind, ids)
    taken = set(await links_by_entity(conn, sync.connection, sync.stream, ids))
    said: dict[int, str] = {}
    for row in rows:
        fields = _said(sync, row["record"]) if rule.same_when else {}
        alike = [i for i in row["asks"] if i not in taken and _alike(entities.get(i), fields, rule.same_when)]
        if len(alike) == 1:
            said[row["id"]] = str(alike[0])
            taken.add(alike[0])
        elif rule.new:
            said[row["id"]] = NEW
    return said


def _alike(entity: Entity | None, fields: Fields, names: Sequence[str]) -> bool:
    if entity is None or not names:
        return False
    pairs = [(compared(entity.fields.get(name)), compared(fields.get(name))) for name in names]
    return all(here and here == there for here, there in pairs)


_ANSWER = f"""
WITH said AS (SELECT * FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x(id bigint, identity text)),
made AS (
  INSERT INTO inbox (connection, stream, key, record, digest, deleted, received_at, receipt_id, run_id, correlation,
    live, state, due_at, corrects, identity)
  SELECT i.connection, i.stream, i.key, i.record, i.digest, i.deleted, :now, i.receipt_id, i.run_id, i.correlation,
    i.live, 'due', :now, i.id, s.identity
  FROM inbox i JOIN said s ON s.id = i.id WHERE {_OPEN.replace("state", "i.state").replace("asks", "i.asks")}
  RETURNING corrects)
UPDATE inbox i SET state = 'superseded', note = 'corrected', settled_at = :now FROM made
WHERE i.id = made.corrects RETURNING i.id
"""


async def answer(conn: AsyncConnection, said: Mapping[int, str], by: Person, how: Mapping[str, Any]) -> list[int]:
    """Write these answers down; returns the questions answered. `how`: told to the audit record."""
    rows = jsontext.dumps([{"id": number, "identity": word} for number, word in said.items()]).decode()
    locked = "SELECT id FROM inbox WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"
    await conn.execute(text(locked), {"ids": list(said)})
    done = await conn.execute(text(_ANSWER), {"rows": rows, "now": by.now})
    ids = sorted(row.id for row in done)
    if ids:
        answers = {str(number): said[number] for number in ids}
        await audit.record(conn, by.name, "question.answer", f"{len(ids)} questions", {**how, "answers": answers})
        wake(conn)
    return ids


async def answer_one(conn: AsyncConnection, number: int, entity_id: int | None, by: Person) -> None:
    """`entity_id` None: it is a new one. Raises NotThere."""
    word = NEW if entity_id is None else str(entity_id)
    if not await answer(conn, {number: word}, by, {}):
        raise NotThere("question", number)


# --- what waits for an answer --------------------------------------------------------------------------------------


def question_about(sync: BoundSync, entity_id: int) -> str:
    """What a create waits for while a record of its target may be this entity."""
    return f"question|{sync.connection}|{sync.stream}|{entity_id}"


async def in_question(conn: AsyncConnection, connection: str, stream: str, ids: Collection[int]) -> set[int]:
    """Which of these entities an open question about a record of this stream names."""
    if not ids:
        return set()
    rows = await conn.execute(
        text(
            f"SELECT DISTINCT unnest(asks) AS id FROM inbox WHERE {_OPEN} AND asks && CAST(:ids AS bigint[])"
            " AND connection = :connection AND stream = :stream"
        ),
        {"ids": list(ids), "connection": connection, "stream": stream},
    )
    return {row.id for row in rows} & set(ids)


_WAKE = """
UPDATE delivery d SET state = 'due', due_at = :now, waiting_for = NULL
WHERE d.state = 'waiting' AND d.waiting_for LIKE 'question|%' AND NOT EXISTS (
  SELECT 1 FROM inbox i WHERE i.state = 'parked' AND i.asks IS NOT NULL AND i.connection = d.connection
    AND i.stream = d.stream AND i.asks @> ARRAY[d.entity_id])
"""


async def wake_answered(conn: AsyncConnection, now: datetime) -> int:
    """Make due what waited for a question that is open no more."""
    return (await conn.execute(text(_WAKE), {"now": now})).rowcount
