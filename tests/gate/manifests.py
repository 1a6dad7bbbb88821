"""Every connector's folder has a valid manifest of its own name, and an entry point by which it is found."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from hub.sdk.manifest import read_manifest
from tests.gate.finding import Finding


def manifests(root: Path) -> Iterable[Finding]:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    announced = project["entry-points"]["hub.connectors"]
    folders = {file.parent.name: file.parent for file in sorted((root / "connectors").glob("*/connector.py"))}
    for name, folder in folders.items():
        yield from _manifest(folder, f"connectors/{name}/connector.toml")
        if announced.get(name) != f"connectors.{name}.connector:connector":
            yield Finding("pyproject.toml", 1, f"no entry point {name} = connectors.{name}.connector:connector")
    for name in sorted(announced.keys() - folders.keys()):
        yield Finding("pyproject.toml", 1, f"the entry point {name} leads to no connectors/{name}/connector.py")


def _manifest(folder: Path, shown: str) -> Iterable[Finding]:
    try:
        manifest = read_manifest(folder)
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        yield Finding(shown, 1, " / ".join(str(error).splitlines()[:4]))
        return
    if manifest.id != folder.name:
        yield Finding(shown, 1, f"id is {manifest.id!r} but the folder is {folder.name!r}")
