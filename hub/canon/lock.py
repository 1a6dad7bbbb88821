"""Who must be alone: writers that look for what is there before they write wait for one another here."""

import hashlib
from collections.abc import Iterable
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.kinds import Kinds

DERIVING: Final = "derive"


def applying(kind: str) -> str:
    """Two systems that bring the same thing at once meet here, before either looks for it."""
    return f"apply {kind}"


def every_writer(kinds: Kinds) -> list[str]:
    """All who find entities and write what they found a moment later."""
    return [DERIVING, *(applying(kind) for kind in kinds)]


def _number(work: str) -> int:
    return int.from_bytes(hashlib.sha256(work.encode()).digest()[:8], "big", signed=True)


async def alone(conn: AsyncConnection, works: Iterable[str]) -> None:
    """Hold these until the transaction ends, taken in one order by everybody."""
    numbers = sorted(map(_number, works))
    query = "SELECT pg_advisory_xact_lock(number) FROM unnest(CAST(:numbers AS bigint[])) AS number"
    await conn.execute(text(query), {"numbers": numbers})


async def alone_at_once(conn: AsyncConnection, work: str) -> bool:
    """Hold this until the transaction ends, if nobody else does now."""
    query = text("SELECT pg_try_advisory_xact_lock(:number)")
    return bool((await conn.execute(query, {"number": _number(work)})).scalar_one())
