"""The lines of a deal: an object of its own there, a list inside the record here."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.fxiaoke.query import Reader, alive, where
from connectors.fxiaoke.writing import create, differing, invalidate, update
from hub.sdk import Conflict, Context, Record


@dataclass(frozen=True, slots=True)
class Lines:
    """`parent` is the lines' field with the id of their document, `path` where the record holds them."""

    reader: Reader
    parent: str
    numbers: frozenset[str]  # fields whose text is a number: "10" there is "10.00" here
    path: str = "lines"

    async def of(self, ctx: Context, keys: Sequence[str], *, invalid: bool = False) -> Mapping[str, list[Record]]:
        """Lines by document, each list in the order in which the lines were made."""
        found: defaultdict[str, list[Record]] = defaultdict(list)
        if keys:
            filters = [*alive(invalid), where(self.parent, "IN", *keys)]
            async for rows in self.reader.walk(ctx, filters):
                for row in rows:
                    found[row[self.parent]].append(row)
        return found

    async def settle(self, ctx: Context, key: str, wanted: Sequence[Record], known: Sequence[Record]) -> list[str]:
        """Make the document's lines what is wanted, from wherever they stand; returns their ids in that order.

        A line there that nobody wants is invalidated only if the hub knew it: one that a person added meanwhile stays."""
        there = (await self.of(ctx, [key])).get(key, [])
        standing = {row["_id"]: row for row in there}
        claimed = self._claim(wanted, standing)
        ids: list[str] = []
        for line, row in zip(wanted, claimed, strict=True):
            ids.append(await self._bring(ctx, key, line, row))
            if row is None:
                await ctx.created(key, {self.path: list(ids)})
        for line in known:
            if line.get("_id") in standing and line["_id"] not in ids:
                await invalidate(ctx, self.reader.object_name, line["_id"])
        return ids

    async def _bring(self, ctx: Context, key: str, line: Record, row: Record | None) -> str:
        if row is None:
            return await create(ctx, self.reader.object_name, {**line, self.parent: key})
        await update(ctx, self.reader.object_name, row["_id"], differing(line, row, self.numbers))
        return str(row["_id"])

    def _claim(self, wanted: Sequence[Record], standing: Mapping[str, Record]) -> list[Record | None]:
        """The standing line each wanted one is: by id, else one of the same content (made by a try that was cut short)."""
        free = dict(standing)
        claimed: list[Record | None] = [None] * len(wanted)
        for position, line in enumerate(wanted):
            if line.get("_id"):
                claimed[position] = free.pop(line["_id"], None)
                if claimed[position] is None:
                    raise Conflict(f"line {line['_id']} is gone there", zh=f"明细 {line['_id']} 在对方已不存在")
        for position, line in enumerate(wanted):
            if not line.get("_id"):
                same = next((row for row in free.values() if not differing(line, row, self.numbers)), None)
                if same is not None:
                    claimed[position] = free.pop(same["_id"])
        return claimed
