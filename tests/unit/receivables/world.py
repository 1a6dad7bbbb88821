"""A small world in memory: it holds entities, applies what the rules wish, and calls them until nothing follows."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from hub.canon.entity import Entity
from hub.receivables.derive import Changed, Write, derive

TODAY = date(2026, 11, 22)
MOST_ROUNDS = 12


def cny(amount: str | int | Decimal) -> dict[str, str]:
    text = format(Decimal(amount), "f")
    return {"amount": text.rstrip("0").rstrip(".") if "." in text else text, "currency": "CNY"}


class World:
    def __init__(self) -> None:
        self.entities: dict[int, Entity] = {}
        self.origins: dict[tuple[str, str], int] = {}
        self.pending: list[Changed] = []
        self.written: list[Write] = []
        self._ids = 0
        self._changes = 0

    # the Reader
    async def by_ids(self, kind: str, ids: Collection[int]) -> dict[int, Entity]:
        return {key: e for key in ids if (e := self.entities.get(key)) is not None and e.kind == kind}

    async def referring(self, kind: str, path: str, ids: Collection[int]) -> list[Entity]:
        head, _, sub = path.partition(".")
        wanted = set(ids)
        return [
            e
            for e in self._of(kind)
            if (
                any(line.get(sub) in wanted for line in e.fields.get(head) or [])
                if sub
                else e.fields.get(head) in wanted
            )
        ]

    async def with_text(self, kind: str, field: str, texts: Collection[str]) -> list[Entity]:
        wanted = set(texts)
        return [e for e in self._of(kind) if e.fields.get(field) in wanted]

    def _of(self, kind: str) -> list[Entity]:
        return [e for e in self.entities.values() if e.kind == kind]

    # what happens
    def add(self, kind: str, **fields: Any) -> int:
        self._ids += 1
        for number, line in enumerate(fields.get("lines", ())):
            line.setdefault("_id", self._ids * 1000 + number)
        self.entities[self._ids] = Entity(self._ids, kind, 1, "test", dict(fields), {})
        self._changed(kind, self._ids, None, {})
        return self._ids

    def change(self, entity_id: int, **fields: Any) -> None:
        old = self.entities[entity_id]
        previous = {name: old.fields.get(name) for name, value in fields.items() if old.fields.get(name) != value}
        if previous:
            merged = {name: value for name, value in {**old.fields, **fields}.items() if value is not None}
            self.entities[entity_id] = Entity(entity_id, old.kind, old.version + 1, old.created_by, merged, {})
            self._changed(old.kind, entity_id, frozenset(previous), previous)

    def delete(self, entity_id: int) -> None:
        old = self.entities[entity_id]
        self.entities[entity_id] = Entity(entity_id, old.kind, old.version + 1, old.created_by, old.fields, {}, True)
        self._changed(old.kind, entity_id, frozenset(), {})

    def _changed(self, kind: str, entity_id: int, fields: frozenset[str] | None, previous: Mapping[str, Any]) -> None:
        self._changes += 1
        self.pending.append(Changed(self._changes, kind, entity_id, fields, previous))

    def settle(self) -> None:
        """Call the rules on what changed, and on what that changes, until nothing follows."""
        for _ in range(MOST_ROUNDS):
            if not self.pending:
                return
            batch, self.pending = self.pending, []
            for wish in asyncio.run(derive(batch, self, TODAY)):
                assert wish.caused_by
                assert set(wish.caused_by) <= {change.change_id for change in batch}
                self._apply(wish)
        raise AssertionError(f"the rules do not converge: {self.pending}")

    def _apply(self, wish: Write) -> None:
        self.written.append(wish)
        target = wish.id if wish.id is not None else self.origins.get((wish.kind, wish.origin or ""))
        if target is None:
            assert wish.origin is not None
            self.origins[wish.kind, wish.origin] = self.add(wish.kind, **wish.fields)
        else:
            self.change(target, **wish.fields)

    # looking
    def fields(self, entity_id: int) -> dict[str, Any]:
        return self.entities[entity_id].fields

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [e.fields for e in self._of(kind) if not e.deleted]

    def one(self, kind: str) -> dict[str, Any]:
        (only,) = self.all(kind)
        return only

    # things of the story
    def order(self, number: str, total: str | int = 1000, **fields: Any) -> int:
        return self.add("order", number=number, total=cny(total), **{"status": "confirmed", **fields})

    def payment(self, amount: str | int, remittance: str = "", **fields: Any) -> int:
        given = {"status": "received", "paid_on": "2026-11-20", **fields}
        return self.add("payment", amount=cny(amount), remittance=remittance, **given)

    def transaction(self, amount: str | int, remittance: str = "", **fields: Any) -> int:
        given = {"status": "booked", "booked_on": "2026-11-20", **fields}
        return self.add("bank_transaction", amount=cny(amount), remittance=remittance, **given)
