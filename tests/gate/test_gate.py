"""Each house rule finds what it must and nothing else."""

from pathlib import Path

import pytest

from tests.gate import floats as floats_rule
from tests.gate.__main__ import main
from tests.gate.floats import floats
from tests.gate.kind_names import kind_names
from tests.gate.manifests import manifests

MANIFEST = """
id = "{id}"
name_zh = "甲"
name_en = "Acme"
owner = "us"
docs = "docs"
auth = "token"
streams = {{}}
"""
PROJECT = '[project.entry-points."hub.connectors"]\nacme = "connectors.acme.connector:connector"\n'


@pytest.fixture(autouse=True)
def no_allowances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floats_rule, "ALLOWED", {})


def written(root: Path, name: str, text: str) -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    "line",
    [
        "x = float(amount)",
        "total = 0.5",
        "def f(amount: float) -> None: ...",
        "def rest() -> float: ...",
        "amounts: list[float] = []",
        "def wait_seconds() -> int:\n    return total * 0.1",
        "class A:\n    amount: float",
        "price_per_unit = 0.1",
        "rate = 7.1",
    ],
)
@pytest.mark.parametrize("place", ["hub/receivables/match.py", "connectors/acme/client.py", "hub/sdk/statement.py"])
def test_a_float_near_money_is_found(tmp_path: Path, place: str, line: str) -> None:
    assert list(floats(written(tmp_path, place, line)))


@pytest.mark.parametrize(
    "line",
    [
        "timeout = 15.0",
        "class A:\n    settle: float = 2.5",
        "call(retry_after=0.5)",
        "async def f(wait_seconds: float) -> None: ...",
        "def retry_seconds() -> float: ...",
        "def _until_midnight(now: object) -> float: ...",
        "if isinstance(value, float) or kind is float: ...",
        "n = 1",
        "s = '0.5 float'",
    ],
)
def test_durations_may_be_floats(tmp_path: Path, line: str) -> None:
    assert not list(floats(written(tmp_path, "hub/canon/x.py", line)))


@pytest.mark.parametrize("place", ["hub/sync/x.py", "connectors/acme/tests/test_x.py", "hub/sdk/http.py"])
def test_other_rooms_are_not_asked(tmp_path: Path, place: str) -> None:
    assert not list(floats(written(tmp_path, place, "x = 0.5")))


def test_an_allowance_that_is_no_longer_used_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floats_rule, "ALLOWED", {"hub/canon/x.py": "reason"})
    written(tmp_path, "hub/canon/x.py", "x = 0.5")
    assert not list(floats(tmp_path))
    written(tmp_path, "hub/canon/x.py", "x = 1")
    assert [finding.path for finding in floats(tmp_path)] == ["hub/canon/x.py"]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("kind == 'order'", "order"),
        ("sql = 'SELECT id FROM open_item WHERE x'", "open_item"),
        ("sql = 'UPDATE payment SET x = 1'", "payment"),
        ("customers = 1", "customer"),
        ("def f(invoice): ...", "invoice"),
        ("from hub.canon import shipment", "shipment"),
        ("class Company: ...", "company"),
    ],
)
@pytest.mark.parametrize("room", ["sync", "jobs", "config"])
def test_a_kinds_name_in_the_engine_is_found(tmp_path: Path, room: str, line: str, kind: str) -> None:
    [finding] = kind_names(written(tmp_path, f"hub/{room}/x.py", line))
    assert repr(kind) in finding.sentence


@pytest.mark.parametrize(
    "line",
    [
        '"""Orders and payments are explained here."""',
        "def f():\n    'order'",
        "statement = order = 1",
        "sql = 'SELECT id FROM inbox ORDER BY id'",
        "text = 'in order to'",
    ],
)
def test_ordinary_words_pass(tmp_path: Path, line: str) -> None:
    assert not list(kind_names(written(tmp_path, "hub/sync/x.py", line)))


def test_a_sound_connector_passes(tmp_path: Path) -> None:
    written(tmp_path, "pyproject.toml", PROJECT)
    written(tmp_path, "connectors/acme/connector.py", "")
    written(tmp_path, "connectors/acme/connector.toml", MANIFEST.format(id="acme"))
    assert not list(manifests(tmp_path))


@pytest.mark.parametrize(
    ("manifest", "project", "sentence"),
    [
        (None, PROJECT, "No such file"),
        ("id = ", PROJECT, "Invalid value"),
        (MANIFEST.format(id="acme") + "more = 1", PROJECT, "Extra inputs"),
        (MANIFEST.format(id="other"), PROJECT, "the folder is 'acme'"),
        (MANIFEST.format(id="acme"), PROJECT.replace("acme =", "other ="), "no entry point acme"),
    ],
)
def test_an_unsound_connector_is_found(tmp_path: Path, manifest: str | None, project: str, sentence: str) -> None:
    written(tmp_path, "pyproject.toml", project)
    written(tmp_path, "connectors/acme/connector.py", "")
    if manifest is not None:
        written(tmp_path, "connectors/acme/connector.toml", manifest)
    assert sentence in " ".join(str(finding) for finding in manifests(tmp_path))


def test_an_entry_point_to_nowhere_is_found(tmp_path: Path) -> None:
    written(tmp_path, "pyproject.toml", PROJECT)
    [finding] = manifests(tmp_path)
    assert "leads to no connectors/acme" in finding.sentence


def test_the_program_fails_when_a_rule_finds_something(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, "pyproject.toml", '[project.entry-points."hub.connectors"]\n')
    assert main(tmp_path) == 0
    written(tmp_path, "hub/canon/x.py", "x = 0.5")
    assert main(tmp_path) == 1
    assert "hub/canon/x.py:1: a float" in capsys.readouterr().out
