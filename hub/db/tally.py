"""Counts of what happened, written by the transaction in which it happened, as its last statement.

So they are exact: what is rolled back was never counted, what is committed is, whatever dies. Last and in one order, so
that two transactions never wait for each other crosswise; each process counts in rows of its own."""

import os
from collections import Counter
from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.sdk import jsontext

Key = tuple[str, str, str]
"""What, of which connection, sync or loop, with which label."""

SLOTS: Final = 16
_KEPT: Final = "tally"


_ADD = text(
    """
    INSERT INTO tally AS t (what, name, label, slot, n)
    SELECT what, name, label, slot, n FROM jsonb_to_recordset(CAST(:rows AS jsonb))
      AS x(what text, name text, label text, slot int, n bigint)
    ORDER BY what, name, label
    ON CONFLICT (what, name, label, slot) DO UPDATE SET n = t.n + excluded.n
    """
)


def slot() -> int:
    """The rows this process counts in."""
    return os.getpid() % SLOTS


def count(conn: AsyncConnection, what: str, name: str, label: str, n: int = 1) -> None:
    """So much more of it, if this transaction commits."""
    if n:
        counts: Counter[Key] = _counts(conn)
        counts[what, name, label] += n


def begin(conn: AsyncConnection) -> None:
    """Nothing counted yet: a connection remembers what a transaction that failed had counted."""
    conn.info.pop(_KEPT, None)


async def write(conn: AsyncConnection) -> None:
    """Write down what was counted; the last thing before the commit."""
    counts: Mapping[Key, int] = conn.info.pop(_KEPT, {})
    rows = [
        {"what": what, "name": name, "label": label, "slot": slot(), "n": n}
        for (what, name, label), n in counts.items()
    ]
    if rows:
        await conn.execute(_ADD, {"rows": jsontext.dumps(rows).decode()})


def _counts(conn: AsyncConnection) -> Counter[Key]:
    counts: Counter[Key] = conn.info.setdefault(_KEPT, Counter())
    return counts
