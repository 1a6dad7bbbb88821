"""Hold one drill: a database of its own, the course, the verdict, and a file with the plan and the history."""

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hub.cli.drill.faults import Plan
from hub.cli.drill.ground import Ground
from hub.cli.drill.judge import judge
from hub.cli.drill.people import People
from hub.cli.drill.play import Course, digest
from hub.cli.drill.world import World
from hub.db.embedded import EmbeddedServer
from hub.db.migrate import migrate
from hub.sdk import jsontext
from hub.sync.engine import Engine

Report = dict[str, Any]


async def hold(url: str, folder: Path, plan: Plan, minutes: int, directory: Path | None) -> Report:
    """The drill on an empty, migrated database; the report."""
    begun = time.monotonic()
    world = World(url, folder, plan)
    try:
        await world.build(directory)
        course = Course(world, minutes)
        await course.run()
        try:
            report = {
                "real": False,
                "minutes": minutes,
                "deaths": world.deaths,
                "intake_deaths": world.intake.count,
                "restarts": world.restarts.count,
                **await verdict(world.ground, course.engine, course.people),
                "digest": await digest(world),
            }
        finally:
            course.people.close()
        return kept(folder, plan, report, begun)
    finally:
        await world.close()


async def verdict(ground: Ground, engine: Engine, people: People) -> Report:
    """What is judged, however the drill was held."""
    answers = await judge(ground, engine, people)
    plan = ground.plan
    return {
        "seed": plan.seed,
        "ok": all(answer["ok"] for answer in answers),
        "faults": dict(sorted(Counter(happened["fault"] for happened in plan.happened).items())),
        "states": await _states(ground),
        "idle": list(ground.parts.idle),
        "repeated_calls": await _repeated(ground),
        "checks": answers,
    }


def kept(folder: Path, plan: Plan, report: Report, begun: float) -> Report:
    """The report, on file with everything that happened."""
    history = folder / "history.json"
    history.write_bytes(jsontext.dumps({**report, "kinds": list(plan.kinds), "happened": plan.happened}) + b"\n")
    return {**report, "history": str(history), "seconds": round(time.monotonic() - begun, 1)}


def hold_here(seed: int, kinds: Sequence[str], minutes: int, directory: Path | None, out: Path) -> Report:
    """The same on a database server that lives as long as the drill."""
    clear(out)
    with place() as folder:
        server = EmbeddedServer(folder, durable=False)
        url = server.start()
        try:
            asyncio.run(migrate(url))
            return asyncio.run(hold(url, out, Plan(seed, kinds), minutes, directory))
        finally:
            server.stop()


def clear(out: Path) -> None:
    """A ledger of an earlier drill would be its vendors' past, its configuration part of ours."""
    for old in out.glob("*.jsonl"):
        old.unlink()
    for name in ("configuration", "statements", "hub", "logs"):
        shutil.rmtree(out / name, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)


@contextmanager
def place() -> Iterator[Path]:
    """A folder for a database, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="o2c-drill-") as folder:
        Path(folder).chmod(0o711)  # the server may run as another user
        yield Path(folder)


async def _repeated(ground: Ground) -> int:
    """Calls that came again and were known."""
    (row,) = await ground.rows("SELECT count(*) AS n FROM receipt WHERE verdict = 'duplicate' AND source = 'hook'")
    return int(row.n)


async def _states(ground: Ground) -> dict[str, int]:
    """How many records and deliveries stand where."""
    rows = await ground.rows(
        "SELECT 'inbox ' || state AS name, count(*) AS n FROM inbox GROUP BY 1"
        " UNION ALL SELECT 'delivery ' || state, count(*) FROM delivery GROUP BY 1 ORDER BY 1"
    )
    return {row.name: row.n for row in rows}
