"""The folder: complete files only, moved once, never overwritten."""

import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.bank_files import inbox as inbox_module
from connectors.bank_files.connector import connector
from connectors.bank_files.inbox import FolderInbox
from hub.sdk import ConfigInvalid, Context, File
from tests.support.sdk import make_context


def context(folder: Path, **more: Any) -> Context:
    return make_context(connector, {"folder": str(folder), **more}, httpx.MockTransport(lambda _: httpx.Response(500)))


def put(folder: Path, name: str, body: bytes = b"x", *, age: float = 10) -> Path:
    path = folder / name
    path.write_bytes(body)
    stamp = time.time() - age
    os.utime(path, (stamp, stamp))
    return path


async def names(folder: Path) -> list[str]:
    return [file.name for file in await FolderInbox().waiting(context(folder))]


async def test_waiting_lists_complete_files_oldest_first(tmp_path: Path) -> None:
    put(tmp_path, "b.xml", age=20)
    put(tmp_path, "a.xml", age=10)
    for name in (".hidden", "c.part", "d.TMP"):
        put(tmp_path, name)
    put(tmp_path, "new.xml", age=0)
    put(tmp_path, "future.xml", age=-86_400)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.xml").symlink_to(tmp_path / "a.xml")
    assert await names(tmp_path) == ["b.xml", "a.xml", "future.xml"]


async def test_at_most_twenty_at_once(tmp_path: Path) -> None:
    for count in range(25):
        put(tmp_path, f"{count:02}.xml", age=100 - count)
    assert await names(tmp_path) == [f"{count:02}.xml" for count in range(20)]


async def test_taken_moves_once_and_overwrites_nothing(tmp_path: Path) -> None:
    inbox, ctx = FolderInbox(), context(tmp_path)
    for body in (b"first", b"second", b"third"):
        put(tmp_path, "a.xml", body)
        (file,) = await inbox.waiting(ctx)
        await inbox.taken(ctx, file)
        await inbox.taken(ctx, file)
    done = {path.name: path.read_bytes() for path in (tmp_path / "done").iterdir()}
    assert done == {"a.xml": b"first", "a.2.xml": b"second", "a.3.xml": b"third"}
    assert await names(tmp_path) == []


async def test_another_file_under_the_same_name_stays(tmp_path: Path) -> None:
    put(tmp_path, "a.xml", b"another")
    await FolderInbox().taken(context(tmp_path), File("a.xml", b"read before"))
    assert await names(tmp_path) == ["a.xml"]


async def test_done_folder_may_be_elsewhere(tmp_path: Path) -> None:
    done = tmp_path / "x" / "archive"
    folder = tmp_path / "in"
    folder.mkdir()
    put(folder, "a.xml")
    await FolderInbox().taken(context(folder, done_folder=str(done)), File("a.xml", b"x"))
    assert [path.name for path in done.iterdir()] == ["a.xml"]


async def test_a_file_above_the_limit_is_cut_so_that_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_module, "MAX_SIZE", 10)
    put(tmp_path, "a.xml", b"x" * 50)
    (file,) = await FolderInbox().waiting(context(tmp_path))
    assert len(file.body) == 11
    await FolderInbox().taken(context(tmp_path), file)
    assert (tmp_path / "done" / "a.xml").stat().st_size == 50


async def test_a_missing_folder_is_a_matter_of_configuration(tmp_path: Path) -> None:
    ctx = context(tmp_path / "nowhere")
    for call in (connector.probe(ctx), FolderInbox().waiting(ctx)):
        with pytest.raises(ConfigInvalid, match="is no folder"):
            await call


async def test_probe_is_content_with_a_usable_folder(tmp_path: Path) -> None:
    await connector.probe(context(tmp_path))
    assert (tmp_path / "done").is_dir()


async def test_probe_names_the_done_folder_it_cannot_make(tmp_path: Path) -> None:
    put(tmp_path, "file")
    with pytest.raises(ConfigInvalid, match="done_folder"):
        await connector.probe(context(tmp_path, done_folder=str(tmp_path / "file")))


def test_the_reader_checks_without_a_connection() -> None:
    check = FolderInbox().statements.check("x.sta", b":20:A\n:25:B\n:60F:C260101EUR1,\n")
    assert (check.file, check.format, check.status) == ("x.sta", "MT940", "refused")
