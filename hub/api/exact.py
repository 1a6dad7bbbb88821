"""Requests that carry records: numbers with a point stay exact, and a body has an upper bound."""

from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from hub.sdk import jsontext

MOST: Final = 10 * 1024 * 1024


class ExactRequest(Request):
    """Its JSON is read as everywhere in the hub: 12.50 is a decimal."""

    async def json(self) -> Any:
        try:
            return jsontext.loads(await self.body())
        except jsontext.BadJson as error:
            raise HTTPException(400, f"the body is no JSON we can read: {error}") from None


def bounded(receive: Receive) -> Receive:
    """At most `MOST` bytes come through."""
    read = 0

    async def part() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MOST:
            raise HTTPException(413, f"a request takes at most {MOST >> 20} MB")
        return message

    return part
