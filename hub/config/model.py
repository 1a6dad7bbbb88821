"""The files of a configuration directory as models: unknown names are errors, values are frozen."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from hub.sdk import jsontext
from hub.sdk.manifest import Limit

NAME: Final = r"^[a-z][a-z0-9_-]{0,62}$"
KIND_NAME: Final = r"^[a-z][a-z0-9_]{0,39}$"
RESERVED: Final = frozenset({"hub", "latest", "person"})
"""Words that stand beside connection names in owner rules and in changes."""

_SPAN = re.compile(r"([0-9]{1,8})(ms|s|m|h|d)")
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_LONGEST = timedelta(days=3650)


def parse_duration(value: Any) -> timedelta:
    """`30s`, `5m`, `1h`, `2d`, `500ms`."""
    if isinstance(value, timedelta):
        return value
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) * _UNITS[found[2]] > _LONGEST or not int(found[1]):
        raise PydanticCustomError("duration", "not a time span")
    return int(found[1]) * _UNITS[found[2]]


def duration_text(value: timedelta) -> str:
    """The shortest way to write a span: 300 s is `5m`."""
    for unit in ("d", "h", "m", "s"):
        if value % _UNITS[unit] == timedelta():
            return f"{value // _UNITS[unit]}{unit}"
    return f"{value // _UNITS['ms']}ms"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(duration_text)]
NEVER: Final = "never"


def parse_interval(value: Any) -> timedelta | None:
    """A time span, or `never`."""
    return None if value is None or value == NEVER else parse_duration(value)


def interval_text(value: timedelta | None) -> str:
    return NEVER if value is None else duration_text(value)


Interval = Annotated[timedelta | None, BeforeValidator(parse_interval), PlainSerializer(interval_text)]
Name = Annotated[str, Field(pattern=NAME)]
CHANNEL: Final = re.compile(
    r"(?P<connection>[a-z][a-z0-9_-]{0,62})/(?P<stream>[a-z][a-z0-9_]*)(:(?P<to>\S+))?|(?P<mail>[^\s@/:]+@[^\s@/:]+)"
)
"""CONNECTION/STREAM, CONNECTION/STREAM:PERSON or a mail address."""


def parse_channel(value: Any) -> str:
    if not isinstance(value, str) or CHANNEL.fullmatch(value) is None:
        raise PydanticCustomError("channel", "not a channel")
    return value


Channel = Annotated[str, BeforeValidator(parse_channel)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConnectionSpec(_Spec):
    """connections/NAME.yaml. `owner` is who is asked when a person is needed. `hook`: may the vendor call us; left
    out, it may when the config speaks of a hook or a sync reads what the vendor would call about. `notify`: where the
    owner is told when something is wrong, in this order: `team/robot`, `team/app_message:zhang`, `anna@example.com`."""

    connection: Name
    connector: str
    config: dict[str, Any] = {}
    owner: str | None = None
    notify: tuple[Channel, ...] = ()
    hook: bool | None = None
    limits: tuple[Limit, ...] = ()


class PushSpec(_Spec):
    """What a sync writes: `when` is an expression over the entity's own fields."""

    when: str | None = None
    create: bool = True
    update: bool = True
    create_again: bool = False


class RecheckSpec(_Spec):
    """For vendors whose time stamp does not move with every change: entities for which `when` holds are fetched again
    by key every so often, `batch` records at a time with `pause` between."""

    when: str | None = None
    every: Duration = timedelta(hours=1)
    batch: int = Field(default=50, ge=1, le=500)
    pause: Duration = timedelta(seconds=2)


class MessageSpec(_Spec):
    """What a person is told and about which changes; `to` is a path into the entity, empty for the group."""

    kind: str
    when_changed: tuple[str, ...] = ()
    when: str | None = None
    to: str = ""
    title: str
    text: str


class SyncSpec(_Spec):
    """syncs/NAME.yaml. `mode` is the initial mode: later a person's word counts. `on_delete`: what is done at the target
    when the thing was deleted where it came from; `recreate`: is what was deleted at the target created anew.
    `reconcile`: how often both sides are compared."""

    sync: Name
    connection: str
    stream: str
    mapping: str | None = None
    direction: Literal["in", "out", "both"] = "in"
    mode: Literal["observing", "live", "paused"] = "observing"
    every: Duration = timedelta(seconds=60)
    push: PushSpec = PushSpec()
    message: MessageSpec | None = None
    max_age: Duration = timedelta(hours=1)
    on_delete: Literal["ignore", "cancel", "delete"] = "ignore"
    recreate: bool = False
    recheck: RecheckSpec | None = None
    behind: Duration = timedelta(minutes=5)
    reconcile: Interval = timedelta(days=1)

    @property
    def is_message(self) -> bool:
        return self.message is not None

    @property
    def reads(self) -> bool:
        return self.message is None and self.direction in {"in", "both"}

    @property
    def writes(self) -> bool:
        return self.message is None and self.direction in {"out", "both"}


def read_streams(specs: Iterable[SyncSpec], connection: str) -> frozenset[str]:
    """The streams of a connection that syncs read."""
    return frozenset(spec.stream for spec in specs if spec.connection == connection and spec.reads)


class OwnerSpec(_Spec):
    """owners/KIND.yaml: field -> `hub`, `latest`, a connection, or connections by rank."""

    kind: str
    fields: dict[str, str | list[str]]

    def rules(self) -> dict[str, str | list[str]]:
        """The rules in one form: a single connection is a list of one."""
        return {name: _in_one_form(rule) for name, rule in self.fields.items()}


def _in_one_form(rule: str | list[str]) -> str | list[str]:
    return [rule] if isinstance(rule, str) and rule not in {"hub", "latest"} else rule


class KindSpec(_Spec):
    """kinds/KIND.yaml: fields in the notation of our own kinds."""

    kind: Annotated[str, Field(pattern=KIND_NAME)]
    fields: dict[str, Any]


def stored(spec: _Spec) -> dict[str, Any]:
    """A spec as it is kept and compared: what was said, without the defaults, in JSON's types with exact numbers."""
    kept: dict[str, Any] = jsontext.loads(jsontext.dumps(spec.model_dump(exclude_defaults=True)))
    return kept
