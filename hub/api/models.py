"""What the API answers and takes; the names are those of the tables, money and decimals are text."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Answered(BaseModel):
    """Base of every answer."""

    model_config = ConfigDict(from_attributes=True)


class Page(Answered, Generic[T]):
    """One page, newest first; ask again with `cursor` = `next` until that is null."""

    items: list[T]
    next: str | None = Field(None, description="Give it as `cursor` to get the next page")


class Connection(Answered):
    """One configured account of a connector."""

    name: str
    connector: str
    state: Literal["ok", "paused", "needs_new_secret", "unreachable", "broken"]
    base_url: str | None = None
    owner: str | None = None
    pause_reason: str | None = Field(None, description="An error class, or `person`")
    pause_error: str | None = None
    pause_error_zh: str | None = None
    paused_stream: str | None = Field(None, description="Empty: the whole connection")
    paused_since: datetime | None = None
    paused_by: str | None = None
    probe_at: datetime | None = Field(None, description="When it is tried again; null: when a person resumes it")
    updated_at: datetime


class Tested(Answered):
    """Result of a cheap authenticated read."""

    connection: str
    ok: bool
    error_class: str | None = None
    error: str | None = None
    error_zh: str | None = None


class Done(Answered):
    """The numbers or names it was done to."""

    done: list[int | str]


class Sync(Answered):
    """A stream of a connection bound to a kind by a mapping."""

    name: str
    connection: str
    stream: str
    kind: str
    direction: str
    mapping: str | None
    mode: Literal["paused", "observing", "live"]
    health: Literal["reconciled", "unverified", "behind", "drifting", "failing", "paused", "observing"]
    cursor: str | None
    lag_seconds: int
    last_pull_at: datetime | None
    next_pull_at: datetime | None
    last_read: int | None
    failures: int
    error: str | None
    error_zh: str | None
    inbox_waiting: int
    inbox_parked: int
    deliveries_waiting: int
    deliveries_parked: int


class Failure(Answered):
    """What every failure has."""

    error_class: str | None = None
    error: str | None = None
    error_zh: str | None = None
    error_fields: list[Any] | None = None
    owner: str | None = None


class Receipt(Failure):
    """One thing as it arrived by itself."""

    id: int
    connection: str
    source: Literal["hook", "file"]
    received_at: datetime
    method: str
    path: str
    event_id: str | None
    verdict: Literal["accepted", "duplicate", "refused"]
    reason: str | None
    reason_zh: str | None
    state: str
    attempts: int
    opened_at: datetime | None
    records: int | None
    size: int


class ReceiptDetail(Receipt):
    query: dict[str, Any]
    headers: dict[str, Any]
    body: str | None = Field(description="As text; null when the bytes are no UTF-8 text")
    body_base64: str | None


class InboxRow(Failure):
    """One record, cut out of a receipt or a pulled page."""

    id: int
    connection: str
    stream: str
    key: str | None
    deleted: bool
    received_at: datetime
    receipt_id: int | None
    run_id: int | None
    correlation: str
    live: bool
    state: str
    due_at: datetime
    waiting_for: str | None
    attempts: int
    corrects: int | None
    entity_id: int | None
    note: str | None
    settled_at: datetime | None


class InboxDetail(InboxRow):
    record: dict[str, Any] = Field(description="In the vendor's shape; numbers with a point are text")


class Delivery(Failure):
    """The obligation to bring one entity to one target, or one message to one person."""

    id: int
    sync: str
    connection: str
    stream: str
    kind: str
    entity_id: int
    part: str
    change_id: int = Field(description="Of a message: the change it tells; 0 for a record")
    wanted_version: int
    applied_version: int
    state: str
    due_at: datetime
    waiting_for: str | None
    attempts: int
    correlation: str
    created_at: datetime
    settled_at: datetime | None
    note: str | None


class Attempt(Answered):
    """One try of a delivery, with its redacted requests and answers."""

    id: int
    at: datetime
    seconds: Decimal
    version: int
    outcome: str
    error: str | None
    error_zh: str | None
    exchanges: list[Any]


class DeliveryDetail(Delivery):
    tries: list[Attempt]


class Bell(Failure):
    """'Record `text` of this stream changed': it is fetched."""

    id: int
    connection: str
    stream: str
    path: str
    text: str
    reason: str
    correlation: str
    state: str
    due_at: datetime
    attempts: int


class Run(Answered):
    """One execution of a pull or backfill."""

    id: int
    sync: str
    what: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    read: int
    unchanged: int
    stored: int
    cursor: str | None
    error: str | None
    error_zh: str | None


class Parked(Failure):
    """Something that waits for a person."""

    what: Literal["inbox", "delivery", "bell", "receipt"]
    id: int
    connection: str
    stream: str
    name: str | None
    entity_id: int | None
    since: datetime
    attempts: int


class PlanLine(Answered):
    what: Literal["add", "change", "remove", "same"]
    kind: str
    name: str
    details: list[str]


class ConfigProblem(Answered):
    file: str
    line: int
    path: str
    sentence: str
    sentence_zh: str


class Plan(Answered):
    """What applying would change (or changed); nothing is applied while there are problems."""

    lines: list[PlanLine]
    problems: list[ConfigProblem]
    applied: bool


class Token(Answered):
    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewToken(Answered):
    token: str = Field(description="Shown this once")


class WorkLeft(Answered):
    what: str
    state: str
    count: int


class Status(Answered):
    """How much is where; what is finished is not counted."""

    work: list[WorkLeft]
