"""A sandbox: its ledger survives it, faults happen as planned, posts are owed until they are answered."""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hub.sdk.sandbox import Entry, Fault, HungUp, Ledger, Sandbox, json_body, serve
from hub.sdk.transport import AiohttpTransport, Unanswered
from tests.support.sdk import FixedClock

HOOK = "http://hub.test/hooks/x"


class Counting(Sandbox):
    """A vendor that counts."""

    vendor = "counting"

    def begin(self) -> None:
        self.total = 0

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/add", self._add, methods=["POST"])]

    def folds(self) -> Mapping[str, Callable[[Entry], None]]:
        return {"added": self._added}

    def acts(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        return {"add": self.add}

    def add(self, data: dict[str, Any]) -> dict[str, Any]:
        self.commit("added", by=data.get("by", 1))
        return {"total": self.total}

    def _added(self, entry: Entry) -> None:
        self.total += entry.data["by"]

    async def _add(self, request: Request) -> Response:
        return JSONResponse(self.add(json_body(await request.body()) or {}))


@pytest.fixture
def box() -> Counting:
    return Counting(Ledger(), FixedClock())


async def call(box: Sandbox, path: str = "/add", body: Any = None, method: str = "POST") -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=box.app), base_url="http://box.test") as client:
        return await client.request(method, path, content=json.dumps(body or {}))


async def test_calls_are_counted_and_acts_are_not(box: Counting) -> None:
    assert (await call(box)).json() == {"total": 1}
    assert (await call(box, "/_sandbox/acts/add", {"by": 5})).json() == {"total": 6}
    assert [entry.event for entry in box.ledger] == ["call", "added", "added"]
    assert box.ledger.of("call")[0].data == {"method": "POST", "path": "/add", "fault": None}


async def test_an_unknown_act_names_those_there_are(box: Counting) -> None:
    answer = await call(box, "/_sandbox/acts/fly")
    assert (answer.status_code, answer.json()["acts"]) == (404, ["add"])


async def test_the_ledger_can_be_read_from_a_number(box: Counting) -> None:
    for _ in range(3):
        box.add({})
    rows = (await call(box, "/_sandbox/ledger?after=1", method="GET")).json()
    assert [row["number"] for row in rows] == [2, 3]
    assert rows[0]["data"] == {"by": 1}


def test_killed_it_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.jsonl"
    first = Counting(Ledger(path), FixedClock())
    first.add({"by": 2})
    first.owe_post(HOOK, "密".encode())
    first.ledger.close()
    again = Counting(Ledger(path), FixedClock())
    again.add({"by": 3})
    assert (first.total, again.total) == (2, 5)
    assert [post.body for post in again.posts.values()] == ["密".encode()]
    assert [entry.number for entry in again.ledger] == [1, 2, 3]
    again.ledger.close()


def test_a_line_torn_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = Counting(Ledger(path), FixedClock())
    first.add({"by": 2})
    first.ledger.close()
    with path.open("ab") as file:
        file.write(b'{"number": 2, "at": "2026-11-22T')
    again = Counting(Ledger(path), FixedClock())
    assert again.total == 2
    again.add({"by": 3})
    again.ledger.close()
    last = Counting(Ledger(path), FixedClock())
    assert last.total == 5
    last.ledger.close()


@pytest.mark.parametrize(
    ("fault", "total", "status", "text"),
    [
        (Fault(kind="status", status=503, text="down", headers={"retry-after": "3"}), 0, 503, "down"),
        (Fault(kind="body", text="<html>"), 0, 200, "<html>"),
    ],
)
async def test_an_answer_instead_of_working(box: Counting, fault: Fault, total: int, status: int, text: str) -> None:
    box.faults.append(fault)
    answer = await call(box)
    assert (answer.status_code, answer.text, box.total) == (status, text, total)
    assert dict(answer.headers).items() >= fault.headers.items()


@pytest.mark.parametrize(("kind", "total"), [("drop_before", 0), ("drop_after", 1), ("half", 1)])
async def test_a_hang_up_with_or_without_work(box: Counting, kind: Any, total: int) -> None:
    box.faults.append(Fault(kind=kind))
    with pytest.raises(HungUp):
        await call(box)
    assert box.total == total
    assert box.ledger.of("call")[0].data["fault"] == kind


async def test_faults_are_spent(box: Counting) -> None:
    for path in ("/_sandbox/faults", "/_sandbox/faults"):
        await call(box, path, {"kind": "status", "status": 500, "times": 2})
    assert [(await call(box)).status_code for _ in range(5)] == [500] * 4 + [200]


@pytest.mark.parametrize(("match", "status"), [("/add", 500), ("needle", 500), ("other", 200)])
async def test_a_fault_is_for_a_path_or_a_body(box: Counting, match: str, status: int) -> None:
    box.faults.append(Fault(kind="status", match=match))
    assert (await call(box, body={"by": 1, "why": "needle"})).status_code == status


async def test_posts_are_tried_until_answered(box: Counting) -> None:
    statuses = iter([503, 200])
    seen: list[bytes] = []

    def hub(request: httpx.Request) -> httpx.Response:
        seen.append(request.content)
        return httpx.Response(next(statuses))

    box.owe_post(HOOK, b"event", {"x-sign": "1"})
    transport = httpx.MockTransport(hub)
    assert [await box.deliver_posts(transport) for _ in range(3)] == [0, 1, 0]
    assert seen == [b"event", b"event"]
    assert [entry.data["status"] for entry in box.ledger.of("post_answered")] == [503, 200]


async def test_posts_are_given_up_after_their_tries(box: Counting) -> None:
    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("down")

    box.owe_post(HOOK, b"event")
    assert [await box.deliver_posts(httpx.MockTransport(dead), tries=2) for _ in range(3)] == [0, 0, 0]
    assert [entry.data["last"] for entry in box.ledger.of("post_failed")] == [False, True]
    assert not box.posts


async def test_a_body_that_is_no_json_is_none() -> None:
    assert json_body(b"{") is None
    assert json_body(b'{"a": 1}') == {"a": 1}


async def test_over_a_real_socket(box: Counting) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = asyncio.create_task(serve(box, "127.0.0.1", port))
    transport = AiohttpTransport()

    async def ask() -> httpx.Response:
        return await transport.handle_async_request(httpx.Request("POST", f"http://127.0.0.1:{port}/add"))

    try:
        await _answers(transport, port)
        box.faults.append(Fault(kind="half"))
        with pytest.raises(Unanswered):
            await ask()
        assert json.loads((await ask()).content) == {"total": 2}
    finally:
        await transport.aclose()
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)


async def _answers(transport: AiohttpTransport, port: int) -> None:
    """Waits until the server listens."""
    async with asyncio.timeout(10):
        while True:
            try:
                await transport.handle_async_request(httpx.Request("GET", f"http://127.0.0.1:{port}/_sandbox/ledger"))
            except httpx.TransportError:
                await asyncio.sleep(0.02)
            else:
                return
