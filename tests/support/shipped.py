"""The mappings we ship, with what each is checked against."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from hub.db.kinds import OURS

FOLDER: Final = Path(__file__).parents[2] / "mappings"
NAMES: Final = sorted(
    f"{file.parent.name}/{file.stem}"
    for file in FOLDER.glob("*/*.yaml")
    if re.search("^mapping:", file.read_text("utf-8"), re.MULTILINE)
)
TABLES: Final = {file.stem: file.read_text("utf-8") for file in FOLDER.glob("tables/*.yaml")}


def text_of(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text("utf-8")


def given(name: str) -> dict[str, Any]:
    """The further arguments of compile_mapping and check_mapping."""
    vendor, _, stream = name.partition("/")
    connector = import_module(f"connectors.{vendor}.connector").connector
    return {
        "kinds": OURS.get,
        "file": f"{name}.yaml",
        "schema": connector.streams[stream].schema,
        "table": TABLES.__getitem__,
    }
