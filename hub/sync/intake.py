"""Receipts onto disk: a caller gets its answer only after the commit that holds its receipt.

Group commit: while one transaction runs the next group gathers, so a lone call waits for nothing and a crowd shares
one commit. After a crowd the next one gets a moment to come back: half of it would cost as much (docs/performance.md).
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from hub.db.session import Database
from hub.sdk.context import Clock
from hub.sync.receipts import Placed, ReceiptRow, store

GROUP = 64  # receipts in one commit
CROWD = 8  # receipts in a group after which the next is waited for
GATHER_SECONDS = 0.002
GROUP_BYTES = 16 * 1024 * 1024
QUEUE_BYTES = 64 * 1024 * 1024  # bodies waiting for a commit; beyond that callers are asked to come again
PATIENCE = 5.0  # seconds a caller waits for its commit


class IntakeDown(Exception):
    """The receipt could not be committed in time; the caller should come again."""

    sentence = "The receipt could not be stored in time. Send it again."
    zh = "接收记录未能及时保存，请稍后重发。"


@dataclass(slots=True)
class _Waiting:
    row: ReceiptRow
    answer: asyncio.Future[Placed]


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

    async def take(self, row: ReceiptRow) -> Placed:
        """Its number and verdict, once its receipt is committed; raises IntakeDown when that takes too long."""
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
                placed = await self._db.retrying(lambda: self._write(rows))
        except Exception as error:  # whatever it is, these callers must hear of it and the next group must go on
            for waiting in group:
                if not waiting.answer.done():
                    waiting.answer.set_exception(_down(error))
            return
        for waiting, answer in zip(group, placed, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)

    async def _write(self, rows: Sequence[ReceiptRow]) -> list[Placed]:
        async with self._db.begin("intake") as connection:
            return await store(connection, rows, self._clock.now())


def _down(error: Exception) -> IntakeDown:
    down = IntakeDown()
    down.__cause__ = error
    return down
