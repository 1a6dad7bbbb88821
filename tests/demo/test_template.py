"""The templates at work: the demo's valid as it is shipped, the one without an ERP played to its end."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub.canon.kinds import Kinds
from hub.cli.demo.configuration import template_files
from hub.cli.demo.process import sandbox_module
from hub.cli.demo.stage import VENDORS, Stage
from hub.config.catalogue import connectors
from hub.config.check import check
from hub.config.templates import Choice, render, template
from hub.db.session import Database
from hub.security.secrets import references
from hub.sync.configuring import directory_of
from tests.simulation.story import Story
from tests.support.house import House


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    """What the stage gives the hub as environment."""
    stage = Stage(tmp_path, 1, ports=dict.fromkeys((*VENDORS, "hub"), 1))
    return stage.environment()


def test_has_no_problem_and_all_syncs_are_live(given: dict[str, str]) -> None:
    draft, problems = check(directory_of(template_files()), Kinds(), connectors(), lambda _, name: given.get(name))
    assert problems == []
    assert set(draft.connections) == set(VENDORS)
    assert {sync.mode for sync in draft.syncs.values()} == {"live"}
    assert len(draft.syncs) == sum(name.startswith("syncs/") for name in template_files())


def test_a_reference_that_is_not_given_is_named(given: dict[str, str]) -> None:
    del given["ERP_APP_SECRET"]
    _, problems = check(directory_of(template_files()), Kinds(), connectors(), lambda _, name: given.get(name))
    assert [problem.file for problem in problems] == ["connections/erp.yaml"]
    assert "ERP_APP_SECRET" in problems[0].sentence


def test_no_secret_is_written_out() -> None:
    text = json.dumps(template_files())
    assert references(text)
    for connection, connector in VENDORS.items():
        config = sandbox_module(connector).sandbox_config("http://127.0.0.1:1")
        secrets = [str(value) for name, value in config.items() if "secret" in name or "token" in name or "key" in name]
        assert not [secret for secret in secrets if secret in text], connection


async def test_bank_to_crm_tells_the_deal_what_was_paid(db: Database, tmp_path: Path) -> None:
    """The template without an ERP, whole: a won deal, a statement that names it, the amount back in the deal."""
    choices = {
        role: Choice(connector, role, {name: f"${{env:{role.upper()}_{name.upper()}}}" for name in asked})
        for role, (connector, asked) in {
            role: (VENDORS[role], template("bank-to-crm").roles[role].part(VENDORS[role]).spec.asks)
            for role in ("crm", "bank")
        }.items()
    }
    for name, text in render("bank-to-crm", choices, mode="live", every="2h").items():
        file = tmp_path / "config" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (tmp_path / "bank").mkdir()
    house = House(db, tmp_path, tmp_path / "config")
    house.open_sandboxes()
    await house.configure()
    story = Story(house, await house.engine())
    await story.master_data()
    await story.deals()
    await story.statement(1, [("400.00", 0), ("-5.00", None), ("250.50", 1)])
    await story.settle("crm-deals")
    rows = [json.loads(line)["data"] for line in (tmp_path / "crm.jsonl").read_text("utf-8").splitlines()]
    house.close()
    told = [row for row in rows if "payment_status__c" in json.dumps(row)]
    assert ["partial", "400"] in [[_last(row, "payment_status__c"), _last(row, "paid_amount__c")] for row in told]
    assert ["paid", "250.5"] in [[_last(row, "payment_status__c"), _last(row, "paid_amount__c")] for row in told]


def _last(row: Any, name: str) -> Any:
    """The value under a name, wherever it stands in a ledger's entry."""
    if isinstance(row, dict):
        return (
            row[name] if name in row else next((hit for v in row.values() if (hit := _last(v, name)) is not None), None)
        )
    return next((hit for v in row if (hit := _last(v, name)) is not None), None) if isinstance(row, list) else None
