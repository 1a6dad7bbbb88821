"""Ids obtained by pushes that run side by side: each is committed before its push goes on, all that wait together.

As with receipts there is no timer: while one transaction runs, the next group gathers."""

import asyncio
from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError

from hub.canon.identity import LinkState, save_links
from hub.db.session import is_passing
from hub.sync.engine import Engine

Waiting = tuple[LinkState, asyncio.Future[None]]


class Ids:
    """The one keeper of a batch of deliveries."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[Waiting] = []
        self._turn = asyncio.Lock()

    async def keep(self, state: LinkState) -> None:
        """Returns once this link is committed; raises what kept it from that."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((state, kept))
        async with self._turn:
            if not kept.done():
                group, self._waiting = self._waiting, []
                await self._commit(group)
        await kept

    async def _commit(self, group: Sequence[Waiting]) -> None:
        try:
            await self._engine.keep(lambda: self._write([state for state, _ in group]))
        except DBAPIError as error:
            if is_passing(error) or len(group) == 1:
                _settle(group, error)
                return
            for one in group:  # the database refuses one of them: the others are kept all the same
                await self._commit([one])
        except BaseException as error:
            _settle(group, error)
        else:
            _settle(group, None)

    async def _write(self, states: Sequence[LinkState]) -> None:
        async with self._engine.db.begin("created") as conn:
            await save_links(conn, states, self._engine.now())


def _settle(group: Sequence[Waiting], error: BaseException | None) -> None:
    for _, kept in group:
        if kept.done():
            continue
        if error is None:
            kept.set_result(None)
        else:
            kept.set_exception(error)
