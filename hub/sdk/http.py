"""The seam through which every outward call goes: limits, time-outs, a number, a record, and the nine errors.

A connector calls `await ctx.http.request(...)` and gets a `Reply` whatever its status; a network failure is raised as
`Unavailable` (a read, or surely not sent) or `Uncertain` (a write that may have worked).
"""

import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import httpx

from hub.sdk import jsontext
from hub.sdk.errors import (
    AuthFailed,
    ConfigInvalid,
    Conflict,
    ConnectorError,
    NotFound,
    Rejected,
    Throttled,
    Unavailable,
    Uncertain,
)
from hub.sdk.transport import NotSent, translate


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]  # lower-case names
    body: bytes
    writes: bool

    def json(self) -> Any:
        """The body as JSON with Decimals. A body that is no JSON (a login page, half an answer) raises `Uncertain`
        after a write, `Unavailable` after a read."""
        try:
            return jsontext.loads(self.body)
        except jsontext.BadJson as error:
            raise no_answer(self.writes, f"HTTP {self.status}, the body is no JSON ({error})") from None

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One outward call for the attempt's record, not yet redacted."""

    number: int
    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: bytes
    seconds: float
    status: int | None = None
    answer_body: bytes = b""
    error: str | None = None


class CallObserver(Protocol):
    """Told of every outward call just before it leaves and just after its answer is in."""

    def before_call(self, number: int, label: str) -> None: ...

    def after_call(self, number: int, label: str) -> None: ...


class Recorder(Protocol):
    """Keeps the exchanges of one attempt or run."""

    def record(self, exchange: Exchange) -> None: ...


class Limiter(Protocol):
    """Room for one call of an interface: waits at most 1 s, then raises `Throttled`."""

    def slot(self, interface: str) -> AbstractAsyncContextManager[None]: ...


class CallCounter:
    """Numbers the outward calls of one process, from 1, and tells the observer."""

    def __init__(self, observer: CallObserver | None = None) -> None:
        self.observer = observer
        self.number = 0

    def before(self, label: str) -> int:
        self.number += 1
        if self.observer is not None:
            self.observer.before_call(self.number, label)
        return self.number

    def after(self, number: int, label: str) -> None:
        if self.observer is not None:
            self.observer.after_call(number, label)


@dataclass(frozen=True, slots=True)
class Http:
    """The client of one connection. `timeout` in seconds for each call."""

    transport: httpx.AsyncBaseTransport
    limiter: Limiter
    counter: CallCounter
    recorder: Recorder | None = None
    timeout: float = 15.0

    async def request(
        self,
        method: str,
        url: str,
        *,
        interface: str,
        writes: bool,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Send one request. `interface` is what the vendor counts calls by; `writes` True when a repeated call could
        have a second effect. Raises Throttled (own limit), Unavailable, Uncertain."""
        request = self._build(method, url, params, headers, json, content, form, timeout)
        label = f"{method} {request.url.copy_with(query=None)}"
        async with self.limiter.slot(interface):
            number = self.counter.before(label)
            started = time.perf_counter()
            try:
                response = await self.transport.handle_async_request(request)
                body = await response.aread()
            except Exception as error:
                failure = translate(error)
                if failure is None:
                    raise
                self._record(number, request, started, error=str(failure))
                raise no_answer(writes and not isinstance(failure, NotSent), str(failure)) from error
            self._record(number, request, started, response.status_code, body)
            self.counter.after(number, label)
        return Reply(response.status_code, dict(response.headers), body, writes)

    def _build(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        json: Any,
        content: bytes | None,
        form: Mapping[str, str] | None,
        timeout: float | None,
    ) -> httpx.Request:
        extra = dict(headers or {})
        if json is not None:
            content = jsontext.dumps(json)
            extra.setdefault("content-type", "application/json; charset=utf-8")
        limit = timeout or self.timeout
        limits = {"connect": min(limit, 5.0), "read": limit, "write": limit, "pool": 5.0}
        _check_headers(extra)
        try:
            request = httpx.Request(
                method, url, params=params, headers=extra, content=content, data=form, extensions={"timeout": limits}
            )
        except httpx.InvalidURL as error:
            raise _no_address(str(error)) from None
        if request.url.scheme not in {"http", "https"} or not request.url.host:
            raise _no_address("it begins with neither http:// nor https://, or names no host")
        return request

    def _record(
        self,
        number: int,
        request: httpx.Request,
        started: float,
        status: int | None = None,
        body: bytes = b"",
        error: str | None = None,
    ) -> None:
        if self.recorder is None:
            return
        self.recorder.record(
            Exchange(
                number=number,
                method=request.method,
                url=str(request.url),
                request_headers=dict(request.headers),
                request_body=request.content,
                seconds=time.perf_counter() - started,
                status=status,
                answer_body=body,
                error=error,
            )
        )


def _check_headers(headers: Mapping[str, str]) -> None:
    """A secret pasted with its line break, or in full-width characters, is found here and not by the transport."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise ConfigInvalid(
                f"the header {name} would hold a line break or characters outside ASCII: enter the credentials anew",
                zh=f"请求头 {name} 含有换行或非 ASCII 字符：请重新填写凭据",
            )


def _no_address(reason: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"the address is no web address ({reason}): correct `base_url`",
        zh=f"地址不是有效的网址（{reason}）：请更正 base_url",
    )


def no_answer(wrote: bool, reason: str) -> ConnectorError:
    """`Uncertain` after a write that may have worked, else `Unavailable`."""
    if wrote:
        return Uncertain(f"no usable answer to a write: {reason}", zh=f"写入后没有收到可用的答复：{reason}")
    return Unavailable(f"no answer: {reason}", zh=f"对方无响应：{reason}")


def status_error(reply: Reply) -> ConnectorError | None:
    """The plain reading of an HTTP status, for vendors that use them: None for 2xx and 3xx."""
    if reply.status < 400:
        return None
    sentence = f"HTTP {reply.status}: {reply.text()[:300]}"
    if reply.status in {401, 403}:
        return AuthFailed(sentence, code=str(reply.status))
    if reply.status == 404:
        return NotFound(sentence, code="404")
    if reply.status in {409, 412}:
        return Conflict(sentence, code=str(reply.status))
    if reply.status == 429 or (reply.status == 503 and "retry-after" in reply.headers):
        return Throttled(sentence, retry_after=retry_after(reply), code=str(reply.status))
    if reply.status >= 500:
        return no_answer(reply.writes, sentence)
    return Rejected(sentence, code=str(reply.status))


MAX_RETRY_AFTER = 86_400.0
"""Seconds. Whatever a vendor says, it is asked again after a day."""


def retry_after(reply: Reply) -> float | None:
    """Seconds of a `Retry-After` header, given as a number or as a date (RFC 9110, 10.2.3); None for anything else. A
    date is counted from the answer's own `Date`: that clock may differ from ours."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER)
    until = _http_date(text)
    if until is None:
        return None
    now = _http_date(reply.headers.get("date", "")) or datetime.now(UTC)
    return min(max((until - now).total_seconds(), 0.0), MAX_RETRY_AFTER)


def _http_date(text: str) -> datetime | None:
    """Any of the three forms of RFC 9110, 5.6.7. All of them are in GMT, said or not."""
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
