"""Commands on a real database, in process."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hub.cli.main import cli
from hub.sdk import jsontext


@pytest.fixture
def hub(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HUB_LANG", "en")

    def run(*args: str, told: str | None = None) -> Result:
        return CliRunner().invoke(cli, list(args), input=told, catch_exceptions=True)

    return run


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = jsontext.loads(result.output)
    return found


def test_every_listing_speaks_json_and_prints_a_table(hub: Any) -> None:
    for command in (["connection", "list"], ["sync", "list"], ["token", "list"], ["secret", "list"]):
        assert rows(hub(*command, "--json")) == []
    for command in ("failed", "receipts", "inbox", "deliveries"):
        assert rows(hub(command, "--json")) == []
        assert "nothing" in hub(command).output
    assert set(rows(hub("status", "--json"))) >= {"work", "connections", "syncs", "people", "engine", "last_hour"}


def test_tokens_are_made_listed_and_revoked(hub: Any) -> None:
    token = rows(hub("token", "create", "ci", "--scope", "write", "--days", "30", "--json"))["token"]  # type: ignore[call-overload]
    (row,) = rows(hub("token", "list", "--json"))
    assert (row["name"], row["scopes"], row["id"]) == ("ci", ["write"], token.split("_")[1])
    assert row["expires_at"]
    assert hub("token", "revoke", row["id"]).exit_code == 0
    assert hub("token", "revoke", row["id"]).exit_code == 1


def test_secrets_come_from_stdin_and_are_never_shown(hub: Any) -> None:
    assert hub("secret", "set", "erp", told="s3cret-value\n").exit_code == 0
    shown = hub("secret", "list", "--json")
    assert rows(shown) == [{"name": "erp"}]
    assert hub("secret", "set", "empty", told="").exit_code == 2
    assert hub("secret", "remove", "erp").exit_code == 0
    assert hub("secret", "remove", "erp").exit_code == 1


def test_what_does_not_exist_is_named(hub: Any) -> None:
    for command in (["sync", "run", "nope"], ["connection", "pause", "nope"], ["explain", "order", "SO-1", "total"]):
        result = hub(*command)
        assert result.exit_code == 1
        assert "no" in str(result.exception)
    assert hub("retry", "inbox", "1").exit_code == 1
    assert hub("correct", "inbox", "1").exit_code == 2
    assert str(hub("correct", "inbox", "1", "--link", "new").exception) == "there is no inbox 1"
    assert hub("explain", "ordre", "1", "total").exit_code == 1


def test_a_directory_with_mistakes_is_told_by_file_and_line(hub: Any, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    (folder / "connections").mkdir(parents=True)
    (folder / "connections" / "crm.yaml").write_text("connection: crm\nconnector: shoop\n")
    result = hub("plan", str(folder))
    assert result.exit_code == 1
    assert "connections/crm.yaml:2" in result.output
    problems = jsontext.loads(hub("apply", str(folder), "--json").output)
    assert (problems["applied"], problems["problems"][0]["file"]) == (False, "connections/crm.yaml")
    (folder / "connections" / "crm.yaml").unlink()
    assert hub("apply", str(folder)).exit_code == 0


def test_the_database_is_current(hub: Any) -> None:
    before = hub("db", "current").output
    assert hub("db", "upgrade").exit_code == 0
    assert hub("db", "current").output == before


def test_the_doctor_finds_nothing_wrong(hub: Any) -> None:
    found = {row["check"]: row["result"] for row in rows(hub("doctor", "--json"))}
    assert found["database"] == "ok"
    assert found["configuration"] == "ok"
    assert "failed" not in found.values()
