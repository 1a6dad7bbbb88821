"""References inside mapped entities: found, resolved for a whole batch, and what to do about parents we do not know."""

from collections.abc import Iterable, Mapping
from typing import Any

from hub.canon.entity import Fields
from hub.config.runtime import Configuration
from hub.mapping import Ref
from hub.sdk.records import Bell


def refs_in(fields: Mapping[str, Any]) -> list[Ref]:
    """All references in an entity's fields and its lines."""
    found = [value for value in fields.values() if type(value) is Ref]
    for value in fields.values():
        if type(value) is list:
            for line in value:
                found += [sub for sub in line.values() if type(sub) is Ref]
    return found


def with_ids(fields: Mapping[str, Any], found: Mapping[Ref, int]) -> Fields:
    """The fields with references replaced by entity ids; an unknown one stays a `Ref`."""
    answer = dict(fields)
    for name, value in fields.items():
        if type(value) is Ref:
            answer[name] = found.get(value, value)
        elif type(value) is list:
            answer[name] = [
                {sub: found.get(v, v) if type(v) is Ref else v for sub, v in line.items()} for line in value
            ]
    return answer


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
