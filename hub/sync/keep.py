"""What is kept of a push: the link with the record as the target has it now, its names and its lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.canon.identity import LinkState
from hub.mapping import CompiledMapping, RecordError
from hub.mapping.paths import put, take
from hub.mapping.shape import ABSENT
from hub.sdk import jsontext
from hub.sdk.records import Pushed
from hub.sync.outgoing import Plan


def link_state(plan: Plan, pushed: Pushed) -> LinkState:
    """The link after a push: the vendor's answer is the last known record, or the pushed fields laid over the old one."""
    mapping = plan.sync.mapping
    assert mapping is not None
    known = known_after(plan, pushed, mapping)
    names, version = _read(mapping, known if pushed.record is None else pushed.record)
    read_by = _read_by(plan, mapping)
    return LinkState(
        entity_id=plan.entity.id,
        kind=plan.sync.kind,
        connection=plan.sync.connection,
        stream=plan.sync.stream,
        key=pushed.key,
        known=known,
        digest=mapping.digest_of(known),
        mapping=read_by[0],
        mapping_version=read_by[1],
        record_version=version or (plan.link.record_version if plan.link else None),
        names=names,
        lines=_lines(plan, pushed, known),
    )


def _read_by(plan: Plan, mapping: CompiledMapping) -> tuple[str | None, int | None]:
    """To write is not to read: what an older version read of this record was not read by this one yet."""
    link = plan.link
    if link is not None and link.known is not None and link.mapping is not None:
        return link.mapping, link.mapping_version
    return mapping.name, plan.sync.mapping_version


def known_after(plan: Plan, pushed: Pushed, mapping: CompiledMapping) -> dict[str, Any]:
    """What we know of the record now. Of an answer that says more than we wrote only what we wrote is known: the rest
    somebody changed there since we read it, or the target filled in, and it is still to be read."""
    sent = plan.wanted if plan.link is None else plan.push.record if plan.push else {}
    before = plan.link.known if plan.link and plan.link.known else {}
    if pushed.record is None:
        return _held(mapping.overlay(before, sent))
    answer = _held(mapping.project(pushed.record))
    if plan.push is None or plan.push.action not in {"create", "update"}:
        return answer
    ours = mapping.overlay(before, _as_answered(sent, answer))
    key = mapping.head.key.names
    # What was found again after a crash was never read: without its key it is not whole, and the first reading takes all.
    found_again = plan.link is None and plan.push.known is not None
    if not found_again and key is not None and take(answer, key) is not ABSENT:
        put(ours, key, take(answer, key))  # we do not write it, and nothing is read without it
    return answer if _same_to_us(mapping, ours, answer) else ours


def unread(plan: Plan, pushed: Pushed) -> dict[str, Any] | None:
    """The vendor's answer, where it says more than we wrote and knew."""
    if pushed.record is None or plan.sync.mapping is None:
        return None
    mapping = plan.sync.mapping
    known, answer = known_after(plan, pushed, mapping), _held(mapping.project(pushed.record))
    return None if mapping.digest_of(known) == mapping.digest_of(answer) else _held(pushed.record)


def _as_answered(sent: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """What we wrote, in the target's spelling."""
    return {
        name: _as_answered(value, answer[name])
        if isinstance(value, dict) and isinstance(answer.get(name), dict)
        else answer.get(name, value)
        for name, value in sent.items()
    }


def _same_to_us(mapping: CompiledMapping, ours: dict[str, Any], answer: dict[str, Any]) -> bool:
    try:
        said = mapping.read(answer).entity
    except RecordError:
        return True  # an answer that nobody can read tells us nothing new
    try:
        return bool(mapping.read(ours).entity == said)
    except RecordError:
        return False


def _held(record: dict[str, Any]) -> dict[str, Any]:
    """Vendors answer with what no database holds, too."""
    held: dict[str, Any] = jsontext.storable(record)
    return held


def _read(mapping: CompiledMapping, known: dict[str, Any]) -> tuple[Mapping[str, str], str | None]:
    """Names and version of the record where it says them; what came back from a write need not be whole."""
    try:
        reading = mapping.read(known)
    except RecordError:
        return {}, None
    return reading.names, reading.version


def list_paths(mapping: CompiledMapping) -> dict[str, str]:
    """Entity list field -> list path in the vendor's record."""
    return {line.field: line.path for line in mapping.lines if line.part is not None}


def _lines(plan: Plan, pushed: Pushed, known: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Vendor line key -> our line id. A list that was not sent stands there in its own order: its lines are known by
    their keys alone."""
    mapping = plan.sync.mapping
    assert mapping is not None
    found = line_ids_from(plan, known)
    for name, path in list_paths(mapping).items():
        before = dict(plan.link.lines.get(name, {})) if plan.link else {}
        if not _was_sent(plan, mapping, name):
            found[name] = before
        elif pushed.lines.get(path):
            found[name] = _paired(plan, name, list(pushed.lines[path]), before) or found.get(name, {})
    return {name: keys for name, keys in found.items() if keys}


def _was_sent(plan: Plan, mapping: CompiledMapping, name: str) -> bool:
    if plan.link is None or plan.push is None:
        return True
    sources = [line.part.source for line in mapping.lines if line.field == name and line.part is not None]
    record = plan.push.record
    return any(source.names is None or take(record, source.names) is not ABSENT for source in sources)


def _paired(plan: Plan, name: str, theirs: Sequence[str], before: Mapping[str, int]) -> dict[str, int]:
    """Their line keys with our lines: the keys we know, the others by the order in which they were sent."""
    ours = [line["_id"] for line in plan.entity.fields.get(name) or []]
    pairs = {key: before[key] for key in theirs if before.get(key) in ours}
    keys = [key for key in theirs if key not in pairs]
    taken = set(pairs.values())
    lines = [line_id for line_id in ours if line_id not in taken]
    return {**pairs, **dict(zip(keys, lines, strict=True))} if len(keys) == len(lines) else {}


def line_ids_from(plan: Plan, record: dict[str, Any]) -> dict[str, dict[str, int]]:
    """The same from a record that came back: its lines stand in the order in which we sent them."""
    mapping = plan.sync.mapping
    assert mapping is not None
    try:
        entity = mapping.read(record).entity
    except RecordError:
        return {}
    found: dict[str, dict[str, int]] = {}
    for name in list_paths(mapping):
        theirs = [line.get("_key") for line in entity.get(name) or []]
        before = plan.link.lines.get(name, {}) if plan.link else {}
        if theirs and all(theirs) and (pairs := _paired(plan, name, [str(key) for key in theirs], before)):
            found[name] = pairs
    return found
