"""What a connector is: a manifest, a config model, streams with optional verbs, perhaps a hook and a file inbox.

A stream declares a verb by having its method; the manifest repeats it for people (conformance compares the two).
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from hub.sdk.context import Context
from hub.sdk.manifest import Manifest
from hub.sdk.records import Accepted, File, Incoming, Message, Opened, Page, Push, Pushed, Record

Grade = Literal["A", "B", "C"]
"""How a second create is prevented: A idempotency key, B upsert by our reference, C look-up before create."""


class ConnectionConfig(BaseModel):
    """Base of every connector's config: refuses unknown names; secrets are `SecretStr`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = ""
    timeout: float = 15.0  # seconds, per call
    zone: str = "Asia/Shanghai"


@runtime_checkable
class Stream(Protocol):
    """A kind of record the system offers. `schema`: dotted path -> type word, lists written `Entry[].FQty`; `*__c` stands
    for the fields a customer adds by the vendor's naming rule."""

    name: str
    schema: Mapping[str, str]


@runtime_checkable
class Pulls(Protocol):
    """Reads what changed since `cursor` (None: everything), oldest first, page by page. Made with `hub.sdk.changes` and a
    `Window` that says what the stream's stamps are worth; a list without stamps is read whole, its cursor ""."""

    def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]: ...


@runtime_checkable
class Fetches(Protocol):
    """Reads whole records by key; those that are gone are absent from the answer."""

    async def fetch(self, ctx: Context, keys: Sequence[str]) -> Sequence[Record]: ...


@runtime_checkable
class Finds(Protocol):
    """Looks records up by vendor path = text (our reference field, or a name such as FBillNo), exact match."""

    async def find(self, ctx: Context, path: str, text: str) -> Sequence[Record]: ...


@runtime_checkable
class Lists(Protocol):
    """All keys there are, in pages, for reconciliation; an interrupted listing proves no delete."""

    def keys(self, ctx: Context) -> AsyncIterator[Sequence[str]]: ...


@runtime_checkable
class Pushes(Protocol):
    """Writes one record, as 'read where it stands, do what is missing', so it can be entered again at any step. A stream
    that can also cancel or delete says so by `ends = frozenset({"cancel", "delete"})`."""

    grade: Grade
    settle: float  # seconds after which a create of unknown outcome is surely visible to `find`

    async def push(self, ctx: Context, push: Push) -> Pushed: ...


def ends_of(stream: Stream) -> frozenset[str]:
    """Which of `cancel` and `delete` a stream's push can do: its attribute `ends`; without one, neither."""
    return frozenset(getattr(stream, "ends", ()))


@runtime_checkable
class Messages(Protocol):
    """Sends one message; returns the vendor's message id, or an empty text where there is none. Grade A: the vendor
    drops a repetition; C: it would be read twice, so one of unknown outcome is a person's turn."""

    grade: Grade

    async def message(self, ctx: Context, message: Message) -> str: ...


class Hook(Protocol):
    """The webhook of a connector: no I/O, all three are quick functions of their arguments."""

    events: Mapping[str, str]  # vendor event -> stream

    def check(self, config: Any) -> None:
        """Raise `ConfigInvalid` unless the config holds what authenticates a call."""
        ...

    def accept(self, config: Any, request: Incoming) -> Accepted:
        """Verify the call in constant time and shape the reply; raise `Refused` with a reason."""
        ...

    def open(self, config: Any, request: Incoming) -> Opened:
        """Cut an accepted request into records or bells. An unknown event is `nothing`, never an error."""
        ...


class Inbox(Protocol):
    """A place where files arrive."""

    async def waiting(self, ctx: Context) -> Sequence[File]:
        """Complete files waiting now, oldest first, at most 20."""
        ...

    async def taken(self, ctx: Context, file: File) -> None:
        """The file's receipt is committed: move it out of the way. Called again after a crash."""
        ...

    def open(self, config: Any, file: Incoming) -> Opened:
        """Cut a file into records; raise `Refused` with the right sentence for one that cannot be read."""
        ...


class Probe(Protocol):
    async def __call__(self, ctx: Context) -> None: ...


@dataclass(frozen=True, slots=True)
class Connector:
    """Everything of one vendor, put together; found by the entry point `hub.connectors`.

    `probe` is a cheap authenticated read (connection test, and what ends a pause). `declared` is given only where
    the connection's config says which streams there are: then `streams` is empty, and a connection's streams are
    asked for with `streams_of`, which answers for every connector."""

    manifest: Manifest
    config: type[ConnectionConfig]
    streams: Mapping[str, Stream]
    probe: Probe
    hook: Hook | None = None
    inbox: Inbox | None = None
    declared: Callable[[Any], Mapping[str, Stream]] | None = None
    verbs: Mapping[str, frozenset[str]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verbs", {name: verbs_of(stream) for name, stream in self.streams.items()})

    def streams_of(self, config: Any) -> Mapping[str, Stream]:
        """The streams of one connection. Raises `ConfigInvalid` when its config declares none that can work."""
        return self.streams if self.declared is None else self.declared(config)


VERBS: Mapping[str, type] = {
    "pull": Pulls,
    "fetch": Fetches,
    "find": Finds,
    "keys": Lists,
    "push": Pushes,
    "message": Messages,
}


def verbs_of(stream: Stream) -> frozenset[str]:
    """The verbs a stream offers, read off its methods."""
    return frozenset(verb for verb, protocol in VERBS.items() if isinstance(stream, protocol))
