"""What was sent is told from what was not: by every exception of both libraries, and over real sockets."""

import asyncio
import gzip
import inspect
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import ModuleType

import aiohttp
import aiohttp.http_exceptions
import httpx
import pytest
import respx

from hub.sdk import Unavailable, Uncertain
from hub.sdk import transport as module
from hub.sdk.http import CallCounter, Http
from hub.sdk.transport import AiohttpTransport, NotSent, Unanswered, translate
from tests.support.sdk import NullLimiter

NOT_SENT = {
    *("ClientConnectorError", "ClientConnectorDNSError", "ClientConnectorSSLError", "ClientConnectorCertificateError"),
    *("ClientSSLError", "ClientProxyConnectionError", "ConnectionTimeoutError"),
    *("InvalidURL", "InvalidUrlClientError", "InvalidUrlRedirectClientError", "NonHttpUrlClientError"),
    "NonHttpUrlRedirectClientError",
    *("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "LocalProtocolError", "ProxyError"),
}
UNANSWERED = {
    *("ClientError", "ClientConnectionError", "ClientConnectionResetError", "ClientOSError", "ClientPayloadError"),
    *("ClientResponseError", "ClientHttpProxyError", "ContentTypeError", "WSServerHandshakeError"),
    *("RedirectClientError", "TooManyRedirects", "ServerConnectionError", "ServerDisconnectedError"),
    *("ServerFingerprintMismatch", "ServerTimeoutError", "SocketTimeoutError", "UploadAbortedError"),
    *("TransportError", "TimeoutException", "ReadTimeout", "WriteTimeout", "NetworkError", "ReadError", "WriteError"),
    *("CloseError", "ProtocolError", "RemoteProtocolError", "DecodingError"),
}
# Not raised while a request travels: web sockets, multipart, httpx's own client, the use of its objects, and the
# parser's errors, which aiohttp's client wraps (test_an_answer_that_cannot_be_read).
NO_MATTER = {
    *("WSMessageTypeError", "WebSocketError", "EofStream"),
    *("BadContentDispositionHeader", "BadContentDispositionParam"),
    *("HttpProcessingError", "BadHttpMessage", "BadHttpMethod", "BadStatusLine", "HttpBadRequest", "InvalidHeader"),
    *("InvalidURLError", "LineTooLong", "PayloadEncodingError", "ContentEncodingError", "TransferEncodingError"),
    *("ContentLengthError", "DecompressSizeError"),
    *("HTTPError", "RequestError", "HTTPStatusError", "CookieConflict", "StreamError", "StreamConsumed"),
    *("StreamClosed", "RequestNotRead", "ResponseNotRead"),
}
BOTH = {"InvalidURL", "TooManyRedirects"}  # a name both libraries use; httpx's are its client's own


def exceptions_of(library: ModuleType) -> list[type[BaseException]]:
    found = [kind for _, kind in inspect.getmembers(library, inspect.isclass) if issubclass(kind, BaseException)]
    return [kind for kind in found if kind.__module__.startswith(library.__name__.partition(".")[0])]


KNOWN = [*exceptions_of(aiohttp), *exceptions_of(aiohttp.http_exceptions), *exceptions_of(httpx)]


def made(kind: type[BaseException]) -> BaseException:
    """An instance without the arguments its class would want."""
    quiet = type(kind.__name__, (kind,), {"__init__": lambda self: None, "__str__": lambda self: ""})
    error: BaseException = quiet()
    return error


def test_every_exception_of_both_libraries_is_listed() -> None:
    """Fails when a library grows one: decide whether it means that the request left."""
    assert {kind.__name__ for kind in KNOWN} == NOT_SENT | UNANSWERED | NO_MATTER


@pytest.mark.parametrize("kind", KNOWN, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_each_is_read_as_listed(kind: type[BaseException]) -> None:
    found = translate(made(kind))
    if kind.__name__ in NO_MATTER or (kind.__name__ in BOTH and kind.__module__.startswith("httpx")):
        assert found is None or isinstance(found, Unanswered)
    else:
        assert type(found) is (NotSent if kind.__name__ in NOT_SENT else Unanswered)


@pytest.mark.parametrize("error", [TimeoutError("late"), ConnectionResetError("gone"), BrokenPipeError()])
def test_what_the_system_raises_counts_as_sent(error: OSError) -> None:
    assert type(translate(error)) is Unanswered


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("x"), asyncio.CancelledError()])
def test_what_is_not_the_networks_is_left_alone(error: BaseException) -> None:
    assert translate(error) is None


def test_what_is_translated_stays_so() -> None:
    error = NotSent("once")
    assert translate(error) is error


def test_a_reason_shows_no_query() -> None:
    """Some libraries put the whole address into their message; tokens travel in its query."""
    found = translate(httpx.ReadError("url='http://x.test/send?access_token=abc&sign=d' failed\n twice"))
    assert str(found) == "ReadError: url='http://x.test/send?…' failed twice"


# real sockets
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[str]:
    """A server that reads one request's head and then does `answer`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        except asyncio.IncompleteReadError:
            pass  # connected, said nothing, left
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def saying(raw: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return answer


async def ask(url: str, method: str = "POST", content: bytes = b"x", **headers: str) -> httpx.Response:
    transport = AiohttpTransport()
    timeout = {"connect": 2.0, "read": 0.2, "write": 2.0, "pool": 2.0}
    request = httpx.Request(method, url, content=content, headers=headers, extensions={"timeout": timeout})
    try:
        return await transport.handle_async_request(request)
    finally:
        await transport.aclose()


async def test_an_answer_comes_whole() -> None:
    raw = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello"
    async with listening(saying(raw)) as url:
        answer = await ask(url)
    assert (answer.status_code, answer.content, answer.headers["x-a"]) == (201, b"hello", "1")


async def test_a_refused_port_was_not_sent_to() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NotSent, match="ClientConnectorError"):
        await ask(f"http://127.0.0.1:{port}/")


async def test_a_hang_up_after_sending_is_unanswered() -> None:
    async with listening(saying(b"")) as url:
        with pytest.raises(Unanswered, match="ServerDisconnected"):
            await ask(url)


async def test_a_read_time_out_is_unanswered() -> None:
    done = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()

    async with listening(silent) as url:
        with pytest.raises(Unanswered, match="Timeout"):
            await ask(url)
        done.set()


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
    ],
)
async def test_a_cut_body_is_unanswered(raw: bytes) -> None:
    async with listening(saying(raw)) as url:
        with pytest.raises(Unanswered, match="not completed"):
            await ask(url)


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nxxxxx",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_cannot_be_read(raw: bytes) -> None:
    async with listening(saying(raw)) as url:
        with pytest.raises(Unanswered):
            await ask(url)


async def test_an_answer_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER", 10)
    async with listening(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world")) as url:
        with pytest.raises(Unanswered, match="larger than 10 bytes"):
            await ask(url)


async def test_a_redirection_is_not_followed() -> None:
    raw = b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n"
    async with listening(saying(raw)) as url:
        answer = await ask(url)
    assert (answer.status_code, answer.headers["location"]) == (302, "http://elsewhere.invalid/")


async def test_gzip_is_unpacked_and_no_longer_announced() -> None:
    body = gzip.compress(b"hello")
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with listening(saying(head + body)) as url:
        answer = await ask(url)
    assert answer.content == b"hello"
    assert "content-encoding" not in answer.headers


# any other transport of httpx stands in
@pytest.mark.parametrize(
    ("error", "writes", "ends"),
    [
        (httpx.ConnectError("x"), True, Unavailable),
        (httpx.ReadTimeout("x"), True, Uncertain),
        (httpx.ReadTimeout("x"), False, Unavailable),
        (httpx.RemoteProtocolError("x"), True, Uncertain),
    ],
)
async def test_respx_through_a_mock_transport(error: Exception, writes: bool, ends: type[Exception]) -> None:
    router = respx.Router(assert_all_called=True)
    router.post("https://vendor.test/save").mock(side_effect=error)
    http = Http(httpx.MockTransport(router.async_handler), NullLimiter(), CallCounter())
    with pytest.raises(ends):
        await http.request("POST", "https://vendor.test/save", interface="save", writes=writes, json={})
