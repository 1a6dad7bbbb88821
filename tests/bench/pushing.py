"""Brings all that is owed to the ERP, or the same number of equal requests by the bare client, from one process.

`python -m tests.bench.pushing DATABASE_URL` · `python -m tests.bench.pushing bare COUNT`
"""

import asyncio
import json
import os
import sys
import time

import aiohttp

from hub.db.session import Database
from hub.jobs.collector import calm
from hub.sdk import jsontext
from hub.sdk.transport import AiohttpTransport
from hub.sync.deliver import CONCURRENCY, deliver_to
from tests.bench import material
from tests.bench.ground import FAKES, engine_on


async def ours(url: str) -> None:
    db, transport = Database(url), AiohttpTransport()
    engine = await engine_on(db, transport)
    done = 0
    started, cpu = time.perf_counter(), time.process_time()
    while handled := await deliver_to(engine, "erp"):
        done += handled
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    await transport.aclose()
    await db.close()
    print(json.dumps({"pushes": done, "seconds": seconds, "cpu": cpu}))


async def bare(count: int) -> None:
    """As many at once as the engine, over one session; the answer is read and parsed."""
    address = os.environ["BENCH_TARGET"] + "/orders"
    headers = {"authorization": f"Bearer {FAKES['BENCH_TOKEN']}", "content-type": "application/json"}
    bodies = iter([jsontext.dumps(order) for order in material.orders(count)])
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def caller() -> None:
            for body in bodies:
                async with session.post(address, data=body, headers=headers) as answer:
                    jsontext.loads(await answer.read())

        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(caller() for _ in range(CONCURRENCY)))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"pushes": count, "seconds": seconds, "cpu": cpu}))


if __name__ == "__main__":
    calm()
    asyncio.run(bare(int(sys.argv[2])) if sys.argv[1] == "bare" else ours(sys.argv[1]))
