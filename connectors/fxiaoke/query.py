"""Reading rows of one object: filters, walks that never need an offset, what changed since a stamp."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.fxiaoke.client import DATA, call
from connectors.fxiaoke.errors import part
from hub.sdk import ConfigInvalid, Context, Record, Rejected
from hub.sdk.http import no_answer

PAGE = 100  # the vendor's largest limit
STAMP = "last_modified_time"
Filter = Mapping[str, Any]


def where(field: str, operator: str, *values: str | int) -> Filter:
    return {"field_name": field, "operator": operator, "field_values": list(values)}


# Invalidated rows are left out of every query that does not ask for them (vendor sheet, 3).
INVALID = where("life_status", "EQ", "invalid")


def alive(invalid: bool) -> list[Filter]:
    """What to add to a query to see the living rows, or the invalidated ones."""
    return [INVALID] if invalid else []


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads rows of `object_name` for the stream of that name (errors pause that stream alone)."""

    stream: str
    object_name: str

    async def rows(
        self, ctx: Context, filters: Sequence[Filter], order: Sequence[str] = ("_id",), fields: Sequence[str] = ()
    ) -> list[Record]:
        """The first page, at most 100 rows."""
        search: dict[str, Any] = {
            "limit": PAGE,
            "offset": 0,
            "filters": list(filters),
            "orders": [{"fieldName": name, "isAsc": True} for name in order],
        }
        if fields:
            search["fieldProjection"] = list(fields)
        data = {
            "dataObjectApiName": self.object_name,
            "search_query_info": search,
            "find_explicit_total_num": False,
        }
        try:
            answer = await call(ctx, DATA + "query", {"data": data})
        except Rejected as error:
            # A read carries no record of ours: what is refused is the object, a field or the right to see it.
            raise ConfigInvalid(error.sentence, zh=error.zh, code=error.code, scope=self.stream) from None
        # An empty list is an answer; none at all must not pass for "there is nothing".
        rows = part(part(answer, "data"), "dataList")
        if not (isinstance(rows, list) and all(isinstance(row, dict) and row.get("_id") for row in rows)):
            raise no_answer(False, f"dataList of {self.object_name} is no list of rows with _id")
        return rows

    async def walk(
        self, ctx: Context, filters: Sequence[Filter], *, after: str = "", fields: Sequence[str] = ()
    ) -> AsyncIterator[list[Record]]:
        """All rows in pages by `_id`. An offset may not pass 10,000 and slips when rows come and go; this does neither."""
        while True:
            past = [where("_id", "GT", after)] if after else []
            rows = await self.rows(ctx, [*filters, *past], fields=fields)
            if rows:
                yield rows
            if len(rows) < PAGE:
                return
            after = rows[-1]["_id"]

    async def changed(self, ctx: Context, since: int, *, invalid: bool) -> AsyncIterator[tuple[list[Record], bool]]:
        """Rows stamped `since` or later, oldest first, each page starting at the stamp the one before ended with; and
        whether that was the end."""
        seen: set[str] = set()
        while True:
            filters = [*alive(invalid), where(STAMP, "GTE", since)]
            rows = await self.rows(ctx, filters, order=(STAMP, "_id"))
            fresh = [row for row in rows if row["_id"] not in seen]
            if fresh:
                yield fresh, len(rows) < PAGE
            if len(rows) < PAGE:
                return
            last = int(rows[-1][STAMP])
            if last > since:
                since, seen = last, {row["_id"] for row in rows if int(row[STAMP]) == last}
                continue
            # More rows than a page share one millisecond, as after an import.
            at_once = [*alive(invalid), where(STAMP, "EQ", last)]
            async for more in self.walk(ctx, at_once, after=rows[-1]["_id"]):
                yield more, False
            since, seen = last + 1, set()

    async def by_key(self, ctx: Context, keys: Sequence[str], *, invalid: bool = False) -> list[Record]:
        """Rows with these ids, in the order of the ids; up to 100."""
        if not keys:
            return []
        found = {r["_id"]: r for r in await self.rows(ctx, [*alive(invalid), where("_id", "IN", *keys)])}
        return [found[key] for key in keys if key in found]
