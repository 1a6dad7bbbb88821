"""The streams of one connection, each with just the verbs its declaration makes possible."""

from collections.abc import AsyncIterator, Mapping, Sequence

from connectors.rest import reading, writing
from connectors.rest.config import RestConfig, StreamSpec
from hub.sdk import Context, Page, Push, Pushed, Record, Stream
from hub.sdk.connector import Grade


class RestStream:
    """A declared stream. A verb is a method, so those that are not declared are not there."""

    def __init__(self, name: str, spec: StreamSpec) -> None:
        self.name = name
        self.spec = spec
        self.schema: Mapping[str, str] = spec.types
        self.grade: Grade = "A" if spec.idempotency_header else "C"
        self.settle = spec.settle
        ends = {"cancel": spec.cancel, "delete": spec.delete}
        self.ends = frozenset(name for name, declared in ends.items() if declared)
        for verb, declared, method in (
            ("fetch", spec.get, self._fetch),
            ("find", spec.find, self._find),
            ("push", spec.create or spec.update, self._push),
        ):
            if declared:
                setattr(self, verb, method)

    def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]:
        return reading.pull(ctx, self.name, self.spec, cursor)

    async def keys(self, ctx: Context) -> AsyncIterator[Sequence[str]]:
        async for rows in reading.walk(ctx, self.name, self.spec, None):
            yield [reading.key_of(row, self.name, self.spec) for row in rows]

    async def _fetch(self, ctx: Context, keys: Sequence[str]) -> Sequence[Record]:
        return await reading.fetch(ctx, self.name, self.spec, keys)

    async def _find(self, ctx: Context, path: str, text: str) -> Sequence[Record]:
        return await reading.find(ctx, self.name, self.spec, path, text)

    async def _push(self, ctx: Context, push: Push) -> Pushed:
        step = writing.put if push.action in {"create", "update"} else writing.end
        return await step(ctx, self.name, self.spec, push)


def streams_of(config: RestConfig) -> Mapping[str, Stream]:
    return {name: RestStream(name, spec) for name, spec in config.streams.items()}
