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


class Assigned(Done):
    """What was assigned. Rows that do not wait for a person any more are left out."""

    told: list[str] = Field(
        description="The ways to the assigned person, the first that works is taken; empty: nobody is told"
    )


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
    health_reason: str
    health_reason_zh: str
    reconciled_at: datetime | None = Field(None, description="When both sides were last compared, completely")
    reconcile_at: datetime | None = Field(None, description="When they are compared next")
    drifts: int = Field(0, description="Records on which both sides differ")
    cursor: str | None
    lag_seconds: int
    last_pull_at: datetime | None
    next_pull_at: datetime | None
    last_read: int | None
    failures: int
    error: str | None
    error_zh: str | None
    doubt: str | None = Field(
        None, description="Why the last reading, though without an error, may not be all there is"
    )
    doubt_zh: str | None = None
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
    from_link: bool = Field(description="Of a re-mapping: the record is what the link knows")


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
    correlation: str
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
    """One execution of a pull, a backfill or a re-mapping."""

    id: int
    sync: str
    what: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    read: int
    unchanged: int
    stored: int
    pages: int = 0
    gone: int = Field(0, description="Deletes it concluded")
    updated_at: datetime | None = None
    per_second: float | None = Field(None, description="Records read a second, since it began")
    cursor: str | None
    total: int | None = Field(
        None, description="How many records it is about: of a pull, where the source tells; of a re-mapping, its links"
    )
    done: int = 0
    changed: int = 0
    note: str | None = None
    note_zh: str | None = None
    error: str | None
    error_zh: str | None
    owner: str | None = Field(None, description="Whose turn it is, while it is held")


class DriftField(Answered):
    """One field on which the sides differ."""

    field: str
    here: Any
    there: Any
    owner: str
    direction: Literal["in", "out"] = Field(description="in: the value there comes here; out: ours goes there")


class Drift(Answered):
    """One record on which two systems differ although nothing is under way."""

    id: int
    sync: str
    connection: str
    stream: str
    kind: str
    key: str
    entity_id: int | None
    what: Literal["missing_here", "missing_there", "different"]
    state: Literal["open", "repairing", "closed", "dismissed"]
    fields: list[DriftField]
    run_id: int
    found_at: datetime | None
    choice: str | None
    owner: str | None = Field(description="Whose turn it is: who was assigned, else the connection's owner")
    who: str | None
    note: str | None
    note_zh: str | None
    closed_at: datetime | None


class Asked(Answered):
    """A run that was asked for."""

    run: int


class RunDetail(Run):
    detail: dict[str, Any] = Field(description="What it is about; what it would change, by field and with examples")


class Parked(Failure):
    """Something that waits for a person."""

    what: Literal["inbox", "delivery", "bell", "receipt", "run"]
    id: int
    connection: str
    stream: str
    name: str | None
    entity_id: int | None
    since: datetime
    attempts: int
    cause: str | None = Field(None, description="The group it belongs to")
    assigned: bool = Field(description="The owner is a person's word, not the connection's")


class FailedGroup(Failure):
    """Failed work of one cause: connection, stream, class, field and shape of the sentence."""

    id: str
    what: Literal["inbox", "delivery", "bell", "receipt", "run"]
    connection: str
    stream: str
    field: str | None
    shape: str = Field(description="The sentence without numbers, dates, ids and quoted values")
    count: int
    oldest: datetime
    example: int = Field(description="The newest member; its sentence is the group's")
    example_name: str | None
    assigned: bool = Field(description="The owner is a person's word, not the connection's")
    note: str | None


class GroupHistory(Answered):
    """One line of the audit record."""

    at: datetime
    who: str
    act: str
    what: str
    detail: dict[str, Any]


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


class MappingListed(Answered):
    """A mapping in use or in draft. `version`: the one in force; null when none is."""

    name: str
    version: int | None
    latest: int | None
    created_at: datetime | None
    created_by: str | None
    note: str | None
    syncs: list[str]
    draft_by: str | None
    draft_at: datetime | None
    draft_based_on: int | None


class MappingDraft(Answered):
    name: str
    body: str
    based_on: int | None
    who: str
    at: datetime


class MappingDetail(Answered):
    """One version with its text as written, and the texts of what it extends and looks up in."""

    name: str
    version: int
    active: bool
    digest: str
    created_at: datetime
    created_by: str
    note: str | None
    body: str
    sources: dict[str, str]
    draft: MappingDraft | None = None


class Remapping(Answered):
    id: int
    sync: str
    state: str
    total: int | None
    done: int
    changed: int
    note: str | None
    note_zh: str | None


class MappingVersion(Answered):
    version: int
    active: bool
    digest: str
    created_at: datetime
    created_by: str
    note: str | None
    runs: list[Remapping]


class DraftKept(Answered):
    name: str
    problems: list[ConfigProblem]


class Published(Answered):
    """Mapping -> the version in force now; the runs of re-mapping; with problems nothing was written."""

    versions: dict[str, int]
    runs: list[int]
    behind: list[str] = Field(description="Texts that are no longer what the version was made of")
    problems: list[ConfigProblem]


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
