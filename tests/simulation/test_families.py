"""S8: a child that comes before its parent waits and goes on by itself; a circle is told; a dead parent holds only its own."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from connectors.rest.sandbox import Settings
from hub.sync.sweep import sweep
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Town, connection, own_kind, owners, sync
from tests.support.results import size, write_result

FAMILIES = size(110, 5_550)
CHILDREN = 8  # of each parent, each with one of its own
DEAD = FAMILIES // 20
CIRCLES = size(5, 50)
MEMBERS = """
mapping: members
kind: member
key: id
names: {number: number}
reference: hub_ref
constants: {lines: none}
fields:
  number: number
  customer: {ref: customer, by: key, path: customer_id}
  above: {ref: member, by: key, path: above_id}
"""
PARTS = (
    own_kind("member", number="text", customer={"ref": "customer"}, above={"ref": "member"}),
    owners("member", number="left"),
    connection("left"),
    connection("right"),
    sync("left-customers", every="30d", direction="in", reconcile="30d"),
    sync("left-members", "orders", "members", every="30d", direction="in", reconcile="30d"),
    sync("right-customers", direction="out", reconcile="30d"),
    sync("right-members", "orders", "members", direction="out", reconcile="30d"),
)


def _member(key: str, customer: str | None = None, above: str | None = None) -> dict[str, Any]:
    return {"id": key, "number": key, "customer_id": customer, "above_id": above, "lines": [{"what": "thing"}]}


def _families() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    members, parents = [], []
    for number in range(FAMILIES):
        parent = f"C{number}"
        parents.append({"id": parent, "name": "" if number < DEAD else f"customer {number}", "number": parent})
        for child in range(CHILDREN):
            key = f"{parent}-{child}"
            members.append(_member(key, parent, f"{parent}-{child - 1}" if child else None))
    return members, parents


def _circles() -> list[dict[str, Any]]:
    found = []
    for number in range(CIRCLES):
        length = 1 + number % 5
        found += [_member(f"R{number}-{n}", f"C{DEAD}", f"R{number}-{(n + 1) % length}") for n in range(length)]
    return found


async def test_children_before_parents(build: Build) -> None:
    town, engine = await build(*PARTS, mappings=(CUSTOMERS, MEMBERS))
    for there in town.rest.values():
        there.settings = Settings(calls=1_000_000_000)
    await town.work(engine)  # both lists are empty, and read
    rng = random.Random(8)
    members, parents = _families()
    circles = _circles()
    everybody = members + circles
    rng.shuffle(everybody)
    rng.shuffle(parents)
    await town.change("UPDATE sync SET next_pull_at = :later", later=town.clock.now() + timedelta(days=30))
    _there(town, "customers", parents)
    _there(town, "orders", everybody)
    for records, name in ((everybody, "left-members"), (parents, "left-customers")):
        for start in range(0, len(records), 500):
            await town.arrive(engine, name, *records[start : start + 500])
            await town.work(engine)
    await town.again(engine, 2, minutes=2)
    told = await sweep(engine)
    await town.work(engine)
    reported = await town.rows("SELECT * FROM inbox WHERE state = 'parked' AND stream = 'orders' ORDER BY id")
    before = await _standing(town)
    assert told == len(reported) == CIRCLES, "nobody else needed the sweep"
    assert all("wait for one another" in row.error and "→" in row.error_zh for row in reported)
    assert before["members there"] == (FAMILIES - DEAD) * CHILDREN
    # The dead are mended, and one of each circle loses its reference.
    await town.arrive(engine, "left-customers", *[{**p, "name": "mended"} for p in parents if not p["name"]])
    await town.arrive(engine, "left-members", *[_member(row.key, f"C{DEAD}") for row in reported])
    await town.again(engine, 3, minutes=2)
    after = await _standing(town)
    states = await town.states()
    found = {
        "records": len(members) + len(parents) + len(circles),
        "children": len(members),
        "parents dead": DEAD,
        "children that waited for them": DEAD * CHILDREN,
        "circles": CIRCLES,
        "circles reported": len(reported),
        "through at first": before["members there"] + before["customers there"],
        "through at last": after["members there"] + after["customers there"],
        "left over": sum(n for name, n in states.items() if name.split()[1] in {"due", "waiting", "parked"}),
        "twins": after["twins"],
    }
    write_result("S8", found)
    assert found["through at last"] == found["records"] and found["left over"] == found["twins"] == 0, states
    assert await sweep(engine) == 0


def _there(town: Town, table: str, records: Sequence[dict[str, Any]]) -> None:
    """So that a bell finds them: they exist at the source, and only come late."""
    town.rest["left"].tables[table] = {each["id"]: {**each, "version": 1} for each in records}


async def _standing(town: Town) -> dict[str, int]:
    there = {table: town.table("right", table) for table in ("customers", "orders")}
    return {
        "customers there": len(there["customers"]),
        "members there": len(there["orders"]),
        "twins": sum(len(rows) - len({row["number"] for row in rows}) for rows in there.values()),
    }
