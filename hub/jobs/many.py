"""What goes through Redis where there is one: bells, errands, the counting of calls."""

from collections.abc import Awaitable, Callable

from hub.jobs.chimes import Chimes
from hub.jobs.errands import Errand
from hub.jobs.link import Link
from hub.jobs.rings import Rings
from hub.jobs.rooms import Rooms
from hub.sdk.context import Clock


class Many:
    """One worker's part in it. `me` and `engines`: who it is, and how many are at work with it."""

    def __init__(self, url: str, clock: Clock, me: str, engines: Callable[[], int]) -> None:
        self.link = Link(url)
        self.chimes = Chimes(self.link)
        self.rooms = Rooms(self.link, clock, me, engines)

    def rings(self, take: Callable[[Errand], Awaitable[None]]) -> Rings:
        return Rings(self.link, take)

    async def aclose(self) -> None:
        await self.link.aclose()
