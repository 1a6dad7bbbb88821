"""The difference between two specs or texts, as lines for people; no secret is ever shown."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from hub.sdk import jsontext
from hub.security.redact import MASK, secret_name
from hub.security.secrets import references

SHOWN = 80
MOST_LINES = 40
NOTHING = object()


def spec_lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """`config.base_url: "a" -> "b"`, one line per value that differs."""
    before, after = dict(_flat(old)), dict(_flat(new))
    return [
        f"{path}: {_shown(path, before.get(path, NOTHING))} -> {_shown(path, after.get(path, NOTHING))}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path, NOTHING) != after.get(path, NOTHING)
    ]


def text_lines(old: str, new: str) -> list[str]:
    """The changed lines of a text, marked - and +."""
    compared = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    lines = [line for line in compared if not line.startswith(("---", "+++", "@@"))]
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"… and {more} more lines"] if more > 0 else lines


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _flat(item, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, Mapping) and not path:
        return  # nothing at all on this side
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for index, item in enumerate(value):
            yield from _flat(item, f"{path}[{index}]")
    else:
        yield path, value


def _shown(path: str, value: Any) -> str:
    if value is NOTHING:
        return "(none)"
    if isinstance(value, str) and secret_name(path.rsplit(".", 1)[-1]) and not references(value):
        return MASK
    text = jsontext.dumps(value).decode()
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
