"""What goes wrong, drawn from the seed: calls of the hub, calls to the hub, the hub itself, its clock."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from hub.sdk.context import Clock

FAULTS: Final[Mapping[str, str]] = {
    "duplicate": "回调重复送达",
    "reorder": "回调乱序",
    "delay": "回调延迟（至多 30 分钟）",
    "429": "对方限流",
    "5xx": "对方内部错误",
    "half": "只收到半个应答",
    "timeout-before": "超时，对方未处理",
    "timeout-after": "超时，对方已处理",
    "timeout-late": "超时，对方 5 秒后才处理",
    "step": "多步写入的第二步被拒",
    "kill": "引擎被强行终止",
    "intake": "接收进程在接收回调时被终止（提交前或应答前）",
    "database": "数据库重启：连接中断、提交失败，随后拒绝连接",
    "clock": "时钟前跳或回拨 10 分钟",
}
"""Name -> what it is, for the report. No restart of Redis: nothing of the hub needs it."""
ON_CALL: Final = ("429", "5xx", "half", "timeout-before", "timeout-after", "timeout-late", "kill")
SECOND_STEPS: Final = (".Submit.", ".Audit.", "/cancel")
LATE_SECONDS: Final = 5.0
CHANCE: Final = 0.12  # of a call to meet a fault while faults happen


@dataclass(slots=True)
class Plan:
    """Which faults, by which dice; what happened is written down."""

    seed: int
    kinds: Sequence[str]
    quiet_hours: int = 8
    """At most so long after the faults everything may take to come to rest; 0: it ends with the last fault."""
    dice: random.Random = field(init=False)
    happened: list[dict[str, str]] = field(default_factory=list)
    on: bool = True

    def __post_init__(self) -> None:
        self.dice = random.Random(f"faults {self.seed}")

    def of_call(self, path: str) -> str | None:
        """What this call meets."""
        if any(step in path for step in SECOND_STEPS) and self.wants("step", CHANCE):
            return "step"
        kinds = [kind for kind in ON_CALL if kind in self.kinds]
        if not self.on or not kinds or self.dice.random() >= CHANCE:
            return None
        return self.dice.choice(kinds)

    def wants(self, kind: str, chance: float) -> bool:
        return self.on and kind in self.kinds and self.dice.random() < chance

    def note(self, at: datetime, kind: str, what: str) -> None:
        self.happened.append({"at": at.isoformat(), "fault": kind, "what": what})


@dataclass(slots=True)
class Late:
    """A call that the other side works on when the caller has long given up."""

    due: datetime
    request: httpx.Request


class Crooked(httpx.AsyncBaseTransport):
    """The way from the hub to its vendors, on which calls meet their faults."""

    def __init__(self, doors: Mapping[str, httpx.AsyncBaseTransport], plan: Plan, clock: Clock) -> None:
        self._doors, self._plan, self._clock = doors, plan, clock
        self.late: list[Late] = []
        self.killed = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        kind = self._plan.of_call(request.url.path)
        if kind is None:
            return await self._pass(request)
        self._plan.note(self._clock.now(), kind, f"{request.method} {request.url.host}{request.url.path}")
        return await _MEETS[kind](self, request)

    async def _pass(self, request: httpx.Request) -> httpx.Response:
        response = await self._doors[request.url.host].handle_async_request(request)
        await response.aread()
        return response

    async def _throttled(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"retry-after": "20"}, text="too many calls", request=request)

    async def _broken(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, text="the drill says no", request=request)

    async def _half(self, request: httpx.Request) -> httpx.Response:
        whole = await self._pass(request)
        return httpx.Response(whole.status_code, content=whole.content[: len(whole.content) // 2], request=request)

    async def _before(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("the drill lets it time out", request=request)

    async def _after(self, request: httpx.Request) -> httpx.Response:
        await self._pass(request)
        raise httpx.ReadTimeout("the drill lets it time out", request=request)

    async def _then(self, request: httpx.Request) -> httpx.Response:
        self.late.append(Late(self._clock.now() + timedelta(seconds=LATE_SECONDS), request))
        raise httpx.ReadTimeout("the drill lets it time out", request=request)

    async def _kill(self, request: httpx.Request) -> httpx.Response:
        """The engine dies before or after the other side worked; nothing of it goes on."""
        if self._plan.dice.random() < 0.5:
            await self._pass(request)
        self.killed.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes the dead")

    async def do_late(self) -> None:
        """What is due of the calls nobody waits for any more."""
        now = self._clock.now()
        due, self.late = [x for x in self.late if x.due <= now], [x for x in self.late if x.due > now]
        for call in due:
            await self._pass(call.request)


_MEETS: Final[Mapping[str, Callable[[Crooked, httpx.Request], Coroutine[Any, Any, httpx.Response]]]] = {
    "429": Crooked._throttled,
    "5xx": Crooked._broken,
    "step": Crooked._broken,
    "half": Crooked._half,
    "timeout-before": Crooked._before,
    "timeout-after": Crooked._after,
    "timeout-late": Crooked._then,
    "kill": Crooked._kill,
}
