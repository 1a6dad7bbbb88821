"""The seam: what a request looks like, what is counted and recorded, what an answer means."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk import (
    AuthFailed,
    ConfigInvalid,
    Conflict,
    ConnectorError,
    NotFound,
    Rejected,
    Reply,
    Throttled,
    Unavailable,
    Uncertain,
)
from hub.sdk.http import CallCounter, Http, retry_after, status_error
from hub.sdk.limiter import LimiterBook, ProcessLimiter
from hub.sdk.manifest import Limit
from tests.support.sdk import Exchanges, FixedClock, NullLimiter


class Watching:
    """Notes what a call observer is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, str]] = []

    def before_call(self, number: int, label: str) -> None:
        self.told.append(("before", number, label))

    def after_call(self, number: int, label: str) -> None:
        self.told.append(("after", number, label))


def client(answer: Callable[[httpx.Request], httpx.Response], **more: Any) -> Http:
    return Http(httpx.MockTransport(answer), NullLimiter(), more.pop("counter", CallCounter()), **more)


async def get(http: Http, url: str = "https://v.test/a", **more: Any) -> Reply:
    return await http.request("GET", url, interface="a", writes=False, **more)


async def test_json_leaves_with_exact_numbers() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    http = client(answer, timeout=7.0)
    body = {"amount": Decimal("1.10"), "名": "甲"}
    await http.request("POST", "https://v.test/a", interface="a", writes=True, json=body, params={"q": "1 2"})
    (request,) = seen
    assert request.content == '{"amount":1.10,"名":"甲"}'.encode()
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert str(request.url) == "https://v.test/a?q=1+2"
    assert request.extensions["timeout"] == {"connect": 5.0, "read": 7.0, "write": 7.0, "pool": 5.0}


async def test_a_form_and_a_shorter_time_out() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.extensions["timeout"]["connect"] == 2.0
        return httpx.Response(200, content=request.content)

    reply = await get(client(answer), form={"a": "1"}, timeout=2.0)
    assert reply.text() == "a=1"


async def test_calls_are_numbered_and_told() -> None:
    watching = Watching()
    counter = CallCounter(watching)
    http = client(lambda _: httpx.Response(200), counter=counter)
    for _ in range(2):
        await get(http, "https://v.test/a?token=x")
    label = "GET https://v.test/a"
    assert watching.told == [("before", 1, label), ("after", 1, label), ("before", 2, label), ("after", 2, label)]


async def test_an_unanswered_call_is_recorded_and_not_told_as_answered() -> None:
    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too late")

    watching, exchanges = Watching(), Exchanges()
    http = client(dead, counter=CallCounter(watching), recorder=exchanges)
    with pytest.raises(Uncertain, match="ReadTimeout: too late"):
        await http.request("POST", "https://v.test/a", interface="a", writes=True, content=b"body")
    (exchange,) = exchanges.seen
    assert (exchange.status, exchange.error, exchange.request_body) == (None, "ReadTimeout: too late", b"body")
    assert [what for what, *_ in watching.told] == ["before"]


async def test_an_answer_is_recorded_whatever_its_status() -> None:
    exchanges = Exchanges()
    reply = await get(client(lambda _: httpx.Response(500, text="boom"), recorder=exchanges))
    (exchange,) = exchanges.seen
    assert (reply.status, exchange.status, exchange.answer_body, exchange.number) == (500, 500, b"boom", 1)


async def test_what_is_not_the_networks_passes_through() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        await get(client(broken))


@pytest.mark.parametrize("url", ["", "erp.example.com/api", "/api", "ftp://x/y", "http://", "http://x:80a/"])
async def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigInvalid, match="base_url"):
        await get(client(lambda _: httpx.Response(200)), url)


@pytest.mark.parametrize("token", ["abc\n", "密钥", "a\tb"])
async def test_a_secret_that_fits_no_header(token: str) -> None:
    with pytest.raises(ConfigInvalid, match="authorization") as caught:
        await get(client(lambda _: httpx.Response(200)), headers={"authorization": token})
    assert token.strip() not in str(caught.value)


@pytest.mark.parametrize(
    ("writes", "body", "ends"),
    [
        (False, b"<html>", Unavailable),
        (True, b"<html>", Uncertain),
        (True, b'{"half": ', Uncertain),
        (False, b"", Unavailable),
        (False, b"\xff\xfe{}", Unavailable),
        (True, b'{"amount": NaN}', Uncertain),
        (False, b"[" * 100_000, Unavailable),
    ],
)
def test_a_body_that_is_no_json(writes: bool, body: bytes, ends: type[ConnectorError]) -> None:
    with pytest.raises(ends):
        Reply(200, {}, body, writes).json()


def test_json_with_decimals() -> None:
    assert Reply(200, {}, b'{"a": 1.10}', False).json() == {"a": Decimal("1.10")}


@pytest.mark.parametrize(
    ("status", "writes", "ends"),
    [
        *((status, False, None) for status in (200, 204, 302)),
        *((status, False, AuthFailed) for status in (401, 403)),
        (404, True, NotFound),
        *((status, True, Conflict) for status in (409, 412)),
        (400, True, Rejected),
        (422, True, Rejected),
        (429, True, Throttled),
        *((status, False, Unavailable) for status in (500, 502, 503)),
        *((status, True, Uncertain) for status in (500, 502, 503)),
    ],
)
def test_the_plain_reading_of_a_status(status: int, writes: bool, ends: type[ConnectorError] | None) -> None:
    error = status_error(Reply(status, {}, b"words", writes))
    assert error is None if ends is None else type(error) is ends
    assert error is None or "words" in error.sentence


def test_a_pause_of_the_vendor() -> None:
    error = status_error(Reply(503, {"retry-after": "12"}, b"", True))
    assert isinstance(error, Throttled)
    assert error.retry_after == 12


AT = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("9" * 400, 86_400.0),
        ("Wed, 21 Oct 2026 07:30:05 GMT", 125.0),
        ("Wednesday, 21-Oct-26 07:30:05 GMT", 125.0),
        ("Wed Oct 21 07:30:05 2026", 125.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),  # over already
        ("Fri, 21 Oct 2044 07:28:00 GMT", 86_400.0),
        *(
            (text, None)
            for text in ("", "-5", "1.5", "7 s", "٣", "²", "soon", "21 Oct", "Wed, 99 Oct 2026 07:28:00 GMT")
        ),
        ("Wed, 21 Oct 99999999999999 07:28:00 GMT", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after(Reply(429, {"retry-after": text, "date": AT}, b"", False)) == seconds


@pytest.mark.parametrize("date", [{}, {"date": "yesterday"}])
def test_a_date_without_the_vendors_clock_is_counted_from_ours(date: dict[str, str]) -> None:
    text = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
    seconds = retry_after(Reply(429, {"retry-after": text, **date}, b"", False))
    assert seconds is not None and 590 < seconds <= 600


@given(st.text() | st.text("0123456789:,-+ MonOctGT"))
def test_no_header_breaks_the_reading_of_a_status(text: str) -> None:
    seconds = retry_after(Reply(429, {"retry-after": text, "date": text}, b"", False))
    assert seconds is None or 0 <= seconds <= 86_400


async def test_no_room_no_call() -> None:
    calls = []
    limiter = ProcessLimiter(LimiterBook(FixedClock()), "me", [Limit(calls=1, per=60.0)])
    http = Http(httpx.MockTransport(lambda r: calls.append(r) or httpx.Response(200)), limiter, CallCounter())
    await get(http)
    with pytest.raises(Throttled):
        await get(http)
    assert len(calls) == 1
