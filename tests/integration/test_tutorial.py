"""The tutorial, done as it is written: its files made, its commands run, their output compared with what it shows.

A fenced block `yaml PATH` or `json PATH` makes a file, `yaml PATH +` adds to its end, `diff PATH` replaces lines of it.
A `console` block holds commands (`$ …`) and lines their output has in this order; `…` stands for anything, and boxes and
blanks do not count."""

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest

from hub.cli.main import main as hub

ROOT = Path(__file__).parents[2]
GUIDES = {"tutorial.md": "en", "tutorial.zh-CN.md": "zh"}
_SHELL = re.compile(r"[|&;<>$`*?]")
_FENCE = re.compile(r"^```(\w+)[ ]?([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block and the line it begins on."""

    word: str
    path: str
    adds: bool
    body: str
    line: int


@dataclass
class Command:
    text: str
    shown: list[str] = field(default_factory=list)


def blocks(text: str) -> Iterator[Block]:
    for found in _FENCE.finditer(text):
        path, _, sign = found[2].partition(" ")
        yield Block(found[1], path, sign.strip() == "+", found[3], text[: found.start()].count("\n") + 1)


def commands(body: str) -> list[Command]:
    made: list[Command] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            made.append(Command(line[2:]))
        elif line.strip() and line.strip() != "…":
            made[-1].shown.append(line)
    return made


def plain(text: str) -> str:
    """Boxes and blanks are left to the terminal."""
    return " ".join(re.sub(r"[\u2500-\u257f]", " ", text).split())


def missing(shown: list[str], output: str) -> str | None:
    """The first line shown that does not come in the output, after those before it."""
    rest = [plain(line) for line in output.splitlines()]
    for line in shown:
        pattern = re.compile(".*".join(re.escape(part.strip()) for part in plain(line).split("…")))
        while rest and not pattern.search(rest[0]):
            rest.pop(0)
        if not rest:
            return line
        rest.pop(0)
    return None


class Reader:
    """Somebody who does what the guide says, in a folder of their own."""

    def __init__(self, folder: Path, language: str, database: str) -> None:
        self.folder = folder
        self.started = False
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "COLUMNS": "200",
            "PYTHONIOENCODING": "utf-8",
            "HUB_DATA_DIR": str(folder / ".hub"),
            "HUB_DATABASE_URL": database,
            **({"HUB_LANG": "en"} if language == "en" else {}),
        }

    def follow(self, block: Block) -> None:
        {"diff": self.mend, "console": self.run}.get(block.word, self.write)(block)

    def write(self, block: Block) -> None:
        if not block.path:
            return
        file = self.folder / block.path
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text("utf-8") if block.adds else ""
        file.write_text(before + block.body, "utf-8")

    def mend(self, block: Block) -> None:
        file = self.folder / block.path
        text = file.read_text("utf-8")
        for old, new in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)*)", block.body, re.MULTILINE):
            gone, come = (re.sub(r"^[-+]", "", lines, flags=re.MULTILINE) for lines in (old, new))
            assert text.count(gone) == 1, f"line {block.line}: these lines are not once in {block.path}:\n{gone}"
            text = text.replace(gone, come)
        file.write_text(text, "utf-8")

    def run(self, block: Block) -> None:
        for command in commands(block.body):
            if command.text.startswith("export "):
                name, _, value = command.text.removeprefix("export ").partition("=")
                self.environment[name] = value
                continue
            code, output = self.do(command.text)
            lacking = missing(command.shown, output)
            assert lacking is None, f"line {block.line}: {command.text}\ndoes not say: {lacking}\nbut:\n{output}"
            assert code == 0 or command.shown, f"line {block.line}: {command.text} fails:\n{output}"
            assert "Traceback" not in output, output

    def do(self, command: str) -> tuple[int, str]:
        """In a shell. A process of ours takes a second to start: after the first one, commands without any shell in
        them are called here, as that process would call them."""
        name, *words = shlex.split(command)
        if name == "hub" and self.started and not _SHELL.search(command):
            return self.call(words)
        self.started = self.started or name == "hub"
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            check=False,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    def call(self, words: list[str]) -> tuple[int, str]:
        said, before = io.StringIO(), Path.cwd()
        os.chdir(self.folder)
        try:
            with (
                patch.dict(os.environ, self.environment, clear=True),
                patch.object(sys, "argv", ["hub", *words]),
                patch.object(sys, "stdin", io.StringIO()),
                redirect_stdout(said),
                redirect_stderr(said),
            ):
                hub()
        except SystemExit as end:
            return int(end.code or 0), said.getvalue()
        finally:
            os.chdir(before)
        return 0, said.getvalue()


@pytest.mark.parametrize("guide", GUIDES)
def test_the_tutorial_holds(guide: str, tmp_path: Path, database_url: str) -> None:
    reader = Reader(tmp_path, GUIDES[guide], database_url)
    for block in blocks((ROOT / "docs" / guide).read_text("utf-8")):
        reader.follow(block)


def test_both_guides_make_the_same_files() -> None:
    english, chinese = (
        [(block.word, block.path, block.body) for block in blocks((ROOT / "docs" / guide).read_text("utf-8"))]
        for guide in GUIDES
    )
    assert [one for one in english if one[0] != "console"] == [one for one in chinese if one[0] != "console"]
    ran = [
        [command.text for word, _, body in guide if word == "console" for command in commands(body)]
        for guide in (english, chinese)
    ]
    assert ran[0] == ran[1]


def test_a_line_that_does_not_come_is_found() -> None:
    output = "┃ number │ HT-1 ┃\n│ total   │ 12.5 │\n"
    assert missing(["number HT-1", "total … 12.5"], output) is None
    assert missing(["total", "number"], output) == "number"
    assert missing(["total 13"], output) == "total 13"


def test_a_reader_follows_each_kind_of_block(tmp_path: Path) -> None:
    reader = Reader(tmp_path, "en", "")
    text = "```yaml a/b.yaml\nx: 1\n```\n```yaml a/b.yaml +\ny: 2\n```\n```diff a/b.yaml\n-x: 1\n+x: 3\n```\n```yaml\nz: 1\n```\n"
    for block in blocks(text):
        reader.follow(block)
    assert (tmp_path / "a/b.yaml").read_text("utf-8") == "x: 3\ny: 2\n"
    reader.follow(next(blocks("```console\n$ export WHO=me\n$ echo $WHO; cat a/b.yaml\nme\ny: 2\n```\n")))
    with pytest.raises(AssertionError, match="does not say: nobody"):
        reader.follow(next(blocks("```console\n$ echo somebody\nnobody\n```\n")))
    with pytest.raises(AssertionError, match="not once"):
        reader.follow(next(blocks("```diff a/b.yaml\n-gone\n+come\n```\n")))
