"""PostgreSQL is away for 20 s in the middle of the story: nothing is accepted meanwhile, nothing is lost or doubled."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.cli.demo.process import sandbox_module
from hub.cli.demo.stage import DATABASE
from hub.db.embedded import EmbeddedServer
from tests.demo.running import demo, ledger, result, wait_for
from tests.support.database import data_folder

SEED = 5
AWAY_SECONDS = 20.0
ANSWER_SECONDS = 6.0  # a caller waits 5 s for its commit
LINES = 10  # what all processes of the hub together may say of one outage


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as path:
        yield path


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedServer]:
    """A PostgreSQL that nobody but the test stops and starts."""
    server = EmbeddedServer(folder / "database", durable=True)
    yield server
    server.stop()


def test_the_story_goes_on_when_the_database_is_back(folder: Path, server: EmbeddedServer) -> None:
    url = server.start()
    story = demo(folder, SEED, **{DATABASE: url})
    wait_for(lambda: _orders(folder) > 0, story)
    gone = time.monotonic()
    place = ("-D", str(server.housing.cluster))
    assert server.housing.run("pg_ctl", "stop", "-w", "-m", "immediate", *place).returncode == 0
    calls = 0
    while time.monotonic() - gone < AWAY_SECONDS - ANSWER_SECONDS:
        _answers_that_it_cannot(folder, calls)
        calls += 1
        time.sleep(1)
    time.sleep(max(0.0, gone + AWAY_SECONDS - time.monotonic()))
    assert calls > 1
    assert server.start() == url

    code, told = result(story)
    assert [step for step in told["steps"] if not step["ok"]] == []
    assert [check for check in told["checks"] if not check["ok"]] == []
    assert (code, told["agree"]) == (0, True)
    marks = Counter(
        entry["data"]["doc"]["fields"]["F_HUB_REF"]
        for entry in ledger(folder, "erp")
        if entry["event"] == "saved" and entry["data"]["by"] == "api" and entry["data"]["created"]
    )
    assert marks and set(marks.values()) == {1}
    _said_little(folder)


def _orders(folder: Path) -> int:
    saved = (entry["data"] for entry in ledger(folder, "erp") if entry["event"] == "saved")
    return sum(data["form"] == "SAL_SaleOrder" for data in saved)


def _answers_that_it_cannot(folder: Path, number: int) -> None:
    """It lives, it is not ready, and a webhook is sent away at once rather than kept hanging or accepted."""
    url = f"http://127.0.0.1:{json.loads((folder / 'demo.json').read_text())['ports']['hub']}"
    token = sandbox_module("fxiaoke").sandbox_config(url)["hook_token"]
    with httpx.Client(base_url=url, timeout=ANSWER_SECONDS) as http:
        call: dict[str, Any] = {"event": "deal_won", "object": "NewOpportunityObj", "id": f"none-{number}"}
        posted = http.post("/hooks/crm", headers={"authorization": f"Bearer {token}"}, json=call)
        assert (posted.status_code, int(posted.headers["retry-after"]) > 0) == (503, True), posted.text
        assert http.get("/healthz").status_code == 200
        ready = http.get("/readyz")
        assert (ready.status_code, ready.json()["title"]) == (503, "the database does not answer")


def _said_little(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "logs" / "hub.log").read_text().splitlines()]
    assert [line for line in lines if line["level"] == "error" or "exception" in line] == []
    assert len(lines) <= LINES, lines
    events = [line["event"] for line in lines]
    assert "the database is back" in events
