"""The command itself: quick help, lazy commands, and errors that end as one sentence."""

import subprocess
import sys
import time
from typing import Any

import click
import pytest

from hub.cli import main as cli_main
from hub.cli.main import COMMANDS, Lazy, cli, main

HEAVY = ("sqlalchemy", "fastapi", "pydantic", "rich", "asyncpg", "hub.db", "hub.config", "hub.sdk")


def test_help_imports_nothing_heavy_and_is_quick() -> None:
    code = "import sys; from hub.cli.main import cli; cli.main(['--help'], standalone_mode=False); "
    code += "print(*sorted(sys.modules), file=sys.stderr)"
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert time.monotonic() - started < 2  # the aim is 0.4 s on a quiet machine
    loaded = done.stderr.split()
    assert [name for name in HEAVY if name in loaded] == []
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


def test_every_command_of_the_table_can_be_imported() -> None:
    group = Lazy(name="hub")
    for name in COMMANDS:
        command = group.get_command(click.Context(group), name)
        assert command is not None and command.name == name
        assert command.help


def run(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    monkeypatch.setattr(sys, "argv", ["hub", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_an_unknown_command_gets_a_hint(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HUB_LANG", "en")
    assert run(monkeypatch, "sttaus") == 2
    assert "did you mean status" in capsys.readouterr().err


class Sentence(Exception):
    sentence = "the port is taken"
    zh = "端口被占用"


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (Sentence(), 1, "端口被占用  the port is taken"),
        (ConnectionRefusedError("nobody listens"), 1, "nobody listens"),
        (ValueError("what"), 70, "ValueError: what"),
    ],
)
def test_errors_end_as_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int, told: str
) -> None:
    monkeypatch.delenv("HUB_LANG", raising=False)

    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(cli, "main", fail)
    assert run(monkeypatch, "status") == code
    shown = capsys.readouterr().err
    assert told in shown
    assert "Traceback" not in shown


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(**_: Any) -> None:
        raise ValueError("what")

    monkeypatch.setattr(cli_main.cli, "main", fail)
    assert run(monkeypatch, "--debug", "status") == 70
    assert "Traceback" in capsys.readouterr().err
