"""What the rules take and give: changed entities, a reader for what stands around them, wishes of what to write."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from hub.canon.entity import Entity, Fields
from hub.mapping.decimals import decimal_text


@dataclass(frozen=True, slots=True)
class Changed:
    """One change of one entity. `fields` None: created; empty: deleted. `previous`: old values of changed fields."""

    change_id: int
    kind: str
    entity_id: int
    fields: frozenset[str] | None
    previous: Mapping[str, Any]


class Reader(Protocol):
    """Sees every entity as it is now, deleted ones included."""

    async def by_ids(self, kind: str, ids: Collection[int]) -> dict[int, Entity]: ...

    async def referring(self, kind: str, path: str, ids: Collection[int]) -> list[Entity]:
        """Entities of `kind` whose reference at `path` (`order`, `lines.order`) is one of `ids`."""
        ...

    async def with_text(self, kind: str, field: str, texts: Collection[str]) -> list[Entity]:
        """Entities whose text or enum field equals one of `texts`."""
        ...


@dataclass(frozen=True, slots=True)
class Write:
    """Fields to set on an entity: on `id`, or on the one that is derived under `origin` (made the first time)."""

    kind: str
    fields: Fields
    id: int | None
    origin: str | None
    caused_by: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes of one round that concern a rule, and the way to read around them."""

    changed: Sequence[Changed]
    read: Reader
    today: date
    _causes: dict[tuple[str, int], list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for change in self.changed:
            self._causes.setdefault((change.kind, change.entity_id), []).append(change.change_id)

    def ids(self, kind: str) -> set[int]:
        """The changed entities of a kind."""
        return {change.entity_id for change in self.changed if change.kind == kind}

    def changes(self, kind: str) -> list[Changed]:
        return [change for change in self.changed if change.kind == kind]

    def causes(self, *entities: Entity | None) -> tuple[int, ...]:
        """The changes of these entities in this batch; of the whole batch when it was none of them."""
        found = {n for entity in entities if entity for n in self._causes.get((entity.kind, entity.id), ())}
        return tuple(sorted(found or {change.change_id for change in self.changed}))

    def before(self, kind: str, name: str) -> set[int]:
        """What the reference `name` of the changed entities of a kind held before."""
        held = (change.previous.get(name) for change in self.changes(kind))
        return {value for value in held if isinstance(value, int)}


Work = Callable[[Batch], Awaitable[list[Write]]]
ZERO = Decimal(0)


def amount(entity: Entity, name: str) -> Decimal | None:
    """A money field's amount, None when it is empty."""
    value = entity.fields.get(name)
    return Decimal(value["amount"]) if value else None


def currency(entity: Entity, name: str) -> str | None:
    """A money field's currency, None when it is empty."""
    value = entity.fields.get(name)
    return value["currency"] if value else None


def money(value: Decimal, code: str) -> dict[str, str]:
    """The canonical form of an amount."""
    return {"amount": decimal_text(value), "currency": code}


def number(value: Any) -> Decimal:
    """A decimal field's value, nothing counting as zero."""
    return ZERO if value is None else Decimal(value)


def refs(entities: Iterable[Entity], name: str) -> set[int]:
    """The ids a reference field of these entities holds."""
    return {entity.fields[name] for entity in entities if entity.fields.get(name) is not None}


def alive(entities: Iterable[Entity]) -> list[Entity]:
    return [entity for entity in entities if not entity.deleted]


def differing(entity: Entity, wanted: Mapping[str, Any]) -> Fields:
    """Of the wanted fields those the entity does not have yet."""
    return {name: value for name, value in wanted.items() if entity.fields.get(name) != value}


def revise(batch: Batch, entity: Entity, wanted: Mapping[str, Any], reason: str, *causes: Entity) -> list[Write]:
    """The write that brings an entity to the wanted fields, or none when it has them all."""
    fields = differing(entity, wanted)
    if not fields:
        return []
    return [Write(entity.kind, fields, entity.id, None, batch.causes(entity, *causes), reason)]


def create(batch: Batch, kind: str, wanted: Mapping[str, Any], origin: str, reason: str, *causes: Entity) -> Write:
    """The write that makes an entity under its stable key."""
    fields = {name: value for name, value in wanted.items() if value is not None}
    return Write(kind, fields, None, origin, batch.causes(*causes), reason)
