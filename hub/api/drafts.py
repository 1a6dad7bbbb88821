"""What the API is asked about mapping drafts, and what it answers: previews with their traces, comparisons."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.api.models import Answered
from hub.mapping.document import MAX_BYTES
from hub.sync.shadowing import LAST

Way = Literal["in", "out"]


class LinkName(BaseModel):
    """A record that is known, by the vendor's key."""

    model_config = ConfigDict(extra="forbid")
    connection: str
    stream: str
    key: str


class PreviewAsked(BaseModel):
    """A draft and at most one thing to try it on."""

    model_config = ConfigDict(extra="forbid")
    draft: str = Field(max_length=MAX_BYTES, description="The text of the mapping file")
    connection: str | None = Field(None, description="Whose zone and schema count, and whose names for references")
    stream: str | None = Field(None, description="Of that connection; found by the mapping's sync when left out")
    way: Literal["in", "out", "both"] | None = Field(
        None, description="in: read a record (the default for one); out: write an entity; both: for a link"
    )
    record: dict[str, Any] | None = Field(None, description="In the vendor's shape, at most 1 MB")
    inbox: int | None = Field(None, description="An inbox record by its id")
    link: LinkName | None = None
    entity: int | None = Field(None, description="An entity's id, for the way out")
    creating: bool | None = Field(None, description="Write it as a new one; otherwise by whether it is linked there")

    @model_validator(mode="after")
    def _one_thing(self) -> "PreviewAsked":
        given = [name for name in ("record", "inbox", "link", "entity") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give one of record, inbox, link and entity, not {' and '.join(given)}")
        return self


class DiffAsked(BaseModel):
    """A draft, compared with the mapping of its name."""

    model_config = ConfigDict(extra="forbid")
    draft: str = Field(max_length=MAX_BYTES, description="The text of the mapping file")
    last: int = Field(LAST, ge=1, le=5000, description="How many of the last known records of each stream")
    connection: str | None = Field(None, description="Only in this connection")
    sync: str | None = Field(None, description="Compare with the mapping this sync uses now, whatever its name")


class DraftProblem(Answered):
    """Something wrong with the file."""

    file: str
    line: int
    path: str
    value: str
    rule: str
    sentence: str
    sentence_zh: str


class LineError(Answered):
    rule: str
    value: str
    sentence: str
    sentence_zh: str


class TracedLine(Answered):
    """What one line of the mapping did. `also`: what else it looked at."""

    field: str
    path: str
    raw: Any
    rule: str
    file: str
    line: int
    outcome: Literal["set", "empty", "silent", "skipped", "failed"]
    result: Any
    error: LineError | None
    also: dict[str, Any]


class Read(Answered):
    """The record as it is read; `concerns` is what `where` says."""

    concerns: bool
    deleted: bool
    entity: dict[str, Any] = Field(description="References as text: `customer:number:C1`")
    heads: list[TracedLine]
    fields: list[TracedLine]


class Written(Answered):
    """The entity as it is written."""

    creating: bool
    record: dict[str, Any] = Field(description="In the vendor's shape; numbers with a point are text")
    sends: dict[str, Any] | None = Field(description="What a push would send, beside the record known there")
    heads: list[TracedLine]
    fields: list[TracedLine]


class Waits(Answered):
    """This must be known there before the entity can be written."""

    connection: str
    kind: str
    id: int


class Previewed(Answered):
    """`mapping` is null when the draft does not compile."""

    mapping: str | None
    kind: str | None
    problems: list[DraftProblem]
    reading: Read | None
    writing: Written | None
    waits: Waits | None


class ShownExample(Answered):
    name: str
    at: str
    how: Literal["changed", "appeared", "vanished"]
    before: Any
    after: Any


class FieldDiff(Answered):
    """In how many records or entities this field (or path) comes out differently, with up to 5 examples."""

    field: str
    count: int
    changed: int
    appeared: int
    vanished: int
    when: Literal["always", "create", "change"]
    examples: list[ShownExample]


class ErrorDiff(Answered):
    """An error that only one of the two mappings makes."""

    way: Way
    field: str
    rule: str
    count: int
    sentence: str
    sentence_zh: str
    examples: list[tuple[str, str]]


class NotKept(Answered):
    """A path the draft reads and nobody has kept so far: after publishing, the stream is read again."""

    path: str
    fields: list[str]
    records: int


class StoreDiff(Answered):
    """What re-mapping would change in the store; `withheld` is kept by the ownership rules."""

    entities: int
    fields: list[FieldDiff]
    withheld: dict[str, int]
    unresolved: int


class DraftDiff(Answered):
    """The draft beside what is in force, in one stream."""

    connection: str
    stream: str
    syncs: list[str]
    mapping: str
    version: int | None
    nothing: bool
    records: int
    whole: int = Field(description="Records compared as the vendor sent them; of the others what is kept")
    entities: int
    touched: int
    written: int
    pushes: int
    failing: int
    healed: int
    identity: list[FieldDiff]
    reading: list[FieldDiff]
    writing: list[FieldDiff]
    store: StoreDiff | None
    ignored: FieldDiff | None
    heeded: FieldDiff | None
    waiting: FieldDiff | None
    new_errors: list[ErrorDiff]
    gone_errors: list[ErrorDiff]
    unkept: list[NotKept]
    unseen: list[str]


class Diffed(Answered):
    """Without streams the draft does not compile: `problems` says why."""

    problems: list[DraftProblem]
    streams: list[DraftDiff]
