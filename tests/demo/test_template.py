"""The template the demo applies: valid as it is shipped, with the sandboxes' addresses for its references."""

import json
from pathlib import Path

import pytest

from hub.canon.kinds import Kinds
from hub.cli.demo.play import template_files
from hub.cli.demo.process import sandbox_module
from hub.cli.demo.stage import VENDORS, Stage
from hub.config.catalogue import connectors
from hub.config.check import check
from hub.security.secrets import references
from hub.sync.configuring import directory_of


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
