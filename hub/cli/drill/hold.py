"""Hold one drill: a database of its own, the course, the verdict, and a file with the plan and the history."""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hub.cli.drill.faults import Plan
from hub.cli.drill.judge import judge
from hub.cli.drill.play import Course, digest, told_states
from hub.cli.drill.world import World
from hub.db.embedded import EmbeddedServer
from hub.db.migrate import migrate
from hub.db.session import Database
from hub.sdk import jsontext


async def hold(url: str, folder: Path, plan: Plan, minutes: int, directory: Path | None) -> dict[str, Any]:
    """The drill on an empty, migrated database; the report."""
    begun = time.monotonic()
    db = Database(url, pool_size=4)
    world = World(db, folder, plan)
    try:
        await world.build(directory)
        course = Course(world, minutes)
        await course.run()
        world.plan.on = False
        answers = await judge(world, course.engine)
        report = {
            "seed": plan.seed,
            "minutes": minutes,
            "ok": all(answer["ok"] for answer in answers),
            "faults": dict(sorted(Counter(happened["fault"] for happened in plan.happened).items())),
            "deaths": world.deaths,
            "states": await told_states(world),
            "checks": answers,
            "digest": await digest(world),
        }
        history = folder / "history.json"
        history.write_bytes(jsontext.dumps({**report, "kinds": list(plan.kinds), "happened": plan.happened}) + b"\n")
        return {**report, "history": str(history), "seconds": round(time.monotonic() - begun, 1)}
    finally:
        world.close()
        await db.close()


def hold_here(seed: int, kinds: Sequence[str], minutes: int, directory: Path | None, out: Path) -> dict[str, Any]:
    """The same on a database server that lives as long as the drill."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.jsonl"):
        old.unlink()  # a ledger of an earlier drill would be its vendors' past
    with tempfile.TemporaryDirectory(prefix="o2c-drill-") as place:
        Path(place).chmod(0o711)  # the server may run as another user
        server = EmbeddedServer(Path(place), durable=False)
        url = server.start()
        try:
            asyncio.run(migrate(url))
            return asyncio.run(hold(url, out, Plan(seed, kinds), minutes, directory))
        finally:
            server.stop()
