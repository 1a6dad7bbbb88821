"""How much of a source one whole reading saw, and what may be concluded from what it did not.

A record that is merely absent is no delete: lists lie, lose their last page, or answer nothing at all. A delete is
concluded when the reading proves complete (the source's own count, or its list of keys) and, where the source can be
asked by key, it answers that the record is not there. Anything less leaves the reading in doubt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.runtime import BoundSync
from hub.mapping import RecordError
from hub.sdk.connector import Fetches, Lists, Stream
from hub.sdk.context import Context
from hub.sdk.records import Doubt, Page, Record
from hub.sync.deletes import dead

SLICE: Final = 5_000
ASK_AT_ONCE: Final = 100
SAMPLE: Final = 20  # keys asked for where more are missing than a person would let pass


@dataclass(slots=True)
class Extent:
    """What a turn saw. `whole`: it began at the start of the source. Of keys only their hashes are kept."""

    whole: bool
    seen: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)  # of them, records that say of themselves that they are deleted
    total: int | None = None
    doubt: Doubt | None = None

    def see(self, sync: BoundSync, page: Page) -> None:
        self.total = page.total if page.total is not None else self.total
        self.doubt = page.doubt or self.doubt
        if self.whole:
            self.seen.update(hash(key) for key in _keys(sync, page.records))
            assert sync.mapping is not None
            self.ended.update(map(hash, dead(sync.mapping, page.records)))

    @property
    def short(self) -> bool:
        return self.total is not None and len(self.seen) < self.total


def _keys(sync: BoundSync, records: Sequence[Record]) -> Iterator[str]:
    assert sync.mapping is not None
    for record in records:
        try:
            yield sync.mapping.key_of(record)
        except RecordError:
            yield f"\x00{len(record)}"  # it counts as read; nobody is linked by such a key


@dataclass(frozen=True, slots=True)
class Concluded:
    """What a whole reading comes to: keys surely gone, records it had left out, and what is doubtful about it."""

    gone: Sequence[str] = ()
    left_out: Sequence[Record] = ()
    doubt: Doubt | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """Known records that a reading did not bring. Above `most` deletes a person is asked anyway, so that the source is
    asked for some of them only."""

    keys: Sequence[str]
    most: int


async def conclude(ctx: Context, sync: BoundSync, stream: Stream, extent: Extent, missing: Missing) -> Concluded:
    """What became of the records that are missing."""
    if extent.short:
        return Concluded(doubt=_too_few(len(extent.seen), extent.total or 0))
    if not missing.keys:
        return Concluded(doubt=extent.doubt)
    if not extent.seen:
        return Concluded(doubt=_nothing(len(missing.keys)))
    listed = await _listed(ctx, stream) if extent.total is None else frozenset()
    if listed is None or not (extent.total is not None or isinstance(stream, Fetches)):
        return Concluded(doubt=_cannot_tell(len(missing.keys)))
    gone = [key for key in missing.keys if hash(key) not in listed]
    there = len(missing.keys) - len(gone)
    found: list[Record] = []
    few = len(missing.keys) <= missing.most
    if isinstance(stream, Fetches):
        found = await _asked(ctx, stream, missing.keys if few else missing.keys[:: len(missing.keys) // SAMPLE + 1])
        answered = {hash(key) for key in _keys(sync, found)}
        gone = [key for key in gone if hash(key) not in answered]
        there = len(missing.keys) - len(gone)
    if found and not few:
        gone = []  # a list that leaves out what is there says nothing of the rest
    return Concluded(gone, found, _left_out(there) if there else extent.doubt)


async def _listed(ctx: Context, stream: Stream) -> frozenset[int] | None:
    """Hashes of all keys there are, listed to the end; None where the source lists none."""
    if not isinstance(stream, Lists):
        return None
    return frozenset([hash(key) async for keys in stream.keys(ctx) for key in keys])


async def _asked(ctx: Context, stream: Fetches, keys: Sequence[str]) -> list[Record]:
    found: list[Record] = []
    for start in range(0, len(keys), ASK_AT_ONCE):
        found += await stream.fetch(ctx, keys[start : start + ASK_AT_ONCE])
    return found


_STANDING = """
SELECT l.key FROM link l WHERE l.connection = :connection AND l.stream = :stream AND l.deleted_at IS NULL
  AND l.updated_at < :before AND l.key > :after
  AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.connection = l.connection AND i.stream = l.stream AND i.key = l.key
    AND i.deleted AND i.state = 'waiting')
ORDER BY l.key LIMIT :limit
"""


async def unseen(conn: AsyncConnection, sync: BoundSync, extent: Extent, before: Any) -> list[str]:
    """Keys of records we know since before the reading, did not see in it, and do not hold as deleted already."""
    found: list[str] = []
    after = ""
    while True:
        values = {
            "connection": sync.connection,
            "stream": sync.stream,
            "before": before,
            "after": after,
            "limit": SLICE,
        }
        keys = [row.key for row in await conn.execute(text(_STANDING), values)]
        found += [key for key in keys if hash(key) not in extent.seen]
        if len(keys) < SLICE:
            return found
        after = keys[-1]


def _too_few(read: int, total: int) -> Doubt:
    return Doubt(
        f"the source says it has {total} records and gave {read}: it is read again from the start; if this stays so, "
        "look there for a page that fails",
        f"来源称共有 {total} 条记录，实际只返回 {read} 条：将重新从头读取；若持续出现，请检查来源是否有页面出错",
    )


def _nothing(known: int) -> Doubt:
    return Doubt(
        f"the source answered with no record at all where {known} are known; nothing was deleted: look there whether "
        "data or rights were taken away",
        f"已知 {known} 条记录，来源却一条也没有返回；没有删除任何数据：请检查来源的数据与权限",
    )


def _left_out(count: int) -> Doubt:
    return Doubt(
        f"the list left out {count} records that are there; those that could be read were: look there for a page that fails",
        f"列表漏掉了 {count} 条仍然存在的记录；能读取的已补读：请检查来源的列表是否有页面出错",
    )


def _cannot_tell(count: int) -> Doubt:
    return Doubt(
        f"{count} known records were not in this reading, and the source tells no count and cannot be asked for them; "
        "nothing was deleted: compare both sides, or let the connection declare a total or a way to get one record",
        f"本次读取缺少 {count} 条已知记录，来源既不提供总数，也无法按主键查询；没有删除任何数据：请核对两侧，或在连接中声明总数或单条查询",
    )
