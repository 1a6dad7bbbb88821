"""Room for calls: shared by a credential, apart by interface, never waited for longer than a second."""

import asyncio
from collections.abc import Sequence

import pytest

from hub.sdk import Throttled
from hub.sdk import limiter as module
from hub.sdk.limiter import LimiterBook, ProcessLimiter
from hub.sdk.manifest import Limit
from tests.support.sdk import FixedClock


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def book(clock: FixedClock) -> LimiterBook:
    return LimiterBook(clock)


async def take(limiter: ProcessLimiter, interface: str = "query") -> None:
    async with limiter.slot(interface):
        pass


async def test_a_window_slides(book: LimiterBook, clock: FixedClock) -> None:
    limiter = ProcessLimiter(book, "me", [Limit(calls=2, per=20.0)])
    await take(limiter)
    clock.advance(seconds=8)
    await take(limiter)
    with pytest.raises(Throttled) as caught:
        await take(limiter)
    assert caught.value.retry_after == 12
    clock.advance(seconds=12)
    await take(limiter)
    with pytest.raises(Throttled):
        await take(limiter)


async def test_a_refused_call_takes_no_room(book: LimiterBook, clock: FixedClock) -> None:
    limiter = ProcessLimiter(book, "me", [Limit(calls=1, per=20.0)])
    await take(limiter)
    for _ in range(3):
        with pytest.raises(Throttled):
            await take(limiter)
    clock.advance(seconds=20)
    await take(limiter)


async def test_each_interface_by_itself_unless_one_is_named(book: LimiterBook) -> None:
    limiter = ProcessLimiter(book, "me", [Limit(calls=1, per=20.0), Limit(interface="token", calls=2, per=20.0)])
    for interface in ("query", "save", "token", "token"):
        await take(limiter, interface)
    for interface in ("query", "save", "token"):
        with pytest.raises(Throttled, match=interface):
            await take(limiter, interface)


async def test_one_credential_is_one_account(book: LimiterBook) -> None:
    limits = [Limit(calls=1, per=20.0)]
    await take(ProcessLimiter(book, "me", limits))
    with pytest.raises(Throttled):
        await take(ProcessLimiter(book, "me", limits))
    await take(ProcessLimiter(book, "another", limits))


@pytest.mark.parametrize("limits", [[], [Limit(interface="token", calls=1)], [Limit()]])
async def test_without_a_limit_there_is_room(book: LimiterBook, limits: Sequence[Limit]) -> None:
    limiter = ProcessLimiter(book, "me", limits)
    for _ in range(100):
        await take(limiter)


async def test_places_are_given_back(book: LimiterBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    limiter = ProcessLimiter(book, "me", [Limit(concurrency=1)])
    async with limiter.slot("query"):
        with pytest.raises(Throttled):
            await take(limiter)
    with pytest.raises(KeyError):
        async with limiter.slot("query"):
            raise KeyError("the call failed")
    await take(limiter)


async def test_a_place_is_given_back_when_the_window_is_full(book: LimiterBook, clock: FixedClock) -> None:
    limiter = ProcessLimiter(book, "me", [Limit(calls=1, per=20.0, concurrency=1)])
    await take(limiter)
    for _ in range(2):
        with pytest.raises(Throttled) as caught:
            await take(limiter)
        assert caught.value.retry_after == 20  # the window's, not the place's
    clock.advance(seconds=20)
    await take(limiter)


async def test_a_short_wait_is_waited_out(
    book: LimiterBook, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock.advance(seconds=seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    limiter = ProcessLimiter(book, "me", [Limit(calls=1, per=0.5)])
    await take(limiter)
    await take(limiter)
    assert waited == [0.5]


async def test_the_next_in_line_gets_the_place(book: LimiterBook) -> None:
    limiter = ProcessLimiter(book, "me", [Limit(concurrency=1)])
    inside, done = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with limiter.slot("query"):
            inside.set()
            await done.wait()

    holder = asyncio.create_task(first())
    await inside.wait()
    waiting = asyncio.create_task(take(limiter))
    done.set()
    await asyncio.gather(holder, waiting)
