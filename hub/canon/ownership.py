"""Who may set a field of an entity: the rules of `owners/<kind>.yaml`, and the default, the creator."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from hub.canon.entity import Entity

Rule = str | Sequence[str]
"""`hub`, `latest`, one connection, or connections in order of rank."""

HUB = "hub"
LATEST = "latest"
PERSON = "person:"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCHS = ((range(10**9, 10**10), timedelta(seconds=1)), (range(10**12, 10**13), timedelta(milliseconds=1)))


def stamp_of(version: str | None, received_at: datetime) -> str | None:
    """When a record was changed, comparable between systems: its version where that is a time (ISO text, or an epoch in
    s or ms), but never later than we received it; a version that is no time says only that it was before that."""
    if version is None:
        return None
    moment = received_at
    if version.isdecimal():
        number = int(version)
        moment = next((_EPOCH + number * unit for numbers, unit in _EPOCHS if number in numbers), received_at)
    elif version.endswith("Z"):
        try:
            moment = datetime.fromisoformat(version)
        except ValueError:
            moment = received_at
    return min(moment, received_at).astimezone(UTC).isoformat(timespec="microseconds")


def may_set(rules: Mapping[str, Rule], field: str, who: str, entity: Entity | None, stamp: str | None) -> bool:
    """May `who` (a connection) set this field now? `stamp`: when the vendor changed it, as
    `stamp_of` says.

    Default: the connection that created the entity; an empty field without a rule may be filled by anyone."""
    rule = rules.get(field) or rules.get(field.partition(".")[0])
    if rule == HUB:
        return False
    if entity is None:
        return rule is None or rule == LATEST or who in _ranked(rule)
    setter, set_at = entity.setters.get(field, (entity.created_by, None))
    if rule is None:
        return who in {entity.created_by, setter} or _empty(entity, field)
    if rule == LATEST:
        return setter == who or set_at is None or stamp is None or stamp >= set_at
    ranks = _ranked(rule)
    if who not in ranks:
        return False
    return _empty(entity, field) or setter not in ranks or ranks.index(who) <= ranks.index(setter)


def owner(rules: Mapping[str, Rule], entity: Entity, name: str) -> str:
    """Who says what this field is: a connection, `hub`, or a person."""
    rule = rules.get(name) or rules.get(name.partition(".")[0])
    setter, _ = entity.setters.get(name, (entity.created_by, None))
    if rule is None or rule == LATEST:
        return setter
    ranks = _ranked(rule)
    return HUB if rule == HUB else setter if setter in ranks else str(ranks[0])


def _ranked(rule: Rule) -> list[str]:
    return [rule] if isinstance(rule, str) else list(rule)


def _empty(entity: Entity, field: str) -> bool:
    head, _, sub = field.partition(".")
    value = entity.fields.get(head)
    if sub and isinstance(value, dict):
        value = value.get(sub)
    return value in (None, "", [], {})
