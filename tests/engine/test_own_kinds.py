"""Kinds that only a YAML file knows go through the whole flow, both ways, and come to rest."""

from pathlib import Path
from typing import Any

from hub.db.session import Database
from hub.sync.engine import Engine
from tests.engine.town import Town, built, connection, own_kind, owners, sync

SITE = {"code": "text", "name": "text"}
PROJECT: dict[str, Any] = {
    "number": "text",
    "title": "text",
    "site": {"ref": "site"},
    "budget": "money",
    "starts_on": "date",
    "phase": {"enum": ["idea", "running", "over"]},
    "visited": "bool",
    "steps": [{"what": "text", "days": "decimal", "cost": "money"}],
}
SITES = """
mapping: sites
kind: site
key: id
names: {code: number}
reference: hub_ref
version: updated_at
match: [[code]]
fields: {code: number, name: name}
"""
PROJECTS = """
mapping: projects
kind: project
key: id
names: {number: number}
reference: hub_ref
version: updated_at
match: [[number]]
fields:
  number: number
  title: title
  site: {ref: site, by: key, path: customer_id}
  budget: {path: budget.value, type: money, currency: budget.unit}
  starts_on: start
  phase: {path: phase, enum: {P0: idea, P1: running, P2: over}}
  visited: visited
  steps:
    each: lines
    key: id
    fields:
      what: what
      days: {path: days, type: decimal}
      cost: {path: cost, type: money, currency: {const: CNY}}
"""


async def two_systems(db: Database, folder: Path) -> tuple[Town, Engine]:
    town = await built(
        db,
        folder,
        own_kind("site", **SITE),
        own_kind("project", **PROJECT),
        owners("project", **dict.fromkeys(PROJECT, "latest")),
        connection("left"),
        connection("right"),
        sync("left-sites", mapping="sites"),
        sync("right-sites", mapping="sites"),
        sync("left-projects", stream="orders", mapping="projects"),
        sync("right-projects", stream="orders", mapping="projects"),
        mappings=(SITES, PROJECTS),
    )
    return town, await town.engine()


def new_project(town: Town, **more: Any) -> dict[str, Any]:
    site = town.save("left", number="S1", name="河边")
    return town.save(
        "left",
        "orders",
        customer_id=site["id"],
        number="P1",
        title="桥",
        start="2026-12-01",
        phase="P1",
        visited=False,
        budget={"value": "1250.50", "unit": "CNY"},
        lines=[{"what": "测量", "days": 2, "cost": 300}, {"what": "施工", "days": 30, "cost": 950}],
        **more,
    )


async def test_a_declared_kind_reaches_the_other_side_whole(db: Database, tmp_path: Path) -> None:
    town, engine = await two_systems(db, tmp_path)
    new_project(town)
    await town.again(engine)
    (site,) = town.table("right")
    (made,) = town.table("right", "orders")
    assert (site["number"], site["name"]) == ("S1", "河边")
    assert made["customer_id"] == site["id"]
    assert (made["title"], made["start"], made["phase"], made["visited"]) == ("桥", "2026-12-01", "P1", False)
    assert str(made["budget"]["value"]) == "1250.5" and made["budget"]["unit"] == "CNY"
    assert [(line["what"], line["days"], line["cost"]) for line in made["lines"]] == [
        ("测量", 2, 300),
        ("施工", 30, 950),
    ]


async def test_a_change_on_either_side_reaches_the_other(db: Database, tmp_path: Path) -> None:
    town, engine = await two_systems(db, tmp_path)
    mine = new_project(town)
    await town.again(engine)
    (theirs,) = town.table("right", "orders")
    town.save("right", "orders", theirs["id"], phase="P2", title="新桥")
    await town.again(engine)
    assert (mine["id"], "P2", "新桥") == _said(town.table("left", "orders")[0])
    town.save("left", "orders", mine["id"], title="老桥")
    await town.again(engine)
    assert (theirs["id"], "P2", "老桥") == _said(town.table("right", "orders")[0])


def _said(record: dict[str, Any]) -> tuple[str, str, str]:
    return record["id"], record["phase"], record["title"]


async def test_there_is_no_echo(db: Database, tmp_path: Path) -> None:
    town, engine = await two_systems(db, tmp_path)
    new_project(town)
    await town.again(engine, 3)
    assert await town.states() == {"inbox done": 2, "delivery done": 2}
    before = await town.footprint()
    await town.again(engine, 5)
    await town.read_all_again()
    await town.again(engine, 2)
    assert await town.footprint() == before


async def test_after_a_change_there_is_no_echo_either(db: Database, tmp_path: Path) -> None:
    town, engine = await two_systems(db, tmp_path)
    new_project(town)
    await town.again(engine)
    town.save("right", "orders", "2", title="新桥")
    before = town.writes()
    await town.again(engine, 2)
    assert town.writes() == before + 1, "one write, to the side that had not heard of it"
    quiet = await town.footprint()
    await town.read_all_again()
    await town.again(engine, 3)
    assert await town.footprint() == quiet


async def test_an_emptied_field_is_emptied_there(db: Database, tmp_path: Path) -> None:
    town, engine = await two_systems(db, tmp_path)
    mine = new_project(town)
    await town.again(engine)
    town.save("left", "orders", mine["id"], start=None)
    await town.again(engine)
    assert town.table("right", "orders")[0]["start"] is None
    assert "starts_on" not in (await town.entity(engine, "project")).fields
