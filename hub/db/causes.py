"""Which group of failed work a row belongs to, as a column the database writes: nobody who parks a row can forget it."""

from typing import Final

from sqlalchemy import Column, Computed, Text


def _literal(plain: str) -> str:
    """With its type, as PostgreSQL writes it down: else `hub doctor` would take the column for a changed one."""
    quoted = plain.replace("'", "''")
    return f"'{quoted}'::text"


_QUOTED: Final = _literal("'[^']*'|\"[^\"]*\"|“[^”]*”|「[^」]*」")
_NUMBERED: Final = _literal("[A-Za-z0-9_:./+-]*[0-9][A-Za-z0-9_:./+-]*")
_NONE, _ALL, _NUMBER, _GAP = map(_literal, ("", "g", "#", "…"))
_SAID: Final = f"split_part(coalesce(error, {_NONE}), chr(10), 1)"
SHAPE: Final = f"regexp_replace(regexp_replace({_SAID}, {_QUOTED}, {_GAP}, {_ALL}), {_NUMBERED}, {_NUMBER}, {_ALL})"
"""The sentence of a failure without what differs from record to record: quoted values, numbers, dates, ids."""
_PATH: Final = f"coalesce(error_fields -> 0 ->> {_literal('path')}, {_NONE})"
_FIELD: Final = f"regexp_replace({_PATH}, {_literal('[0-9]+')}, {_NUMBER}, {_ALL})"


def cause(letter: str, place: str = "stream") -> Column[str]:
    """Connection, stream, class, field and shape of the sentence in a few letters; the first says which table."""
    parts = " || chr(31) || ".join(("connection", place, "error_class", _FIELD, SHAPE))
    named = f"{_literal(letter)} || left(md5({parts}), 9)"
    told = f"CASE WHEN error_class IS NOT NULL THEN {named} ELSE NULL::text END"
    return Column("cause", Text, Computed(told, persisted=True))
