"""Webhook accepts per second at 32 connections, each durable, beside the bare app in the same minute."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg

from hub.db.session import plain_url
from tests.bench.bare import TABLE
from tests.bench.child import answer_of, free_port, serving
from tests.bench.figure import Figure
from tests.bench.ground import FAKES, SEEDED, Ground, environment
from tests.support.database import command

CONNECTIONS = 32


def measure(ground: Ground, seconds: float) -> list[Figure]:
    """In turn, so that both see the machine in the same mood."""
    ours: list[dict[str, Any]] = []
    bare: list[dict[str, Any]] = []
    for _ in range(ground.runs):
        with ground.copy(SEEDED) as url:
            ours.append(_run(ground, url, seconds, _intake))
            bare.append(_run(ground, url, seconds, _bare))
    ratios = [one["per_second"] / other["per_second"] for one, other in zip(ours, bare, strict=True)]
    return [
        _figure(f"webhook accepts, {CONNECTIONS} connections", ours),
        _figure("the same, bare Starlette + asyncpg", bare),
        Figure("accepts, ratio to the bare app", "", ratios, aim=0.8),
    ]


def _figure(name: str, runs: list[dict[str, Any]]) -> Figure:
    middle = sorted(runs, key=lambda run: float(run["per_second"]))[len(runs) // 2]
    detail = {key: middle[key] for key in ("p50_ms", "p99_ms", "body_bytes")}
    return Figure(name, "/s", [run["per_second"] for run in runs], detail=detail)


Start = Callable[[Ground, str, int], Any]


def _intake(ground: Ground, url: str, port: int) -> Any:
    env = environment(
        HUB_DATABASE_URL=url,
        HUB_DATA_DIR=str(ground.folder),
        HUB_HTTP__PORT=str(port),
        HUB_LOG__LEVEL="warning",
    )
    return serving(ground, "hub.api", port=port, env=env)


def _bare(ground: Ground, url: str, port: int) -> Any:
    command(url, TABLE)
    return serving(ground, "tests.bench.bare", port, plain_url(url), port=port, env=environment())


_COUNTS: Mapping[Start, str] = {
    _intake: "SELECT count(*) FROM receipt WHERE verdict = 'accepted'",
    _bare: "SELECT count(*) FROM bare_receipt",
}


def _run(ground: Ground, url: str, seconds: float, start: Start) -> dict[str, Any]:
    port = free_port()
    with start(ground, url, port):
        secret = FAKES["BENCH_HOOK_SECRET"]
        answer = answer_of(ground, "tests.bench.load", port, CONNECTIONS, seconds, secret, env=environment())
    stored, answered = asyncio.run(_count(url, _COUNTS[start])), answer["answers"]
    if answered != {"200": stored}:
        raise RuntimeError(f"answers {answered}, but {stored} receipts are stored: accepted must mean committed")
    return answer


async def _count(url: str, query: str) -> int:
    connection = await asyncpg.connect(plain_url(url))
    try:
        return int(await connection.fetchval(query))
    finally:
        await connection.close()
