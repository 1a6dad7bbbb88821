"""Pushes per second from one process, to a target that answers at once and to one that takes 20 ms."""

from typing import Any

from tests.bench.child import answer_of, free_port, serving
from tests.bench.figure import Figure, costs
from tests.bench.ground import OWED, SEEDED, Ground, derive_template, environment, owe_orders, prepare
from tests.support.database import command

AIMS = {0: 500, 20: 300}
"""Milliseconds the target takes -> pushes per second we aim at."""


def measure(ground: Ground, count: int) -> list[Figure]:
    url = derive_template(ground, OWED, SEEDED)
    prepare(ground, OWED, owe_orders(url, count))
    return [figure for wait, aim in AIMS.items() for figure in _to_target(ground, count, wait, aim)]


def _to_target(ground: Ground, count: int, wait: int, aim: float) -> list[Figure]:
    ours: list[dict[str, Any]] = []
    bare: list[dict[str, Any]] = []
    port = free_port()
    env = environment(BENCH_TARGET=f"http://127.0.0.1:{port}")
    with serving(ground, "tests.bench.target", port, wait, port=port, env=env):
        for _ in range(ground.runs):
            with ground.copy(OWED) as copy:
                ours.append(answer_of(ground, "tests.bench.pushing", copy, env=env))
                command(copy, _demand(count))
            answer = answer_of(ground, "tests.bench.pushing", "bare", count, env=env)
            bare.append({**answer, "database_cpu": 0})
    name = f"pushes to a {wait} ms target" if wait else "pushes to a fast local target"
    return [_figure(name, ours, aim), _figure("the same by the bare aiohttp client", bare, None)]


def _figure(name: str, runs: list[dict[str, Any]], aim: float | None) -> Figure:
    return Figure(name, "/s", [run["pushes"] / run["seconds"] for run in runs], aim, costs(runs, "pushes"))


def _demand(count: int) -> str:
    """Fails unless every delivery is done and its link is kept."""
    return (
        f"DO $$ BEGIN ASSERT (SELECT count(*) FROM delivery WHERE state = 'done') = {count} AND (SELECT count(*)"
        f" FROM link WHERE connection = 'erp' AND stream = 'orders') = {count}, 'deliveries are missing'; END $$"
    )
