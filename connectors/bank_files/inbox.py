"""The folder: which files are complete, how they are moved away, what is in them."""

import asyncio
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.bank_files.config import BankFilesConfig
from connectors.bank_files.reading import Contents, Reader, read_file
from connectors.bank_files.records import records_of
from connectors.bank_files.unpack import MAX_SIZE
from hub.sdk import ConfigInvalid, Context, File, Flaw, Incoming, Opened, Refused, Unavailable
from hub.sdk.statement import StatementReader

AT_ONCE = 20
QUIET = 500_000_000  # ns without a write after which a file counts as complete
SKEWED = -3_600_000_000_000  # ns; a file dated further ahead than this has a wrong date, not a writer
UNFINISHED = (".part", ".tmp")


class FolderInbox:
    """Statement files in a folder. `statements` judges a file for `hub statement check`."""

    statements: StatementReader = Reader()

    async def waiting(self, ctx: Context) -> Sequence[File]:
        return await asyncio.to_thread(_waiting, ctx.config)

    async def taken(self, ctx: Context, file: File) -> None:
        await asyncio.to_thread(_take, ctx.config, file)

    def open(self, config: BankFilesConfig, file: Incoming) -> Opened:
        """A zip's unreadable parts are flaws; a file of which nothing can be read is refused."""
        contents = read_file(file.body, ZoneInfo(config.zone))
        if contents.refused and not contents.judged:
            member, refused = contents.refused[0]
            prefix = f"{member}: " if member else ""
            raise Refused(prefix + refused.sentence, zh=prefix + refused.zh, status=refused.status)
        records = records_of(contents.judged)
        return Opened(records, flaws=list(_flaws(contents)))


def _flaws(contents: Contents) -> Iterator[Flaw]:
    for position, (member, refused) in enumerate(contents.refused):
        prefix = f"{member}: " if member else ""
        yield Flaw(position, prefix + refused.sentence, prefix + refused.zh, stream="statements")


async def probe(ctx: Context) -> None:
    """The folder is there, can be listed, and files can be moved out of it."""
    await asyncio.to_thread(_probe, ctx.config)


def _probe(config: BankFilesConfig) -> None:
    _entries(config.folder)
    try:
        config.done.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(config.done, error, "done_folder") from None
    for folder, field in ((config.folder, "folder"), (config.done, "done_folder")):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigInvalid(
                f"no permission to move files in {folder} (`{field}`): let the hub's user write there",
                zh=f"没有在 {folder}（{field}）中移动文件的权限：请授予业财通运行用户写权限",
            )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise _unusable(folder, error, "folder") from None


def _unusable(folder: Path, error: OSError, field: str) -> ConfigInvalid | Unavailable:
    """What a person must correct, told from a share that does not answer just now."""
    if isinstance(error, FileNotFoundError | NotADirectoryError | FileExistsError):
        return ConfigInvalid(
            f"{folder} (`{field}`) is no folder: create it or correct the path",
            zh=f"{folder}（{field}）不是文件夹：请创建或更正路径",
        )
    if isinstance(error, PermissionError):
        return ConfigInvalid(
            f"no permission for {folder} (`{field}`): let the hub's user read and write there",
            zh=f"没有 {folder}（{field}）的权限：请授予业财通运行用户读写权限",
        )
    return Unavailable(f"{folder} does not answer: {error.strerror}", zh=f"{folder} 无法访问：{error.strerror}")


def _waiting(config: BankFilesConfig) -> list[File]:
    files: list[File] = []
    size = 0
    for path in _complete(config.folder):
        content = _content(path)
        if content is None:
            continue
        size += len(content)
        if files and size > MAX_SIZE:
            break
        files.append(File(path.name, content))
        if len(files) == AT_ONCE:
            break
    return files


def _complete(folder: Path) -> list[Path]:
    """Plain files nobody is still writing, oldest first."""
    # The file system stamps files with the machine's clock, so they are compared with the machine's clock.
    now = time.time_ns()
    found: list[tuple[int, Path]] = []
    for entry in _entries(folder):
        if entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED):
            continue
        try:
            if not entry.is_file(follow_symlinks=False):
                continue
            written = entry.stat(follow_symlinks=False).st_mtime_ns
        except FileNotFoundError:  # moved away since it was listed
            continue
        if not SKEWED < now - written < QUIET:
            found.append((written, Path(entry.path)))
    return [path for _, path in sorted(found)]


def _content(path: Path) -> bytes | None:
    """The file's bytes, one more than the limit of a file that is too large (then it is refused); None when gone."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_SIZE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error, "folder") from None


def _take(config: BankFilesConfig, file: File) -> None:
    path = config.folder / file.name
    # A file that was put there under the same name meanwhile is another one: it stays and is read next.
    if _content(path) != file.body:
        return
    try:
        config.done.mkdir(parents=True, exist_ok=True)
        shutil.move(path, _free(config.done, file.name))
    except OSError as error:
        raise _unusable(config.done, error, "done_folder") from None


def _free(folder: Path, name: str) -> Path:
    """A name not yet used in the folder: a.xml, a.2.xml, a.3.xml …"""
    target = folder / name
    count = 2
    while target.exists():
        target = folder / f"{Path(name).stem}.{count}{Path(name).suffix}"
        count += 1
    return target
