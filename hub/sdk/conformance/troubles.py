"""What goes wrong on the way to a vendor and back."""

from collections.abc import Mapping

import httpx

from hub.sdk.conformance.trial import Onward, Trouble

LOGIN_PAGE = "<!doctype html><html><body><form action='/login'>请登录 Please sign in</form></body></html>"


def answered(status: int, text: str = "", **headers: str) -> Trouble:
    """Something between us and the vendor answers; the vendor never sees the call."""

    async def trouble(request: httpx.Request, onward: Onward) -> httpx.Response:
        return httpx.Response(status, headers=headers, text=text, request=request)

    return trouble


async def refused(request: httpx.Request, onward: Onward) -> httpx.Response:
    """Nobody listens: surely not sent."""
    raise httpx.ConnectError("connection refused", request=request)


async def hung_up_before(request: httpx.Request, onward: Onward) -> httpx.Response:
    raise httpx.RemoteProtocolError("server disconnected without sending a response", request=request)


async def hung_up_after(request: httpx.Request, onward: Onward) -> httpx.Response:
    await onward()
    raise httpx.RemoteProtocolError("server disconnected without sending a response", request=request)


async def timed_out(request: httpx.Request, onward: Onward) -> httpx.Response:
    await onward()
    raise httpx.ReadTimeout("no answer in time", request=request)


async def cut_body(request: httpx.Request, onward: Onward) -> httpx.Response:
    """The vendor did it and half of the answer arrives, with nothing to show that it is half."""
    answer = await onward()
    headers = {"content-type": answer.headers.get("content-type", "application/json")}
    body = answer.content
    return httpx.Response(answer.status_code, headers=headers, content=body[: len(body) // 2], request=request)


STATUSES: Mapping[str, Trouble] = {
    **{f"HTTP {status}": answered(status, f"status {status}") for status in (301, 400, 401, 403, 404, 409, 500, 502)},
    "HTTP 429": answered(429, "slow down", **{"retry-after": "7"}),
    "HTTP 503": answered(503, "under maintenance"),
    "HTTP 503 with Retry-After": answered(503, "", **{"retry-after": "7"}),
    "HTTP 500 with JSON": answered(500, '{"message": "boom"}', **{"content-type": "application/json"}),
}
# Answers of a shape no vendor's manual has; the codes of success are in some, what should come with them is not.
_SHAPES = (
    '{"errcode": "x", "errorCode": "x"}',
    '{"LoginResultType": 1}',
    "{}",
    "[]",
    "[1]",
    '[[1], {"a": 2}]',
    "null",
    "42",
    '"ok"',
    '{"data": null, "result": null, "Result": null}',
)
ODD_BODIES: Mapping[str, Trouble] = {
    "a login page with 200": answered(200, LOGIN_PAGE, **{"content-type": "text/html"}),
    "an empty body": answered(200),
    **{f"the body {text}": answered(200, text) for text in _SHAPES},
}
BROKEN: Mapping[str, Trouble] = {
    "a hang-up before": hung_up_before,
    "a hang-up after": hung_up_after,
    "no answer in time": timed_out,
    "half an answer": cut_body,
}
REFUSED = "a refused connection"
ALL: Mapping[str, Trouble] = {**STATUSES, **ODD_BODIES, **BROKEN, REFUSED: refused}
# After these nobody knows whether the vendor did it.
UNKNOWN_OUTCOME = (*BROKEN, "a login page with 200", "HTTP 500")
