"""Any number of rows in one statement: they travel as a single JSON parameter."""

import base64
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Column, Dialect, LargeBinary, Table, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

Row = Mapping[str, Any]
Update = Sequence[str] | Mapping[str, str]
"""Columns to take from the new row, or column -> SQL over `t` (the stored row) and `excluded` (the new one)."""

_DIALECT: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]


async def insert(
    connection: AsyncConnection, table: Table, rows: Sequence[Row], returning: Sequence[str] = ()
) -> Sequence[RowMapping]:
    """Insert all rows in the given order. A column that the rows do not name gets its default."""
    if not rows:
        return []
    statement = _statement(table, tuple(rows[0]), (), None, tuple(returning))
    return await _run(connection, statement, rows)


async def upsert(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Row],
    *,
    conflict: Sequence[str],
    update: Update | None = None,
    returning: Sequence[str] = (),
) -> Sequence[RowMapping]:
    """Insert or update by the unique columns `conflict`, written in their order so that writers cannot deadlock.

    `update=None` takes every other column from the new row, `update=()` leaves a stored row as it is
    (and does not return it). Of two rows with the same key the later one counts.
    """
    if not rows:
        return []
    columns = tuple(rows[0])
    changes = _changes(columns, conflict, update)
    statement = _statement(table, columns, tuple(conflict), changes, tuple(returning))
    last = {tuple(row[name] for name in conflict): row for row in rows}
    return await _run(connection, statement, list(last.values()))


def _changes(columns: Sequence[str], conflict: Sequence[str], update: Update | None) -> tuple[tuple[str, str], ...]:
    if update is None:
        update = [name for name in columns if name not in conflict]
    if isinstance(update, Mapping):
        return tuple(update.items())
    return tuple((name, f"excluded.{_quote(name)}") for name in update)


async def _run(connection: AsyncConnection, statement: TextClause, rows: Sequence[Row]) -> Sequence[RowMapping]:
    names = rows[0].keys()
    for row in rows:
        if row.keys() != names:
            raise ValueError(f"All rows of one statement need the same columns; {set(names) ^ set(row)} differ.")
    result = await connection.execute(
        statement, {"rows": orjson.dumps(rows, default=_as_json, option=orjson.OPT_NON_STR_KEYS).decode()}
    )
    return result.mappings().all() if result.returns_rows else []


@lru_cache(maxsize=512)
def _statement(
    table: Table,
    names: tuple[str, ...],
    conflict: tuple[str, ...],
    changes: tuple[tuple[str, str], ...] | None,
    returning: tuple[str, ...],
) -> TextClause:
    columns = [table.columns[name] for name in names]
    target = ", ".join(_quote(name) for name in names)
    values = ", ".join(_value(column) for column in columns)
    shape = ", ".join(f"{_quote(column.name)} {_json_type(column)}" for column in columns)
    parts = [
        f"INSERT INTO {_DIALECT.identifier_preparer.format_table(table)} AS t ({target})",
        f"SELECT {values} FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x({shape})",
    ]
    if changes is not None:
        keys = ", ".join(_quote(name) for name in conflict)
        parts.append(f"ORDER BY {', '.join(f'x.{_quote(name)}' for name in conflict)}")
        parts.append(f"ON CONFLICT ({keys}) {_resolution(changes)}")
    if returning:
        parts.append(f"RETURNING {', '.join(f't.{_quote(name)}' for name in returning)}")
    return text("\n".join(parts))


def _resolution(changes: tuple[tuple[str, str], ...]) -> str:
    if not changes:
        return "DO NOTHING"
    return "DO UPDATE SET " + ", ".join(f"{_quote(name)} = {value}" for name, value in changes)


def _value(column: Column[Any]) -> str:
    name = f"x.{_quote(column.name)}"
    return f"decode({name}, 'base64')" if isinstance(column.type, LargeBinary) else name


def _json_type(column: Column[Any]) -> str:
    if isinstance(column.type, LargeBinary):
        return "text"
    return column.type.compile(dialect=_DIALECT)


def _quote(name: str) -> str:
    return _DIALECT.identifier_preparer.quote(name)


def _as_json(value: object) -> Any:
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"{type(value).__name__} cannot be written to the database")


_WRITERS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (Decimal, lambda value: orjson.Fragment(format(value, "f"))),
    (bytes, lambda value: base64.b64encode(value).decode("ascii")),
    (timedelta, lambda value: f"{value // timedelta(microseconds=1)} microseconds"),
    (Mapping, dict),
    (Set, list),
)
