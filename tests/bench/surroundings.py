"""What a figure means nothing without: the machine, the versions, how durable the database is."""

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import asyncpg

from hub.db.session import plain_url
from hub.sdk import jsontext
from tests.bench import material

LIBRARIES = (
    *("uvicorn", "uvloop", "httptools", "starlette", "fastapi", "sqlalchemy", "asyncpg"),
    *("aiohttp", "httpx", "orjson", "pydantic", "jmespath"),
)
SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")


def machine(folder: Path) -> dict[str, str]:
    return {
        "machine": f"{os.cpu_count()} cores, {_memory()}, {platform.system()} {platform.release()}, {platform.machine()}",
        "flush": f"overwriting 8 KB and fdatasync in the data folder take {_flush_ms(folder):.2f} ms (median)",
        "pace": f"parsing one order of 0.8 KB with exact decimals takes {_pace_us():.0f} µs of CPU (median)",
        "load": f"{os.getloadavg()[0]:.1f} processes wanted to run in the last minute",
        "python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    }


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    except (ValueError, OSError):
        return "memory unknown"


def _flush_ms(folder: Path) -> float:
    """What a commit waits for, at least."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(100):
            started = time.perf_counter()
            os.pwrite(file.fileno(), bytes(8192), 0)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


def _pace_us() -> float:
    """How fast this machine is at this moment, by a piece of work that never changes."""
    text, times = jsontext.dumps(material.order(1)), []
    for _ in range(200):
        started = time.process_time_ns()
        for _ in range(10):
            jsontext.loads(text)
        times.append((time.process_time_ns() - started) / 10_000)
    return statistics.median(times)


async def database(url: str) -> Mapping[str, str]:
    connection = await asyncpg.connect(plain_url(url))
    try:
        found = {name: str(await connection.fetchval(f"SHOW {name}")) for name in SETTINGS}
    finally:
        await connection.close()
    return {"postgresql": ", ".join(f"{name} {value}" for name, value in found.items())}
