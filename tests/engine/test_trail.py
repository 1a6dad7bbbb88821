"""One correlation from the call to the push: in every table on the way, in every line of the log; and no secret there."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from connectors.rest.sandbox_tables import HOOK_SECRET, TOKEN
from hub.telemetry.log import configure
from tests.engine.conftest import Build
from tests.engine.town import CUSTOMERS, Town, connection, sync, team, tell

SAID = {"kind": "customer", "when_changed": ["phone"], "title": "{name}", "text": "{phone}"}
PARTS = (
    connection("left"),
    connection("right"),
    sync("left-customers", every="1d"),
    sync("right-customers", every="1d"),
    team(),
    tell("team-notice", **SAID),
)
STRICT = CUSTOMERS.replace("uscc:   uscc", "uscc:   {path: uscc, required: yes}")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers, root.level)
    out = io.StringIO()
    configure("debug", "json", stream=out)
    for name in ("asyncio", "httpx", "httpcore", "aiosqlite"):
        logging.getLogger(name).setLevel(logging.WARNING)
    yield out
    root.handlers, root.level = before
    structlog.reset_defaults()


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, log.getvalue().splitlines()) if line["logger"].startswith("hub")]


async def hooked(town: Town) -> None:
    """`left` calls us about every record from now on."""
    town.rest["left"].set_hook({"url": "http://hub.test/hooks/left"})


async def test_one_correlation_from_the_call_to_the_push_and_the_message(build: Build, log: io.StringIO) -> None:
    town, engine = await build(*PARTS)
    await town.again(engine)
    await hooked(town)
    log.truncate(0)
    town.save("left", name="云帆", phone="13800138000")
    await town.again(engine)
    (receipt,) = await town.rows("SELECT id FROM receipt WHERE verdict = 'accepted'")
    correlation = f"receipt-{receipt.id}"
    for table in ("inbox", "change", "delivery", "attempt"):
        found = {row.correlation for row in await town.rows(f"SELECT correlation FROM {table}")}
        assert found == {correlation}, (table, found)
    kinds = await town.rows(
        "SELECT DISTINCT d.change_id <> 0 AS message FROM attempt a JOIN delivery d ON d.id = delivery_id"
    )
    assert {row.message for row in kinds} == {True, False}, "a push and a message"
    assert town.told() and len(town.table("right")) == 1
    told = lines(log)
    assert {line["event"] for line in told} >= {"opened", "applied", "owed", "delivered"}
    assert {line.get("correlation") for line in told} == {correlation}
    for secret in (TOKEN, HOOK_SECRET):
        assert secret not in log.getvalue()


async def test_two_calls_answered_by_one_fetch_keep_their_own(build: Build) -> None:
    """A call that only names a record leads to a fetch; several are fetched together."""
    town, engine = await build(*PARTS)
    await town.again(engine)
    records = [town.save("left", name=name) for name in ("云帆", "远航")]
    await town.change(
        "INSERT INTO bell (connection, stream, path, text, reason, correlation, state, due_at)"
        " SELECT 'left', 'customers', '', key, 'webhook', 'receipt-' || (70 + ordinality), 'due', :now"
        " FROM unnest(CAST(:keys AS text[])) WITH ORDINALITY AS given(key, ordinality)",
        keys=[str(record["id"]) for record in records],
        now=town.clock.now(),
    )
    await town.again(engine)
    found = {row.key: row.correlation for row in await town.inbox()}
    assert found == {str(records[0]["id"]): "receipt-71", str(records[1]["id"]): "receipt-72"}


async def test_the_log_has_no_line_for_a_record_that_went_through(build: Build, log: io.StringIO) -> None:
    logging.getLogger().setLevel("INFO")
    town, engine = await build(*PARTS, mappings=(STRICT,))
    for number in range(40):
        town.save("left", name=f"客户 {number}", **({"uscc": "91310115MA1K4BQX0P"} if number == 0 else {}))
    await town.again(engine, 3)
    parked = [line for line in lines(log) if line["event"] == "records were parked"]
    assert lines(log) == parked and len(parked) <= 2, lines(log)
    assert sum(line["classes"]["MappingError"] for line in parked) == 39
    assert all(line["correlation"].startswith("run-") for line in parked)
