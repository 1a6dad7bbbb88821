"""What the API answers about entities: fields, links, history, proof chains."""

from datetime import datetime
from typing import Any

from hub.api.models import Answered


class EntityLink(Answered):
    """This entity is that record over there."""

    connection: str
    stream: str
    part: str
    key: str
    names: dict[str, str]
    mapping: str | None
    mapping_version: int | None
    record_version: str | None
    deleted_at: datetime | None
    updated_at: datetime


class Entity(Answered):
    """One canonical thing; references are ids, money is `{amount, currency}`."""

    id: int
    kind: str
    version: int
    created_by: str
    deleted: bool
    fields: dict[str, Any]


class EntityDetail(Entity):
    joined_into: int | None
    links: list[EntityLink]


class Change(Answered):
    """One version step of one entity. `fields` null: it was created, all fields are new."""

    id: int
    version: int
    at: datetime
    who: str
    fields: dict[str, Any] | None
    connection: str | None
    stream: str | None
    key: str | None
    mapping: str | None
    mapping_version: int | None
    inbox_id: int | None
    caused_by: list[int]
    reason: str | None
    correlation: str
    live: bool


class Step(Answered):
    """One link of a proof chain; `depth` says how far from the question."""

    depth: int
    kind: str
    entity_id: int
    name: str | None
    field: str | None
    value: Any
    before: Any
    change: int
    version: int
    at: datetime
    who: str
    connection: str | None
    stream: str | None
    key: str | None
    path: str | None
    raw: Any
    mapping: str | None
    mapping_version: int | None
    receipt: int | None
    file: str | None
    reason: str | None


class Explained(Answered):
    kind: str
    entity_id: int
    field: str
    value: Any
    steps: list[Step]
