"""Which records apply takes next: what people wait for before a backfill, and that before a re-mapping."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_FIRST = "WHERE connection = :connection AND stream = :stream AND state = 'due' AND due_at <= :now"
_ORDER = "ORDER BY from_link, patient, due_at, id LIMIT :limit"
_NOTED = f"SELECT id, key, patient FROM inbox {_FIRST} {_ORDER}"
_COLUMNS = """id, key, record, digest, deleted, live, correlation, identity, corrects, attempts,
  received_at, receipt_id, from_link, run_id, kept, patient"""
_CLAIM = f"SELECT {_COLUMNS} FROM inbox {_FIRST} {{only}} {_ORDER} FOR UPDATE SKIP LOCKED"
ANY = _CLAIM.format(only="")
_ONLY = _CLAIM.format(only="AND id = ANY(:only)")
_ALONG = f"SELECT {{columns}} FROM inbox {_FIRST} AND key = ANY(:keys) AND NOT from_link AND NOT id = ANY(:ids)"
ALONG = _ALONG.format(columns=_COLUMNS) + " FOR UPDATE SKIP LOCKED"
_NOTED_ALONG = _ALONG.format(columns="id")


async def take(conn: AsyncConnection, values: Mapping[str, Any], only: Sequence[int] | None) -> list[Row[Any]]:
    """The next rows of a stream, held until the transaction ends. `only`: of these, which `noted` named."""
    if only is not None:
        return list((await conn.execute(text(_ONLY).bindparams(only=list(only)), values)).all())
    rows = (await conn.execute(text(ANY), values)).all()
    return [*rows, *await _along(conn, ALONG, values, rows)]


async def noted(conn: AsyncConnection, values: Mapping[str, Any]) -> list[int]:
    """The ids of what `take` would take."""
    rows = (await conn.execute(text(_NOTED), values)).all()
    return [row.id for row in [*rows, *await _along(conn, _NOTED_ALONG, values, rows)]]


async def _along(
    conn: AsyncConnection, statement: str, values: Mapping[str, Any], rows: Sequence[Row[Any]]
) -> Sequence[Row[Any]]:
    """Who goes before a backfill takes along what of the same records waits there: several rows of one record are
    looked at together. Nothing is left behind where there was room for everything."""
    if len(rows) < values["limit"] or all(row.patient for row in rows):
        return ()
    ahead = {"keys": [row.key for row in rows if row.key is not None], "ids": [row.id for row in rows]}
    return (await conn.execute(text(statement), {**values, **ahead})).all()
