"""A mapping's text where it stands: among the files in force, checked with what it extends and what extends it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.check import check
from hub.config.directory import FOLDERS, Directory
from hub.config.document import stem
from hub.config.draft import Draft
from hub.config.force import files_in_force
from hub.config.problem import Problem
from hub.config.shipped import mapping_name, shipped_mappings, shipped_tables
from hub.config.stored import Stored, StoredMapping
from hub.sdk.connector import Connector
from hub.security.secrets import Lookup

FOLDER: Final = "mappings"


@dataclass(frozen=True, slots=True)
class Checker:
    """What a text is checked against besides the configuration in force."""

    catalogue: Mapping[str, Connector]
    lookup: Lookup


def affected(stored: Stored, name: str) -> list[str]:
    """The mapping and those in force that extend it."""
    return [name, *(other for other, found in stored.active().items() if f"mapping {name}" in found.sources)]


async def checked_in_place(
    conn: AsyncConnection, checker: Checker, stored: Stored, name: str, body: str
) -> tuple[Draft, tuple[Problem, ...]]:
    """The text checked where it stands: with what it extends, what extends it, and every sync by it."""
    if mapping_name(body) != name:
        sentence = f"the text must say mapping: {name}"
        return Draft(), (Problem(name, 1, "mapping", sentence, f"文本中应写 mapping: {name}"),)
    concerned = affected(stored, name)
    files = _concerned(with_mapping(await files_in_force(conn), name, body), stored, concerned)
    directory = Directory(Path(), {folder: _folder(files, folder) for folder in FOLDERS})
    draft, problems = check(directory, stored.shapes(), checker.catalogue, checker.lookup, stored.connections)
    spared = {
        file for file, other in files.items() if file.startswith(f"{FOLDER}/") and mapping_name(other) not in concerned
    }
    return draft, tuple(problem for problem in problems if problem.file not in spared)


def _concerned(files: Mapping[str, str], stored: Stored, affected: Collection[str]) -> dict[str, str]:
    """The files without the syncs by other mappings and their connections: what is wrong there is not asked here."""
    syncs = {name: row for name, row in stored.syncs.items() if row.spec.get("mapping") in affected}
    wanted = {"syncs": set(syncs), "connections": {row.connection for row in syncs.values()}, "owners": set[str]()}
    return {
        file: body
        for file, body in files.items()
        if (folder := PurePosixPath(file).parts[0]) not in wanted or stem(file) in wanted[folder]
    }


def _folder(files: Mapping[str, str], folder: str) -> dict[str, str]:
    return {file: body for file, body in files.items() if file.startswith(f"{folder}/")}


def with_mapping(files: Mapping[str, str], name: str, body: str) -> dict[str, str]:
    """The files with this text as the mapping's. A shipped mapping as it is shipped needs no file."""
    place = next(
        (file for file, other in files.items() if file.startswith(f"{FOLDER}/") and mapping_name(other) == name), None
    )
    shipped = shipped_mappings().get(name)
    if place is None and shipped is not None and shipped.text == body:
        return dict(files)
    return {**files, place or f"{FOLDER}/{name}.yaml": body}


def behind(found: StoredMapping, files: Mapping[str, str]) -> tuple[str, ...]:
    """What the version is made of and what is called so now differ: the next apply makes a new version of it."""
    known = {f"mapping {name}": entry.text for name, entry in shipped_mappings().items()}
    known |= {f"table {name}": entry.text for name, entry in shipped_tables().items()}
    known |= {f"mapping {mapping_name(body)}": body for body in _folder(files, FOLDER).values()}
    known |= {f"table {stem(file)}": body for file, body in _folder(files, "tables").items()}
    return tuple(source for source, body in found.sources.items() if known.get(source) != body)
