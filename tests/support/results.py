"""A row of the test list leaves its counts: printed, and as JSON under build/results for docs/results.md."""

import json
import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path("build/results")
FULL = os.environ.get("HUB_TEST_FULL") == "1"


def size(quick: int, full: int) -> int:
    """How many of something this run takes."""
    return full if FULL else quick


def write_result(row: str, counts: Mapping[str, Any]) -> None:
    """`row`: its number in the test list, such as S14."""
    told = {"row": row, "size": "full" if FULL else "quick", **counts}
    print(f"{row}: " + ", ".join(f"{name} {value}" for name, value in told.items() if name != "row"))
    FOLDER.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    whole = {**told, "commit": commit.stdout.strip(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    path = FOLDER / f"{row.lower()}.json"
    path.write_text(json.dumps(whole, ensure_ascii=False, indent=2, default=str) + "\n", encoding="utf-8")
