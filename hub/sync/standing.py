"""How records stand there right now, asked by key; where the source cannot be asked so, by reading all of it."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field

from hub.config.runtime import BoundSync
from hub.mapping import RecordError
from hub.sdk import jsontext
from hub.sdk.connector import Fetches, Lists, Pulls, Stream
from hub.sdk.context import Context
from hub.sdk.records import Page, Record
from hub.sync.engine import Engine
from hub.sync.extent import ASK_AT_ONCE


@dataclass(slots=True)
class There:
    """`absent`: keys that surely are not there; one that is in neither could not be found out about."""

    records: dict[str, Record] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)


def stream_of(engine: Engine, sync: BoundSync) -> Stream:
    return engine.configuration.connections[sync.connection].streams[sync.stream]


def context_of(engine: Engine, sync: BoundSync) -> Context:
    return engine.outward.context(engine.configuration.connections[sync.connection])


def is_comparable(engine: Engine, sync: BoundSync) -> bool:
    """Can the whole of the other side be read?"""
    if sync.mapping is None or sync.is_message or sync.connection not in engine.configuration.connections:
        return False
    stream = stream_of(engine, sync)
    return isinstance(stream, Pulls) or (isinstance(stream, Lists) and isinstance(stream, Fetches))


def keyed(sync: BoundSync, records: Sequence[Record]) -> dict[str, Record]:
    """By key; one without a readable key is left out: the inbox says what is the matter with it."""
    assert sync.mapping is not None
    found: dict[str, Record] = {}
    for record in records:
        clean = jsontext.storable(record)
        try:
            found[sync.mapping.key_of(clean)] = clean
        except RecordError:
            continue
    return found


async def pages(ctx: Context, stream: Stream, cursor: str | None) -> AsyncIterator[Page]:
    """The whole of the other side in pages, from its start or from where a reading stopped."""
    if isinstance(stream, Pulls):
        async for page in stream.pull(ctx, cursor):
            yield page
        return
    assert isinstance(stream, Lists) and isinstance(stream, Fetches)
    async for keys in stream.keys(ctx):
        for start in range(0, len(keys), ASK_AT_ONCE):
            some = keys[start : start + ASK_AT_ONCE]
            yield Page(await stream.fetch(ctx, some), "")


async def stand(engine: Engine, sync: BoundSync, keys: Collection[str]) -> There:
    """How these records stand there now."""
    stream, ctx = stream_of(engine, sync), context_of(engine, sync)
    wanted, there = sorted(keys), There()
    if isinstance(stream, Fetches):
        for start in range(0, len(wanted), ASK_AT_ONCE):
            some = wanted[start : start + ASK_AT_ONCE]
            there.records |= keyed(sync, await stream.fetch(ctx, some))
        there.absent = set(wanted) - there.records.keys()
        return there
    return await _among_all(sync, stream, ctx, frozenset(wanted))


async def _among_all(sync: BoundSync, stream: Stream, ctx: Context, wanted: frozenset[str]) -> There:
    there, seen, total, doubted = There(), set[str](), None, False
    async for page in pages(ctx, stream, None):
        found = keyed(sync, page.records)
        seen |= found.keys()
        there.records |= {key: record for key, record in found.items() if key in wanted}
        total = page.total if page.total is not None else total
        doubted = doubted or page.doubt is not None
    if isinstance(stream, Lists) and total is None:
        seen |= {key async for keys in stream.keys(ctx) for key in keys}
        total = 0
    if seen and total is not None and len(seen) >= total and not doubted:
        there.absent = set(wanted - seen)
    return there
