"""The streams: one class that reads, one that also writes, both driven by the table of forms."""

from collections.abc import AsyncIterator, Mapping, Sequence

from connectors.kingdee import reading, writing
from connectors.kingdee.config import DEFAULT_REFERENCE, KingdeeConfig
from connectors.kingdee.documents import Layout, layout
from connectors.kingdee.forms import FORMS, WRITTEN, Form, schema_of
from hub.sdk import Context, Page, Push, Pushed, Record, Stream
from hub.sdk.connector import Grade


class ReadStream:
    """A form that is read only."""

    def __init__(self, form: Form, schema: Mapping[str, str]) -> None:
        self.form = form
        self.name = form.stream
        self.schema = schema

    def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]:
        return reading.pull(ctx, self._plan(ctx), cursor)

    async def fetch(self, ctx: Context, keys: Sequence[str]) -> Sequence[Record]:
        return await reading.fetch(ctx, self._plan(ctx), keys)

    async def find(self, ctx: Context, path: str, text: str) -> Sequence[Record]:
        return await reading.find(ctx, self._plan(ctx), path, text)

    def keys(self, ctx: Context) -> AsyncIterator[Sequence[str]]:
        return reading.keys(ctx, self.form)

    def _plan(self, ctx: Context) -> Layout:
        return layout(self.form, self._extra(ctx))

    def _extra(self, ctx: Context) -> tuple[str, ...]:
        extra: tuple[str, ...] = ctx.config.extra_fields.get(self.name, ())
        return extra


class WriteStream(ReadStream):
    """A form that is written too; our reference stands in a custom field of it."""

    ends = frozenset({"cancel", "delete"})
    settle = 5.0  # a query sees a saved bill at once; this is for a call still running after its time-out

    def __init__(self, form: Form, schema: Mapping[str, str], grade: Grade) -> None:
        super().__init__(form, schema)
        self.grade: Grade = grade

    async def push(self, ctx: Context, push: Push) -> Pushed:
        step = writing.put if push.action in {"create", "update"} else writing.end
        return await step(ctx, self.form, push)

    def _extra(self, ctx: Context) -> tuple[str, ...]:
        return (ctx.config.reference_field, *super()._extra(ctx))


def _stream(form: Form, reference_field: str, extra: Sequence[str], grade: Grade) -> Stream:
    if form.stream in WRITTEN:
        return WriteStream(form, schema_of(form, (reference_field, *extra)), grade)
    return ReadStream(form, schema_of(form, extra))


def streams() -> dict[str, Stream]:
    """All streams by name, as they are without a connection."""
    return {name: _stream(form, DEFAULT_REFERENCE, (), "C") for name, form in FORMS.items()}


def streams_of(config: KingdeeConfig) -> Mapping[str, Stream]:
    """The streams of one connection. Where we number what we create, Kingdee refuses a second one by its number."""
    grade: Grade = "B" if config.numbering == "hub" else "C"
    return {
        name: _stream(form, config.reference_field, config.extra_fields.get(name, ()), grade)
        for name, form in FORMS.items()
    }
