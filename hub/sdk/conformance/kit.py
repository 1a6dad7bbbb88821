"""What a connector brings so that it can be checked: a module `conformance` beside its `connector`, with a `kit`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from hub.sdk.connector import Connector
from hub.sdk.context import Clock
from hub.sdk.records import Incoming, Message, Record
from hub.sdk.sandbox import Ledger, Sandbox

Redact = Callable[[Any, Sequence[str]], Any]
"""`redact(value, known secrets)`: a copy without secrets, as the engine makes it of every exchange it keeps."""


@dataclass(frozen=True, slots=True)
class Reads:
    """A stream that is read. `make(sandbox, n)`: the vendor's user makes record number `n`; returns the vendor's id.
    `key` is that id's path in a record; `page` is how many records fill a page under the kit's config (0: no pull).
    `find`: a vendor path and the text that only the first record has there (None: nothing is found)."""

    stream: str
    key: str
    make: Callable[[Any, int], str]
    page: int = 0
    find: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Writes:
    """A stream that is pushed to. `record(sandbox, reference)`: what the hub wants to exist, the reference in it at the
    path `reference`; what it refers to is made by the vendor's user. `made(sandbox)`: how many there are or ever were,
    counted in the ledger."""

    stream: str
    reference: str
    record: Callable[[Any, str], Record]
    made: Callable[[Any], int]


@dataclass(frozen=True, slots=True)
class Sends:
    """A stream that takes messages. `message(sandbox)`: one to somebody the sandbox knows; `sent(sandbox)`: how many
    people were shown, counted in the ledger."""

    stream: str
    message: Callable[[Any], Message]
    sent: Callable[[Any], int]


@dataclass(frozen=True, slots=True)
class HookCalls:
    """The vendor's calls to us. `call(config, payload, at)`: the request by which the vendor tells this payload (the
    content of a fixture) at this moment, signed with the secrets of `config`. `event(payload)`: its event's name.
    `unknown`: a payload of an event nobody declared. `wrong`: the config's hook secrets, each with another valid value.
    `former`: config field whose secret is still accepted after a change (empty: the vendor has none).
    `signs`: what a signature covers besides the caller's identity."""

    call: Callable[[Any, bytes, datetime], Incoming]
    event: Callable[[bytes], str]
    unknown: bytes
    wrong: Mapping[str, Any]
    former: str = ""
    signs: frozenset[Literal["body", "time"]] = frozenset()


@dataclass(frozen=True, slots=True)
class Kit:
    """`config(base_url)`: a whole config that fits the sandbox, with the smallest pages there can be. `sandbox` is None
    where nothing is called (files). `wrong`: changes of the config with which credentials are bad, each tried alone.
    `arriving`: stream -> path of the id, for an inbox whose fixtures are files. `variants`: name -> changes of the config
    (another way to log in, say) under which everything is checked once more. `nothing`: a body by which the vendor
    truly says that there is no record, such as []."""

    config: Callable[[str], Mapping[str, Any]]
    sandbox: Callable[[Ledger, Clock], Sandbox] | None = None
    wrong: Sequence[Mapping[str, Any]] = ()
    reads: Sequence[Reads] = ()
    writes: Sequence[Writes] = ()
    sends: Sequence[Sends] = ()
    hook: HookCalls | None = None
    arriving: Mapping[str, str] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    nothing: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """A connector under check: its entry point's name, its package and folder, its kit; `changes` of its config."""

    name: str
    package: str
    folder: Path
    connector: Connector
    kit: Kit
    redact: Redact
    changes: Mapping[str, Any] = field(default_factory=dict)

    def fixtures(self) -> list[Path]:
        return sorted(path for path in (self.folder / "fixtures").glob("*") if path.is_file())
