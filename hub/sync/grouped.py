"""What pushes that run side by side must have committed before they go on: all that wait together, in one transaction.

As with receipts there is no timer: while one transaction runs, the next group gathers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from sqlalchemy.exc import DBAPIError

from hub.db.session import is_passing

T = TypeVar("T")


class Grouped(Generic[T]):
    """One of these for each batch of deliveries and each kind of note; `write` commits some of them."""

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[None]]) -> None:
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._turn = asyncio.Lock()

    async def keep(self, one: T) -> None:
        """Returns once this one is committed; raises what kept it from that."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, kept))
        async with self._turn:
            if not kept.done():
                group, self._waiting = self._waiting, []
                await self._commit(group)
        await kept

    async def _commit(self, group: Sequence[tuple[T, asyncio.Future[None]]]) -> None:
        try:
            await self._write([one for one, _ in group])
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


def _settle(group: Sequence[tuple[T, asyncio.Future[None]]], error: BaseException | None) -> None:
    for _, kept in group:
        if kept.done():
            continue
        if error is None:
            kept.set_result(None)
        else:
            kept.set_exception(error)
