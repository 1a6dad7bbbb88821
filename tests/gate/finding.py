"""What a house rule found: a place and a sentence."""

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.sentence}"


Rule = Callable[[Path], Iterable[Finding]]
"""A rule looks at the whole repository, given its root."""


def sources(root: Path, *folders: str) -> Iterator[tuple[str, ast.Module]]:
    """The Python files below these folders, parsed, without tests and migrations."""
    for folder in folders:
        base = root / folder
        files = [base] if base.is_file() else sorted(base.rglob("*.py"))
        for file in files:
            name = file.relative_to(root).as_posix()
            if "/tests/" not in name and "/migrations/" not in name:
                yield name, ast.parse(file.read_text(encoding="utf-8"), name)
