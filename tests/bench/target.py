"""A vendor that takes every order: `python -m tests.bench.target PORT MILLISECONDS` answers each POST after that time.

It answers with the record as it would show it: with an id, and ids of the lines."""

import asyncio
import itertools
import sys
from typing import Any

import httptools
import orjson
import uvloop

_ids = itertools.count(1)


class Vendor(asyncio.Protocol):
    def __init__(self, wait: float) -> None:
        self._wait = wait

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        if self._wait:
            asyncio.get_running_loop().call_later(self._wait, self._answer, body)
        else:
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        record = orjson.loads(body)
        record["id"] = f"O{next(_ids)}"
        for line in record.get("lines", ()):
            line["id"] = f"L{next(_ids)}"
        answer = orjson.dumps(record)
        head = f"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
        self._transport.write(head.encode() + answer)


async def run(port: int, milliseconds: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Vendor(milliseconds / 1000), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1]), float(sys.argv[2])))
