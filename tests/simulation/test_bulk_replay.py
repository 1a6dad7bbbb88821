"""R12: dead letters retried and corrected by the thousand, each act asked for twice, the process killed in the middle:
every effect once, every edit on record."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from hub.jobs.crank import settle
from hub.sync import bulk, groups, reapply
from hub.sync.bulk import Act
from hub.sync.desk import DeskError, Person
from hub.sync.edits import Edit
from hub.sync.engine import Engine
from hub.sync.groups import Selection
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync
from tests.support.results import size, write_result

MAPPING = """
mapping: customers
kind: customer
key: id
names: {number: number}
reference: hub_ref
version: updated_at
match: [[uscc]]
fields:
  number: number
  name:   {path: name, required: yes}
  uscc:   uscc
  phone:  phone
  email:  email
  remark: remark
"""
PARTS = (
    connection("left"),
    connection("right"),
    sync("left-customers", direction="in"),
    sync("right-customers", direction="out"),
)


class Killed(BaseException):
    """As kill -9: nothing after it runs."""


class Killer:
    """Ends the process at a commit of an act on failed work: just before it or just after it."""

    def __init__(self, at: int, *, after: bool) -> None:
        self._left, self._after = at, after

    def _count(self, label: str, after: bool) -> None:
        if label == "bulk" and after is self._after:
            self._left -= 1
            if self._left == 0:
                raise Killed

    def before_commit(self, number: int, label: str) -> None:
        self._count(label, after=False)

    def after_commit(self, number: int, label: str) -> None:
        self._count(label, after=True)


async def act(town: Town, selection: Selection, what: Act) -> int:
    async with town.db.begin("act") as conn:
        return await bulk.start(conn, selection, what, Person("anna", town.clock.now()))


async def only_group(town: Town) -> dict[str, Any]:
    async with town.db.read() as conn:
        (group,) = await groups.groups(conn)
    return group


async def work_and_die(town: Town, engine: Engine, at: int, *, after: bool) -> Engine:
    """Work until the process is killed; the next one takes over."""
    town.db._observer = Killer(at, after=after)
    with pytest.raises(Killed):
        await settle(engine)
    town.db._observer = None
    fresh = await town.engine()
    await finish(town, fresh)
    return fresh


async def finish(town: Town, engine: Engine) -> None:
    """Work until nothing is due any more: a limit of calls makes some of it wait."""
    await town.work(engine)
    for _ in range(1000):
        if not {"inbox due", "delivery due"} & (await town.states()).keys():
            return
        await town.pass_time(engine, seconds=10)
    raise AssertionError("it does not end")


async def run_row(town: Town, number: int) -> Any:
    (row,) = await town.rows("SELECT * FROM run WHERE id = :id", id=number)
    return row


def created(town: Town) -> Counter[str]:
    return Counter(str(entry.data["record"]["number"]) for entry in town.rest["right"].ledger.of("created"))


async def test_bulk_replay_of_dead_letters(build: Build) -> None:
    many = size(1_000, 10_000)
    town, engine = await build(*PARTS, mappings=(MAPPING,))
    town.refuse("right", "Rejected", '"name":', times=10**6)
    bound = [{"id": f"L{n}", "number": f"C{n}", "name": f"n{n}", "updated_at": "2026-01-01"} for n in range(many)]
    nameless = [{"id": f"X{n}", "number": f"X{n}", "updated_at": "2026-01-01"} for n in range(many)]
    await town.arrive(engine, "left-customers", *bound)
    await finish(town, engine)
    assert (await only_group(town))["count"] == many

    # Retried twice while it runs, killed twice, retried a third time afterwards.
    town.rest["right"].faults.clear()
    dead = Selection(group=(await only_group(town))["id"])
    first = await act(town, dead, Act("retry"))
    assert await act(town, dead, Act("retry")) == first
    engine = await work_and_die(town, engine, 2, after=False)
    assert created(town) == Counter({f"C{n}": 1 for n in range(many)})
    row = await run_row(town, first)
    assert (row.state, row.total, row.done, row.changed) == ("done", many, many, many)
    again = await run_row(town, await act(town, dead, Act("retry")))
    await finish(town, engine)
    assert (again.state, again.total) == ("done", 0)

    # Corrected by the same edit, killed in the middle; then another edit where one value stands, twice.
    await town.arrive(engine, "left-customers", *nameless)
    await finish(town, engine)
    bad = Selection(group=(await only_group(town))["id"])
    edit = Act("correct", edit=Edit({"name": "unknown"}))
    second = await act(town, bad, edit)
    engine = await work_and_die(town, engine, 2, after=True)
    await act(town, bad, edit)
    await finish(town, engine)
    row = await run_row(town, second)
    assert (row.state, row.done, row.changed, row.detail["skipped"]) == ("done", many, many, 0)
    writes, changes = town.writes(), await town.count("change")
    assert created(town) == Counter({f"{letter}{n}": 1 for letter in "CX" for n in range(many)})
    edits = await town.rows("SELECT what, count(*) AS n FROM audit WHERE act = 'inbox.correct' GROUP BY what")
    assert Counter(row.n for row in edits) == {1: many}

    await act(town, bad, edit)
    await act(town, dead, Act("retry"))
    await act(town, bad, Act("dismiss", "twice"))
    await finish(town, engine)
    await town.again(engine, 2)
    assert (town.writes(), await town.count("change")) == (writes, changes)
    counts = {"retried": many, "corrected": many, "kills": 2, "asked": 7, "created_there": created(town).total()}
    there = created(town)
    effects = {"doubled": there.total() - len(there), "lost": 2 * many - len(there)}
    write_result("R12", {**counts, **effects, "audit_rows_of_edits": len(edits)})


async def test_what_does_not_fit_the_edit_is_left_and_told(build: Build) -> None:
    town, engine = await build(
        *PARTS, mappings=(MAPPING.replace("phone:  phone", "phone:  {path: phone, required: yes}"),)
    )
    records = [{"id": f"L{n}", "number": f"C{n}", "name": "n", "remark": "ab"[n % 2]} for n in range(10)]
    await town.arrive(engine, "left-customers", *records)
    await town.work(engine)
    group = Selection(group=(await only_group(town))["id"])
    number = await act(town, group, Act("correct", edit=Edit(old="a", new="c", path="remark")))
    await town.work(engine)
    row = await run_row(town, number)
    assert (row.state, row.changed, row.detail["skipped"]) == ("done", 5, 5)
    assert row.detail["problems"][0]["error"] == "remark is 'b', not 'a'"
    # The field that failed is the default: it stands empty.
    number = await act(town, group, Act("correct", edit=Edit(old="", new="139")))
    await town.work(engine)
    row = await run_row(town, number)
    assert (row.total, row.changed) == (10, 10)
    assert {entity.fields["remark"] for entity in await town.entities(engine, "customer")} == {"b", "c"}


async def test_deliveries_are_corrected_by_their_entity(build: Build) -> None:
    town, engine = await build(*PARTS, mappings=(MAPPING,))
    town.refuse("right", "Rejected", '"name":', times=10**6)
    records = [{"id": f"L{n}", "number": f"C{n}", "name": "n", "remark": "ab"[n % 2]} for n in range(6)]
    await town.arrive(engine, "left-customers", *records)
    await town.work(engine)
    group = Selection(group=(await only_group(town))["id"])
    town.rest["right"].faults.clear()
    await act(town, group, Act("correct", edit=Edit(old="a", new="c", path="remark")))
    await town.work(engine)
    assert Counter(row["remark"] for row in town.table("right")) == {"c": 3}
    await act(town, group, Act("dismiss", "not wanted"))
    await town.work(engine)
    assert await town.states() == {"inbox done": 6, "delivery done": 3, "delivery dismissed": 3}


async def test_a_run_is_stopped_between_batches_and_the_rest_stays(build: Build) -> None:
    town, engine = await build(*PARTS, mappings=(MAPPING,))
    many = bulk.BATCH * 2 + 10
    await town.arrive(engine, "left-customers", *[{"id": f"X{n}", "number": f"X{n}"} for n in range(many)])
    await town.work(engine)
    number = await act(town, Selection("inbox", connection="left"), Act("dismiss", "test data"))
    assert await bulk.bulk_due(engine) == bulk.BATCH
    async with town.db.begin("stop") as conn:
        assert await bulk.stop(conn, number, Person("bob", town.clock.now())) == bulk.BATCH
        with pytest.raises(DeskError, match="cannot be stopped"):
            await bulk.stop(conn, number, Person("bob", town.clock.now()))
    await town.work(engine)
    assert await town.states() == {"inbox dismissed": bulk.BATCH, "inbox parked": many - bulk.BATCH}
    acts = [row.act for row in await town.rows("SELECT act FROM audit WHERE act <> 'apply' ORDER BY id")]
    assert acts == ["failed.dismiss", "inbox.dismiss", "run.stop"]


async def test_a_window_is_read_again_by_todays_mapping(build: Build) -> None:
    parts = (connection("left"), sync("left-customers", direction="in"))
    town, engine = await build(*parts, mappings=(MAPPING.replace("  email:  email\n", ""),))

    async def arrive(*records: dict[str, Any]) -> None:
        await town.arrive(engine, "left-customers", *records)
        await town.pass_time(engine, minutes=1)

    begin = town.clock.now()
    await arrive({"id": "1", "number": "C1", "name": "old", "email": "1@x", "updated_at": "1"})
    await arrive(
        {"id": "1", "number": "C1", "name": "one", "email": "1@y", "updated_at": "2"},
        {"id": "2", "number": "C2", "name": "two", "email": "2@y", "updated_at": "1"},
    )
    end = town.clock.now()
    await arrive({"id": "2", "number": "C2", "name": "two!", "email": "2@z", "updated_at": "2"})
    (town.directory / "mappings" / "customers.yaml").write_text(MAPPING, encoding="utf-8")
    await town.configure()
    engine = await town.engine()
    await town.change("UPDATE run SET state = 'dismissed' WHERE what = 'remap'")

    async def again() -> Any:
        async with town.db.begin("act") as conn:
            window = reapply.Window(begin, end)
            number = await reapply.start(conn, "left-customers", window, Person("anna", town.clock.now()))
            assert await reapply.start(conn, "left-customers", window, Person("anna", town.clock.now())) == number
        await town.pass_time(engine, seconds=1)
        return await run_row(town, number)

    row = await again()
    assert (row.state, row.total, row.done, row.changed, row.detail["skipped"]) == ("done", 3, 3, 1, 2)
    found = {entity.fields["number"]: entity.fields for entity in await town.entities(engine, "customer")}
    assert (found["C1"]["name"], found["C1"]["email"]) == ("one", "1@y")
    assert (found["C2"]["name"], found["C2"].get("email")) == ("two!", None)
    assert not [row for row in await town.rows("SELECT live FROM change ORDER BY id DESC LIMIT 1") if row.live]
    changes = await town.count("change")
    assert (await again()).changed == 1
    assert await town.count("change") == changes
    async with town.db.begin("act") as conn:
        with pytest.raises(DeskError, match="ends before it begins"):
            await reapply.start(conn, "left-customers", reapply.Window(end, end - timedelta(1)), Person("a", end))
