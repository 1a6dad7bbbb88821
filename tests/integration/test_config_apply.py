"""A configuration is planned, applied in one transaction, and put together for the engine."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from hub.config.draft import Draft
from hub.config.force import CHANNEL
from hub.config.plan import Plan, apply, plan
from hub.config.runtime import Configuration, load_configuration
from hub.config.stored import current_kinds
from hub.db.session import Database, plain_url
from hub.security.secrets import looking_in
from tests.unit.config.support import ENVIRONMENT, FILES, acme, checked, write_files

NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SYNC = FILES["syncs/shop_orders.yaml"]
MAPPING = FILES["mappings/orders.yaml"]


def draft_of(root: Path, changes: Mapping[str, str | None] = {}) -> Draft:  # read only
    for name in FILES:
        (root / name).unlink(missing_ok=True)
    draft, problems = checked(write_files(root, changes))
    assert problems == []
    return draft


async def applied(db: Database, draft: Draft) -> Plan:
    async with db.begin("apply") as conn:
        return await apply(conn, draft, "anna", NOW)


async def loaded(db: Database, environment: Mapping[str, str] = ENVIRONMENT) -> Configuration:
    async with db.read() as conn:
        return await load_configuration(conn, looking_in({}, environment), {"acme": acme()})


async def rows(db: Database, query: str) -> list[Any]:
    async with db.read() as conn:
        return [tuple(row) for row in await conn.execute(text(query))]


async def run(db: Database, statement: str) -> None:
    async with db.begin() as conn:
        await conn.execute(text(statement))


def summary(made: Plan) -> list[tuple[str, str, str]]:
    return [(line.what, line.kind, line.name) for line in made.changes]


ALL_ADDED = [
    ("add", "kind", "asset"),
    ("add", "connection", "shop"),
    ("add", "mapping", "acme.orders"),
    ("add", "sync", "shop_orders"),
    ("add", "sync", "tell"),
    ("add", "owner", "order"),
]


async def test_a_plan_writes_nothing_and_apply_does_what_it_said(db: Database, tmp_path: Path) -> None:
    draft = draft_of(tmp_path)
    async with db.begin() as conn:
        assert summary(await plan(conn, draft)) == ALL_ADDED
    assert await rows(db, "SELECT name FROM connection") == []
    assert summary(await applied(db, draft)) == ALL_ADDED
    assert await rows(db, "SELECT name, version, active FROM mapping") == [("acme.orders", 1, True)]
    assert await rows(db, "SELECT name, kind, mode FROM sync ORDER BY name") == [
        ("shop_orders", "order", "observing"),
        ("tell", "order", "observing"),
    ]
    ((who, files),) = await rows(db, "SELECT who, files FROM applied_config")
    assert (who, set(files)) == ("anna", set(FILES))
    assert await rows(db, "SELECT who, act, what FROM audit") == [("anna", "apply", "configuration")]
    everything = str([await rows(db, f"SELECT t::text FROM {table} t") for table in ("connection", "audit", "sync")])
    assert "s3cr3t" not in everything
    assert "t0ken" not in everything


async def test_applying_again_changes_nothing(db: Database, tmp_path: Path) -> None:
    draft = draft_of(tmp_path)
    await applied(db, draft)
    again = await applied(db, draft)
    assert again.changes == ()
    assert len(again.lines) == len(ALL_ADDED)
    assert await rows(db, "SELECT count(*) FROM applied_config") == [(1,)]
    assert await rows(db, "SELECT count(*) FROM audit") == [(1,)]


async def test_a_changed_mapping_is_a_new_version_and_the_old_one_stays_readable(db: Database, tmp_path: Path) -> None:
    await applied(db, draft_of(tmp_path))
    await applied(db, draft_of(tmp_path, {"mappings/orders.yaml": "# a remark\n" + MAPPING}))
    assert await rows(db, "SELECT version, active FROM mapping") == [(1, True)]
    changed = (
        MAPPING.replace("number: no}", "number: id}").replace("  number: no", "  number: id").replace("SO-1", '"1"')
    )
    changed = changed.replace('no: "1"', "no: SO-1")
    made = await applied(db, draft_of(tmp_path, {"mappings/orders.yaml": changed}))
    (line,) = made.changes
    assert (line.what, line.kind) == ("change", "mapping")
    assert line.details[0] == "version 1 -> 2"
    assert "+  number: id" in line.details
    assert await rows(db, "SELECT version, active FROM mapping ORDER BY version") == [(1, False), (2, True)]
    configuration = await loaded(db)
    bound = configuration.syncs["shop_orders"]
    assert bound.mapping_version == 2
    record = {"id": "7", "no": "SO-7", "sum": 1, "cur": "CNY"}
    assert configuration.mapping("acme.orders", 1).read(record).entity["number"] == "SO-7"
    assert configuration.mapping("acme.orders", 2, "shop").read(record).entity["number"] == "7"
    with pytest.raises(KeyError):
        configuration.mapping("acme.orders", 3)


async def test_a_mapping_that_comes_back_unchanged_keeps_its_version(db: Database, tmp_path: Path) -> None:
    await applied(db, draft_of(tmp_path))
    gone = {"mappings/orders.yaml": None, "syncs/shop_orders.yaml": None}
    assert summary(await applied(db, draft_of(tmp_path, gone))) == [
        ("remove", "mapping", "acme.orders"),
        ("remove", "sync", "shop_orders"),
    ]
    assert await rows(db, "SELECT version, active FROM mapping") == [(1, False)]
    await applied(db, draft_of(tmp_path))
    assert await rows(db, "SELECT version, active FROM mapping") == [(1, True)]


async def test_a_sync_keeps_its_mode_and_cursor_over_a_change(db: Database, tmp_path: Path) -> None:
    await applied(db, draft_of(tmp_path))
    await run(db, "UPDATE sync SET mode = 'live', cursor = 'c7', failures = 2 WHERE name = 'shop_orders'")
    made = await applied(db, draft_of(tmp_path, {"syncs/shop_orders.yaml": SYNC.replace("30s", "5m")}))
    (line,) = made.changes
    assert line.details == ('every: "30s" -> "5m"',)
    assert await rows(db, "SELECT mode, cursor, failures FROM sync WHERE name = 'shop_orders'") == [("live", "c7", 2)]


async def test_a_sync_bound_to_another_stream_begins_anew(db: Database, tmp_path: Path) -> None:
    await applied(db, draft_of(tmp_path))
    await run(db, "UPDATE sync SET mode = 'live', cursor = 'c7' WHERE name = 'shop_orders'")
    moved = SYNC.replace("stream: orders", "stream: events").replace("both", "in").replace("push:", "# ")
    made = await applied(db, draft_of(tmp_path, {"syncs/shop_orders.yaml": moved}))
    assert "reads from the beginning; mode: live -> observing" in made.changes[0].details
    assert await rows(db, "SELECT mode, cursor, stream FROM sync WHERE name = 'shop_orders'") == [
        ("observing", None, "events")
    ]


async def test_everything_can_be_taken_away(db: Database, tmp_path: Path) -> None:
    await applied(db, draft_of(tmp_path))
    made = await applied(db, Draft())
    assert {line.what for line in made.changes} == {"remove"}
    for table in ("connection", "sync", "field_owner", "kind_definition"):
        assert await rows(db, f"SELECT 1 FROM {table}") == []
    assert (await loaded(db)).syncs == {}


async def test_a_failing_apply_leaves_everything_as_it_was(db: Database, tmp_path: Path) -> None:
    draft = draft_of(tmp_path)
    await run(db, "ALTER TABLE applied_config ADD CHECK (who <> 'anna')")
    with pytest.raises(DBAPIError):
        await applied(db, draft)
    assert await rows(db, "SELECT name FROM connection UNION SELECT name FROM sync") == []


async def test_two_applies_at_once_make_one_change(db: Database, tmp_path: Path) -> None:
    draft = draft_of(tmp_path)
    made = await asyncio.gather(applied(db, draft), applied(db, draft))
    assert sorted(len(one.changes) for one in made) == [0, len(ALL_ADDED)]


async def test_whoever_listens_is_told(db: Database, database_url: str, tmp_path: Path) -> None:
    listener = await asyncpg.connect(plain_url(database_url))
    heard: asyncio.Queue[str] = asyncio.Queue()
    await listener.add_listener(CHANNEL, lambda *call: heard.put_nowait(call[2]))
    try:
        await applied(db, draft_of(tmp_path))
        assert await asyncio.wait_for(heard.get(), 5) == CHANNEL
    finally:
        await listener.close()


async def test_the_engine_finds_what_is_bound_to_what(db: Database, tmp_path: Path) -> None:
    await applied(db, draft_of(tmp_path))
    configuration = await loaded(db)
    orders, tell = configuration.syncs["shop_orders"], configuration.syncs["tell"]
    assert configuration.broken == {}
    assert configuration.inbound("shop", "orders") is orders
    assert configuration.inbound("shop", "notes") is None
    assert configuration.readers() == (orders,)
    assert configuration.outbound("order") == (orders,)
    assert configuration.messages("order") == (tell,)
    assert configuration.target("shop", "order") is orders
    assert configuration.target("shop", "customer") is None
    assert configuration.stream_of("shop", "order") == "orders"
    assert configuration.owners("order")["total"] == ["shop"]
    assert configuration.owners("customer") == {}
    assert configuration.kinds.shape("asset").fields["customer"].ref == "customer"
    assert orders.when is not None
    assert orders.when({"status": "confirmed"}) is True
    assert orders.mapping is not None
    assert (tell.mapping, tell.mapping_version, tell.is_message, tell.reads, tell.writes) == (
        None,
        None,
        True,
        False,
        False,
    )
    shop = configuration.connections["shop"]
    assert shop.config.app_secret.get_secret_value() == "s3cr3t-value"  # type: ignore[attr-defined]
    assert shop.secrets == {"s3cr3t-value", "t0ken-value"}
    assert shop.hooked
    async with db.read() as conn:
        assert set((await current_kinds(conn)).own) == {"asset"}


async def test_a_secret_that_is_gone_leaves_its_connection_out_with_a_sentence(db: Database, tmp_path: Path) -> None:
    await applied(db, draft_of(tmp_path))
    configuration = await loaded(db, {"TOKEN": "t0ken-value"})
    assert configuration.connections == {}
    assert set(configuration.broken) == {"connection shop", "sync shop_orders", "sync tell"}
    assert "${env:SECRET}" in configuration.broken["connection shop"].sentence
    assert "shop" in configuration.broken["sync tell"].sentence_zh


async def test_a_mapping_that_no_longer_compiles_leaves_its_sync_out(db: Database, tmp_path: Path) -> None:
    await applied(db, draft_of(tmp_path))
    await run(db, "UPDATE mapping SET body = replace(body, 'number: no', 'numbr: no')")
    configuration = await loaded(db)
    assert set(configuration.syncs) == {"tell"}
    assert "numbr" in configuration.broken["sync shop_orders"].sentence
