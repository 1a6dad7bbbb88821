"""A walk from its plan to its end; and, when it goes wrong, the fewest acts that go wrong as well."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hub.db.session import Database
from tests.simulation.judging import compare, quiet, read_again
from tests.simulation.walking import Walk
from tests.simulation.walks import Plan


async def walked(db: Database, folder: Path, plan: Plan) -> Walk:
    walk = await Walk.begin(db, folder, plan)
    await walk.act_out()
    await quiet(walk)
    await compare(walk)
    await read_again(walk)
    return walk


async def smallest(db: Database, folder: Path, plan: Plan, seconds: float) -> tuple[Plan, Sequence[str]]:
    """The same failure with fewer acts: by halves, quarters … for so long."""
    until, size, wrong, number = time.monotonic() + seconds, len(plan.acts) // 2, list[str](), 0
    while size and time.monotonic() < until:
        start, shrunk = 0, False
        while start < len(plan.acts) and time.monotonic() < until:
            fewer = replace(plan, acts=(*plan.acts[:start], *plan.acts[start + size :]))
            number += 1
            try:
                found = (await walked(db, folder / str(number), fewer)).wrong
            except (KeyError, AssertionError):
                found = []
            if found:
                plan, wrong, shrunk = fewer, found, True
            else:
                start += size
        size = size if shrunk and size > 1 else size // 2
    return plan, wrong
