"""Drifts from outside: the API and the commands say the same, and each asks for what it must."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from hub.api.app import create_app
from hub.api.configurations import Configurations
from hub.api.services import Disk, Services
from hub.cli.main import cli
from hub.config.runtime import load_configuration
from hub.db.session import Database
from hub.sdk import jsontext
from hub.security import tokens
from hub.settings import MailSettings, NoticeSettings, Settings
from hub.sync import notices
from hub.sync.intake import Intake
from tests.engine.town import Town, built, connection, sync

FIELDS = [{"field": "phone", "here": "1", "there": "2", "owner": "left", "direction": "out"}]


@pytest.fixture
async def db(database_url: str) -> Any:
    database = Database(database_url)
    yield database
    await database.close()


async def two_drifts(db: Database, folder: Path) -> Town:
    """As a comparison has found them."""
    town = await built(db, folder, connection("left"), connection("right"), sync("right-customers"))
    for number, what in enumerate(("different", "missing_there"), 1):
        await town.change(
            "INSERT INTO drift (sync, connection, stream, kind, key, entity_id, what, state, fields, digest, run_id,"
            " look_at, found_at) VALUES ('right-customers', 'right', 'customers', 'customer', :key, :id, :what, 'open',"
            " CAST(:fields AS jsonb), 'd', 1, :now, :now)",
            key=f"K{number}",
            id=number,
            what=what,
            fields=jsontext.dumps(FIELDS if what == "different" else []).decode(),
            now=town.clock.now(),
        )
    return town


@pytest.fixture
async def town(db: Database, tmp_path: Path) -> Town:
    return await two_drifts(db, tmp_path)


@pytest.fixture
async def client(db: Database, town: Town, tmp_path: Path) -> Any:
    env = town.lookup()
    engine = await town.engine()
    services = Services(
        settings=Settings(data_dir=tmp_path),
        db=db,
        clock=town.clock,
        intake=Intake(db, town.clock, patience=2),
        configurations=Configurations(db, lambda conn: load_configuration(conn, lambda source, name: env.get(name))),
        disk=Disk(tmp_path),
        outward=engine.outward,
    )
    app = create_app(services)
    async with db.begin("token") as conn:
        token = await tokens.create(conn, "root", ["admin"])
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://hub", headers=headers) as made:
            yield made


async def test_the_api(client: httpx.AsyncClient, town: Town) -> None:
    (gone, different) = (await client.get("/api/v1/drifts")).json()["items"]
    assert (gone["what"], different["fields"]) == ("missing_there", FIELDS)
    assert (await client.get(f"/api/v1/drifts/{different['id']}")).json() == different
    assert (await client.get("/api/v1/drifts/999")).status_code == 404
    (only,) = (await client.get("/api/v1/drifts", params={"what": "different"})).json()["items"]
    assert only == different
    (row,) = (await client.get("/api/v1/syncs")).json()["items"]
    assert (row["health"], row["drifts"], row["reconciled_at"]) == ("drifting", 2, None)
    assert "hub drift list" in row["health_reason"]
    assert row["health_reason_zh"].startswith("有 2 条")
    assert (await client.post("/api/v1/drifts/repair", json={"what": "different"})).status_code == 422, "of which sync?"
    done = await client.post("/api/v1/drifts/repair", json={"ids": [different["id"]]})
    assert done.json() == {"done": [different["id"]]}
    done = await client.post("/api/v1/drifts/repair", json={"ids": [different["id"]]})
    assert done.json() == {"done": []}, "it is under repair already"
    assert (await client.post("/api/v1/drifts/dismiss", json={"ids": [gone["id"]]})).status_code == 422
    done = await client.post("/api/v1/drifts/dismiss", json={"sync": "right-customers", "reason": "known"})
    assert done.json() == {"done": [gone["id"]]}
    run = (await client.post("/api/v1/syncs/right-customers/reconcile")).json()["run"]
    again = (await client.post("/api/v1/syncs/right-customers/reconcile")).json()["run"]
    assert run == again, "one at a time"
    assert (await client.get(f"/api/v1/runs/{run}")).json()["what"] == "reconcile"
    assert (await client.post("/api/v1/syncs/nope/reconcile")).status_code == 404
    acts = await town.rows("SELECT act, who FROM audit ORDER BY id")
    assert [row.act for row in acts if row.act.startswith(("drift", "reconcile"))] == [
        "drift.repair",
        "drift.dismiss",
        "reconcile.ask",
        "reconcile.ask",
    ]


async def test_drifts_are_assigned(client: httpx.AsyncClient, town: Town) -> None:
    (gone, different) = (await client.get("/api/v1/drifts")).json()["items"]
    wanted = {"what": "drift", "ids": [gone["id"], 99], "owner": "bob@example.com", "note": "yours"}
    done = await client.post("/api/v1/failed/assign", json=wanted)
    assert done.json() == {"done": [gone["id"]], "told": ["bob@example.com"]}
    (only,) = (await client.get("/api/v1/drifts", params={"owner": "bob@example.com"})).json()["items"]
    assert (only["id"], only["owner"]) == (gone["id"], "bob@example.com")
    (act,) = await town.rows("SELECT who, what, detail FROM audit WHERE act = 'drift.assign'")
    assert (act.who, act.what, act.detail["owner"]) == ("root", str(gone["id"]), "bob@example.com")
    (notice,) = await town.rows("SELECT subject, place, cause FROM notice WHERE what = 'assigned'")
    assert tuple(notice) == (f"drift {gone['id']}", f"drifts/{gone['id']}", "By root (yours): missing_there K2")
    engine = await town.engine()
    given = Settings(notices=NoticeSettings(language="en"), mail=MailSettings(host="127.0.0.1", port=1))
    await client.post("/api/v1/drifts/dismiss", json={"ids": [gone["id"]], "reason": "known"})
    assert await notices.notices_due(engine, given) == 0
    assert await town.rows("SELECT 1 FROM notice") == [], "it is settled: nobody is told"
    done = await client.post("/api/v1/failed/assign", json={**wanted, "ids": [gone["id"], different["id"]]})
    assert done.json()["done"] == [different["id"]], "a dismissed one is nobody's turn"


async def test_who_may_only_read_repairs_nothing(client: httpx.AsyncClient, town: Town) -> None:
    async with town.db.begin("token") as conn:
        reader = await tokens.create(conn, "reader", ["read"])
    client.headers["Authorization"] = f"Bearer {reader}"
    assert (await client.get("/api/v1/drifts")).status_code == 200
    for path in ("drifts/repair", "drifts/dismiss", "syncs/right-customers/reconcile"):
        assert (await client.post(f"/api/v1/{path}", json={"ids": [1], "reason": "no"})).status_code == 403


def test_the_commands(hub: Any, drifts: None) -> None:
    rows = jsontext.loads(hub("drift", "list", "--json").output)
    assert [row["what"] for row in rows] == ["missing_there", "different"]
    shown = hub("drift", "show", str(rows[1]["id"])).output
    assert "ours goes there" in shown
    assert "phone" in shown
    assert "phone →" in hub("drift", "list").output
    assert "updated: " in hub("failed", "assign", "drift", str(rows[1]["id"]), "bob").output
    assert [row["id"] for row in jsontext.loads(hub("drift", "list", "--owner", "bob", "--json").output)] == [
        rows[1]["id"]
    ]
    assert hub("drift", "repair").exit_code == 2
    assert "under repair: 1" in hub("drift", "repair", str(rows[1]["id"])).output
    assert hub("drift", "dismiss", "--sync", "right-customers").exit_code == 2, "a reason is asked for"
    assert "dismissed: 1" in hub("drift", "dismiss", "--sync", "right-customers", "--reason", "known").output
    assert hub("drift", "show", "999").exit_code == 1
    assert "on its way" in hub("reconcile", "right-customers").output
    assert hub("reconcile", "nope").exit_code == 1
    (row,) = jsontext.loads(hub("sync", "list", "--json").output)
    assert (row["health"], row["drifts"]) == ("drifting", 1)


@pytest.fixture
def hub(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HUB_LANG", "en")

    def run(*args: str) -> Result:
        return CliRunner().invoke(cli, list(args), catch_exceptions=True)

    return run


@pytest.fixture
def drifts(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same two, made before the commands begin a loop of their own."""
    for name, value in {
        "REST_TOKEN": "t",
        "REST_HOOK_SECRET": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0",
        "ROBOT_KEY": "k",
    }.items():
        monkeypatch.setenv(name, value)

    async def make() -> None:
        database = Database(database_url)
        try:
            await two_drifts(database, tmp_path)
        finally:
            await database.close()

    asyncio.run(make())
