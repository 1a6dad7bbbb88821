"""The hub's webhook, by the same steps as the HTTP route: verify, store, answer. It may be killed at any of them."""

import random
from dataclasses import dataclass, field
from typing import Final, Literal

import httpx

from hub.cli.drill.faults import Plan
from hub.config.runtime import Configuration
from hub.db.session import Database, is_away
from hub.sdk.context import Clock
from hub.sdk.records import Incoming, Refused
from hub.sync.receipts import ReceiptRow, digest_id, store

Moment = Literal["before the commit", "before the answer"]
MOMENTS: Final[tuple[Moment, ...]] = ("before the commit", "before the answer")
CHANCE: Final = 0.25  # of a call to find an intake that dies over it


class Killed(httpx.RemoteProtocolError):
    """What the caller sees of it."""

    def __init__(self, request: httpx.Request) -> None:
        super().__init__("the hub hung up without an answer", request=request)


@dataclass(slots=True)
class Deaths:
    """When the intake dies. The dice are of this fault alone."""

    plan: Plan
    clock: Clock
    count: int = 0
    _dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(f"intake {self.plan.seed}")

    def drawn(self, connection: str) -> Moment | None:
        if not self.plan.on or "intake" not in self.plan.kinds or self._dice.random() >= CHANCE:
            return None
        moment = self._dice.choice(MOMENTS)
        self.count += 1
        self.plan.note(self.clock.now(), "intake", f"{connection}: {moment}")
        return moment


class HookDoor(httpx.AsyncBaseTransport):
    """The way of the vendors' calls to the hub."""

    def __init__(self, db: Database, configuration: Configuration, deaths: Deaths) -> None:
        self._db, self._configuration, self._deaths = db, configuration, deaths

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        connection, _, tail = request.url.path.removeprefix("/hooks/").partition("/")
        bound = self._configuration.connections[connection]
        now = self._deaths.clock.now()
        incoming = Incoming(request.content, now, request.method, tail, dict(request.url.params), dict(request.headers))
        assert bound.connector.hook is not None
        try:
            accepted = bound.connector.hook.accept(bound.config, incoming)
        except Refused as refused:  # a signed call that is delayed for long is too old
            return httpx.Response(refused.status, text=str(refused), request=request)
        row = ReceiptRow(connection, now, request.content, event_id=accepted.event_id or digest_id(request.content))
        dies = self._deaths.drawn(connection)
        try:
            async with self._db.begin("intake") as conn:
                await store(conn, [row], now)
                if dies == "before the commit":
                    raise Killed(request)  # the server rolls back, as it does for whoever is gone
        except Exception as error:
            if not is_away(error):
                raise
            return httpx.Response(503, text="the receipt could not be stored in time", request=request)
        if dies == "before the answer":
            raise Killed(request)
        return httpx.Response(accepted.answer.status, content=accepted.answer.body)
