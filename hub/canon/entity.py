"""An entity as the rest of the house sees it: (kind, id, fields) with its version."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Fields = dict[str, Any]
"""Canonical JSON-able values: text, integer, bool; decimal as plain text; money {"amount", "currency"}; date and
instant as ISO text; a reference as the entity's id; lines as a list of dicts with "_id" (the line's own id)."""

Setter = tuple[str, str | None]
"""Who set a field last and the vendor's modification time where known."""


@dataclass(frozen=True, slots=True)
class Entity:
    """One canonical thing. `setters`: field -> who set it last."""

    id: int
    kind: str
    version: int
    created_by: str
    fields: Fields
    setters: Mapping[str, Setter]
    deleted: bool = False


def reference_of(kind: str, entity_id: int) -> str:
    """Our id as it is left in a vendor's record, so that a create of unknown outcome can be found."""
    return f"{kind}-{entity_id}"
