"""What is settled leaves, in time; what is open stays, and so does what decides whether a record is new."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from hub.canon.explain import explain
from hub.db import partitions
from hub.db.session import Database
from hub.settings import RetentionSettings
from hub.sync import corrections, desk, views
from hub.sync.engine import Engine
from hub.sync.receipts import ReceiptRow, Verdict, store, store_file
from hub.sync.retention import RULES, Tidied, tidy
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Town, connection, sync

KEEP = RetentionSettings()
STRICT = CUSTOMERS.replace("uscc:   uscc", "uscc:   {path: uscc, required: yes}")
CODE, *_ = CODES = ("91310115MA1K4BQX0P", "91350100M000100Y43", "91330100799655058B")
PUSHED = 60
PARTS = (
    connection("left"),
    connection("right"),
    sync("left-customers"),
    sync("right-customers", direction="both", push={"when": "remark == 'push'"}),
)
HOT = tuple(rule.table.name for rule in RULES)


@pytest.fixture(autouse=True)
async def no_months(db: Database) -> None:
    """The tests share a database: the months of the one before are in the way."""
    for rule in RULES:
        async with db.begin("test") as conn:
            for month in await partitions.there(conn, rule.archive):
                await conn.execute(text(f"DROP TABLE {month.table}"))


async def tidied(town: Town, keep: RetentionSettings = KEEP) -> Tidied:
    return await tidy(town.db, town.clock.now(), keep, pace=0)


async def sizes(town: Town) -> dict[str, tuple[int, int]]:
    """Hot table -> rows, kilobytes after a vacuum."""
    async with town.db.engine.connect() as plain:
        conn = await plain.execution_options(isolation_level="AUTOCOMMIT")
        for name in HOT:
            await conn.execute(text(f"VACUUM {name}"))
    kilobytes = "SELECT pg_total_relation_size('{0}') / 1024 AS kb, (SELECT count(*) FROM {0}) AS n"
    rows = {name: (await town.rows(kilobytes.format(name)))[0] for name in HOT}
    return {name: (row.n, row.kb) for name, row in rows.items()}


async def call(town: Town, *events: str) -> list[Verdict]:
    now = town.clock.now()
    rows = [ReceiptRow("left", now, b"{}" * 200, event_id=event, state="done") for event in events]
    async with town.db.begin("calls") as conn:
        return [placed.verdict for placed in await store(conn, rows, now)]


async def everywhere(town: Town, name: str) -> int:
    return await town.count(name) + await town.count(f"{name}_archive")


async def a_busy_day(town: Town, engine: Engine, many: int) -> None:
    """So many records pulled, some pushed on, a file, 2,000 calls; then the day after tomorrow."""
    for number in range(many):
        remark = "push" if number < PUSHED else "stays"
        town.rest["left"].act_save({"table": "customers", "record": {"name": f"客户 {number}", "remark": remark}})
    while await town.count("inbox") < many:
        await town.again(engine)
    await call(town, *(f"event {number}" for number in range(2000)))
    async with town.db.begin("file") as conn:
        await store_file(conn, "left", "november.csv", b"1,2,3", town.clock.now())
    await town.change("UPDATE receipt SET state = 'done' WHERE source = 'file'")
    states = await town.states()
    assert states == {"inbox done": many, "delivery done": PUSHED}, states
    town.clock.advance(days=2)


@pytest.mark.parametrize("many", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
async def test_records_are_moved_and_pruned_and_nothing_is_forgotten(build: Build, many: int) -> None:
    town, engine = await build(*PARTS)
    await a_busy_day(town, engine, many)
    (first,) = await town.rows("SELECT * FROM delivery ORDER BY id LIMIT 1")
    # One delivery could not be brought there: what it came from is needed as long as it is open.
    await town.change("UPDATE delivery SET state = 'parked', applied_version = 0 WHERE id = :id", id=first.id)
    before = await sizes(town)
    done = await tidied(town)
    after = await sizes(town)
    print(f"\n{dict(done.moved)} moved\nhot before {before}\nhot after  {after}")
    assert done.moved == {"inbox": many, "receipt": 2001, "attempt": PUSHED}
    assert all(after[name][0] == 0 and after[name][1] < before[name][1] for name in HOT), after
    assert await everywhere(town, "inbox") == many
    await nothing_is_read_twice(town, engine, many)
    assert await call(town, "event 7", "event 7000") == ["duplicate", "accepted"]

    town.clock.advance(days=200)
    assert await call(town, "event 8000") == ["accepted"]
    done = await tidied(town)
    print(f"{dict(done.pruned)} pruned, {dict(done.kept)} taken back, {len(done.dropped)} months dropped")
    assert {name.partition("_")[0] for name in done.dropped} == set(HOT)
    assert done.kept == {"inbox": 1, "receipt": 0, "attempt": 1}
    assert await everywhere(town, "inbox") == 1 and await everywhere(town, "attempt") == 1
    assert await tidied(town) == Tidied(done.moved - done.moved), "what was taken back stays"
    await every_entity_is_explained(town, engine, many)
    await nothing_is_read_twice(town, engine, many)
    async with town.db.begin("file") as conn:
        assert (await store_file(conn, "left", "again.csv", b"1,2,3", town.clock.now()))[1] == "duplicate"

    await town.change("UPDATE delivery SET state = 'done', applied_version = 1 WHERE id = :id", id=first.id)
    await tidied(town)
    assert await everywhere(town, "inbox") == 0, "settled at last: its time was over long ago"


async def nothing_is_read_twice(town: Town, engine: Engine, many: int) -> None:
    """A pull from the start brings nothing new, wherever the old rows are by now."""
    before = (await everywhere(town, "inbox"), await town.count("change"), await everywhere(town, "attempt"))
    await town.read_all_again()
    await town.change("UPDATE delivery SET due_at = due_at")
    await town.again(engine)
    (run,) = await town.rows(
        "SELECT read, stored, unchanged FROM run WHERE sync = 'left-customers' AND what <> 'reconcile'"
        " ORDER BY id DESC LIMIT 1"
    )
    assert (run.read, run.stored, run.unchanged) == (many, 0, many)
    assert (await everywhere(town, "inbox"), await town.count("change"), await everywhere(town, "attempt")) == before


async def every_entity_is_explained(town: Town, engine: Engine, many: int) -> None:
    ids = [row.id for row in await town.rows("SELECT id FROM entity ORDER BY id")]
    assert len(ids) == many
    async with town.db.read() as conn:
        for entity_id in ids[:: many // 50]:
            found = await explain(conn, engine.kinds, entity_id, "name")
            (step,) = found.steps
            assert step.connection == "left" and step.stream == "customers" and step.key
            assert step.mapping == "customers" and step.mapping_version == 1 and step.at and step.value


async def test_what_a_person_decided_is_remembered(build: Build) -> None:
    """Dismissed and corrected rows decide whether the same bad record comes back: they stay until a newer one is there."""
    town, engine = await build(connection("left"), sync("left-customers"), mappings=(STRICT,))
    bad = [town.save("left", name=f"客户 {number}") for number in range(3)]
    await town.again(engine)
    rows = await town.inbox()
    assert [row.state for row in rows] == ["parked"] * 3
    async with town.db.begin("desk") as conn:
        await desk.dismiss(conn, "inbox", [rows[0].id], "not ours", "anna", town.clock.now())
        by = desk.Person("anna", town.clock.now())
        await corrections.correct_inbox(conn, engine.configuration, rows[1].id, {"uscc": CODES[1]}, by)
    await town.work(engine)
    town.clock.advance(days=400)
    for _ in range(3):
        await tidied(town)
    left = {row.id: row.state for row in await town.inbox()}
    assert left == {rows[0].id: "dismissed", rows[1].id: "superseded", rows[2].id: "parked"}
    await town.read_all_again()
    await town.again(engine)
    assert len(await town.inbox()) == 3, "the same records say nothing new"
    for record, code in zip(bad, CODES, strict=True):
        town.save("left", "customers", record["id"], uscc=code)
    await town.again(engine)
    assert await town.states() == {"inbox done": 3, "inbox dismissed": 1, "inbox superseded": 2}
    town.clock.advance(days=2)
    for _ in range(3):
        await tidied(town)
    assert await town.count("inbox") == 0, "newer ones are there: now nothing is decided by the old ones"


async def test_a_correction_stays_whole_while_its_last_word_is_open(build: Build) -> None:
    town, engine = await build(connection("left"), sync("left-customers"), mappings=(STRICT,))
    town.save("left", name="云帆")
    await town.again(engine)
    (bad,) = await town.inbox()
    made = []
    for wrong in ("not a code", CODE):
        async with town.db.begin("desk") as conn:
            by = desk.Person("anna", town.clock.now())
            made.append(
                await corrections.correct_inbox(conn, engine.configuration, (made or [bad.id])[-1], {"uscc": wrong}, by)
            )
    await town.change("UPDATE inbox SET state = 'parked' WHERE id = :id", id=made[-1])
    town.save("left", "customers", "1", name="newer")
    await town.change("UPDATE inbox SET settled_at = received_at")
    town.clock.advance(days=100)
    await tidied(town)
    assert {row.id for row in await town.inbox()} == {bad.id, *made}
    await town.change("UPDATE inbox SET state = 'done' WHERE id = :id", id=made[-1])
    for _ in range(3):
        await tidied(town)
    assert {row.id for row in await town.inbox()} == {bad.id}, "the word on this record is remembered; the rest is over"


async def test_listings_go_on_over_both(build: Build) -> None:
    town, engine = await build(connection("left"), sync("left-customers"))
    for number in range(30):
        town.save("left", name=f"客户 {number}")
    await town.again(engine)
    town.clock.advance(days=2)
    await tidied(town)
    for number in range(30):
        town.save("left", name=f"客户 {30 + number}")
    await town.again(engine)
    async with town.db.read() as conn:
        first = await views.listed(conn, "inbox", limit=40)
        rest = await views.listed(conn, "inbox", before=first[-1]["id"], limit=40)
        mine = await views.listed(conn, "inbox", {"entity_id": rest[-1]["entity_id"]})
        one = await views.one(conn, "inbox", rest[-1]["id"])
        assert await views.listed(conn, "inbox", {"state": "parked"}) == []
        assert await views.one(conn, "inbox", 10**9) is None
    assert [row["id"] for row in (*first, *rest)] == list(range(60, 0, -1))
    assert [row["id"] for row in mine] == [1] and one is not None and one["record"]["name"] == "客户 0"


async def test_it_runs_beside_traffic(build: Build) -> None:
    """Records go on coming in, being applied and pushed while rows leave and months are made."""
    town, engine = await build(*PARTS)
    rounds = 6
    moved = 0

    async def traffic() -> None:
        for number in range(rounds):
            for place in range(100):
                remark = "push" if place < 3 else "stays"
                town.save("left", name=f"客户 {number}-{place}", remark=remark)
            town.clock.advance(days=3)
            await town.again(engine)
            await call(town, *(f"{number}-{place}" for place in range(50)))

    async def sweep() -> None:
        nonlocal moved
        while not busy.done():
            moved += sum((await tidied(town)).moved.values())
            await asyncio.sleep(0.05)

    busy = asyncio.create_task(traffic())
    await sweep()
    await busy
    assert moved > 300, moved
    assert await everywhere(town, "inbox") == rounds * 100
    assert await everywhere(town, "receipt") == rounds * 50
    assert (await town.states()).keys() <= {"inbox done", "delivery done"}
    assert await town.count("entity") == rounds * 100 and len(town.table("right")) == rounds * 3


async def test_two_at_once_do_the_work_once(build: Build) -> None:
    town, engine = await build(connection("left"), sync("left-customers"))
    for number in range(200):
        town.save("left", name=f"客户 {number}")
    await town.again(engine)
    town.clock.advance(days=2)
    both = await asyncio.gather(*(tidied(town) for _ in range(4)))
    await tidied(town)
    assert sum(done.moved["inbox"] for done in both) <= 200 and await town.count("inbox_archive") == 200


async def test_a_month_whose_drop_was_interrupted_goes_the_next_time(build: Build) -> None:
    town, _, month = await one_old_month(build)
    await partitions.detach(town.db, "inbox_archive", month)
    assert month.table in (await tidied(town)).dropped and await everywhere(town, "inbox") == 0


async def test_a_month_that_somebody_reads_goes_the_next_time(build: Build) -> None:
    """A long look at the archive, a backup for instance, keeps nobody waiting and is not kept waiting."""
    town, _, month = await one_old_month(build)
    async with town.db.read() as reader:
        await reader.execute(text("SELECT count(*) FROM inbox_archive"))
        assert (await tidied(town)).dropped == []
        assert await town.count("inbox") == 0 and (await reader.execute(text("SELECT 1"))).scalar_one() == 1
    async with town.db.read() as conn:
        assert (await partitions.there(conn, "inbox_archive"))[0].half, "it was left half way"
    assert month.table in (await tidied(town)).dropped and await everywhere(town, "inbox") == 0


async def one_old_month(build: Build) -> tuple[Town, Engine, partitions.Partition]:
    """One record, archived, whose time is over."""
    town, engine = await build(connection("left"), sync("left-customers"))
    town.save("left", name="云帆")
    await town.again(engine)
    town.clock.advance(days=2)
    await tidied(town)
    assert await town.count("inbox_archive") == 1
    async with town.db.read() as conn:
        old = (await partitions.there(conn, "inbox_archive"))[0]
    town.clock.advance(days=300)
    return town, engine, old


def test_months() -> None:
    start = partitions.Month(2026, 11)
    assert start.next() == partitions.Month(2026, 12) and start.next().next() == partitions.Month(2027, 1)
    assert start.end() - start.start() == timedelta(days=30)
    months: list[Any] = partitions.span(start.start(), partitions.Month(2027, 2).start())
    assert [month.table("x") for month in months] == ["x_2026_11", "x_2026_12", "x_2027_01", "x_2027_02"]
    assert partitions.is_partition("inbox_archive_2026_11") and not partitions.is_partition("inbox_archive")
