"""Receipts onto disk: a caller gets its answer only after the commit that holds its receipt.

Group commit: while one transaction runs the next group gathers, so a lone call waits for nothing and a crowd shares
one commit. After a crowd the next one gets a moment to come back: half of it would cost as much (docs/performance.md).
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db.session import Database
from hub.sdk import jsontext
from hub.sdk.context import Clock

Verdict = Literal["accepted", "duplicate", "refused"]

GROUP = 64  # receipts in one commit
CROWD = 8  # receipts in a group after which the next is waited for
GATHER_SECONDS = 0.002
GROUP_BYTES = 16 * 1024 * 1024
QUEUE_BYTES = 64 * 1024 * 1024  # bodies waiting for a commit; beyond that callers are asked to come again
PATIENCE = 5.0  # seconds a caller waits for its commit
REPEAT = timedelta(minutes=2)
"""How long a call without an id of its own counts as the repetition of an equal one. Later it is news again:
'record 7 changed' reads the same every time."""
KEPT_BODY = 64 * 1024  # of a call that came again
HASHED = "sha256:"


class IntakeDown(Exception):
    """The receipt could not be committed in time; the caller should come again."""

    sentence = "The receipt could not be stored in time. Send it again."
    zh = "接收记录未能及时保存，请稍后重发。"


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One thing as it arrived; headers are redacted and `path` is without secrets before they come here."""

    connection: str
    received_at: datetime
    body: bytes
    source: Literal["hook", "file"] = "hook"
    method: str = "POST"
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    event_id: str | None = None
    verdict: Verdict = "accepted"
    reason: str | None = None
    reason_zh: str | None = None
    state: Literal["due", "done"] = "due"


@dataclass(slots=True)
class _Waiting:
    row: ReceiptRow
    answer: asyncio.Future[Verdict]


class Intake:
    """The one committer of this process."""

    def __init__(self, db: Database, clock: Clock, *, patience: float = PATIENCE) -> None:
        self._db = db
        self._clock = clock
        self._patience = patience
        self._queue: deque[_Waiting] = deque()
        self._queued = 0
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = True

    async def start(self) -> None:
        self._closed = False
        self._task = asyncio.create_task(self._run(), name="intake")

    async def stop(self) -> None:
        """Commit what waits, then end."""
        self._closed = True
        self._bell.set()
        if self._task is not None:
            await self._task
            self._task = None

    async def take(self, row: ReceiptRow) -> Verdict:
        """The verdict, once its receipt is committed; raises IntakeDown when that takes too long."""
        if self._closed or self._queued + len(row.body) > QUEUE_BYTES:
            raise IntakeDown
        waiting = _Waiting(row, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._queued += len(row.body)
        self._bell.set()
        try:
            async with asyncio.timeout(self._patience):
                return await waiting.answer
        except TimeoutError as error:
            raise IntakeDown from error

    async def _run(self) -> None:
        while True:
            group = self._next()
            if group:
                await self._commit(group)
                if len(group) >= CROWD and not self._closed:
                    await asyncio.sleep(GATHER_SECONDS)
            elif self._closed:
                return
            else:
                self._bell.clear()
                await self._bell.wait()

    def _next(self) -> list[_Waiting]:
        """The next group; callers that gave up are left out."""
        group: list[_Waiting] = []
        size = 0
        while self._queue and len(group) < GROUP and (not group or size + len(self._queue[0].row.body) <= GROUP_BYTES):
            waiting = self._queue.popleft()
            self._queued -= len(waiting.row.body)
            if not waiting.answer.done():
                group.append(waiting)
                size += len(waiting.row.body)
        return group

    async def _commit(self, group: Sequence[_Waiting]) -> None:
        rows = [waiting.row for waiting in group]
        try:
            async with asyncio.timeout(self._patience):
                verdicts = await self._db.retrying(lambda: self._write(rows))
        except Exception as error:  # whatever it is, these callers must hear of it and the next group must go on
            for waiting in group:
                if not waiting.answer.done():
                    waiting.answer.set_exception(_down(error))
            return
        for waiting, verdict in zip(group, verdicts, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(verdict)

    async def _write(self, rows: Sequence[ReceiptRow]) -> list[Verdict]:
        async with self._db.begin("intake") as connection:
            return await store(connection, rows, self._clock.now())


def _down(error: Exception) -> IntakeDown:
    down = IntakeDown()
    down.__cause__ = error
    return down


async def store(connection: AsyncConnection, rows: Sequence[ReceiptRow], now: datetime) -> list[Verdict]:
    """Write receipts inside the caller's transaction and ring the bell; the verdicts are in the order of the rows."""
    await _forget_old_hashes(connection, rows, now)
    firsts: dict[tuple[str, str], int] = {}
    for position, row in enumerate(rows):
        if row.verdict == "accepted" and row.event_id is not None:
            firsts.setdefault((row.connection, row.event_id), position)
    new = [row for position, row in enumerate(rows) if _is_first(row, position, firsts)]
    stored = await _insert(connection, new)
    verdicts: list[Verdict] = []
    for position, row in enumerate(rows):
        fresh = _is_first(row, position, firsts) and (row.event_id is None or (row.connection, row.event_id) in stored)
        verdicts.append(row.verdict if row.verdict != "accepted" or fresh else "duplicate")
    repeated = [
        _as_duplicate(row)
        for row, verdict in zip(rows, verdicts, strict=True)
        if verdict == "duplicate" and row.verdict == "accepted"
    ]
    if repeated:
        await _insert(connection, repeated)
    return verdicts


async def store_file(
    connection: AsyncConnection, source: str, name: str, body: bytes, received_at: datetime
) -> tuple[int, Verdict]:
    """The receipt of a file of connection `source`: its number and whether the same bytes were here before."""
    event_id = digest_id(body)
    row = ReceiptRow(source, received_at, body, "file", "FILE", name, event_id=event_id)
    (verdict,) = await store(connection, [row], received_at)
    question = text(
        "SELECT max(id) FROM receipt WHERE connection = :connection AND event_id = :event AND verdict = :verdict"
    )
    found = await connection.execute(question, {"connection": source, "event": event_id, "verdict": verdict})
    return int(found.scalar_one()), verdict


def digest_id(body: bytes, *more: str) -> str:
    """The id of something that brings none: a hash of what it says."""
    digest = hashlib.sha256(body)
    for part in more:
        digest.update(b"\0" + part.encode())
    return HASHED + digest.hexdigest()


def _is_first(row: ReceiptRow, position: int, firsts: Mapping[tuple[str, str], int]) -> bool:
    """False for the second of two equal events in one group."""
    if row.verdict != "accepted" or row.event_id is None:
        return True
    return firsts[row.connection, row.event_id] == position


def _as_duplicate(row: ReceiptRow) -> ReceiptRow:
    return replace(
        row,
        verdict="duplicate",
        state="done",
        body=row.body[:KEPT_BODY],
        reason="the same event was accepted before; nothing is done twice",
        reason_zh="同一事件此前已接收，不会重复处理",
    )


async def _forget_old_hashes(connection: AsyncConnection, rows: Sequence[ReceiptRow], now: datetime) -> None:
    hashed = [
        row
        for row in rows
        if row.source == "hook" and row.verdict == "accepted" and (row.event_id or "").startswith(HASHED)
    ]
    if hashed:
        await connection.execute(
            _FORGET,
            {
                "connections": [row.connection for row in hashed],
                "events": [row.event_id for row in hashed],
                "horizon": now - REPEAT,
            },
        )


async def _insert(connection: AsyncConnection, rows: Sequence[ReceiptRow]) -> set[tuple[str, str | None]]:
    """Insert; returns (connection, event id) of the rows that were new."""
    columns: dict[str, list[object]] = {name: [getattr(row, name) for row in rows] for name in _PLAIN}
    for name in _JSON:
        columns[name] = [jsontext.dumps(getattr(row, name)).decode() for row in rows]
    found = await connection.execute(_INSERT, columns)
    return {(row.connection, row.event_id) for row in found if row.verdict == "accepted"}


_PLAIN: dict[str, str] = {
    "connection": "text",
    "source": "text",
    "received_at": "timestamptz",
    "method": "text",
    "path": "text",
    "body": "bytea",
    "event_id": "text",
    "verdict": "text",
    "reason": "text",
    "reason_zh": "text",
    "state": "text",
}
_JSON = ("query", "headers")


def _insert_statement() -> TextClause:
    names = [*_PLAIN, *_JSON]
    arrays = [f"CAST(:{name} AS {kind}[])" for name, kind in _PLAIN.items()]
    arrays += [f"CAST(:{name} AS text[])" for name in _JSON]
    values = [*_PLAIN, *(f"CAST({name} AS jsonb)" for name in _JSON)]
    return text(
        f"""
        WITH new AS (
            INSERT INTO receipt ({", ".join(names)})
            SELECT {", ".join(values)} FROM unnest({", ".join(arrays)}) AS given({", ".join(names)})
            ON CONFLICT (connection, event_id) WHERE verdict = 'accepted' DO NOTHING
            RETURNING connection, event_id, verdict
        )
        SELECT connection, event_id, verdict, pg_notify('hub_work', '') FROM new
        """
    )


_INSERT = _insert_statement()
_FORGET = text(
    """
    UPDATE receipt SET event_id = receipt.event_id || '@' || receipt.id
    FROM unnest(CAST(:connections AS text[]), CAST(:events AS text[])) AS given(connection, event_id)
    WHERE receipt.connection = given.connection AND receipt.event_id = given.event_id
      AND receipt.verdict = 'accepted' AND receipt.source = 'hook' AND receipt.received_at < :horizon
    """
)
