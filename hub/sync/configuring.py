"""A configuration directory checked, compared and put into force, in the caller's transaction."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from hub.config.catalogue import connectors
from hub.config.check import check
from hub.config.directory import FOLDERS, SUFFIXES, Directory
from hub.config.draft import Draft
from hub.config.placed import Checker
from hub.config.plan import PlanLine, apply, plan
from hub.config.problem import Problem
from hub.config.stored import current_kinds
from hub.settings import Settings
from hub.sync.installation import secret_lookup


@dataclass(frozen=True, slots=True)
class Outcome:
    """The difference, or what is wrong; never both."""

    lines: tuple[PlanLine, ...] = ()
    problems: tuple[Problem, ...] = ()


class NoSuchPlace(ValueError):
    """A file that nobody would read."""

    def __init__(self, path: str) -> None:
        self.sentence = f"{path[:200]} is not read: files are YAML inside {', '.join(FOLDERS)}"
        self.zh = f"{path[:200]} 不会被读取：请使用 {'、'.join(FOLDERS)} 中的 YAML 文件"
        super().__init__(self.sentence)


def directory_of(files: Mapping[str, str]) -> Directory:
    """A directory out of texts by path."""
    folders: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for path, body in sorted(files.items()):
        folder, _, rest = path.partition("/")
        if folder not in FOLDERS or not rest or Path(rest).suffix not in SUFFIXES:
            raise NoSuchPlace(path)
        folders[folder][path] = body
    return Directory(Path(), {folder: folders[folder] for folder in FOLDERS})


async def checker(conn: AsyncConnection, settings: Settings) -> Checker:
    """What a mapping's text is checked against here."""
    return Checker(connectors(), await secret_lookup(conn, settings))


async def plan_directory(conn: AsyncConnection, settings: Settings, directory: Directory) -> Outcome:
    draft, problems = await _checked(conn, settings, directory)
    if problems:
        return Outcome(problems=problems)
    return Outcome((await plan(conn, draft)).lines)


async def apply_directory(
    conn: AsyncConnection, settings: Settings, directory: Directory, who: str, now: datetime
) -> Outcome:
    draft, problems = await _checked(conn, settings, directory)
    if problems:
        return Outcome(problems=problems)
    return Outcome((await apply(conn, draft, who, now)).lines)


async def _checked(
    conn: AsyncConnection, settings: Settings, directory: Directory
) -> tuple[Draft, tuple[Problem, ...]]:
    lookup = await secret_lookup(conn, settings)
    draft, problems = check(directory, await current_kinds(conn), connectors(), lookup)
    return draft, tuple(problems)
