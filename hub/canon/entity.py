"""An entity as the rest of the house sees it: (kind, id, fields) with its version."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Fields = dict[str, Any]
"""Canonical JSON-able values: text, integer, bool; decimal as plain text; money {"amount", "currency"}; date and
instant as ISO text; a reference as the entity's id; lines as a list of dicts with "_id" (the line's own id)."""

Setter = tuple[str, str | None]
"""Who set a field last and the vendor's modification time where known."""

JOINED, JOINED_INTO = "_joined", "_joined_into"
"""Names in a change's fields, of no field: who was joined into this entity (or parted from it), and into whom this one
was joined. Such a change concerns every rule and every target."""

DELETED = "_deleted"
"""Of no field either: whether its creator's record of the entity is gone."""


def is_join(fields: Mapping[str, Any] | None) -> bool:
    """Do these fields of a change tell of a join, or of its undoing?"""
    return fields is not None and (JOINED in fields or JOINED_INTO in fields)


@dataclass(frozen=True, slots=True)
class Entity:
    """One canonical thing. `setters`: field -> who set it last. `joined_into`: it was found to be that one."""

    id: int
    kind: str
    version: int
    created_by: str
    fields: Fields
    setters: Mapping[str, Setter]
    deleted: bool = False
    joined_into: int | None = None


def reference_of(kind: str, entity_id: int) -> str:
    """Our id as it is left in a vendor's record, so that a create of unknown outcome can be found."""
    return f"{kind}-{entity_id}"
