"""A hundred thousand amounts go from one system's JSON through inbox, mapping, typed columns and entity into another
system's record, and are equal to the last digit; no float is made on the way. In full a hundred times as many."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from hub.sdk import jsontext
from hub.sync.engine import Engine
from tests.engine.conftest import Build
from tests.engine.floats import FloatFound, no_floats
from tests.engine.town import Town, connection, sync
from tests.support.results import size, write_result

ORDERS = """
mapping: orders
kind: order
key: id
names: {number: number}
reference: hub_ref
version: updated_at
match: [[number]]
constants: {customer_id: anyone}
fields:
  number: number
  total: {path: total, type: money, currency: currency}
  lines:
    each: lines
    key: id
    fields:
      quantity:   {path: quantity, type: decimal}
      unit_price: {path: price, type: money, currency: $.currency}
      amount:     {path: amount, type: money, currency: $.currency, as: text}
"""
PLACES = {"JPY": 0, "CNY": 2, "USD": 2, "KWD": 3, "BHD": 3}
NAMES = ("quantity", "price", "amount")
LINES, ORDERS_EACH = 101, 330
"""An order holds three numbers in each line and a total: 304, so that a run has 100,320."""
SEEDS = size(1, 100)
DONE: dict[int, int] = {}


def number(rng: random.Random, places: int) -> Decimal:
    """Up to 18 digits before the point and `places` after it, either sign, often with zeros at the end."""
    digits = rng.randrange(10 ** rng.randint(1, 18 + places))
    if rng.random() < 0.2:
        digits -= digits % 10 ** rng.randint(0, places)
    return Decimal(digits).scaleb(-places) * rng.choice((1, 1, 1, -1))


def spelt(rng: random.Random, value: Decimal) -> Any:
    """The same number as vendors write it: a JSON number, or text."""
    return str(value) if rng.random() < 0.3 else value


def order_of(rng: random.Random, index: int) -> tuple[dict[str, Any], list[Decimal]]:
    currency = rng.choice(sorted(PLACES))
    values = [number(rng, PLACES[currency])]
    lines = []
    for _ in range(LINES):
        row = [number(rng, 6), number(rng, 6), number(rng, PLACES[currency])]
        values += row
        lines.append({name: spelt(rng, value) for name, value in zip(NAMES, row, strict=True)})
    record = {"number": f"N{index}", "customer_id": "c", "currency": currency, "total": spelt(rng, values[0])}
    return {**record, "lines": lines}, values


def outward(record: dict[str, Any]) -> list[Decimal]:
    return [Decimal(record["total"]), *(Decimal(line[name]) for line in record["lines"] for name in NAMES)]


async def typed(town: Town) -> dict[str, list[Decimal]]:
    """What stands in the typed columns."""
    rows = await town.rows("SELECT id, number, total FROM k_order")
    found = {row.id: (row.number, [row.total]) for row in rows}
    each = "SELECT entity_id, quantity, unit_price, amount FROM k_order_lines ORDER BY entity_id, position"
    for entity, *values in await town.rows(each):
        found[entity][1].extend(values)
    return dict(found.values())


async def settle(town: Town, engine: Engine) -> dict[str, int]:
    """Let it work until nothing is due; one turn delivers only so many."""
    found: dict[str, int] = {}
    for _ in range(ORDERS_EACH):
        await town.again(engine)
        before, found = found, await town.states()
        if not any(state.endswith(("due", "running")) for state in found) or found == before:
            break
    return found


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_every_amount_arrives_to_the_last_digit(build: Build, seed: int) -> None:
    rng = random.Random(20261122 + seed)
    town, engine = await build(
        connection("left"),
        connection("right"),
        sync("left-orders", "orders", "orders"),
        sync("right-orders", "orders", "orders", direction="out"),
        mappings=(ORDERS,),
    )
    expected: dict[str, list[Decimal]] = {}
    for index in range(ORDERS_EACH):
        record, expected[record["number"]] = order_of(rng, index)
        town.rest["left"].act_save({"table": "orders", "record": record})
    with no_floats():
        states = await settle(town, engine)
    assert states == {"inbox done": ORDERS_EACH, "delivery done": ORDERS_EACH}
    assert await typed(town) == expected
    right = town.table("right", "orders")
    assert {record["number"]: outward(record) for record in right} == expected
    assert {type(line["price"]) for record in right for line in record["lines"]} <= {int, Decimal}
    before = await town.footprint()
    await town.read_all_again()
    await settle(town, engine)
    assert await town.footprint() == before, "the same number spelt otherwise is no change"
    note(seed, sum(map(len, expected.values())))


def note(seed: int, amounts: int) -> None:
    """How many have been equal at both ends so far."""
    DONE[seed] = amounts
    write_result("M1", {"amounts": sum(DONE.values()), "runs": len(DONE), "different": 0})
    assert amounts >= 100_000


@pytest.mark.parametrize("way", [lambda: jsontext.dumps({"total": 0.1}), lambda: json.loads("0.1")])
def test_the_trap_catches_floats_in_json(way: Any) -> None:
    with no_floats(), pytest.raises(FloatFound):
        way()


def test_the_trap_catches_a_float_that_our_code_makes() -> None:
    scope: dict[str, Any] = {"__name__": "hub.receivables.guess"}
    exec("def half(text): return float(text) / 2", scope)
    with no_floats(), pytest.raises(FloatFound):
        scope["half"]("0.1")
    assert scope["half"]("1") == 0.5
