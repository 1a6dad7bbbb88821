"""What the guide says exists: commands, files, settings; the same in both languages."""

import re
from pathlib import Path

import click
import pytest

from hub.cli.main import cli
from tests.deploy.tools import DEPLOY, ROOT
from tests.support.settings_reference import settings

GUIDES = (ROOT / "docs/deploy.md", ROOT / "docs/deploy.zh-CN.md")
SAYING_COMMANDS = (*GUIDES, DEPLOY / "helm/o2c-hub/templates/NOTES.txt", DEPLOY / "prometheus/rules.yaml")
CODE = re.compile(r"```sh\n(.*?)```|`([^`\n]+)`", re.DOTALL)
COMMAND = re.compile(r"(?:^|[ /(:])hub((?: (?!-- )[a-z]+)+)")


def commands(text: str) -> set[tuple[str, ...]]:
    return {tuple(found.split()) for found in COMMAND.findall(text)}


def exists(words: tuple[str, ...]) -> bool:
    """The first words are commands; what follows the last one are its arguments."""
    with click.Context(cli) as ctx:
        here: click.Command | None = cli
        for word in words:
            if not isinstance(here, click.Group):
                break
            here = here.get_command(ctx, word)
            if here is None:
                return False
        return True


@pytest.mark.parametrize("path", SAYING_COMMANDS, ids=lambda path: path.name)
def test_commands_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        text = "\n".join(" ".join(found) for found in CODE.findall(text))
    said = {words for words in commands(text) if words[0] != "deploy"}
    assert said and {words for words in said if not exists(words)} == set()
    assert not exists(("db", "migrate"))


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_files_and_settings_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    made = {"deploy/secrets", "deploy/hub.env"}
    files = set(re.findall(r"deploy/[A-Za-z0-9_@./-]*[A-Za-z0-9]", text)) - made
    assert len(files) > 5 and {name for name in files if not (ROOT / name).exists()} == set()
    variables = set(re.findall(r"HUB_[A-Z_]+", text)) - {"HUB_SECRETS_DIR"}
    assert variables - {setting.variable for setting in settings()} == set()


def test_both_languages_say_the_same_commands() -> None:
    en, zh = (path.read_text(encoding="utf-8") for path in GUIDES)
    shell = re.compile(r"```sh\n(.*?)```", re.DOTALL)
    without_remarks = [re.sub(r"^#.*\n", "", "\n".join(shell.findall(text)), flags=re.MULTILINE) for text in (en, zh)]
    assert without_remarks[0] == without_remarks[1]
    assert en.count("\n## ") == zh.count("\n## ")
