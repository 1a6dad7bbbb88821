"""Values at paths of a record."""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

import jmespath

from hub.sdk import Record


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:
    return jmespath.compile(expression)


def search(expression: str, data: Any) -> Any:
    """What a JMESPath expression finds."""
    return _compiled(expression).search(data)


def at(record: Any, path: str) -> Any:
    """The value at a dotted path; None where any part is missing."""
    for name in path.split("."):
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


def text_at(record: Any, path: str) -> str:
    """An id or stamp as text: what is no text or number is none."""
    value = at(record, path)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else ""


def overlay(known: Any, pushed: Any) -> Any:
    """The pushed fields laid over the known record; lists are replaced whole."""
    if not isinstance(known, Mapping) or not isinstance(pushed, Mapping):
        return pushed
    return {**known, **{name: overlay(known.get(name), value) for name, value in pushed.items()}}


def covers(there: Any, pushed: Any) -> bool:
    """Is everything we would send already there? The other side may have added fields, in lines too."""
    if isinstance(pushed, Mapping):
        return isinstance(there, Mapping) and all(covers(there.get(name), value) for name, value in pushed.items())
    if isinstance(pushed, list):
        return isinstance(there, list) and len(there) == len(pushed) and all(map(covers, there, pushed))
    return bool(there == pushed)


def missing_from(there: Record, pushed: Record) -> Record:
    """The pushed fields in which the record there differs."""
    return {name: value for name, value in pushed.items() if not covers(there.get(name), value)}
