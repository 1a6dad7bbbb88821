"""Access tokens: fetched once, kept, renewed, dropped when the vendor refuses them."""

import asyncio
import base64
import hmac
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from hub.sdk.context import Clock, Context, Token
from hub.sdk.errors import AuthFailed

MARGIN = timedelta(seconds=60)
T = TypeVar("T")


class MemoryTokens:
    """Tokens of one process, one fetch at a time per name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, name: str, fetch: Callable[[], Awaitable[Token]]) -> Token:
        async with self._locks[name]:
            token = self._tokens.get(name)
            if token is None or token.expires_at - MARGIN <= self._clock.now():
                token = self._tokens[name] = await fetch()
            return token

    async def forget(self, name: str, token: Token) -> None:
        if self._tokens.get(name) is token:
            del self._tokens[name]


async def with_token(
    ctx: Context, name: str, fetch: Callable[[], Awaitable[Token]], call: Callable[[Token], Awaitable[T]]
) -> T:
    """Run `call` with a token; when it raises AuthFailed drop the token, fetch once, repeat once."""
    token = await ctx.tokens.get(name, fetch)
    try:
        return await call(token)
    except AuthFailed:
        await ctx.tokens.forget(name, token)
    return await call(await ctx.tokens.get(name, fetch))


def basic(user: str, password: str) -> str:
    """The value of an `Authorization` header for HTTP Basic."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def same(left: str, right: str) -> bool:
    """Constant-time comparison of two texts."""
    return hmac.compare_digest(left.encode(), right.encode())
