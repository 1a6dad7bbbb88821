"""The values that pass between the engine and a connector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Record = dict[str, Any]
"""One whole document in the vendor's shape: str, int, bool, None, Decimal, list, dict. Never a float."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a reading that ended without an error may still not be all there is, with the next step."""

    sentence: str
    zh: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a pull. `cursor` is the text from which a later pull goes on *after this page*; it is stored
    verbatim in the transaction that stores the records (made by `hub.sdk.cursor` wherever rows have stamps). `deleted`
    are keys the source says are gone. `total`: how many records this whole reading has, where the vendor tells it: it
    shows progress, and that the reading is complete."""

    records: Sequence[Record]
    cursor: str
    deleted: Sequence[str] = ()
    total: int | None = None
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request or file as it arrived: header names are lower-case, `path` is what follows `/hooks/{connection}/`
    (without its leading slash), or the file's name."""

    body: bytes
    received_at: datetime
    method: str = "POST"
    path: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hook replies to the caller once the receipt is committed."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A verified request. `event_id` is the vendor's unique id of it (None: the hash of the body is used);
    `keep` False for a handshake that carries nothing to open."""

    answer: Answer
    event_id: str | None = None
    keep: bool = True


class Refused(Exception):
    """A request or file we do not take: `status` for the caller, a sentence in both languages for the receipt."""

    def __init__(self, sentence: str, *, zh: str, status: int = 401) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh
        self.status = status


@dataclass(frozen=True, slots=True)
class Arrived:
    """One record cut out of a receipt."""

    stream: str
    record: Record


@dataclass(frozen=True, slots=True)
class Bell:
    """'Record `key` of `stream` changed' (fetch it), or without a key 'something changed' (pull). `path`: `key` is not
    the vendor's id but the text at this vendor path (find it)."""

    stream: str
    key: str | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Flaw:
    """A piece of a receipt that could not be cut into a record; its neighbours go on. `position` counts from 0."""

    position: int
    sentence: str
    zh: str
    stream: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """What is inside a receipt; `nothing` says why there is nothing for us."""

    records: Sequence[Arrived] = ()
    bells: Sequence[Bell] = ()
    flaws: Sequence[Flaw] = ()
    nothing: str | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """One write. `record`: for a create the whole wanted record, for an update only the fields that differ (lists
    are whole). `known` is the last known record in the vendor's shape, `key` the vendor's id where known.
    `reference` is our id of the entity, already in `record` where the mapping names a place for it."""

    action: Literal["create", "update", "cancel", "delete"]
    record: Record
    reference: str
    idempotency_key: str
    key: str | None = None
    known: Record | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came back. `record`: the record as it stands there now when the vendor's answer says so, else None.
    `lines`: list path in the record -> vendor line ids in the order of the pushed lines."""

    key: str
    record: Record | None = None
    lines: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """A message to one person (`to`: mobile number or the vendor's user id) or, `to` empty, to the configured group.
    `key` is the same on every retry: pass it on where the vendor takes an idempotency key."""

    to: str
    title: str
    text: str
    key: str


@dataclass(frozen=True, slots=True)
class File:
    """A file waiting in a connection's inbox; `name` is unique there while it waits."""

    name: str
    body: bytes
