"""Settings come from the environment, in groups, and cannot be changed afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from hub.settings import load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HUB_")]:
        monkeypatch.delenv(name)


def test_without_any_setting_the_hub_is_embedded_and_local() -> None:
    settings = load_settings()
    assert settings.embedded
    assert (settings.data_dir, settings.http.host, settings.http.port) == (Path("data"), "127.0.0.1", 8080)
    assert settings.secret_key_file == Path("data/secret.key")
    assert (settings.engine.lease_seconds, settings.engine.heartbeat_seconds, settings.engine.sweep_seconds) == (
        60,
        15,
        10,
    )


def test_the_environment_sets_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://u:geheim@h/d")
    monkeypatch.setenv("HUB_HTTP__PORT", "9000")
    monkeypatch.setenv("HUB_ENGINE__SPEED", "10")
    monkeypatch.setenv("HUB_SECURITY__TOKEN_FILE", "/run/token")
    settings = load_settings()
    assert not settings.embedded
    assert settings.http.port == 9000
    assert settings.engine.scaled(60) == 6
    assert settings.token_file == Path("/run/token")
    assert "geheim" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"), [("HUB_HTTP__PORT", "70000"), ("HUB_ENGINE__SPEED", "0"), ("HUB_HTTP__PROT", "1")]
)
def test_a_wrong_value_or_name_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.rsplit("_", 1)[-1].lower()):
        load_settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().http.port = 1  # type: ignore[misc]


def test_the_package_itself_imports_nothing_heavy() -> None:
    heavy = "import sys, hub; sys.exit(any(name in sys.modules for name in ('pydantic', 'sqlalchemy', 'asyncio')))"
    assert subprocess.run([sys.executable, "-c", heavy], check=False).returncode == 0


def test_secrets_may_be_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As Docker, Kubernetes (a folder of links beside one of its own) and systemd hand them over."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "hub_database_url").write_text("postgresql://u:geheim@h/d\n")
    (tmp_path / "hub_database_url").symlink_to(tmp_path / "..data" / "hub_database_url")
    (tmp_path / "hub_mail__password").write_text("streng\n")
    (tmp_path / "hub_http__port").write_text("9001")
    (tmp_path / "postgres_password").write_bytes(b"\xff")
    monkeypatch.setenv("HUB_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("HUB_HTTP__PORT", "9000")
    settings = load_settings()
    assert settings.database_url is not None and settings.database_url.get_secret_value() == "postgresql://u:geheim@h/d"
    assert settings.mail.password.get_secret_value() == "streng"
    assert settings.http.port == 9000, "the environment goes before the files"


def test_a_folder_of_secrets_that_is_not_there_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Else the hub would go on with an empty database of its own."""
    monkeypatch.setenv("HUB_SECRETS_DIR", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="none"):
        load_settings()
