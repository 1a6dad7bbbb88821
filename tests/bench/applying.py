"""Applies all that is due in a database, in a process of its own: `python -m tests.bench.applying DATABASE_URL`."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from hub.db.session import Database
from hub.jobs.collector import calm
from hub.sync.apply import apply_due
from tests.bench.ground import engine_on

WARM = 2000  # records after which memory is looked at for the first time


def resident_mb() -> float | None:
    """Memory of this process now; None where the machine does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except FileNotFoundError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def run(url: str) -> None:
    db = Database(url)
    engine = await engine_on(db)
    done = 0
    warm: float | None = None
    started, cpu = time.perf_counter(), time.process_time()
    while handled := await apply_due(engine):
        done += handled
        if warm is None and done >= WARM:
            warm = resident_mb()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    await db.close()
    print(json.dumps({"records": done, "seconds": seconds, "cpu": cpu, "warm_mb": warm, "end_mb": resident_mb()}))


if __name__ == "__main__":
    calm()
    asyncio.run(run(sys.argv[1]))
