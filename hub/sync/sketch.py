"""What a stream's records look like, drawn from a page at a time, and how two such sketches differ.

Columns, not records, are looked at: one pass per field over the page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from hub.mapping import CompiledMapping
from hub.mapping.lines import Line
from hub.mapping.projection import line_paths

What = Literal["added", "vanished", "retyped", "enum"]
Weight = Literal["harmless", "warning", "breaking"]

MOST_PATHS: Final = 1000  # a record that holds free names as keys is no schema
MOST_WORDS: Final = 100
SAMPLE: Final = 500
ENOUGH: Final = 20  # records before anything is said to have been always so
WHOLE_PAGE: Final = 5  # records that must lack a field together; fewer are bad records, parked one by one

_WORDS: Final[Mapping[type, str]] = {
    str: "text",
    bool: "bool",
    int: "number",
    Decimal: "number",
    dict: "object",
    list: "list",
}


@dataclass(slots=True)
class Facet:
    """One path: the types it had, whether every record has had it, and, of an enum, its words."""

    types: frozenset[str]
    always: bool
    words: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, Any]:
        return {"types": sorted(self.types), "always": self.always, "words": sorted(self.words)}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Facet":
        return cls(frozenset(said["types"]), said["always"], frozenset(said["words"]))


Sketch = dict[str, Facet]


@dataclass(frozen=True, slots=True)
class Needs:
    """Which paths a mapping cannot do without, which it reads, and which are enums. A path is its names, lists apart."""

    required: frozenset[tuple[str, ...]]
    read: frozenset[tuple[str, ...]]
    enums: frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Difference:
    path: str
    what: What
    before: str
    after: str


def sketch(records: Sequence[Mapping[str, Any]], enums: frozenset[tuple[str, ...]]) -> Sketch:
    """The sketch of one page; of a very long one a sample of it."""
    found: Sketch = {}
    _draw(records[:: len(records) // SAMPLE + 1], "", found, enums)
    return found


def _draw(rows: Sequence[Mapping[str, Any]], prefix: str, found: Sketch, enums: frozenset[tuple[str, ...]]) -> None:
    for name in dict.fromkeys(name for row in rows for name in row):
        if len(found) >= MOST_PATHS:
            return
        values = [row[name] for row in rows if name in row]
        path = prefix + name
        types = frozenset(_WORDS.get(kind, "text") for kind in set(map(type, values)) - {type(None)})
        words = frozenset(value for value in values if type(value) is str) if names(path) in enums else frozenset()
        found[path] = Facet(types, len(values) == len(rows), words)
        if "object" in types:
            _draw([value for value in values if type(value) is dict], f"{path}.", found, enums)
        if "list" in types:
            inner = [one for value in values if type(value) is list for one in value if type(one) is dict]
            _draw(inner, f"{path}[].", found, enums)


def names(path: str) -> tuple[str, ...]:
    return tuple(path.replace("[]", "").split("."))


def _parent(path: str) -> str:
    return path.rpartition(".")[0].removesuffix("[]")


def differences(known: Sketch, seen: Sketch) -> list[Difference]:
    """How a page differs from what is known; of a whole new object only the object itself."""
    found = [
        Difference(path, "added", "", "/".join(sorted(facet.types)))
        for path, facet in seen.items()
        if path not in known and (not _parent(path) or _parent(path) in known)
    ]
    for path, facet in known.items():
        now = seen.get(path)
        if now is None:
            parent = _parent(path)
            if facet.always and (not parent or _spoken_of(seen, parent)):
                found.append(Difference(path, "vanished", "/".join(sorted(facet.types)), ""))
            continue
        if now.types and facet.types and not now.types <= facet.types:
            found.append(Difference(path, "retyped", "/".join(sorted(facet.types)), "/".join(sorted(now.types))))
        new = now.words - facet.words
        if new and facet.words and len(facet.words) < MOST_WORDS:
            found.append(Difference(path, "enum", "", ", ".join(sorted(new)[:5])))
    return found


def _spoken_of(seen: Sketch, parent: str) -> bool:
    """Did a page have this object, or elements in this list, so that what they lack is telling?"""
    return parent in seen and ("object" in seen[parent].types or _children(seen, parent))


def _children(seen: Sketch, parent: str) -> bool:
    return any(path.startswith((f"{parent}.", f"{parent}[].")) for path in seen)


def merged(known: Sketch, seen: Sketch) -> Sketch:
    """What is known after a page."""
    result: Sketch = {}
    for path in dict.fromkeys([*known, *seen]):
        old, new = known.get(path), seen.get(path)
        if old is None or new is None:
            one = old or new
            assert one is not None
            parent = _parent(path)
            asked = old is None or not parent or _spoken_of(seen, parent)
            result[path] = Facet(one.types, one.always and not asked, one.words)
        else:
            words = frozenset(sorted(old.words | new.words)[:MOST_WORDS])
            result[path] = Facet(old.types | new.types, old.always and new.always, words)
    return dict(list(result.items())[:MOST_PATHS])


def weight(difference: Difference, needs: Needs, records: int) -> Weight:
    """What follows from a difference: nothing, a remark, or that the flow must stand still."""
    path = names(difference.path)
    required, read = _touches(path, needs.required), _touches(path, needs.read)
    if difference.what == "vanished" and read:
        return "breaking" if required and records >= WHOLE_PAGE else "warning"
    if difference.what == "retyped" and read:
        before, after = set(difference.before.split("/")), set(difference.after.split("/"))
        another = not before & after and records >= WHOLE_PAGE
        shape = bool({"object", "list"} & (before ^ after))
        return "breaking" if another and (required or shape) else "warning"
    return "warning" if difference.what == "enum" and read else "harmless"


def _touches(path: tuple[str, ...], wanted: frozenset[tuple[str, ...]]) -> bool:
    """Is it one of them, or does one of them lie inside it?"""
    return any(one[: len(path)] == path for one in wanted)


def needs_of(mapping: CompiledMapping, declared: Mapping[str, str]) -> Needs:
    """What a mapping needs of its stream's records; `declared`: the stream's own schema."""
    head = mapping.head
    required = {path for source in (head.key, head.version) if source is not None for path in source.reads}
    required |= _required(mapping.lines, ())
    enums = {names(path) for path, word in declared.items() if word == "enum"} | _enums(mapping.lines, ())
    others = {path for source in (*head.names.values(), head.deleted, head.where) if source for path in source.reads}
    return Needs(
        frozenset(map(tuple, required)),
        frozenset(map(tuple, {*required, *others, *line_paths(mapping.lines)})),
        frozenset(enums),
    )


def _required(lines: Iterable[Line], prefix: tuple[str, ...]) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for line in lines:
        if line.required and line.source is not None:
            found |= {(() if line.source.rooted else prefix) + path for path in line.source.reads}
        if line.part is not None and line.part.source.names is not None:
            here = prefix + line.part.source.names
            found |= {here + path for path in line.part.key.source.reads} if line.part.key else set()
            found |= _required(line.part.lines, here)
    return found


def _enums(lines: Iterable[Line], prefix: tuple[str, ...]) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for line in lines:
        if line.enum is not None and line.source is not None:
            found |= {(() if line.source.rooted else prefix) + path for path in line.source.reads}
        if line.part is not None and line.part.source.names is not None:
            found |= _enums(line.part.lines, prefix + line.part.source.names)
    return found
