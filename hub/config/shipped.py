"""The mappings this package ships, found by the name inside the file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

PACKAGE = "mappings"
TEMPLATES = "templates"
TABLES = "tables"
_NAME = re.compile(r"^mapping:[ \t]*([A-Za-z0-9_.-]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Text:
    """A mapping file as it stands: where it is and what it says."""

    file: str
    text: str


@cache
def shipped_mappings() -> dict[str, Text]:
    """Mapping name -> file. Templates are for people to copy and are left out."""
    found: dict[str, Text] = {}
    for entry in _files(files(PACKAGE), PACKAGE):
        name = mapping_name(entry.text)
        if name:
            found[name] = entry
    return found


@cache
def shipped_tables() -> dict[str, Text]:
    """Look-up table name -> file."""
    folder = files(PACKAGE) / TABLES
    entries = _files(folder, f"{PACKAGE}/{TABLES}") if folder.is_dir() else ()
    return {PurePosixPath(entry.file).stem: entry for entry in entries}


def mapping_name(text: str) -> str | None:
    """The name a mapping file gives itself."""
    match = _NAME.search(text)
    return match[1] if match else None


def _files(folder: Traversable, path: str) -> Iterator[Text]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        inside = f"{path}/{entry.name}"
        if entry.is_dir() and entry.name not in (TEMPLATES, TABLES):
            yield from _files(entry, inside)
        elif entry.name.endswith((".yaml", ".yml")):
            yield Text(inside, entry.read_text(encoding="utf-8"))
