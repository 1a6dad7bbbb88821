"""Months of the archive tables: made ahead, given up when their time is over. Nobody who writes hot tables waits here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.db.session import Database

LOCK_TIMEOUT = "2s"
_NAME = re.compile(r"(?P<parent>[a-z_]+_archive)_(?P<year>\d{4})_(?P<month>\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """One partition's span, in UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, moment: datetime) -> "Month":
        moment = moment.astimezone(UTC)
        return cls(moment.year, moment.month)

    def next(self) -> "Month":
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    def end(self) -> datetime:
        return self.next().start()

    def table(self, parent: str) -> str:
        return f"{parent}_{self.year:04}_{self.month:02}"


def is_partition(name: str | None) -> bool:
    """Is this table one month of an archive? Those are no part of the schema: they come and go."""
    return name is not None and _NAME.fullmatch(name) is not None


def span(first: datetime, last: datetime) -> list[Month]:
    """Every month from one moment to another."""
    months = [Month.of(first)]
    while months[-1] < Month.of(last):
        months.append(months[-1].next())
    return months


@dataclass(frozen=True, slots=True)
class Partition:
    """A month that is there. `attached` False: a drop was interrupted, its rows are in no listing any more."""

    month: Month
    table: str
    attached: bool
    half: bool  # its detaching was interrupted


_THERE = text(
    """
    SELECT c.relname AS name, i.inhrelid IS NOT NULL AS attached, coalesce(i.inhdetachpending, false) AS half
    FROM pg_class c JOIN pg_class p ON p.relnamespace = c.relnamespace
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
    WHERE p.oid = CAST(CAST(:parent AS text) AS regclass) AND c.relkind = 'r' AND c.relname LIKE :pattern ORDER BY 1
    """
)


async def there(conn: AsyncConnection, parent: str) -> list[Partition]:
    """The months of an archive, oldest first."""
    rows = await conn.execute(_THERE, {"parent": parent, "pattern": f"{parent}\\_%"})
    found = []
    for row in rows:
        match = _NAME.fullmatch(row.name)
        if match is not None:
            month = Month(int(match["year"]), int(match["month"]))
            found.append(Partition(month, row.name, row.attached, row.half))
    return found


async def ensure(conn: AsyncConnection, parent: str, months: Sequence[Month]) -> list[Month]:
    """Make the months that are missing. A table is made whole, then attached: that waits for nobody who reads."""
    known = {partition.month for partition in await there(conn, parent)}
    made = [month for month in months if month not in known]
    for month in made:
        name = month.table(parent)
        bounds = f"FROM ('{month.start().isoformat()}') TO ('{month.end().isoformat()}')"
        await conn.execute(text(f"CREATE TABLE {name} (LIKE {parent} INCLUDING ALL)"))
        await conn.execute(text(f"ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES {bounds}"))
    return made


async def detach(db: Database, parent: str, partition: Partition) -> None:
    """Take a month out of its archive without keeping readers waiting; one that was left half way is finished."""
    if not partition.attached:
        return
    how = "FINALIZE" if partition.half else "CONCURRENTLY"
    async with db.engine.connect() as plain:
        conn = await plain.execution_options(isolation_level="AUTOCOMMIT")  # it may not stand in a transaction
        await conn.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        try:
            await conn.execute(text(f"ALTER TABLE {parent} DETACH PARTITION {partition.table} {how}"))
        finally:
            await conn.execute(text("RESET lock_timeout"))
