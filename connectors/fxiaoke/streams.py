"""The streams: employees, products and customers as they are, deals with their lines inside."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from connectors.fxiaoke import schema as fields
from connectors.fxiaoke.lines import Lines
from connectors.fxiaoke.query import PAGE, STAMP, Reader, where
from connectors.fxiaoke.writing import create, delete, differing, invalidate, update
from hub.sdk import (
    Context,
    FieldError,
    NotFound,
    Page,
    Push,
    Pushed,
    Record,
    Rejected,
    Rows,
    Start,
    Window,
    changes,
)
from hub.sdk.connector import Grade


@dataclass(frozen=True, slots=True)
class Marks:
    """A cursor: one among the living rows and one among the invalidated ones.

    They are two queries, so one stamp for both would lose a row that was invalidated while the other was read."""

    living: str = ""
    invalid: str = ""

    @classmethod
    def parse(cls, cursor: str | None) -> "Marks":
        living, _, invalid = (cursor or "").partition("/")
        return cls(living, invalid)

    def __str__(self) -> str:
        return f"{self.living}/{self.invalid}"


class ReadStream:
    """One object; `lines` when its record holds the rows of another."""

    def __init__(self, name: str, object_name: str, schema: Mapping[str, str], lines: Lines | None = None) -> None:
        self.name = name
        self.schema = schema
        self.object_name = object_name
        self.reader = Reader(name, object_name)
        self.lines = lines

    async def pull(self, ctx: Context, cursor: str | None) -> AsyncIterator[Page]:
        marks = Marks.parse(cursor)
        window = Window(overlap=timedelta(seconds=ctx.config.overlap))
        living = partial(self._changed, ctx, invalid=False)
        doubt = None
        async for page in changes(window, ctx.clock, marks.living, living):
            marks, doubt = replace(marks, living=page.cursor), page.doubt
            yield Page(page.records, str(marks))
        invalid = partial(self._changed, ctx, invalid=True)
        async for page in changes(window, ctx.clock, marks.invalid, invalid):
            marks = replace(marks, invalid=page.cursor)
            # The last living row may be the one that is invalid now, and an invalid one may be deleted for good.
            doubt = None if page.records else doubt
            yield Page(page.records, str(marks))
        if doubt is not None:
            yield Page((), str(marks), doubt=doubt)

    async def _changed(self, ctx: Context, start: Start, *, invalid: bool) -> AsyncIterator[Rows]:
        async for rows, last in self.reader.changed(ctx, int(start.since or 0), invalid=invalid):
            stamps = [str(row[STAMP]) for row in rows]
            yield Rows(await self._whole(ctx, rows, invalid=invalid), stamps, rows[-1]["_id"], last=last)

    async def fetch(self, ctx: Context, keys: Sequence[str]) -> Sequence[Record]:
        """Invalidated records come too, with life_status invalid; deleted ones are absent."""
        found: list[Record] = []
        for start in range(0, len(keys), PAGE):
            some = keys[start : start + PAGE]
            living = await self.reader.by_key(ctx, some)
            rest = sorted(set(some) - {row["_id"] for row in living})
            invalid = await self.reader.by_key(ctx, rest, invalid=True)
            found += await self._whole(ctx, living)
            found += await self._whole(ctx, invalid, invalid=True)
        return found

    async def find(self, ctx: Context, path: str, text: str) -> Sequence[Record]:
        return await self._whole(ctx, await self.reader.rows(ctx, [where(path, "EQ", text)]))

    async def keys(self, ctx: Context) -> AsyncIterator[Sequence[str]]:
        async for rows in self.reader.walk(ctx, [], fields=("_id",)):
            yield [row["_id"] for row in rows]

    async def _whole(self, ctx: Context, rows: Sequence[Record], *, invalid: bool = False) -> list[Record]:
        if self.lines is None:
            return list(rows)
        lines = await self.lines.of(ctx, [row["_id"] for row in rows], invalid=invalid)
        return [{**row, self.lines.path: lines.get(row["_id"], [])} for row in rows]


class WriteStream(ReadStream):
    """The vendor takes no idempotency key and allows two alike: a create looks for our reference first."""

    grade: Grade = "C"
    settle = 5.0
    ends = frozenset({"cancel", "delete"})

    async def push(self, ctx: Context, push: Push) -> Pushed:
        verbs = {"create": self._create, "update": self._update, "cancel": self._cancel, "delete": self._delete}
        try:
            return await verbs[push.action](ctx, push)
        except Rejected as error:
            if push.key is not None:
                await self._still_there(ctx, push.key)
            raise _naming_fields(error, push.record) from None

    async def _create(self, ctx: Context, push: Push) -> Pushed:
        header, lines = self._split(push.record)
        row = await self._made_before(ctx, push, header)
        if row is None:
            key = await create(ctx, self.object_name, header)
            await ctx.created(key, {})
        else:
            key = str(row["_id"])
            await ctx.created(key, {})
            await update(ctx, self.object_name, key, differing(header, row, self._numbers()))
        return await self._with_lines(ctx, key, lines, known=[])

    async def _update(self, ctx: Context, push: Push) -> Pushed:
        key = _key(push)
        header, lines = self._split(push.record)
        await update(ctx, self.object_name, key, header)
        path = self.lines.path if self.lines else ""
        return await self._with_lines(ctx, key, lines, known=(push.known or {}).get(path) or [])

    async def _cancel(self, ctx: Context, push: Push) -> Pushed:
        key = _key(push)
        row = await self._standing(ctx, key)
        if row is None:
            raise _gone(key)
        if row["life_status"] != "invalid":
            await invalidate(ctx, self.object_name, key)
        return Pushed(key)

    async def _still_there(self, ctx: Context, key: str) -> Record:
        """An invalidated row takes no write: for the hub it is deleted, as a pull says too."""
        row = await self._standing(ctx, key)
        if row is None or row["life_status"] == "invalid":
            raise _gone(key)
        return row

    async def _delete(self, ctx: Context, push: Push) -> Pushed:
        key = _key(push)
        row = await self._standing(ctx, key)
        if row is not None:
            if row["life_status"] != "invalid":
                await invalidate(ctx, self.object_name, key)
            await delete(ctx, self.object_name, key)
        return Pushed(key)

    async def _made_before(self, ctx: Context, push: Push, header: Record) -> Record | None:
        """The row an earlier try of this create made. The oldest: copying a record there copies our reference too."""
        if push.key is not None:
            return await self._still_there(ctx, push.key)
        place = next((name for name, value in header.items() if value == push.reference), None)
        if place is None:
            return None
        rows = await self.reader.rows(ctx, [where(place, "EQ", push.reference)])
        return rows[0] if rows else None

    async def _standing(self, ctx: Context, key: str) -> Record | None:
        rows = await self.reader.by_key(ctx, [key]) or await self.reader.by_key(ctx, [key], invalid=True)
        return rows[0] if rows else None

    async def _with_lines(self, ctx: Context, key: str, wanted: list[Record] | None, known: Sequence[Record]) -> Pushed:
        if self.lines is None or wanted is None:
            return Pushed(key)
        return Pushed(key, lines={self.lines.path: await self.lines.settle(ctx, key, wanted, known)})

    def _split(self, record: Record) -> tuple[Record, list[Record] | None]:
        header = dict(record)
        return header, header.pop(self.lines.path, None) if self.lines else None

    def _numbers(self) -> frozenset[str]:
        return frozenset(name for name, kind in self.schema.items() if kind in {"decimal", "money"})


def _key(push: Push) -> str:
    if push.key is None:
        raise AssertionError(f"{push.action} needs a key")
    return push.key


def _gone(key: str) -> NotFound:
    return NotFound(f"{key} was deleted or invalidated there", zh=f"数据 {key} 在对方已作废或删除")


def _naming_fields(error: Rejected, record: Record) -> Rejected:
    """The vendor names fields in its sentence only. Good enough to point at one, never to decide by."""
    named = set(re.findall(r"[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]*|(?<=\[)[A-Za-z]+(?=\])", error.sentence))
    hit = [FieldError(name, error.zh) for name in record if name in named]
    return Rejected(error.sentence, fields=error.fields or hit, zh=error.zh, code=error.code)


_DEAL_LINES = Lines(Reader("deals", "NewOpportunityLinesObj"), "new_opportunity_id", fields.LINE_NUMBERS)

STREAMS: Mapping[str, ReadStream] = {
    "employees": ReadStream("employees", "PersonnelObj", fields.EMPLOYEES),
    "products": ReadStream("products", "ProductObj", fields.PRODUCTS),
    "customers": WriteStream("customers", "AccountObj", fields.CUSTOMERS),
    "deals": WriteStream("deals", "NewOpportunityObj", fields.DEALS, _DEAL_LINES),
}
