"""What a connection says about the interface it speaks to: calls, paths, paging, cursor, hook, errors."""

from typing import Annotated, Any, Literal, Self

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from hub.sdk import ConnectionConfig


def _compiles(text: str) -> str:
    try:
        jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(f'"{text}" is no JMESPath expression: {str(error).splitlines()[0]}') from None
    return text


Expression = Annotated[str, AfterValidator(_compiles)]
Path = Annotated[str, Field(pattern=r"^[A-Za-z_][\w$@-]*(\.[A-Za-z_][\w$@-]*)*$", description="dotted: owner.id")]
ErrorName = Literal[
    "AuthFailed",
    "Throttled",
    "Unavailable",
    "ConfigInvalid",
    "Busy",
    "Rejected",
    "Conflict",
    "NotFound",
    "Uncertain",
]


class Part(BaseModel):
    """Base of the pieces: unknown names are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Paging(Part):
    """How a list goes on. `more`: truthy while there are further pages; without it one call more finds the end.
    next_link: `next` finds the next address in the answer; without it the `Link` header (rel="next") is read.
    `total`: where an answer says how many records the list has; it proves that a reading was complete."""

    kind: Literal["none", "page", "offset", "next_link"] = "none"
    size: int = Field(default=100, ge=1, le=10_000)
    size_param: str = "limit"
    page_param: str = "page"
    first_page: int = 1
    offset_param: str = "offset"
    next: Expression | None = None
    more: Expression | None = None
    total: Expression | None = None


class Cursor(Part):
    """The parameter that asks for what changed, and where a record says when it changed. `sorted`: the list comes
    oldest change first; `overlap` seconds are read again each time; up to `lag` seconds late a record may appear with a
    stamp in the past. `granularity: day` where stamps look exact and tell the day only (a plain date says so itself)."""

    param: str
    path: Path
    overlap: int = Field(default=60, ge=0)
    lag: int = Field(default=60, ge=0)
    sorted: bool = True
    granularity: Literal["as_written", "day"] = "as_written"


class Call(Part):
    """A write. `{id}` in `path` is the record's id; `nest` puts the body under a name; `record` finds the record in
    the answer; `whole`: the interface wants the whole record, not only what differs; `body` is sent as it is."""

    path: str
    method: Literal["POST", "PUT", "PATCH", "DELETE"]
    nest: str | None = None
    record: Expression = "@"
    whole: bool = False
    body: dict[str, Any] | None = None


class Get(Part):
    """One record by its id."""

    path: str
    record: Expression = "@"


class StreamSpec(Part):
    """One kind of record. `find`: vendor path -> query parameter that filters by exactly that value; `lines`: list
    path -> name of a line's id; `reference`: where our reference is written (must be in `find` to be looked up)."""

    path: str = Field(pattern=r"^[^\s?#]+$", description="without a query: that is `params`")
    params: dict[str, str] = {}
    list_at: Expression = Field(default="@", alias="list")
    id: Path = "id"
    paging: Paging = Paging()
    cursor: Cursor | None = None
    get: Get | None = None
    find: dict[Path, str] = {}
    create: Call | None = None
    update: Call | None = None
    cancel: Call | None = None
    delete: Call | None = None
    reference: Path | None = None
    etag: Path | None = None
    idempotency_header: str | None = None
    lines: dict[Path, Path] = {}
    settle: float = Field(default=5.0, ge=0)
    types: dict[str, str] = Field(default={}, alias="schema")

    @model_validator(mode="after")
    def _ids_are_used(self) -> Self:
        for name in ("get", "update", "cancel", "delete"):
            call = getattr(self, name)
            if call is not None and "{id}" not in call.path:
                raise ValueError(f"`{name}.path` must say where the id goes: /things/{{id}}")
        if self.paging.kind == "none" and self.paging.more:
            raise ValueError("`paging.more` needs a `paging.kind`")
        return self


class HookEvent(Part):
    """What an event is about: `record` finds the whole record in it, or `id` the id of one to be fetched; neither:
    something changed, so pull."""

    stream: str
    record: Expression | None = None
    id: Expression | None = None


class HookSpec(Part):
    """The calls the other side makes to us. `items` finds the events in a body (a list or one), `event` the name of
    each, `event_id` a body's unique id where no webhook-id header gives it."""

    items: Expression = "@"
    event: Expression = "type"
    event_id: Expression | None = None
    events: dict[str, HookEvent]


class ErrorSpec(Part):
    """Where an error answer keeps its sentence, its code and its fields (a list of {path, sentence}); `codes` gives a
    vendor's code the class that says what to do."""

    sentence: Expression = "message"
    code: Expression = "code"
    fields: Expression | None = None
    codes: dict[str, ErrorName] = {}


class RestConfig(ConnectionConfig):
    """A connection to a JSON interface."""

    base_url: str = Field(pattern=r"^https?://[^/\s?#]+[^\s?#]*$")
    auth: Literal["none", "bearer", "basic"] = "none"
    token: SecretStr | None = None
    user: str = ""
    password: SecretStr | None = None
    headers: dict[str, str] = Field(default={})
    secret_headers: dict[str, SecretStr] = Field(default={}, description="such as X-Api-Key; never shown")
    probe: str | None = Field(default=None, description="path of a cheap read; default: the first stream, one record")
    streams: dict[str, StreamSpec] = Field(min_length=1)
    hook: HookSpec | None = None
    hook_secret: SecretStr | None = Field(default=None, description="whsec_… (Standard Webhooks) or a token")
    hook_secret_old: SecretStr | None = Field(default=None, description="still accepted while it is being replaced")
    errors: ErrorSpec = ErrorSpec()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.auth == "bearer" and self.token is None:
            raise ValueError("auth: bearer needs `token`")
        if self.auth == "basic" and (not self.user or self.password is None):
            raise ValueError("auth: basic needs `user` and `password`")
        for event, target in (self.hook.events if self.hook else {}).items():
            if target.stream not in self.streams:
                raise ValueError(f"hook event `{event}` names the stream `{target.stream}`, which is not declared")
        return self
