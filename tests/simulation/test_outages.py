"""R4: the database restarts, stands still, cuts everybody off, has no connection left, has no disk left; a real server,
real processes of the hub, users who go on working."""

import asyncio
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from hub.db.embedded import EmbeddedServer
from hub.db.migrate import migrate
from hub.db.session import plain_url
from tests.simulation.fire import Street, street, until
from tests.support.database import data_folder, named
from tests.support.results import FULL, size, write_result

AWAY_SECONDS = 30.0 if FULL else 3.0
RECOVERY_SECONDS = 30.0
SMALL_DISK = 80  # MB
ROLE = "o2c"
SIMULATED = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: no space left on device' USING ERRCODE = '53100'; END $$
"""
TABLES = ("receipt", "inbox", "change", "delivery", "attempt", "link")


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as path:
        yield path


@contextmanager
def small_disk(place: Path) -> Iterator[bool]:
    """A file system of its own that can be filled; False where we may not mount one."""
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SMALL_DISK}m,mode=0777", "tmpfs", str(place)]
    with suppress(FileNotFoundError):
        if os.geteuid() == 0 and subprocess.run(["mount", *options], capture_output=True, check=False).returncode == 0:
            try:
                yield True
            finally:
                subprocess.run(["umount", "-l", str(place)], capture_output=True, check=True)
            return
    yield False


@dataclass
class Base:
    """The database under fire. The hub comes as a role that is no superuser, so that limits mean it too."""

    server: EmbeddedServer
    disk: Path | None
    admin: str = ""
    recoveries: dict[str, list[float]] = field(default_factory=dict)

    async def make(self) -> str:
        """The address the hub uses."""
        where = ""
        await self.say(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'o2c'")
        if self.disk is not None:
            self.server.housing.give(self.disk)
            await self.say(f"CREATE TABLESPACE small OWNER {ROLE} LOCATION '{self.disk}'")
            where = " TABLESPACE small"
        await self.say(f"CREATE DATABASE fire OWNER {ROLE}{where}")
        plain = plain_url(named(self.admin, "fire"))
        url = f"postgresql+asyncpg://{ROLE}:o2c@{plain.rsplit('@', 1)[1]}"
        await migrate(url)
        return url

    async def say(self, statement: str, database: str = "postgres") -> None:
        connection = await asyncpg.connect(plain_url(named(self.admin, database)))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def restart(self) -> None:
        place = ("-D", str(self.server.housing.cluster))
        stopped = await asyncio.to_thread(self.server.housing.run, "pg_ctl", "stop", "-w", "-m", "immediate", *place)
        assert stopped.returncode == 0, stopped.stderr
        await asyncio.sleep(AWAY_SECONDS / 3)
        assert await asyncio.to_thread(self.server.start) == self.admin

    async def pause(self) -> None:
        """Everybody of the server stands still and nobody is told."""
        pids = self._pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(AWAY_SECONDS)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    async def reset(self) -> None:
        await self.say(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'")

    async def too_many(self) -> None:
        await self.say(f"ALTER ROLE {ROLE} CONNECTION LIMIT 1")
        await self.reset()
        await asyncio.sleep(AWAY_SECONDS)
        await self.say(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")

    async def disk_full(self) -> None:
        if self.disk is None:
            await self._say_that_it_is_full()
            return
        ballast = self.disk / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(64 * 1024))
        try:
            await asyncio.sleep(AWAY_SECONDS)
        finally:
            ballast.unlink()

    async def _say_that_it_is_full(self) -> None:
        with suppress(asyncpg.DuplicateFunctionError):
            await self.say(SIMULATED, "fire")
        for table in TABLES:
            await self.say(f'CREATE TRIGGER full_disk BEFORE INSERT ON "{table}" EXECUTE FUNCTION no_room()', "fire")
        await asyncio.sleep(AWAY_SECONDS)
        for table in TABLES:
            await self.say(f'DROP TRIGGER full_disk ON "{table}"', "fire")

    def _pids(self) -> list[int]:
        """The postmaster, then all its children."""
        pidfile = self.server.housing.cluster / "postmaster.pid"
        parent = int(pidfile.read_text(encoding="ascii").split("\n")[0])
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
        return [parent, *map(int, children)]


class Work:
    """Users who go on whatever happens to the hub's database."""

    def __init__(self, town: Street) -> None:
        self.town, self.numbers = town, 0
        self.stop = asyncio.Event()

    def make(self) -> str:
        self.numbers += 1
        number = f"N{self.numbers}"
        customer = self.town.save("left", "customers", name=number, number=number, phone=f"1{self.numbers:010}")
        self.town.save(
            "left", "orders", number=number, customer_id=customer["id"], lines=[{"what": "thing"}], remark=number
        )
        return number

    async def go_on(self) -> None:
        while not self.stop.is_set():
            self.make()
            await asyncio.sleep(0.5)

    def arrived(self, number: str) -> bool:
        return any(row["number"] == number for row in self.town.right.tables["orders"].values())

    def judged(self) -> Mapping[str, int]:
        """From the vendors' books: lost, there twice, there in part."""
        counts: Counter[str] = Counter(lost=0, double=0, half=0)
        left, right = self.town.left.tables, self.town.right.tables
        names = {key: row["number"] for key, row in right["customers"].items()}
        for table, fields in (("customers", ("name", "number", "phone")), ("orders", ("number", "remark"))):
            found = Counter(row["number"] for row in right[table].values())
            by_number = {row["number"]: row for row in right[table].values()}
            for row in left[table].values():
                other = by_number.get(row["number"], {})
                counts["lost"] += not other
                counts["double"] += found[row["number"]] > 1
                whole = all(other.get(name) == row[name] for name in fields)
                whole &= table == "customers" or names.get(other.get("customer_id", "")) == row["number"]
                counts["half"] += bool(other) and not whole
        return counts


async def one_event(town: Street, work: Work, happen: Callable[[], Awaitable[None]]) -> float:
    """The seconds from its end until something new came through all of the hub."""
    await happen()
    ended = time.monotonic()
    number = work.make()

    async def there() -> bool:
        return work.arrived(number)

    await until(there, town.fire.said)
    return time.monotonic() - ended


async def half_kept(town: Street) -> int:
    """What only a torn transaction could leave: settled without an entity, an entity without a change, or no delivery."""
    queries = (
        "inbox WHERE state = 'done' AND note IN ('created', 'linked') AND entity_id IS NULL",
        "entity e WHERE NOT EXISTS (SELECT 1 FROM change c WHERE c.entity_id = e.id)",
        "entity e WHERE kind IN ('customer', 'parcel') AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.entity_id = e.id)",
    )
    return sum([await town.count(query) for query in queries])


async def test_r4_what_a_database_does_to_those_who_use_it(folder: Path) -> None:
    events = size(5, 200)
    with small_disk(folder / "small") as mounted:
        server = EmbeddedServer(folder / "database", durable=True)
        base = Base(server, folder / "small" if mounted else None, server.start())
        try:
            url = await base.make()
            counts = await under_fire(base, url, folder, events)
        finally:
            server.stop()
    told = {"events": events, **counts, "disk": "small file system" if mounted else "simulated by a trigger"}
    write_result("R4", told)
    assert (counts["lost"], counts["double"], counts["half"], counts["torn"], counts["parked"]) == (0, 0, 0, 0, 0)
    assert counts["recovery_seconds"] <= RECOVERY_SECONDS


async def under_fire(base: Base, url: str, folder: Path, events: int) -> dict[str, float]:
    kinds = (base.restart, base.pause, base.reset, base.too_many, base.disk_full)
    rng = random.Random(4)
    worst = 0.0
    async with street(named(base.admin, "fire"), folder / "run", hub_url=url, every="60s", shape="across") as town:
        work = Work(town)
        town.fire.start("intake", "engine")
        await town.fire.ready()
        going = asyncio.create_task(work.go_on())
        await one_event(town, work, lambda: asyncio.sleep(0))  # it flows
        for number in range(events):
            kind = kinds[number % len(kinds)]
            await asyncio.sleep(rng.uniform(0, 0.5))
            seconds = await one_event(town, work, kind)
            print(f"  {kind.__name__}: {seconds:.1f} s")
            worst = max(worst, seconds)
            assert town.fire.alive(), town.fire.said()
        work.stop.set()
        await going
        await town.settled()
        parked = await town.count("delivery WHERE state = 'parked'") + await town.count("inbox WHERE state = 'parked'")
        found = dict(work.judged()) | {"torn": await half_kept(town), "parked": parked}
    return {"records": 2 * work.numbers, **found, "recovery_seconds": round(worst, 1)}
