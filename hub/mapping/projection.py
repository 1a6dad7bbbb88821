"""The part of a record a mapping looks at or writes, and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import orjson

from hub.mapping.lines import Line
from hub.mapping.reads import Path, shortest
from hub.mapping.shape import Record

_PLACES: Final = 60
_SAFE_DIGITS: Final = 18

Tree = dict[str, Any]
"""Name -> Tree, an empty one keeps everything below. It holds for a list's elements as for an object."""


def line_paths(lines: Iterable[Line], prefix: Path = ()) -> set[Path]:
    """Every path of the record that the lines read or write."""
    found: set[Path] = set()
    for line in lines:
        sources = [line.source, line.currency.source if line.currency else None]
        if line.part is not None:
            found |= _part_paths(line, prefix)
            continue
        for source in sources:
            if source is not None:
                found |= {(() if source.rooted else prefix) + path for path in source.reads}
        if line.when_record is not None:
            found |= {prefix + path for path in line.when_record.reads}
        found |= {prefix + target.names for target in line.targets}
    return found


def _part_paths(line: Line, prefix: Path) -> set[Path]:
    part = line.part
    if part is None or part.source.names is None:
        return {prefix + path for path in part.source.reads} if part else set()
    here = prefix + part.source.names
    key = {here + path for path in part.key.source.reads} if part.key else set()
    return key | line_paths(part.lines, here) or {here}


def keep_tree(paths: Iterable[Path]) -> Tree:
    tree: Tree = {}
    for path in shortest(paths):
        branch = tree
        for name in path:
            branch = branch.setdefault(name, {})
    return tree


def project(value: Any, tree: Tree) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [project(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    # Most names are leaves, kept whole.
    return {
        name: project(value[name], inner) if inner else value[name] for name, inner in tree.items() if name in value
    }


def _plain(value: Any) -> Any:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} does not belong in a record")
    if not value.is_finite() or not -_PLACES < value.adjusted() < _PLACES:
        return str(value)
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return int(text) if "." not in text and len(text) <= _SAFE_DIGITS else text


def canonical_json(value: Any) -> bytes:
    """Sorted, compact; 1.50, 1.5 and 1.500 are the same number."""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # Whole numbers beyond 64 bits and lone surrogates, which orjson refuses.
        text = json.dumps(value, default=_plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode("utf-8", "surrogatepass")


def digest(value: Record) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()
