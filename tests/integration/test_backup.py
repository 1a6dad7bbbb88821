"""A backup brings everything back, whole or not at all."""

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.db.backup import BackupError, backup, restore
from hub.db.session import Database
from hub.security import audit
from tests.support.database import data_folder, fresh_database, running_server
from tests.support.schema import catalogue, programs_of_15


async def note(url: str, what: str) -> None:
    database = Database(url)
    async with database.begin() as connection:
        await audit.record(connection, "test", "note", what)
    await database.close()


async def noted(url: str) -> list[str]:
    database = Database(url)
    async with database.read() as connection:
        found = list((await connection.execute(text("SELECT what FROM audit ORDER BY id"))).scalars())
    await database.close()
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "hub.backup"


@pytest.fixture(params=["same", "second"])
def elsewhere(request: pytest.FixtureRequest, server_url: str) -> Iterator[str]:
    """An empty database to move to: on the same server, and on an older one where there is one."""
    if request.param == "same":
        with fresh_database(server_url, template="template1") as url:
            yield url
        return
    programs = programs_of_15()
    if programs is None:
        pytest.skip("no second PostgreSQL here; name its bin folder in HUB_TEST_PG15_BIN")
    with data_folder() as folder, running_server(folder, bin_dir=programs) as url:
        yield url


async def test_a_backup_can_be_moved_to_another_database(database_url: str, elsewhere: str, file: Path) -> None:
    await note(database_url, "中文 before")
    backup(database_url, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    restore(elsewhere, file)
    assert await noted(elsewhere) == ["中文 before"]
    assert await catalogue(elsewhere) == await catalogue(database_url)


async def test_restoring_puts_back_what_was(database_url: str, file: Path) -> None:
    await note(database_url, "before")
    backup(database_url, file)
    await note(database_url, "after")
    restore(database_url, file)
    assert await noted(database_url) == ["before"]
    await note(database_url, "goes on")
    assert await noted(database_url) == ["before", "goes on"]


async def test_a_damaged_backup_changes_nothing(database_url: str, file: Path) -> None:
    await note(database_url, "kept")
    backup(database_url, file)
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(BackupError, match="nothing was changed") as caught:
        restore(database_url, file)
    assert "恢复失败" in caught.value.zh
    assert await noted(database_url) == ["kept"]


def test_a_backup_that_fails_keeps_the_older_file_and_names_no_password(server_url: str, file: Path) -> None:
    file.write_bytes(b"older")
    absent = server_url.rsplit("/", 1)[0] + "/absent"
    with pytest.raises(BackupError, match="does not exist") as caught:
        backup(absent, file)
    assert file.read_bytes() == b"older"
    assert list(file.parent.iterdir()) == [file]
    assert server_url.split(":")[2].split("@", maxsplit=1)[0] not in str(caught.value)


def test_a_missing_file_or_folder_is_said_plainly(server_url: str, file: Path) -> None:
    with pytest.raises(BackupError, match="there is no file"):
        restore(server_url, file)
    with pytest.raises(BackupError, match="No such file or directory"):
        backup(server_url, file / "deeper" / "x")


async def test_a_database_in_use_is_left_alone(database_url: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.db.backup.INSTEAD", b"SET lock_timeout = '300ms';\n")
    await note(database_url, "kept")
    backup(database_url, file)
    database = Database(database_url)
    async with database.begin() as connection:
        await connection.execute(text("LOCK TABLE audit IN ACCESS SHARE MODE"))
        with pytest.raises(BackupError, match="Stop the hub first"):
            await asyncio.to_thread(restore, database_url, file)
    await database.close()
    assert await noted(database_url) == ["kept"]
