"""S12: eight writers bring the same records in random order, each over its own connections to the database: nobody sees
a deadlock, nothing is there twice."""

import asyncio
import random
from typing import Any

from hub.db.session import Database
from hub.db.tables import KIND_TABLES
from hub.sync.apply import apply_due
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.town import Part, Town, connection, owners, sync
from tests.support.results import size, write_result

RECORDS = size(1_000, 200_000 // 8)  # each is brought by every system: eight upserts of one customer
SYSTEMS = tuple(f"s{number}" for number in range(8))
TABLE = KIND_TABLES["customer"].name
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def _parts() -> list[Part]:
    quiet: dict[str, Any] = {"every": "30d", "direction": "in", "reconcile": "30d"}
    return [*map(connection, SYSTEMS), *(sync(f"{name}-customers", **quiet) for name in SYSTEMS)]


async def test_eight_writers_at_once(build: Build, db: Database, shared_url: str) -> None:
    town, engine = await build(*_parts(), owners("customer", phone="latest"))
    await town.work(engine)
    (before,) = await town.rows(DEADLOCKS)
    databases = [Database(shared_url, pool_size=2) for _ in SYSTEMS]
    errors: list[BaseException] = []
    await asyncio.gather(*(_writer(town, each, n, errors) for n, each in enumerate(databases)))
    for each in databases:
        await each.close()
    await town.change("SELECT pg_stat_clear_snapshot()")
    (after,) = await town.rows(DEADLOCKS)
    (entities,) = await town.rows(f"SELECT count(*) AS n, count(DISTINCT uscc) AS d FROM {TABLE}")
    (links,) = await town.rows("SELECT count(*) AS n, count(DISTINCT (connection, key)) AS d FROM link")
    found = {
        "upserts": RECORDS * len(SYSTEMS),
        "writers": len(SYSTEMS),
        "errors seen": len(errors),
        "deadlocks in the database": after.deadlocks - before.deadlocks,
        "entities": entities.n,
        "duplicates": (entities.n - RECORDS) + (entities.n - entities.d) + (links.n - links.d),
        "states": await town.states(),
    }
    write_result("S12", found)
    assert not errors and found["duplicates"] == 0, (found, errors[:1])
    assert links.n == RECORDS * len(SYSTEMS) and set(found["states"]) <= {"inbox done", "inbox superseded"}, found


async def _writer(town: Town, db: Database, number: int, errors: list[BaseException]) -> None:
    """Every record of one system in random order, some of them twice, and whatever is due applied between."""
    rng = random.Random(number)
    engine: Engine = await town.engine(number)
    engine.db = db
    mine = Town(db, town.folder, town.directory, town.clock)
    wanted = [*range(RECORDS), *rng.sample(range(RECORDS), RECORDS // 10)]
    rng.shuffle(wanted)
    name = SYSTEMS[number]
    try:
        while wanted:
            batch, wanted = wanted[:200], wanted[200:]
            records = [_record(name, n, rng) for n in batch]
            await db.retrying(lambda records=records: mine.arrive(engine, f"{name}-customers", *records))  # type: ignore[misc]
            await apply_due(engine)
        while await apply_due(engine):
            await asyncio.sleep(0)
    except Exception as error:
        errors.append(error)


def _record(system: str, number: int, rng: random.Random) -> dict[str, Any]:
    return {
        "id": f"{system}-{number}",
        "name": f"customer {number}",
        "uscc": f"91310115MA{number:08d}",
        "phone": str(rng.randrange(9)),
    }
