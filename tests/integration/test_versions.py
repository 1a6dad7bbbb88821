"""Versions of mappings through the command line and the API: draft, publish, history, roll back, export, held runs."""

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner, Result
from sqlalchemy import text

from connectors.rest.sandbox_tables import HOOK_SECRET, TOKEN
from hub.api.app import create_app
from hub.api.configurations import Configurations
from hub.api.services import Disk, Services
from hub.cli.main import cli
from hub.db.session import Database
from hub.sdk import jsontext
from hub.security import tokens
from hub.settings import Settings
from hub.sync.configuring import apply_directory, directory_of
from hub.sync.installation import configuration_in_force
from hub.sync.intake import Intake
from hub.sync.outward import Outward
from tests.engine.town import CUSTOMERS, connection, sync
from tests.support.sdk import FixedClock

TWO = CUSTOMERS.replace("remark: remark", "remark: {path: remark, enum: {a: low, b: high}}")
BROKEN = CUSTOMERS.replace("uscc:   uscc", "usc: uscc")
MINE = "mapping: customers.mine\nextends: customers\nfields:\n  remark: null\n"


def files() -> dict[str, str]:
    """A connection, a sync, a mapping that the customer extends and one that nobody uses."""
    parts = (connection("left"), sync("left-customers", mapping="customers.mine"))
    dumped = {f"{part.folder}/{part.name}.yaml": yaml.safe_dump(dict(part.body)) for part in parts}  # type: ignore[arg-type]
    return {**dumped, "mappings/customers.yaml": CUSTOMERS, "mappings/mine.yaml": MINE}


def write_to(folder: Path, texts: dict[str, str]) -> Path:
    for name, body in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(body, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REST_TOKEN", TOKEN)
    monkeypatch.setenv("REST_HOOK_SECRET", HOOK_SECRET)


@pytest.fixture
def hub(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HUB_LANG", "en")

    def run(*args: str) -> Result:
        return CliRunner().invoke(cli, list(args), catch_exceptions=True)

    return run


def said(result: Result, code: int = 0) -> Any:
    assert result.exit_code == code, (result.output, result.exception)
    return jsontext.loads(result.output)


def test_from_draft_to_rollback_by_command(hub: Any, tmp_path: Path) -> None:
    folder = write_to(tmp_path / "config", files())
    assert hub("apply", str(folder)).exit_code == 0
    listed = {row["name"]: row for row in said(hub("map", "list", "--json"))}
    assert listed["customers.mine"]["syncs"] == ["left-customers"] and listed["customers"]["version"] == 1
    broken, good = tmp_path / "broken.yaml", tmp_path / "good.yaml"
    broken.write_text(BROKEN, encoding="utf-8")
    good.write_text(TWO, encoding="utf-8")
    kept = hub("map", "draft", str(broken))
    assert kept.exit_code == 0 and "usc" in kept.output and "draft of customers kept" in kept.output
    assert "usc: uscc" in hub("map", "show", "customers", "--draft").output
    refused = said(hub("map", "publish", "customers", "--json"), 1)
    assert refused["problems"] and refused["versions"] == {}
    assert hub("map", "draft", "--discard", "customers").exit_code == 0
    assert hub("map", "publish", "customers").exit_code == 1
    made = said(hub("map", "publish", str(good), "--note", "levels", "--json"))
    assert made["versions"] == {"customers": 2} and made["problems"] == []
    newest, oldest = said(hub("map", "history", "customers", "--json"))
    assert (newest["version"], newest["active"], newest["note"], oldest["active"]) == (2, True, "levels", False)
    shown = said(hub("map", "show", "customers", "--version", "1", "--json"))
    assert shown["body"] == CUSTOMERS and shown["sources"] == {}
    plan = said(hub("plan", str(folder), "--json"))
    differing = [line for line in plan["lines"] if line["what"] != "same"]
    assert [(line["name"], line["details"][0]) for line in differing] == [
        ("customers", "version 2 -> 1"),
        ("customers.mine", "version 1 stays: only its text changes, not what it means"),
    ]
    assert hub("map", "rollback", "customers", "1").exit_code == 0
    assert "nothing changes" in hub("plan", str(folder)).output
    assert hub("map", "rollback", "customers", "1").exit_code == 1
    assert hub("map", "rollback", "customers", "9").exit_code == 1


def test_who_extends_a_published_mapping_gets_a_version_of_its_own(hub: Any, tmp_path: Path) -> None:
    """And its own text stays as its author wrote it, with the text beneath it beside."""
    folder = write_to(tmp_path / "config", files())
    assert hub("apply", str(folder)).exit_code == 0
    changed = tmp_path / "changed.yaml"
    changed.write_text(CUSTOMERS.replace("email:  email", "email:  {path: email, default: -}"), encoding="utf-8")
    made = said(hub("map", "publish", str(changed), "--json"))
    assert made["versions"] == {"customers": 2, "customers.mine": 2} and len(made["runs"]) == 1
    mine = said(hub("map", "show", "customers.mine", "--json"))
    assert mine["body"] == MINE and mine["sources"] == {"mapping customers": changed.read_text(encoding="utf-8")}
    back = said(hub("map", "rollback", "customers.mine", "1", "--json"))
    assert back["behind"] == ["mapping customers"], "what it was made of is not what is called so now"
    again = said(hub("map", "rollback", "customers", "1", "--json"))
    assert again["versions"]["customers"] == 1 and "nothing changes" in hub("plan", str(folder)).output


def test_what_is_exported_is_what_is_in_force(hub: Any, tmp_path: Path) -> None:
    assert hub("export", str(tmp_path / "none")).exit_code == 1
    folder = write_to(tmp_path / "config", files())
    assert hub("apply", str(folder)).exit_code == 0
    good = tmp_path / "good.yaml"
    good.write_text(TWO, encoding="utf-8")
    assert hub("map", "publish", str(good)).exit_code == 0
    out = tmp_path / "out"
    assert hub("export", str(out)).exit_code == 0
    assert "nothing changes" in hub("plan", str(out)).output
    assert (out / "mappings" / "customers.yaml").read_text(encoding="utf-8") == TWO
    everything = "".join(file.read_text(encoding="utf-8") for file in out.rglob("*.yaml"))
    assert TOKEN not in everything and "${env:REST_TOKEN}" in everything
    assert hub("export", str(out)).exit_code == 1, "never over what is there"


def test_an_unchanged_text_makes_nothing_and_a_remark_no_version(hub: Any, tmp_path: Path) -> None:
    folder = write_to(tmp_path / "config", files())
    assert hub("apply", str(folder)).exit_code == 0
    same = tmp_path / "same.yaml"
    same.write_text(CUSTOMERS, encoding="utf-8")
    assert said(hub("map", "publish", str(same), "--json"))["versions"] == {}
    same.write_text("# a remark\n" + CUSTOMERS, encoding="utf-8")
    assert said(hub("map", "publish", str(same), "--json"))["versions"] == {}
    assert said(hub("map", "show", "customers", "--json"))["body"].startswith("# a remark"), "lines are the author's"
    assert [row["version"] for row in said(hub("map", "history", "customers", "--json"))] == [1]


def test_runs_are_listed_and_what_is_held_is_decided(hub: Any, tmp_path: Path) -> None:
    folder = write_to(tmp_path / "config", files())
    assert hub("apply", str(folder)).exit_code == 0
    changed = tmp_path / "mine.yaml"
    changed.write_text(MINE.replace("null", "{path: remark, default: -}"), encoding="utf-8")
    (number,) = said(hub("map", "publish", str(changed), "--json"))["runs"]
    (row,) = said(hub("run", "list", "--what", "remap", "--json"))
    assert (row["id"], row["state"], row["sync"]) == (number, "running", "left-customers")
    shown = said(hub("run", "show", str(number), "--json"))
    assert (shown["detail"]["mapping"], shown["detail"]["version"]) == ("customers.mine", 2)
    assert "customers.mine" in hub("run", "show", str(number)).output
    for command in (["confirm", str(number)], ["dismiss", str(number), "--reason", "x"], ["confirm", "999"]):
        assert hub("run", *command).exit_code == 1
    assert hub("run", "show", "999").exit_code == 1


# --- the API -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def client(db: Database, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A caller with an admin token, the directory applied."""
    clock, settings = FixedClock(), Settings(data_dir=tmp_path)
    async with db.begin("test") as conn:
        outcome = await apply_directory(conn, settings, directory_of(files()), "anna", clock.now())
        assert outcome.problems == ()
        token = await tokens.create(conn, "root", ["admin"])
    services = Services(
        settings=settings,
        db=db,
        clock=clock,
        intake=Intake(db, clock, patience=2),
        configurations=Configurations(db, lambda conn: configuration_in_force(conn, settings)),
        disk=Disk(tmp_path),
        outward=Outward(httpx.MockTransport(lambda _: httpx.Response(200)), clock, random.Random(7)),
    )
    app = create_app(services)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://hub/api/v1", headers=headers) as made:
            yield made


async def asked(client: httpx.AsyncClient, method: str, path: str, status: int = 200, **body: Any) -> Any:
    answer = await client.request(method, path, json=body or None)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_from_draft_to_rollback_by_api(client: httpx.AsyncClient) -> None:
    problems = (await asked(client, "PUT", "/mappings/customers/draft", text=BROKEN))["problems"]
    assert [problem["file"] for problem in problems] and all(problem["sentence_zh"] for problem in problems)
    refused = await asked(client, "POST", "/mappings/customers/publish", note="no")
    assert refused["problems"] == problems and refused["versions"] == {}
    assert (await asked(client, "PUT", "/mappings/customers/draft", text=TWO))["problems"] == []
    detail = await asked(client, "GET", "/mappings/customers")
    assert (detail["version"], detail["body"], detail["draft"]["body"]) == (1, CUSTOMERS, TWO)
    made = await asked(client, "POST", "/mappings/customers/publish", note="levels")
    assert made["versions"] == {"customers": 2}
    rows = (await asked(client, "GET", "/mappings"))["items"]
    assert {row["name"]: (row["version"], row["draft_by"]) for row in rows} == {
        "customers": (2, None),
        "customers.mine": (1, None),
    }
    await asked(client, "POST", "/mappings/customers/rollback", version=1)
    rows = (await asked(client, "GET", "/mappings/customers/versions"))["items"]
    assert [(row["version"], row["active"], row["created_by"]) for row in rows] == [
        (2, False, "root"),
        (1, True, "anna"),
    ]
    await asked(client, "POST", "/mappings/customers/rollback", 409, version=1)
    await asked(client, "POST", "/mappings/nobody/rollback", 404, version=1)
    await asked(client, "GET", "/mappings/nobody", 404)
    await asked(client, "DELETE", "/mappings/customers/draft", 404)


async def test_held_runs_by_api(client: httpx.AsyncClient, db: Database) -> None:
    text_of = MINE.replace("null", "{path: remark, default: -}")
    (number,) = (await asked(client, "POST", "/mappings/customers.mine/publish", text=text_of))["runs"]
    await asked(client, "POST", f"/runs/{number}/confirm", 422)
    async with db.begin("test") as conn:
        await conn.execute(
            text("UPDATE run SET state = 'held', note = 'why', owner = 'olga' WHERE id = :id"), {"id": number}
        )
    (waiting,) = (await asked(client, "GET", "/failed"))["items"]
    assert (waiting["what"], waiting["id"], waiting["owner"], waiting["error"]) == ("run", number, "olga", "why")
    assert {"what": "run", "state": "held", "count": 1} in (await asked(client, "GET", "/status"))["work"]
    assert (await asked(client, "POST", f"/runs/{number}/confirm"))["done"] == [number]
    assert (await asked(client, "GET", f"/runs/{number}"))["detail"]["confirmed_by"] == "root"
    async with db.begin("test") as conn:
        await conn.execute(text("UPDATE run SET state = 'held' WHERE id = :id"), {"id": number})
    await asked(client, "POST", f"/runs/{number}/dismiss", reason="not now")
    run = (await asked(client, "GET", "/mappings/customers.mine/versions"))["items"][0]["runs"][0]
    assert (run["state"], run["note"]) == ("dismissed", "not now")
    await asked(client, "GET", "/runs/999", 404)
