"""References inside mapped entities: found, resolved for a whole batch, and what to do about parents we do not know."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hub.canon.entity import Fields
from hub.config.runtime import Configuration
from hub.mapping import Ref
from hub.sdk.records import Bell


def refs_in(fields: Mapping[str, Any]) -> Iterator[Ref]:
    """All references in an entity's fields and its lines."""
    for value in fields.values():
        if isinstance(value, Ref):
            yield value
        elif isinstance(value, list):
            for line in value:
                yield from (sub for sub in line.values() if isinstance(sub, Ref))


def with_ids(fields: Mapping[str, Any], found: Mapping[Ref, int]) -> Fields:
    """The fields with references replaced by entity ids; an unknown one stays a `Ref`."""

    def answer(value: Any) -> Any:
        return found.get(value, value) if isinstance(value, Ref) else value

    return {
        name: [{sub: answer(v) for sub, v in line.items()} for line in value]
        if isinstance(value, list)
        else answer(value)
        for name, value in fields.items()
    }


def awaited(connection: str, ref: Ref) -> str:
    """What a record of this connection waits for: the text kept in `inbox.waiting_for`."""
    return f"ref|{ref.system or connection}|{ref.kind}|{ref.by}|{ref.text}"


def awaited_by(
    connection: str, kind: str, key: str, names: Mapping[str, str], lines: Iterable[tuple[str, str]]
) -> list[str]:
    """Everything that may wait for this record: by key, by its names, by its lines (list field, line key)."""
    refs = [Ref(kind, "key", key), *(Ref(kind, name, value) for name, value in names.items())]
    refs += [Ref(f"{kind}.{path}", "key", line) for path, line in lines]
    return [awaited(connection, ref) for ref in refs]


def parent_bell(configuration: Configuration, connection: str, ref: Ref) -> Bell | None:
    """How to fetch the record a reference means, from the connection that names it; None when nothing reads that kind there
    or the reference is to a line (its document comes by itself)."""
    stream = configuration.stream_of(connection, ref.kind)
    sync = configuration.inbound(connection, stream) if stream else None
    if stream is None or sync is None or sync.mapping is None:
        return None
    if ref.by == "key":
        return Bell(stream, ref.text)
    path = sync.mapping.name_paths.get(ref.by)
    return Bell(stream, ref.text, path) if path else None
