"""Three-way merge: what one system changed since we last knew its record, offered to the ownership rules.

`base` is the last known record as its mapping read it, `new` the record now, `current` the entity. Only fields in which
`new` differs from `base` are that system's changes. Lines are merged line by line, by the vendor's line keys.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.canon.entity import Fields
from hub.canon.store import LINE_ID
from hub.mapping.shape import CUSTOM, LINE_KEY, Shape

Allowed = Callable[[str], bool]
"""field -> may this system set it now?"""


def _never(_name: str) -> bool:
    return False


LineIds = Mapping[str, Mapping[str, int]]


@dataclass(slots=True)
class Merged:
    """The entity's new fields, what changed (field -> (old, new)), what was offered but not allowed, and for each
    list the vendor's line key -> canonical line (its dict; a new one has no id yet). `late`: lists that changed only
    where nobody had spoken later."""

    fields: Fields
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    withheld: list[str] = field(default_factory=list)
    lines: dict[str, dict[str, Fields]] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)


def merge(
    shape: Shape,
    current: Fields,
    base: Fields,
    new: Fields,
    *,
    allowed: Allowed,
    line_ids: LineIds,
    late: Allowed = _never,
) -> Merged:
    """Merge one record into an entity. `line_ids`: list field -> vendor line key -> canonical line id. `late`: is a list
    that may not be set only older than what was said last? Then it counts where nobody else has changed it: two
    systems that change different lines both have their way, whoever is heard first."""
    merged = Merged(dict(current))
    for name, value in new.items():
        spec = shape.fields.get(name)
        if name == CUSTOM:
            _merge_custom(merged, base.get(CUSTOM) or {}, value or {}, allowed)
        elif spec is not None and spec.type == "list":
            if not allowed(name) and late(name):
                merged.late.add(name)
            _merge_list(merged, name, base.get(name) or [], value or [], allowed, line_ids.get(name, {}))
        elif value != base.get(name) and value != current.get(name):
            if allowed(name):
                merged.changed[name] = (current.get(name), value)
                merged.fields[name] = value
            else:
                merged.withheld.append(name)
    merged.fields = {name: value for name, value in merged.fields.items() if value is not None}
    return merged


def _merge_custom(merged: Merged, base: Fields, new: Fields, allowed: Allowed) -> None:
    current: Fields = dict(merged.fields.get(CUSTOM) or {})
    for name, value in new.items():
        if value == base.get(name) or value == current.get(name):
            continue
        path = f"{CUSTOM}.{name}"
        if not allowed(path):
            merged.withheld.append(path)
            continue
        merged.changed[path] = (current.get(name), value)
        current[name] = value
    if current:
        merged.fields[CUSTOM] = {name: value for name, value in current.items() if value is not None}


def _merge_list(
    merged: Merged, name: str, base: Sequence[Fields], new: Sequence[Fields], allowed: Allowed, ids: Mapping[str, int]
) -> None:
    before: list[Fields] = list(merged.fields.get(name) or [])
    current = [dict(line) for line in before]
    paired = pair_lines(current, new, ids)
    late = name in merged.late
    if not late and not allowed(name):
        _keep_keys(merged, name, new, paired)
        if list(new) != list(base):
            merged.withheld.append(name)
        return
    known = {str(line.get(LINE_KEY)): line for line in base}
    by_id = {line.get(LINE_ID): line for line in before}
    for position, line in enumerate(new):
        target = paired[position]
        base_line = known.get(str(line.get(LINE_KEY))) or {}
        if target is None:
            if str(line.get(LINE_KEY)) in ids and (late or line == base_line):
                continue  # somebody else took this line away, and this system says nothing new of it
            target = paired[position] = {}
            base_line = {}  # new here, so it is taken whole
            current.append(target)
        _merge_line(target, base_line, line, late=late)
    _keep_keys(merged, name, new, paired)
    gone = {ids[key] for key in known if key in ids} - {ids.get(str(line.get(LINE_KEY))) for line in new}
    if late:
        gone &= {
            ids[key] for key, line in known.items() if key in ids and _says(by_id.get(ids[key], {})) == _says(line)
        }
    current = [line for line in current if line.get(LINE_ID) not in gone]
    if current != before:
        merged.fields[name] = current
        merged.changed[name] = (before or None, current)


def _keep_keys(merged: Merged, name: str, new: Sequence[Fields], paired: Sequence[Fields | None]) -> None:
    for line, target in zip(new, paired, strict=True):
        if target is not None and line.get(LINE_KEY) is not None:
            merged.lines.setdefault(name, {})[str(line[LINE_KEY])] = target


def _says(line: Fields) -> Fields:
    return {name: value for name, value in line.items() if value is not None and name not in {LINE_KEY, LINE_ID}}


def _merge_line(target: Fields, base: Fields, new: Fields, *, late: bool) -> None:
    for name, value in new.items():
        if name == LINE_KEY or value == base.get(name) or (late and target.get(name) != base.get(name)):
            continue
        if value is None:
            target.pop(name, None)
        else:
            target[name] = value


def pair_lines(current: Sequence[Fields], new: Sequence[Fields], ids: Mapping[str, int]) -> list[Fields | None]:
    """For each line of `new` its line of `current`: by the linked key, else by equal values. At first contact the most
    alike will do; later a line is taken for one of ours only when it says nothing else, so that lines which two systems
    add at the same time do not swallow each other."""
    strict = bool(ids)
    free = {line.get(LINE_ID): line for line in current}
    paired: list[Fields | None] = [None] * len(new)
    for position, line in enumerate(new):
        known = ids.get(str(line.get(LINE_KEY)))
        if known is not None:
            paired[position] = free.pop(known, None)
    linked = set(ids.values())
    open_lines = [line for line in free.values() if line.get(LINE_ID) not in linked]
    for position, line in enumerate(new):
        if paired[position] is None and str(line.get(LINE_KEY)) not in ids:
            best = max(open_lines, key=lambda candidate: _alike(candidate, line, strict=strict), default=None)
            if best is not None and _alike(best, line, strict=strict) > 0:
                paired[position] = best
                open_lines.remove(best)
    return paired


def _alike(left: Fields, right: Fields, *, strict: bool) -> int:
    """How many values two lines share; -1 when a reference differs: another product is another line. `strict`: when
    anything differs."""
    shared = 0
    for name, value in right.items():
        if name == LINE_KEY or value is None or name not in left:
            continue
        if left[name] == value:
            shared += 1
        elif strict or (isinstance(value, int) and not isinstance(value, bool)):
            return -1
    return shared
