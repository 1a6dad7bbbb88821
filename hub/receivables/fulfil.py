"""How far an order is shipped and invoiced: sums of confirmed document lines over its own lines."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from hub.canon.entity import Entity
from hub.receivables.model import ZERO, Batch, Write, alive, number, revise

DOCUMENTS: Mapping[str, str] = {"shipment": "shipping_status", "invoice": "invoicing_status"}
"""Kind of document -> the state of the order it moves."""

Lines = list[Mapping[str, Any]]


async def fulfilment(batch: Batch) -> list[Write]:
    """`none`, `partial` or `complete` for every order that a changed document names, or named before."""
    moved: dict[int, list[Entity]] = {key: [] for key in batch.ids("order")}
    for kind in DOCUMENTS:
        await _note_named(batch, kind, moved)
    orders = await batch.read.by_ids("order", moved) if moved else {}
    if not orders:
        return []
    wanted: dict[int, dict[str, str]] = {key: {} for key in orders}
    for kind, state in DOCUMENTS.items():
        lines = await _confirmed_lines(batch, kind, sorted(orders))
        for key, target in orders.items():
            wanted[key][state] = state_of(target.fields.get("lines") or [], lines.get(key, []))
    return [
        write
        for key, target in sorted(orders.items())
        if not target.deleted
        for write in revise(batch, target, wanted[key], "sums of shipped and invoiced lines", *moved[key])
    ]


async def _note_named(batch: Batch, kind: str, moved: dict[int, list[Entity]]) -> None:
    """The orders that changed documents name now or named before, each with those documents."""
    documents = await batch.read.by_ids(kind, batch.ids(kind)) if batch.ids(kind) else {}
    for change in batch.changes(kind):
        document = documents.get(change.entity_id)
        now = document.fields.get("lines") if document else None
        for line in (*(now or []), *(change.previous.get("lines") or [])):
            if line.get("order") is not None:
                moved.setdefault(line["order"], []).extend([document] if document else [])


async def _confirmed_lines(batch: Batch, kind: str, orders: list[int]) -> dict[int, Lines]:
    """Order -> the lines of confirmed documents that fulfil it."""
    found: dict[int, Lines] = {}
    for document in alive(await batch.read.referring(kind, "lines.order", orders)):
        if document.fields.get("status") == "confirmed":
            for line in document.fields.get("lines") or []:
                if line.get("order") is not None:
                    found.setdefault(line["order"], []).append(line)
    return found


def state_of(ordered: Iterable[Mapping[str, Any]], fulfilled: Lines) -> str:
    """More than ordered is complete. Lines that name no order line are spread over those of their product."""
    own = [line for line in ordered if number(line.get("quantity")) > 0]
    done = _by_line(own, fulfilled)
    if own and all(done.get(line["_id"], ZERO) >= number(line["quantity"]) for line in own):
        return "complete"
    return "partial" if sum((number(line.get("quantity")) for line in fulfilled), ZERO) > 0 else "none"


def _by_line(own: Lines, fulfilled: Lines) -> dict[int, Decimal]:
    """Order line -> quantity."""
    known = {line["_id"] for line in own}
    done: dict[int, Decimal] = {}
    loose: dict[Any, Decimal] = {}
    for line in fulfilled:
        place = line.get("order_line")
        if place is not None and place in known:
            done[place] = done.get(place, ZERO) + number(line.get("quantity"))
        elif line.get("product") is not None:
            product = line["product"]
            loose[product] = loose.get(product, ZERO) + number(line.get("quantity"))
    for line in own:
        left = loose.get(line.get("product"), ZERO)
        missing = max(number(line["quantity"]) - done.get(line["_id"], ZERO), ZERO)
        taken = min(left, missing)
        done[line["_id"]] = done.get(line["_id"], ZERO) + taken
        loose[line.get("product")] = left - taken
    return done
