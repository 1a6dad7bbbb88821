"""A load generator in a process of its own: signed webhooks over kept-alive connections, each as soon as it can.

`python -m tests.bench.load PORT CONNECTIONS SECONDS SECRET` prints the answers counted and their latencies.
"""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import uvloop

from hub.sdk import jsontext
from tests.bench import material

PATH = "/hooks/shop"
WARM_UP = 0.5  # seconds that do not count
PATIENCE = 10.0  # seconds for the last answers
READY = 4000  # requests made before the clock starts, used again with a new id each time


class Caller(asyncio.Protocol):
    """One connection: the next request leaves when the last answer is in."""

    def __init__(self, requests: Iterator[bytes], seen: "Seen") -> None:
        self._requests = requests
        self._seen = seen
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport  # uvloop's own kind
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, gap, body = self._buffer.partition(b"\r\n\r\n")
        if not gap or len(body) < _length(head):
            return
        self._buffer = b""
        self._seen.add(int(head[9:12]), time.perf_counter() - self._sent)
        if self._seen.over:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._seen.lost(self._seen.over)


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0] or 0)


class Seen:
    """The answers since the warm-up."""

    def __init__(self, callers: int, seconds: float) -> None:
        self.begin = time.perf_counter() + WARM_UP
        self.end = self.begin + seconds
        self.all: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open = callers

    @property
    def over(self) -> bool:
        return time.perf_counter() >= self.end

    def add(self, status: int, seconds: float) -> None:
        self.all[status] += 1
        if self.begin <= time.perf_counter() < self.end:
            self.latencies.append(seconds)

    def lost(self, expected: bool) -> None:
        self._open -= 1
        if not expected and not self.done.done():
            self.done.set_exception(RuntimeError("the server closed a connection"))
        elif self._open == 0 and not self.done.done():
            self.done.set_result(None)


def requests(secret: str) -> Iterator[bytes]:
    """Each with an id, a stamp and a signature of its own (Standard Webhooks)."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    bodies = [jsontext.dumps({"type": "order.saved", "data": order}) for order in material.orders(READY)]
    batch = time.time_ns()
    for number, body in zip(itertools.count(), itertools.cycle(bodies)):
        name, stamp = f"msg_{batch}_{number}", str(int(time.time()))
        mac = hmac.digest(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256)
        yield (
            f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nuser-agent: bench\r\n"
            f"content-length: {len(body)}\r\nwebhook-id: {name}\r\nwebhook-timestamp: {stamp}\r\n"
            f"webhook-signature: v1,{base64.b64encode(mac).decode()}\r\n\r\n"
        ).encode() + body


async def run(port: int, connections: int, seconds: float, secret: str) -> None:
    source = requests(secret)
    head = [next(source)]
    source = itertools.chain(head, source)
    seen = Seen(connections, seconds)
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Caller(source, seen), "127.0.0.1", port)
    async with asyncio.timeout(WARM_UP + seconds + PATIENCE):
        await seen.done
    cuts = statistics.quantiles(seen.latencies, n=100)
    answer = {
        "answers": dict(seen.all),
        "per_second": len(seen.latencies) / seconds,
        "p50_ms": round(cuts[49] * 1000, 1),
        "p99_ms": round(cuts[98] * 1000, 1),
        "body_bytes": len(head[0].partition(b"\r\n\r\n")[2]),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
