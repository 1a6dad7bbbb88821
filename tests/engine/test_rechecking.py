"""Records that are open are fetched again by key; bells that fail are bounded and leave a paused stream in peace; a pull
cut off by an outage goes on at once; deletes act at targets that want to hear of them."""

from typing import Any

import httpx
import pytest

from hub.sdk.records import Bell
from hub.sync import pull as pulling
from hub.sync.bells import Ring, ring
from hub.sync.engine import Engine
from hub.sync.pauses import pause_by_person
from tests.engine.conftest import Build
from tests.engine.town import Town, connection, sync

IN = {"direction": "in"}
RECHECK = {"when": "remark != 'closed'", "every": "1h", "batch": 2, "pause": "2s"}


async def behind_the_back(town: Town, key: str, **values: Any) -> None:
    """A change that moves no stamp."""
    town.rest["left"].tables["customers"][key].update(values)


async def test_open_records_are_fetched_again_in_batches(build: Build) -> None:
    town, engine = await build(connection("left"), sync("left-customers", recheck=RECHECK, every="1d", **IN))
    for number in range(1, 6):
        town.save("left", name=f"n{number}", remark="closed" if number == 5 else "open")
    await town.again(engine, 4, seconds=3)
    calls: list[str] = []

    async def heard(request: httpx.Request) -> None:
        calls.append(request.url.path)

    for number in range(1, 6):
        await behind_the_back(town, str(number), phone=f"p{number}")
    town.meanwhile = heard
    await town.again(engine, minutes=61)
    assert [path.rpartition("/")[2] for path in calls] == ["1", "2"], "one batch at a time"
    await town.again(engine, 3, seconds=3)
    assert [path.rpartition("/")[2] for path in calls] == ["1", "2", "3", "4"], "closed ones are left alone"
    phones = {entity.fields["name"]: entity.fields.get("phone") for entity in await town.entities(engine, "customer")}
    assert phones == {"n1": "p1", "n2": "p2", "n3": "p3", "n4": "p4", "n5": None}
    footprint = await town.footprint()
    await town.again(engine, 4, minutes=31)
    assert await town.footprint() == footprint and len(calls) > 6, "what did not change leaves no trace"


async def test_an_open_record_that_is_gone_is_a_delete(build: Build) -> None:
    town, engine = await build(connection("left"), sync("left-customers", recheck=RECHECK, every="1d", **IN))
    for number in range(1, 4):
        town.save("left", name=f"n{number}")
    await town.again(engine, 2, seconds=3)
    town.rest["left"].act_remove({"table": "customers", "id": "2"})
    await town.again(engine, 3, minutes=61)
    gone = await town.rows("SELECT key FROM link WHERE deleted_at IS NOT NULL")
    assert [row.key for row in gone] == ["2"]


async def rung(town: Town, *keys: str) -> None:
    async with town.db.begin("ring") as conn:
        bells = [Ring(Bell("customers", key), "webhook") for key in keys]
        await ring(conn, "left", bells, "test", town.clock.now())


async def test_bells_leave_a_paused_stream_in_peace(build: Build) -> None:
    town, engine = await build(connection("left"), sync("left-customers", every="1d", **IN))
    await town.work(engine)
    record = town.save("left", name="云帆")
    async with town.db.begin("pause") as conn:
        await pause_by_person(conn, "left", "customers", "anna", town.clock.now())
    calls: list[str] = []

    async def heard(request: httpx.Request) -> None:
        calls.append(request.url.path)

    town.meanwhile = heard
    await rung(town, record["id"])
    await town.again(engine, 5, minutes=5)
    assert calls == [] and (await town.rows("SELECT state FROM bell"))[0].state == "due"


@pytest.mark.parametrize("error", ["Unavailable", "Conflict"])
async def test_a_bell_that_always_fails_is_parked_and_its_neighbours_are_answered(build: Build, error: str) -> None:
    town, engine = await build(connection("left"), sync("left-customers", every="1h", **IN))
    await town.work(engine)
    keys = [town.save("left", name=f"n{number}")["id"] for number in range(4)]
    town.refuse("left", error, match=f"/api/customers/{keys[1]}", times=1000)
    await rung(town, *keys)
    await town.again(engine, 60, minutes=10)
    bells = {row.text: row for row in await town.rows("SELECT * FROM bell")}
    assert {key: row.state for key, row in bells.items()} == {
        key: "parked" if key == keys[1] else "done" for key in keys
    }
    assert bells[keys[1]].error and await town.rows("SELECT 1 FROM pause") == []
    tried = len(town.rest["left"].ledger.of("call"))
    await town.again(engine, 10, minutes=1)
    again = [
        entry for entry in town.rest["left"].ledger.of("call")[tried:] if f"customers/{keys[1]}" in str(entry.data)
    ]
    assert again == []


async def test_a_pull_cut_off_by_an_outage_goes_on_at_once(build: Build, monkeypatch: Any) -> None:
    town, engine = await build(connection("left"), sync("left-customers", **IN))
    town.save("left", name="云帆")
    works = pulling._keep_page

    async def cut(engine: Engine, turn: Any, page: Any) -> None:
        raise ConnectionResetError("the database is away")

    monkeypatch.setattr(pulling, "_keep_page", cut)
    with pytest.raises(ConnectionResetError):
        await pulling.pull(engine, engine.configuration.syncs["left-customers"])
    monkeypatch.setattr(pulling, "_keep_page", works)
    assert await pulling.pull(engine, engine.configuration.syncs["left-customers"]) == 1, "the lease was given back"


async def test_a_backfill_goes_on_behind_its_checkpoint_as_the_same_run(build: Build) -> None:
    town, engine = await build(connection("left"), sync("left-customers", **IN))
    for number in range(120):
        town.save("left", name=f"n{number}")
    town.clock.advance(minutes=5)
    calls = 0

    async def ill(request: httpx.Request) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            town.refuse("left", "Unavailable", match="/api/customers")

    town.meanwhile = ill
    await town.work(engine)
    (run,) = await town.rows("SELECT * FROM run")
    assert (run.state, run.what, run.read, run.pages) == ("running", "backfill", 50, 1) and run.error
    await town.again(engine, 3, seconds=40)
    runs = await town.rows("SELECT * FROM run WHERE what = 'backfill'")
    assert [(row.id, row.state, row.stored, row.error) for row in runs] == [(run.id, "done", 120, None)]
    assert runs[0].read < 130, "nothing is read a second time"


BOTH = (connection("left"), connection("right"), sync("left-customers", **IN))


async def deleted(build: Build, **more: Any) -> tuple[Town, Engine]:
    town, engine = await build(*BOTH, sync("right-customers", direction="out", **more))
    for number in range(3):
        town.save("left", name=f"n{number}")
    await town.again(engine, 2)
    town.rest["left"].act_remove({"table": "customers", "id": "2"})
    await town.arrive_gone(engine, "left-customers", "2")
    await town.again(engine, 2)
    return town, engine


async def test_a_delete_is_ignored_unless_the_sync_says_otherwise(build: Build) -> None:
    town, _ = await deleted(build)
    assert len(town.table("right")) == 3 and {row.get("status") for row in town.table("right")} == {None}


async def test_a_delete_is_cancelled_at_a_target_that_wants_it(build: Build) -> None:
    town, engine = await deleted(build, on_delete="cancel")
    assert [row.get("status") for row in town.table("right")] == [None, "cancelled", None]
    writes = town.writes()
    await town.again(engine, 5)
    assert town.writes() == writes, "once"


async def test_a_delete_is_a_delete_and_what_comes_back_is_created_anew(build: Build) -> None:
    town, engine = await deleted(build, on_delete="delete")
    assert sorted(row["name"] for row in town.table("right")) == ["n0", "n2"]
    back = {"id": "2", "name": "n1", "version": 9, "updated_at": town.rest["left"]._now()}
    town.rest["left"].tables["customers"]["2"] = back
    await town.again(engine, 5)
    assert sorted(row["name"] for row in town.table("right")) == ["n0", "n1", "n2"]
    assert (await town.delivery(entity_id=2)).remade == 1


@pytest.mark.parametrize("recreate", [False, True])
async def test_what_was_deleted_at_the_target_is_created_anew_when_the_sync_says_so(
    build: Build, recreate: bool
) -> None:
    town, engine = await build(*BOTH, sync("right-customers", direction="both", recreate=recreate))
    town.save("left", name="云帆")
    await town.again(engine, 2)
    (there,) = town.table("right")
    town.rest["right"].act_remove({"table": "customers", "id": there["id"]})
    await town.arrive_gone(engine, "right-customers", there["id"])
    town.save("left", "customers", "1", phone="139")
    await town.again(engine, 3, seconds=30)
    delivery = await town.delivery()
    assert delivery.state == ("done" if recreate else "parked")
    assert [row["name"] for row in town.table("right")] == (["云帆"] if recreate else [])
