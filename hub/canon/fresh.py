"""A new entity takes its first record as it is: there is nothing to merge with, only rules about who may speak."""

from collections.abc import Mapping, Sequence
from functools import partial

from hub.canon.entity import Fields
from hub.canon.merge import Merged
from hub.canon.ownership import Rule, may_set
from hub.mapping.shape import CUSTOM, LINE_KEY


class FirstWord(dict[str, bool]):
    """field -> may this system set it on a new entity? Asked once for each."""

    def __init__(self, rules: Mapping[str, Rule], who: str) -> None:
        super().__init__()
        self._ask = partial(may_set, rules, who=who, entity=None, stamp=None)

    def __missing__(self, name: str) -> bool:
        answer = self[name] = self._ask(name)
        return answer


def taken_whole(new: Fields, free: Mapping[str, bool]) -> Merged:
    """What `merge` says of a new entity and a record that nobody knew."""
    merged = Merged({})
    for name, value in new.items():
        if value is None:
            continue
        if name == CUSTOM:
            _take_custom(merged, value, free)
        elif not free[name]:
            merged.withheld += [name] if value != [] else []
        elif type(value) is list:
            _take_lines(merged, name, value)
        else:
            merged.fields[name] = value
            merged.changed[name] = (None, value)
    return merged


def _take_custom(merged: Merged, new: Fields, free: Mapping[str, bool]) -> None:
    taken = {}
    for name, value in new.items():
        if value is None:
            continue
        path = f"{CUSTOM}.{name}"
        if free[path]:
            taken[name] = value
            merged.changed[path] = (None, value)
        else:
            merged.withheld.append(path)
    if taken:
        merged.fields[CUSTOM] = taken


def _take_lines(merged: Merged, name: str, new: Sequence[Fields]) -> None:
    if not new:
        return
    lines = [{sub: value for sub, value in line.items() if value is not None and sub != LINE_KEY} for line in new]
    keyed = {
        str(line[LINE_KEY]): taken for line, taken in zip(new, lines, strict=True) if line.get(LINE_KEY) is not None
    }
    if keyed:
        merged.lines[name] = keyed
    merged.fields[name] = lines
    merged.changed[name] = (None, lines)
