"""Tokens: fetched once, renewed in time, dropped when refused; comparisons that tell nothing by their time."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from connectors.rest.connector import connector
from connectors.rest.sandbox import sandbox_config
from hub.sdk import AuthFailed, Context, Token, Unavailable
from hub.sdk.auth import MemoryTokens, basic, same, with_token
from tests.support.sdk import FixedClock, make_context


class Vendor:
    """Hands out numbered tokens that live ten minutes."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.given = 0

    async def __call__(self) -> Token:
        await asyncio.sleep(0)
        self.given += 1
        return Token(f"t{self.given}", self.clock.now() + timedelta(minutes=10))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def vendor(clock: FixedClock) -> Vendor:
    return Vendor(clock)


@pytest.fixture
def tokens(clock: FixedClock) -> MemoryTokens:
    return MemoryTokens(clock)


@pytest.fixture
def ctx(clock: FixedClock) -> Context:
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    return make_context(connector, sandbox_config("http://rest.test"), transport, clock)


async def test_many_at_once_fetch_once(tokens: MemoryTokens, vendor: Vendor) -> None:
    got = await asyncio.gather(*(tokens.get("a", vendor) for _ in range(10)))
    assert {token.value for token in got} == {"t1"}


async def test_names_are_apart(tokens: MemoryTokens, vendor: Vendor) -> None:
    assert [(await tokens.get(name, vendor)).value for name in ("a", "b", "a")] == ["t1", "t2", "t1"]


@pytest.mark.parametrize(("seconds", "value"), [(0, "t1"), (539, "t1"), (540, "t2"), (601, "t2")])
async def test_renewed_a_minute_before_the_end(
    tokens: MemoryTokens, vendor: Vendor, clock: FixedClock, seconds: int, value: str
) -> None:
    await tokens.get("a", vendor)
    clock.advance(seconds=seconds)
    assert (await tokens.get("a", vendor)).value == value


async def test_only_the_refused_token_is_dropped(tokens: MemoryTokens, vendor: Vendor) -> None:
    first = await tokens.get("a", vendor)
    await tokens.forget("a", first)
    second = await tokens.get("a", vendor)
    await tokens.forget("a", first)  # told late: another caller has renewed it
    assert await tokens.get("a", vendor) is second
    assert vendor.given == 2


async def test_a_failed_fetch_keeps_nothing(tokens: MemoryTokens, vendor: Vendor) -> None:
    async def down() -> Token:
        raise Unavailable("no answer")

    with pytest.raises(Unavailable):
        await tokens.get("a", down)
    assert (await tokens.get("a", vendor)).value == "t1"


async def test_a_refused_token_is_renewed_once(ctx: Context, vendor: Vendor) -> None:
    seen: list[str] = []

    async def call(token: Token) -> str:
        seen.append(token.value)
        if token.value == "t1":
            raise AuthFailed("token expired")
        return "done"

    assert await with_token(ctx, "a", vendor, call) == "done"
    assert seen == ["t1", "t2"]


async def test_refused_twice_is_refused(ctx: Context, vendor: Vendor) -> None:
    async def call(token: Token) -> None:
        raise AuthFailed("not you")

    with pytest.raises(AuthFailed):
        await with_token(ctx, "a", vendor, call)
    assert vendor.given == 2


async def test_other_errors_keep_the_token(ctx: Context, vendor: Vendor) -> None:
    async def call(token: Token) -> None:
        raise Unavailable("no answer")

    for _ in range(2):
        with pytest.raises(Unavailable):
            await with_token(ctx, "a", vendor, call)
    assert vendor.given == 1


def test_basic() -> None:
    assert basic("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617, 2
    assert basic("hub", "密:码") == "Basic aHViOuWvhjrnoIE="


@pytest.mark.parametrize(
    ("left", "right", "equal"), [("a", "a", True), ("a", "b", False), ("密", "密", True), ("", "a", False)]
)
def test_same(left: str, right: str, equal: bool) -> None:
    assert same(left, right) is equal
