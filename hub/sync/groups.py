"""Failed work: one by one and grouped by cause, each with whose turn it is, and what is picked out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db.causes import SHAPE
from hub.sync.desk import DeskError, What
from hub.sync.views import MOST, Row, rows

LETTERS: Final[Mapping[str, What]] = {"i": "inbox", "d": "delivery", "b": "bell", "r": "receipt"}
"""First letter of a group's id -> the table its members are in."""
RUN: Final = "h"  # runs that are held, or failed and can go on


@dataclass(frozen=True, slots=True)
class _Source:
    """Where failed work stands: `place` orders the tables so that a cursor can go on."""

    place: int
    what: str
    table: str
    stream: str
    name: str
    entity: str
    since: str
    attempts: str = "attempts"


SOURCES: Final[Sequence[_Source]] = (
    _Source(1, "inbox", "inbox", "stream", "key", "entity_id", "received_at"),
    _Source(2, "delivery", "delivery", "stream", "kind || ' ' || entity_id", "entity_id", "created_at"),
    _Source(3, "bell", "bell", "stream", "text", "NULL::bigint", "due_at"),
    _Source(4, "receipt", "receipt", "source", "path", "NULL::bigint", "received_at"),
)
_RUNS: Final = """
    SELECT r.id, s.connection, s.stream, r.what || ' ' || r.sync AS name, NULL::bigint AS entity_id,
      r.started_at AS since, 0 AS attempts, CASE WHEN r.state = 'held' THEN 'Held' ELSE 'InternalError' END AS error_class,
      coalesce(r.error, r.note) AS error, coalesce(r.error_zh, r.note_zh) AS error_zh, NULL::jsonb AS error_fields, r.owner,
      'h' || left(md5(s.connection || chr(31) || s.stream || chr(31) || r.what || chr(31) || r.state), 9) AS cause
    FROM run r JOIN sync s ON s.name = r.sync WHERE r.state = 'held' OR (r.what = 'remap' AND r.state = 'failed')
"""
_MEMBER: Final = "id, connection, stream, name, entity_id, since, attempts, error_class, error, error_zh, error_fields"


def _members(source: _Source, condition: str) -> str:
    return f"""
    (SELECT {source.place} AS place, '{source.what}' AS what, id, connection, {source.stream} AS stream,
      {source.name} AS name, {source.entity} AS entity_id, {source.since} AS since, {source.attempts} AS attempts,
      error_class, error, error_zh, error_fields, owner, cause
    FROM {source.table} WHERE state = 'parked' AND {condition} ORDER BY id DESC LIMIT :limit)"""


def _held(condition: str) -> str:
    return f"""
    (SELECT 5 AS place, 'run' AS what, {_MEMBER}, owner, cause FROM ({_RUNS}) held
    WHERE {condition} ORDER BY id DESC LIMIT :limit)"""


def _listed(arms: Sequence[str]) -> str:
    """The members, each with its owner: its own, the group's, or the connection's."""
    return f"""
    SELECT f.place, f.what, {", ".join(f"f.{name.strip()}" for name in _MEMBER.split(","))}, f.cause,
      coalesce(f.owner, a.owner, c.spec ->> 'owner') AS owner, coalesce(f.owner, a.owner) IS NOT NULL AS assigned
    FROM ({" UNION ALL ".join(arms)}) f
    LEFT JOIN assignment a ON a.cause = f.cause LEFT JOIN connection c ON c.name = f.connection
    ORDER BY f.place, f.id DESC LIMIT :limit
    """


_ON = "({place} > :place OR ({place} = :place AND id < :id))"
_IN = "cause = :group AND id < :id"
_OF = """coalesce({row}.owner, (SELECT a.owner FROM assignment a WHERE a.cause = {row}.cause),
      (SELECT c.spec ->> 'owner' FROM connection c WHERE c.name = {row}.connection)) = :owner"""


def _statement(letter: str | None, of: str | None) -> str:
    """Of one group's table or of all; of everybody or of one owner."""
    arms = []
    for source in SOURCES:
        if letter is None or LETTERS.get(letter) == source.what:
            owned = [_OF.format(row=source.table)] if of else []
            arms.append(_members(source, " AND ".join([_IN if letter else _ON.format(place=source.place), *owned])))
    if letter in (None, RUN):
        owned = [_OF.format(row="held")] if of else []
        arms.append(_held(" AND ".join([_IN if letter else _ON.format(place=5), *owned])))
    return _listed(arms)


FAILED: Final = _statement(None, None)
MEMBERS: Final[Mapping[str, str]] = {letter: _statement(letter, None) for letter in (*LETTERS, RUN)}
_LAST: Final = 2**62


async def failed(
    conn: AsyncConnection,
    *,
    group: str | None = None,
    owner: str | None = None,
    after: tuple[int, int] | None = None,
    limit: int = 100,
) -> list[Row]:
    """All that waits for a person, or what of it is in one group or is this owner's. `after`: place and id of the last
    one seen."""
    place, number = after or (0, _LAST)
    values = {"id": number, "limit": min(limit, MOST), "place": place, "group": group, "owner": owner}
    if group is not None and group[:1] not in {*LETTERS, RUN}:
        return []
    statement = _statement(group[:1] if group else None, owner)
    return await rows(conn, statement, {name: value for name, value in values.items() if f":{name}" in statement})


def _grouped(source: _Source) -> str:
    return f"""
    SELECT p.cause AS id, '{source.what}' AS what, e.connection, e.{source.stream} AS stream, e.error_class,
      e.error_fields -> 0 ->> 'path' AS field, {SHAPE} AS shape, e.error, e.error_zh, p.count, p.oldest,
      e.id AS example, e.name AS example_name
    FROM (SELECT cause, count(*) AS count, min({source.since}) AS oldest, max(id) AS last FROM {source.table}
      WHERE state = 'parked' AND cause IS NOT NULL GROUP BY cause) p
    JOIN (SELECT id, connection, {source.stream}, error_class, error, error_zh, error_fields, {source.name} AS name
      FROM {source.table}) e ON e.id = p.last"""


GROUPS: Final = f"""
SELECT * FROM (SELECT g.*, coalesce(a.owner, c.spec ->> 'owner') AS owner, a.owner IS NOT NULL AS assigned, a.note FROM (
    {" UNION ALL ".join(_grouped(source) for source in SOURCES)}
    UNION ALL SELECT cause, 'run', min(connection), min(stream), min(error_class), NULL, '', min(error), min(error_zh),
      count(*), min(since), max(id), min(name) FROM ({_RUNS}) held GROUP BY cause
) g LEFT JOIN assignment a ON a.cause = g.id LEFT JOIN connection c ON c.name = g.connection) g
WHERE (CAST(:owner AS text) IS NULL OR owner = :owner) AND (CAST(:only AS text) IS NULL OR id = :only)
ORDER BY count DESC, oldest, id LIMIT 500
"""


async def groups(conn: AsyncConnection, *, owner: str | None = None, only: str | None = None) -> list[Row]:
    """Failed work by cause, the largest group first, each with its newest member as the example. `only`: this one."""
    return await rows(conn, GROUPS, {"owner": owner, "only": only})


@dataclass(frozen=True, slots=True)
class Selection:
    """What an act is for: rows by number, a group, or what is parked and answers a filter."""

    what: What | None = None
    ids: tuple[int, ...] = ()
    group: str | None = None
    connection: str | None = None
    stream: str | None = None
    error_class: str | None = None

    def table(self) -> What:
        """Where its rows are. Raises DeskError."""
        if self.group is not None:
            table = LETTERS.get(self.group[:1])
            if table is None:
                raise DeskError(
                    f"{self.group} is no group of records, deliveries, bells or receipts: a held run is confirmed or"
                    " dismissed by `hub run`",
                    f"{self.group} 不是可批量处理的分组：待放行的执行请用 hub run 放行或忽略",
                )
            return table
        if self.what is None or not (self.ids or self._filters()):
            raise DeskError(
                "say which: a group, ids, or a filter (connection, stream, class) of inbox, delivery, bell or receipt",
                "请指明范围：分组、编号，或某类记录的筛选条件（连接、接口对象、错误类型）",
            )
        return self.what

    def _filters(self) -> dict[str, str]:
        named = {"connection": self.connection, "stream": self.stream, "error_class": self.error_class}
        return {name: value for name, value in named.items() if value is not None}

    def condition(self) -> tuple[str, dict[str, Any]]:
        """As SQL. What was picked by number may also wait; everything else is parked."""
        if self.ids:
            return "id = ANY(:ids) AND state IN ('parked', 'waiting')", {"ids": list(self.ids)}
        if self.group is not None:
            return "state = 'parked' AND cause = :group", {"group": self.group}
        stream = "source" if self.what == "receipt" else "stream"
        given = self._filters()
        parts = [f"{stream if name == 'stream' else name} = :{name}" for name in given]
        return " AND ".join(["state = 'parked'", *parts]), dict(given)

    def told(self) -> dict[str, Any]:
        """As a run and the audit record keep it."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Selection":
        return cls(**{**told, "ids": tuple(told.get("ids", ()))})


_HISTORY = """
SELECT at, who, act, what, detail FROM audit
WHERE (act LIKE 'failed.%' AND (what = :group OR detail ->> 'group' = :group
  OR detail -> 'selection' ->> 'group' = :group)) ORDER BY id DESC LIMIT 100
"""


async def history(conn: AsyncConnection, group: str) -> list[Row]:
    """What was done to a group and to members of it, or to a row (`inbox 12`), newest first."""
    return await rows(conn, _HISTORY, {"group": group})


async def extent(conn: AsyncConnection, table: What, selection: Selection) -> tuple[int, int]:
    """How many rows a selection has now, and the highest number among them."""
    condition, values = selection.condition()
    found = await conn.execute(
        text(f"SELECT count(*) AS n, coalesce(max(id), 0) AS last FROM {table} WHERE {condition}"), values
    )
    row = found.one()
    return int(row.n), int(row.last)
