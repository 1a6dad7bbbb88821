"""A sound connector of each sort, to be spoilt in one place at a time."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.rest.config import RestConfig
from connectors.rest.streams import RestStream
from hub.sdk import (
    Context,
    Record,
)
from hub.sdk.conformance import CHECKS, Subject, subjects_of
from hub.security.redact import redact

WHOLE = subjects_of("rest", redact)[""]
WRITES = [writes for writes in WHOLE.kit.writes if writes.stream != "products"]
SOUND = replace(WHOLE, kit=replace(WHOLE.kit, reads=WHOLE.kit.reads[:1], writes=WRITES))
FILES = subjects_of("bank_files", redact)[""]
DINGTALK = subjects_of("dingtalk", redact)[""]


async def found(check: str, subject: Subject) -> str:
    return "\n".join(await CHECKS[check](subject))


def streamed(kind: type[RestStream], subject: Subject = SOUND) -> Subject:
    """The sound connector, its streams of another class."""

    def streams(config: RestConfig) -> Mapping[str, Any]:
        return {name: kind(name, spec) for name, spec in config.streams.items()}

    return replace(subject, connector=replace(subject.connector, declared=streams))


def hooked(hook: Any) -> Subject:
    return replace(SOUND, connector=replace(SOUND.connector, hook=hook))


class Blind(RestStream):
    """Sees no single record."""

    async def keys(self, ctx: Context) -> AsyncIterator[Sequence[str]]:
        yield []

    async def _fetch(self, ctx: Context, keys: Sequence[str]) -> Sequence[Record]:
        return []

    async def _find(self, ctx: Context, path: str, text: str) -> Sequence[Record]:
        return []
