"""What the API is asked: bodies of requests, and the filters of lists."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from hub.api.problems import ApiError
from hub.sync.groups import Selection


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Numbers(_Asked):
    """Which ones."""

    ids: list[int] = Field(min_length=1, max_length=500)


class Dismissal(Numbers):
    reason: str = Field(min_length=1, max_length=1000)


class Correction(_Asked):
    """Fields of the entity and their values; text is read by the field's type (`100.00 CNY`)."""

    values: dict[str, Any] = Field(min_length=1)


class Joining(_Asked):
    into: int = Field(description="The id of the entity that stays")
    reason: str = Field("", max_length=1000)


class Parting(_Asked):
    reason: str = Field("", max_length=1000)


class InboxCorrection(_Asked):
    """Either values by path of the record, or what it is: an entity's id, or `new`."""

    values: dict[str, Any] | None = None
    link: int | Literal["new"] | None = None


class Keeping(_Asked):
    """Whose value is kept: the connection's name."""

    connection: str = Field(min_length=1, max_length=63)


class Files(_Asked):
    """A configuration directory: path inside it -> text."""

    files: dict[str, str] = Field(max_length=2000)


class DraftText(_Asked):
    text: str = Field(max_length=262_144, description="The whole mapping file")


class Publishing(_Asked):
    """`text` instead of the draft; `note` stands in the history."""

    text: str | None = Field(None, max_length=262_144)
    note: str | None = Field(None, max_length=1000)


class RollingBack(_Asked):
    version: int = Field(ge=1)
    note: str | None = Field(None, max_length=1000)


class Reason(_Asked):
    reason: str = Field(min_length=1, max_length=1000)


class TokenRequest(_Asked):
    name: str = Field(min_length=1, max_length=100)
    scopes: list[Literal["read", "write", "admin"]] = Field(min_length=1)
    expires_at: datetime | None = None


def wrong_cursor() -> ApiError:
    return ApiError(400, "this cursor is not one of ours; leave it out to begin", "cursor 无效，去掉它即可从头开始")


class Listing(_Asked):
    """A list is asked for page by page."""

    limit: int = Field(100, ge=1, le=500, description="How many at most")
    cursor: str | None = Field(None, max_length=100, description="`next` of the page before")

    def before(self) -> int | None:
        """The id the page begins below."""
        if self.cursor is None:
            return None
        if not self.cursor.isdecimal() or len(self.cursor) > 18:
            raise wrong_cursor()
        return int(self.cursor)

    def filters(self) -> dict[str, Any]:
        return self.model_dump(exclude={"limit", "cursor"}, exclude_none=True)


class Failed(Listing):
    group: str | None = Field(None, max_length=20, description="Only members of this group")
    owner: str | None = Field(None, max_length=100, description="Only what is this person's turn")


class Groups(_Asked):
    owner: str | None = Field(None, max_length=100, description="Only groups that are this person's turn")


class FailedSelection(_Asked):
    """Which failed work: a group, or rows of one table by number or by a filter."""

    group: str | None = Field(None, max_length=20, description="Its id in the list of groups")
    what: Literal["inbox", "delivery", "bell", "receipt"] | None = None
    ids: list[int] = Field([], max_length=10_000)
    connection: str | None = Field(None, max_length=63)
    stream: str | None = Field(None, max_length=200)
    error_class: str | None = Field(None, max_length=63)

    def selection(self) -> Selection:
        return Selection(self.what, tuple(self.ids), self.group, self.connection, self.stream, self.error_class)


class FailedDismissal(FailedSelection):
    reason: str = Field(min_length=1, max_length=1000)


class FailedCorrection(FailedSelection):
    """Either `values`, or `new` where `old` stands at `path` (of a record: left out, the field that failed)."""

    values: dict[str, Any] | None = None
    old: str | None = Field(None, max_length=10_000)
    new: Any = None
    path: str = Field("", max_length=500)


class Assignment(_Asked):
    owner: str | None = Field(None, max_length=100)
    note: str | None = Field(None, max_length=1000)


class RowAssignment(Assignment):
    """Single rows, whatever their group says; of drifts the open ones."""

    what: Literal["inbox", "delivery", "bell", "receipt", "drift"]
    ids: list[int] = Field(min_length=1, max_length=500)


class Window(_Asked):
    """From, up to but without; with a zone."""

    since: AwareDatetime
    until: AwareDatetime


class Entities(Listing):
    q: str | None = Field(None, max_length=200, description="Number, name or id in any system, exactly")


class Receipts(Listing):
    connection: str | None = None
    source: str | None = None
    verdict: str | None = None
    state: str | None = None


class Inbox(Listing):
    connection: str | None = None
    stream: str | None = None
    key: str | None = None
    state: str | None = None
    error_class: str | None = None
    receipt_id: int | None = None
    entity_id: int | None = None
    correlation: str | None = None


class Bells(Listing):
    connection: str | None = None
    stream: str | None = None
    state: str | None = None


class Deliveries(Listing):
    sync: str | None = None
    connection: str | None = None
    stream: str | None = None
    kind: str | None = None
    entity_id: int | None = None
    state: str | None = None
    error_class: str | None = None
    correlation: str | None = None


class Drifts(Listing):
    sync: str | None = None
    what: Literal["missing_here", "missing_there", "different"] | None = None
    state: Literal["open", "repairing", "closed", "dismissed"] | None = None
    entity_id: int | None = None
    owner: str | None = Field(None, max_length=100, description="Only what is this person's turn")


class ChosenDrifts(_Asked):
    """By their numbers, or all open ones of a sync, or of one sort in it."""

    ids: list[int] | None = Field(None, min_length=1, max_length=500)
    sync: str | None = None
    what: Literal["missing_here", "missing_there", "different"] | None = None

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.ids is None and self.sync is None:
            raise ValueError("say which: ids, or sync")
        return self


class DriftRepair(ChosenDrifts):
    choice: Literal["accept", "recreate"] | None = Field(
        None, description="For records missing there: take them for deleted, or create them anew"
    )


class DriftDismissal(ChosenDrifts):
    reason: str = Field(min_length=1, max_length=1000)


class Runs(Listing):
    sync: str | None = None
    what: str | None = None
    state: str | None = None
