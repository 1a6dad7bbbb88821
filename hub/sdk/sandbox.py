"""Base of every vendor's sandbox: an append-only ledger, the state folded from it, faults on demand, acts of its users.

A sandbox enforces the vendor's rules and allows what the vendor allows. All state is a fold over the ledger, so a
sandbox that was killed comes back as it was, and the ledger is the evidence of what the hub really did.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import httpx
import uvicorn
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.sdk import jsontext
from hub.sdk.context import Clock
from hub.sdk.transport import AiohttpTransport


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ledger: what happened at the vendor, when, with what."""

    number: int
    at: datetime
    event: str
    data: dict[str, Any]


class Ledger:
    """Append-only list of entries; with a path each is on disk (page cache) before `append` returns."""

    def __init__(self, path: Path | None = None) -> None:
        self._entries: list[Entry] = []
        self._file = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b", buffering=0)
            self._file.seek(0)
            whole, _, _ = self._file.read().rpartition(b"\n")
            self._entries = [_parse(line) for line in whole.splitlines()]
            # A line torn by a crash was never answered for; what comes next must not be written behind it.
            self._file.truncate(len(whole) + 1 if whole else 0)

    def append(self, at: datetime, event: str, data: dict[str, Any]) -> Entry:
        entry = Entry(len(self._entries) + 1, at, event, data)
        if self._file is not None:
            line = {"number": entry.number, "at": at.isoformat(), "event": event, "data": data}
            self._file.write(jsontext.dumps(line) + b"\n")
        self._entries.append(entry)
        return entry

    def close(self) -> None:
        """Close the file; what is in it stays."""
        if self._file is not None:
            self._file.close()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def of(self, event: str) -> list[Entry]:
        """All entries of one event."""
        return [entry for entry in self._entries if entry.event == event]


def _parse(line: bytes) -> Entry:
    raw = jsontext.loads(line)
    return Entry(raw["number"], datetime.fromisoformat(raw["at"]), raw["event"], raw["data"])


class Fault(BaseModel):
    """What goes wrong with the next `times` calls whose path (or interface in the body) contains `match`.

    status: answer `status` instead of working · drop_before: hang up without working · drop_after: work, then hang
    up · half: work, then send half of the answer · body: answer 200 with `text` instead of working."""

    match: str = ""
    kind: Literal["status", "drop_before", "drop_after", "half", "body"]
    times: int = 1
    status: int = 500
    text: str = ""
    headers: dict[str, str] = {}


class HungUp(ConnectionResetError):
    """The sandbox closed the connection on purpose."""


@dataclass(slots=True)
class HookPost:
    """A call the vendor owes to the hub's webhook."""

    number: int
    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    tries: int = 0


class Sandbox:
    """Subclass: give `vendor`, `routes()`, `folds` (event -> state change) and `acts` (what the vendor's users do)."""

    vendor = ""

    def __init__(self, ledger: Ledger, clock: Clock | None = None) -> None:
        self.ledger = ledger
        self.clock = clock or SystemClock()
        self.faults: list[Fault] = []
        self.posts: dict[int, HookPost] = {}
        self.begin()
        for entry in ledger:
            self._fold(entry)
        self.app: ASGIApp = _Faulty(self, Starlette(routes=[*self.routes(), *self._own_routes()]))

    # to be given by the vendor's sandbox
    def begin(self) -> None:
        """Set the empty state, before the ledger is folded."""

    def routes(self) -> Sequence[BaseRoute]:
        """The vendor's API."""
        return ()

    def folds(self) -> Mapping[str, Callable[[Entry], None]]:
        """Event name -> change of state."""
        return {}

    def acts(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        """Name -> what a user of the vendor does (win a deal, ship an order); each returns JSON."""
        return {}

    # for the vendor's sandbox
    def commit(self, event: str, **data: Any) -> Entry:
        """Write one event to the ledger and fold it into the state."""
        entry = self.ledger.append(self.clock.now(), event, data)
        self._fold(entry)
        return entry

    def owe_post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Record that the vendor will call the hub's webhook; `deliver_posts` does it."""
        self.commit("post_owed", url=url, body=body.decode("utf-8", "surrogateescape"), headers=dict(headers or {}))

    async def deliver_posts(self, transport: httpx.AsyncBaseTransport, *, tries: int = 3) -> int:
        """Send the posts still owed, each up to `tries` times over all calls; returns how many got a 2xx."""
        done = 0
        for post in list(self.posts.values()):
            request = httpx.Request("POST", post.url, content=post.body, headers=dict(post.headers))
            try:
                status = (await transport.handle_async_request(request)).status_code
            except (httpx.TransportError, OSError) as error:
                self.commit("post_failed", number=post.number, reason=str(error), last=post.tries + 1 >= tries)
                continue
            ok = 200 <= status < 300
            self.commit("post_answered", number=post.number, status=status, last=ok or post.tries + 1 >= tries)
            done += ok
        return done

    def _fold(self, entry: Entry) -> None:
        if entry.event == "post_owed":
            body = entry.data["body"].encode("utf-8", "surrogateescape")
            self.posts[entry.number] = HookPost(entry.number, entry.data["url"], body, entry.data["headers"])
        elif entry.event in {"post_failed", "post_answered"}:
            self.posts[entry.data["number"]].tries += 1
            if entry.data["last"]:
                del self.posts[entry.data["number"]]
        elif entry.event != "call":
            self.folds()[entry.event](entry)

    def _own_routes(self) -> list[BaseRoute]:
        return [
            Route("/_sandbox/acts/{name}", self._act, methods=["POST"]),
            Route("/_sandbox/faults", self._plan_fault, methods=["POST"]),
            Route("/_sandbox/ledger", self._read_ledger, methods=["GET"]),
        ]

    async def _act(self, request: Request) -> Response:
        act = self.acts().get(request.path_params["name"])
        if act is None:
            return JSONResponse({"error": "no such act", "acts": sorted(self.acts())}, 404)
        result = act(jsontext.loads(await request.body() or b"{}"))
        return Response(jsontext.dumps(result), media_type="application/json")

    async def _plan_fault(self, request: Request) -> Response:
        self.faults.append(Fault.model_validate_json(await request.body()))
        return JSONResponse({"planned": len(self.faults)})

    async def _read_ledger(self, request: Request) -> Response:
        after = int(request.query_params.get("after", "0"))
        rows = [
            {"number": e.number, "at": e.at.isoformat(), "event": e.event, "data": e.data}
            for e in self.ledger
            if e.number > after
        ]
        return Response(jsontext.dumps(rows), media_type="application/json")


class _Faulty:
    """Counts each vendor call in the ledger and lets planned faults happen."""

    def __init__(self, sandbox: Sandbox, app: ASGIApp) -> None:
        self.sandbox = sandbox
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox/"):
            await self.app(scope, receive, send)
            return
        body = await _read_body(receive)
        fault = self._planned(scope["path"], body)
        self.sandbox.ledger.append(
            self.sandbox.clock.now(),
            "call",
            {"method": scope["method"], "path": scope["path"], "fault": fault.kind if fault else None},
        )
        if fault is None:
            await self.app(scope, _replay(body), send)
        else:
            await self._happen(fault, scope, body, send)

    def _planned(self, path: str, body: bytes) -> Fault | None:
        for fault in self.sandbox.faults:
            if fault.match in path or fault.match.encode() in body:
                fault.times -= 1
                if fault.times <= 0:
                    self.sandbox.faults.remove(fault)
                return fault
        return None

    async def _happen(self, fault: Fault, scope: Scope, body: bytes, send: Send) -> None:
        if fault.kind in {"status", "body"}:
            status = fault.status if fault.kind == "status" else 200
            await Response(fault.text, status, headers=fault.headers)(scope, _replay(body), send)
            return
        answer: list[Message] = []
        if fault.kind != "drop_before":

            async def keep(message: Message) -> None:
                answer.append(message)

            await self.app(scope, _replay(body), keep)
        await _hang_up(send, answer if fault.kind == "half" else [])


async def _hang_up(send: Send, answer: list[Message]) -> None:
    """Promise more bytes than are sent, then break off: the server closes the connection."""
    whole = b"".join(m.get("body", b"") for m in answer)
    half = whole[: len(whole) // 2]
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-length", str(len(whole) + 1).encode()),
                (b"content-type", b"application/json"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": half, "more_body": True})
    raise HungUp("the sandbox hung up on purpose")


async def _read_body(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def _replay(body: bytes) -> Receive:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def serve(sandbox: Sandbox, host: str, port: int) -> None:
    """Run a sandbox behind real HTTP until cancelled; owed webhook posts go out every 0.2 s."""
    server = uvicorn.Server(uvicorn.Config(sandbox.app, host=host, port=port, log_level="critical", access_log=False))
    transport = AiohttpTransport()

    async def post() -> None:
        while not server.should_exit:
            await sandbox.deliver_posts(transport, tries=50)
            await asyncio.sleep(0.2)

    poster = asyncio.create_task(post())
    try:
        await server.serve()
    except asyncio.CancelledError:
        await server.shutdown()  # uvicorn by itself leaves its socket open when it is cancelled
        raise
    finally:
        poster.cancel()
        await transport.aclose()


def json_body(raw: bytes) -> Any:
    """A request body with Decimals; None when it is no JSON."""
    try:
        return jsontext.loads(raw)
    except jsontext.BadJson:
        return None
