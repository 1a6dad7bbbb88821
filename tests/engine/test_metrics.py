"""Figures from outside: they count what was done, exactly, whoever asks and whatever died meanwhile."""

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.api.metrics import FRESH_SECONDS
from hub.db import tally
from hub.db.session import Database
from hub.sync import views
from hub.sync.overlook import overlook
from hub.telemetry import metrics, pulse
from hub.telemetry.latency import STEPS, Stopwatch, step
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Town, connection, sync

PARTS = (connection("left"), connection("right"), sync("left-customers"), sync("right-customers"))
STRICT = CUSTOMERS.replace("uscc:   uscc", "uscc:   {path: uscc, required: yes}")
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scraped(town: Town) -> Samples:
    async with town.db.read() as conn:
        rows = await metrics.read(conn, town.clock.now())
        syncs = await views.syncs(conn)
    told = metrics.exposition(rows, syncs, 10**9).decode()
    families = text_string_to_metric_families(told)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def at(samples: Samples, name: str, **labels: str) -> float:
    """The sum of what carries these labels."""
    return sum(n for (found, has), n in samples.items() if found == name and labels.items() <= dict(has).items())


async def test_counters_say_what_was_done(build: Build) -> None:
    town, engine = await build(*PARTS)
    for number in range(30):
        town.save("left", name=f"客户 {number}")
    town.refuse("right", "Rejected", '"name":', times=2)
    await town.again(engine)
    await town.read_all_again()
    await town.again(engine)
    seen = await scraped(town)
    left, right = {"sync": "left-customers", "connection": "left"}, {"sync": "right-customers", "connection": "right"}
    assert at(seen, "hub_read_total", **left, outcome="stored") == 30
    assert at(seen, "hub_read_total", **left, outcome="unchanged") == 30
    assert at(seen, "hub_applied_total", **left, outcome="done") == 30
    assert at(seen, "hub_pushed_total", **right, outcome="done") == len(town.table("right")) == 28
    assert at(seen, "hub_pushed_total", **right, outcome="Rejected") == 2
    assert at(seen, "hub_arrive_to_push_seconds_count", **right) == 28
    assert at(seen, "hub_arrive_to_push_seconds_bucket", **right, le="+Inf") == 28
    assert at(seen, "hub_parked", stage="delivery", **{"class": "Rejected"}) == 2
    assert at(seen, "hub_open", stage="delivery", sync="right-customers", state="parked") == 2
    assert at(seen, "hub_sync_health", sync="right-customers", health="failing") == 1
    assert at(seen, "hub_database_bytes") > 10**6 and at(seen, "hub_table_bytes", table="inbox") > 8192
    assert at(seen, "hub_disk_free_bytes") == 10**9


async def test_what_waits_has_an_age(build: Build) -> None:
    town, engine = await build(*PARTS)
    town.save("left", name="云帆")
    town.refuse("right", "Unavailable", times=50)
    await town.again(engine)
    await town.again(engine, seconds=600)
    seen = await scraped(town)
    age = at(seen, "hub_oldest_seconds", stage="delivery", sync="right-customers")
    assert 600 <= age < 700, "since it reached us, not since the last try"
    assert at(seen, "hub_sync_lag_seconds", sync="right-customers") >= 600
    assert at(seen, "hub_pause_seconds", connection="right", reason="Unavailable") >= 600
    assert at(seen, "hub_pauses_total", connection="right", outcome="Unavailable") == 1, (
        "one pause, however often probed"
    )


async def test_a_rolled_back_transaction_was_never_counted(db: Database) -> None:
    for fails in (True, False, True):
        try:
            async with db.begin("test") as conn:
                tally.count(conn, "read", "a", "stored", 5)
                if fails:
                    raise RuntimeError
        except RuntimeError:
            pass
    async with db.read() as conn:
        found = await views.rows(conn, "SELECT what, name, label, n FROM tally")
    assert found == [{"what": "read", "name": "a", "label": "stored", "n": 5}]


async def test_the_pulse_tells_the_last_minute_and_hour(build: Build) -> None:
    town, engine = await build(*PARTS)
    watch = Stopwatch()
    for minute in range(62):
        if minute in {0, 30, 61}:
            town.save("left", name=f"客户 {minute}")
        await pulse.beat(town.db, town.clock.now(), watch)
        await town.again(engine, seconds=60)
    async with town.db.read() as conn:
        rates = await pulse.rates(conn, town.clock.now())
        seen = await overlook(conn, town.clock.now())
    assert (rates.minute["applied done"], rates.hour["applied done"]) == (1, 2)
    assert seen.at_work is (seen.silent_seconds is not None and seen.silent_seconds < pulse.STILL_SECONDS)
    assert seen.told()["last_hour"]["pushed done"] == 2


async def test_what_a_loop_took_is_not_lost_when_it_cannot_be_written(db: Database) -> None:
    watch = Stopwatch()
    with watch.turn("apply_due"):
        pass
    gone = Database("postgresql+asyncpg://hub:none@127.0.0.1:1/hub")
    with pytest.raises(OSError):
        await db.clock().resync()
        await pulse.beat(gone, db.clock().now(), watch)
    await gone.close()
    await pulse.beat(db, db.clock().now(), watch)
    async with db.read() as conn:
        rows = await metrics.read(conn, db.clock().now())
    told = metrics.exposition(rows).decode()
    assert 'hub_loop_seconds_count{loop="apply_due"} 1.0' in told
    assert "hub_engine_silent_seconds 0" in told


def test_steps() -> None:
    assert [step(n) for n in (0, 0.005, 0.0051, 1, 1.5, 10**6)] == ["0.005", "0.005", "0.02", "1", "2", "+Inf"]
    assert list(STEPS) == sorted(STEPS) and timedelta(seconds=FRESH_SECONDS) < timedelta(seconds=15)


async def test_held_and_running_runs_are_shown(build: Build) -> None:
    town, _ = await build(*PARTS)
    at_once: dict[str, Any] = {"now": town.clock.now()}
    for state in ("running", "held", "done"):
        await town.change(
            f"INSERT INTO run (sync, what, state, started_at) VALUES ('left-customers', 'backfill', '{state}', :now)",
            **at_once,
        )
    seen = await scraped(town)
    assert at(seen, "hub_runs", state="running") == at(seen, "hub_runs", state="held") == 1 == at(seen, "hub_runs") / 2
    async with town.db.read() as conn:
        told = await overlook(conn, town.clock.now())
    assert [run["state"] for run in told.runs] == ["held", "running"] or len(told.runs) == 2
    assert [row["what"] for row in told.people] == ["run"]
