"""S16: the first day. Two systems with much in common meet: nothing is written while the hub observes, a person answers
what is doubtful, and what one side lacks is created there once."""

import time
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.rest.sandbox import Settings
from hub.sync import questions
from hub.sync.desk import Person
from hub.sync.engine import Engine
from hub.sync.forecast import Forecast, forecast
from hub.sync.golive import go_live
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Town, connection, own_kind, owners, sync, team, tell
from tests.support.results import size, write_result

EACH = size(500, 5_000)
BOTH, DOUBTFUL = EACH * 4 // 5, EACH // 25
ALONE = EACH - BOTH - DOUBTFUL
ORDERS = size(2_000, 20_000)
SALES = """
mapping: sales
kind: sale
key: id
fields:
  number: number
  customer: {ref: customer, by: key, path: customer_id}
"""
PARTS = (
    own_kind("sale", number="text", customer={"ref": "customer"}),
    owners("customer", phone="left"),
    connection("left"),
    connection("right"),
    team(),
    sync("left-customers", mode="observing", reconcile="30d"),
    sync("right-customers", mode="observing", reconcile="30d"),
    sync("left-sales", "orders", "sales", mode="observing", direction="in", reconcile="30d"),
    tell("team-notice", kind="customer", title="{name}", text="{phone}"),
)


def _fill(town: Town) -> None:
    """Each side, number by number: in both, doubtful (the same name, no proof), on one side only."""
    stamp = town.clock.now().isoformat()
    for side, there in town.rest.items():
        there.settings = Settings(calls=1_000_000_000)
        rows: dict[str, dict[str, Any]] = {}
        for n in range(EACH):
            common = n < BOTH
            known = {"uscc": f"91310115MA{n:08d}"} if common else {}
            name = f"{side} {n}" if n >= BOTH + DOUBTFUL else f"customer {n}"
            key = str(n + 1)
            phone = str(n) if side == "left" or n % 8 or not common else "old"
            rows[key] = {"id": key, "version": 1, "updated_at": stamp, "name": name, "phone": phone, **known}
        there.tables["customers"] = rows
        there.count = EACH
    town.rest["left"].tables["orders"] = {
        str(10**6 + n): {"id": str(10**6 + n), "updated_at": stamp, "number": f"O{n}", "customer_id": str(n % EACH + 1)}
        for n in range(ORDERS)
    }


async def _forecast(town: Town, engine: Engine, name: str) -> tuple[Forecast, float]:
    began = time.perf_counter()
    async with town.db.read() as conn:
        found = await forecast(conn, engine.configuration, name)
    return found, round(time.perf_counter() - began, 2)


async def _live(town: Town, engine: Engine, name: str) -> Engine:
    async with town.db.begin("live") as conn:
        await go_live(conn, engine.configuration, name, Person("anna", town.clock.now()))
    return await town.engine()


async def test_the_first_day(build: Build) -> None:
    town, engine = await build(*PARTS, mappings=(CUSTOMERS, SALES))
    _fill(town)
    for _ in range(4):
        await town.again(engine)
    observing = {"writes": town.writes(), "messages": len(town.told()), "deliveries": await town.count("delivery")}
    left, left_took = await _forecast(town, engine, "left-customers")
    right, right_took = await _forecast(town, engine, "right-customers")
    asked = left.questions + right.questions
    (toward_left,), (toward_right,) = left.toward, right.toward
    engine = await _live(town, engine, "left-customers")
    engine = await _live(town, engine, "right-customers")
    engine = await _live(town, engine, "left-sales")
    for _ in range(4):
        await town.again(engine)
    created = {side: len(there.ledger.of("created")) for side, there in town.rest.items()}
    changed = {side: len(there.ledger.of("changed")) for side, there in town.rest.items()}
    waiting = (await town.states()).get("delivery waiting", 0)
    answered, again = await _answer(town, engine)
    for _ in range(4):
        await town.again(engine)
    links = await town.rows("SELECT entity_id FROM link WHERE stream = 'customers' GROUP BY 1 HAVING count(*) = 2")
    twins = sum(len(town.table(side)) for side in town.rest) - 2 * (BOTH + DOUBTFUL + 2 * ALONE)
    found = {
        "customers each": EACH,
        "in both": BOTH,
        "old orders": ORDERS,
        "orders read": len(await town.rows("SELECT 1 FROM link WHERE stream = 'orders'")),
        "observing": observing,
        "forecast": {
            "linked": right.linked,
            "to left": toward_left.creates,
            "to right": toward_right.creates,
            "to change": toward_right.changes + toward_left.changes,
            "by field": dict(toward_right.fields),
            "seconds": [left_took, right_took],
        },
        "questions": asked,
        "created": created,
        "changed": changed,
        "waited for an answer": waiting,
        "answered by rule": answered,
        "asked again": again,
        "linked at last": len(links),
        "twins": twins,
        "messages": len(town.told()),
    }
    write_result("S16", found)
    assert observing == {"writes": 0, "messages": 0, "deliveries": 0} and found["messages"] == 0, found
    assert asked == DOUBTFUL and (toward_left.creates, toward_right.creates) == (ALONE, ALONE), found
    assert created == {"left": ALONE, "right": ALONE} and twins == 0 and again == 0, found
    assert toward_right.changes == changed["right"] == (BOTH + 7) // 8 and changed["left"] == 0, found
    assert len(links) == BOTH + DOUBTFUL + 2 * ALONE and found["orders read"] == ORDERS, found


async def _answer(town: Town, engine: Engine) -> tuple[int, int]:
    """By a rule, looked at before; returns how many were answered, and how many questions come back."""
    which, rule = questions.Which(), questions.Rule(("name", "phone"))
    async with town.db.read() as conn:
        preview = await questions.by_rule(conn, engine.configuration, which, rule)
    assert preview.told() == {"same": DOUBTFUL, "new": 0, "left": 0}
    async with town.db.begin("answer") as conn:
        found = await questions.by_rule(conn, engine.configuration, which, rule)
        done = await questions.answer(conn, found.said, Person("anna", town.clock.now()), {"same_when": "name, phone"})
    await town.work(engine)
    await town.read_all_again()
    await town.again(engine)
    return len(done), len(await _open(town))


async def _open(town: Town) -> list[dict[str, Any]]:
    async with town.db.read() as conn:
        return await _listed(conn)


async def _listed(conn: AsyncConnection) -> list[dict[str, Any]]:
    return await questions.listed(conn, questions.Which(), limit=1000)
