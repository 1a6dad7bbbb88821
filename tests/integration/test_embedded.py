"""The embedded server, durable as users have it: made, shared, killed and found again."""

import os
import signal
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from hub.db import embedded
from hub.db.embedded import EmbeddedServer
from hub.db.housing import EmbeddedError
from hub.db.session import plain_url
from tests.support.database import command, data_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    with data_folder() as path:
        yield path


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(folder)
    server.start()
    yield server
    server.stop()


async def ask(url: str, question: str) -> object:
    connection = await asyncpg.connect(plain_url(url))
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def postmaster(server: EmbeddedServer) -> int:
    return int((server.housing.cluster / "postmaster.pid").read_text().split("\n")[0])


def another_process(folder: Path, then: str) -> subprocess.Popen[str]:
    """A second hub on the same data folder; prints the address it got."""
    program = f"""
        import os, signal, sys
        from pathlib import Path
        from hub.db.embedded import EmbeddedServer
        server = EmbeddedServer(Path({str(folder)!r}))
        print(server.start(), flush=True)
        {then}
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )


async def test_it_is_durable_closed_and_its_secret_is_private(server: EmbeddedServer, folder: Path) -> None:
    url = server.start()
    for setting, wanted in {"fsync": "on", "synchronous_commit": "on", "data_checksums": "on"}.items():
        assert await ask(url, f"SHOW {setting}") == wanted
    assert await ask(url, "SHOW listen_addresses") == "127.0.0.1"
    assert await ask(url, "SHOW unix_socket_directories") == ""
    password = folder / "postgres.password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.housing.cluster.stat().st_mode) == 0o700
    assert not list(server.housing.home.glob("*password*"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(url.replace(password.read_text(), "guess"), "SELECT 1")


def test_the_password_is_in_no_command_line_and_no_log(server: EmbeddedServer, folder: Path) -> None:
    password = (folder / "postgres.password").read_text()
    shown = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(server.housing.cluster) in shown
    assert password not in shown
    for log in server.housing.logs.iterdir():
        assert password not in log.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step down")
def test_root_starts_it_as_nobody(server: EmbeddedServer) -> None:
    assert Path(f"/proc/{postmaster(server)}").stat().st_uid == server.housing.uid != 0


async def test_what_was_committed_is_there_after_kill_9(server: EmbeddedServer) -> None:
    url = server.start()
    connection = await asyncpg.connect(plain_url(url))
    await connection.execute("CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (42)")
    first = postmaster(server)
    os.kill(first, signal.SIGKILL)
    connection.terminate()
    assert server.start() == url
    assert postmaster(server) != first
    assert await ask(url, "SELECT n FROM kept") == 42


def test_a_pid_that_now_belongs_to_another_program_does_not_stop_it(server: EmbeddedServer) -> None:
    server.stop()
    stale = server.housing.cluster / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{server.housing.cluster}\n0\n5432\n\n127.0.0.1\n\nready   \n")
    assert not server.running()
    server.start()
    assert server.running()


def test_a_second_process_shares_it_and_the_last_one_stops_it(folder: Path) -> None:
    server = EmbeddedServer(folder)
    url = server.start()
    with another_process(folder, "server.stop()") as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == url
    assert other.returncode == 0
    assert server.running()
    server.stop()
    assert not server.running()


def test_a_killed_owner_leaves_it_running_and_the_next_one_takes_over(folder: Path) -> None:
    with another_process(folder, "os.kill(os.getpid(), signal.SIGKILL)") as other:
        assert other.stdout is not None
        url = other.stdout.readline().strip()
    server = EmbeddedServer(folder)
    assert server.running()
    pid = postmaster(server)
    assert server.start() == url
    assert postmaster(server) == pid
    server.stop()
    assert not server.running()


def test_two_that_start_at_once_get_one_server(folder: Path) -> None:
    both = [another_process(folder, "sys.stdin.read()") for _ in range(2)]
    addresses = {process.stdout.readline().strip() for process in both if process.stdout}
    for process in both:
        process.communicate()
    assert len(addresses) == 1
    server = EmbeddedServer(folder)
    server.start()
    server.stop()
    assert not server.running()


def test_a_taken_port_is_left_to_its_owner(server: EmbeddedServer, folder: Path) -> None:
    before = server.start()
    server.stop()
    port = int((folder / "postgres.port").read_text())
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        after = server.start()
    assert after != before
    server.stop()
    assert server.start() == after


def test_a_kill_while_it_was_being_made_is_begun_anew(folder: Path) -> None:
    server = EmbeddedServer(folder)
    draft = server.housing.home / "draft"
    draft.mkdir()
    (draft / "half").write_text("written")
    command(server.start(), "SELECT 1")
    assert not draft.exists()
    server.stop()


def test_a_lost_password_is_said_plainly(server: EmbeddedServer, folder: Path) -> None:
    password = folder / "postgres.password"
    kept = password.rename(folder / "elsewhere")
    with pytest.raises(EmbeddedError, match=r"postgres.password is missing.*backup") as caught:
        server.start()
    assert "备份" in caught.value.zh
    kept.rename(password)


def test_a_full_disk_is_said_before_anything_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "ROOM_TO_START", 2**62)
    server = EmbeddedServer(folder)
    with pytest.raises(EmbeddedError, match=r"Only \d+ MB are free.*Make room"):
        server.start()
    assert not server.housing.cluster.exists()


def test_a_data_folder_that_is_a_file_is_said_plainly(folder: Path) -> None:
    (folder / "taken").write_text("a file")
    with pytest.raises(EmbeddedError, match="HUB_DATA_DIR"):
        EmbeddedServer(folder / "taken").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step down")
def test_below_a_closed_folder_it_moves_out_and_leaves_a_note(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = folder / "shared"
    monkeypatch.setattr("hub.db.housing.SHARED_HOME", elsewhere)
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedServer(closed / "data")
    command(server.start(), "SELECT 1")
    try:
        assert server.housing.home.is_relative_to(elsewhere)
        assert Path((closed / "data" / "postgres.place").read_text().strip()) == server.housing.home
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    finally:
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to step down")
def test_programs_below_a_closed_folder_are_copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.db.housing.SHARED_HOME", folder / "shared")
    monkeypatch.setattr("hub.db.housing._passable", lambda path, uid: "site-packages" not in str(path))
    server = EmbeddedServer(folder / "data")
    command(server.start(), "SELECT 1")
    try:
        assert server.housing.bin_dir.is_relative_to(folder / "shared" / "software")
    finally:
        server.stop()
