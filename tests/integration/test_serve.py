"""`hub serve` as it really runs: two processes, restarted when they die, gone when it is told or killed."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from hub.cli.serve import worker
from hub.db.session import plain_url
from hub.jobs.serve import ServeError, serve
from hub.settings import HttpSettings, Settings
from tests.support.database import data_folder
from tests.support.redis import RedisServer


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path, url: str, port: int, *arguments: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """`hub serve`, or the command of these arguments."""
    environment = {
        **os.environ,
        "HUB_DATA_DIR": str(folder),
        "HUB_DATABASE_URL": url,
        "HUB_HTTP__PORT": str(port),
        "HUB_LOG__LEVEL": "error",
        **more,
    }
    command = [sys.executable, "-m", "hub.cli.main", *(arguments or ("serve",))]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def until(true: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def answers(port: int) -> bool:
    asking = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        asking.request("GET", "/readyz")
        return asking.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        asking.close()


def children(pid: int) -> dict[str, int]:
    """The module each child runs -> its pid."""
    listed = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return {row[-1]: int(row[0]) for row in rows if "hub.jobs.child" in row}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_process_that_dies_comes_back_and_a_stop_ends_all(port: int, database_url: str) -> None:
    with data_folder() as folder, serving(folder, database_url, port) as hub:
        until(lambda: answers(port))
        assert (folder / "token").stat().st_mode & 0o777 == 0o600
        before = children(hub.pid)
        assert set(before) == {"hub.api", "hub.jobs.engine"}
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        until(lambda: answers(port) and len(children(hub.pid)) == 2)
        after = children(hub.pid)
        assert not set(before.values()) & set(after.values())
        hub.send_signal(signal.SIGTERM)
        assert hub.wait(30) == 0
        assert not any(alive(pid) for pid in after.values())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_killed_hub_leaves_no_processes_behind(port: int, database_url: str) -> None:
    with data_folder() as folder, serving(folder, database_url, port) as hub:
        until(lambda: answers(port) and len(children(hub.pid)) == 2)
        pids = children(hub.pid).values()
        hub.kill()
        until(lambda: not any(alive(pid) for pid in pids))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_intake_and_workers_apart(port: int, database_url: str, redis_server: RedisServer) -> None:
    """With a Redis `hub serve` is the intake alone; workers come and go, and tell of themselves."""
    at = {"HUB_REDIS_URL": redis_server.url}
    with data_folder() as folder, serving(folder, database_url, port, **at) as hub:
        until(lambda: answers(port))
        assert set(children(hub.pid)) == {"hub.api"}
        with serving(folder, database_url, port, "worker", "--name", "ann", **at) as ann:
            until(lambda: workers(database_url) == [("ann", "ok")])
            ann.send_signal(signal.SIGTERM)
            assert ann.wait(30) == 0
        assert workers(database_url) == [], "who goes home says so"


def workers(url: str) -> list[tuple[str, str]]:
    async def run() -> list[tuple[str, str]]:
        connection = await asyncpg.connect(plain_url(url))
        try:
            return [tuple(row) for row in await connection.fetch("SELECT name, redis FROM worker ORDER BY name")]
        finally:
            await connection.close()

    return asyncio.run(run())


def test_a_worker_without_a_database_of_its_own_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUB_DATABASE_URL", raising=False)
    told = CliRunner(env={"HUB_LANG": "en"}).invoke(worker)
    assert told.exit_code == 1 and "HUB_DATABASE_URL" in told.output


def test_a_taken_port_is_said_before_anything_starts(port: int) -> None:
    with socket.socket() as other, data_folder() as folder:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(ServeError, match=f"127.0.0.1:{port} cannot be used"):
            serve(Settings(data_dir=folder / "data", http=HttpSettings(port=port)), lambda _: None)
        assert not (folder / "data").exists()
