"""What is kept of a push: the link with the record as the target has it now, its names and its lines."""

from collections.abc import Mapping
from typing import Any

from hub.canon.identity import LinkState
from hub.mapping import CompiledMapping, RecordError
from hub.sdk import jsontext
from hub.sdk.records import Pushed
from hub.sync.outgoing import Plan


def link_state(plan: Plan, pushed: Pushed) -> LinkState:
    """The link after a push: the vendor's answer is the last known record, or the pushed fields laid over the old one."""
    mapping = plan.sync.mapping
    assert mapping is not None
    known = known_after(plan, pushed, mapping)
    names, version = _read(mapping, known)
    return LinkState(
        entity_id=plan.entity.id,
        kind=plan.sync.kind,
        connection=plan.sync.connection,
        stream=plan.sync.stream,
        key=pushed.key,
        known=known,
        digest=mapping.digest_of(known),
        mapping=mapping.name,
        mapping_version=plan.sync.mapping_version,
        record_version=version or (plan.link.record_version if plan.link else None),
        names=names,
        lines=_lines(plan, pushed, known),
    )


def known_after(plan: Plan, pushed: Pushed, mapping: CompiledMapping) -> dict[str, Any]:
    if pushed.record is not None:
        return _held(mapping.project(pushed.record))
    before = plan.link.known if plan.link and plan.link.known else {}
    return _held(mapping.overlay(before, plan.wanted if plan.link is None else plan.push.record if plan.push else {}))


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
    """Vendor line key -> our line id, by the order in which the lines were pushed."""
    mapping = plan.sync.mapping
    assert mapping is not None
    found = line_ids_from(plan, known)
    for name, path in list_paths(mapping).items():
        ours = [line["_id"] for line in plan.entity.fields.get(name) or []]
        theirs = pushed.lines.get(path, ())
        if ours and len(ours) == len(theirs):
            found[name] = dict(zip(theirs, ours, strict=True))
    return found


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
        ours = [line["_id"] for line in plan.entity.fields.get(name) or []]
        theirs = [line.get("_key") for line in entity.get(name) or []]
        if ours and len(ours) == len(theirs) and all(theirs):
            found[name] = {str(key): line_id for key, line_id in zip(theirs, ours, strict=True)}
    return found
