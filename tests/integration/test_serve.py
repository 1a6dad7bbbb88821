"""`hub serve` as it really runs: two processes, restarted when they die, gone when it is told or killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from hub.jobs.serve import ServeError, serve
from hub.settings import HttpSettings, Settings
from tests.support.database import data_folder


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path, url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "HUB_DATA_DIR": str(folder),
        "HUB_DATABASE_URL": url,
        "HUB_HTTP__PORT": str(port),
        "HUB_LOG__LEVEL": "error",
    }
    command = [sys.executable, "-m", "hub.cli.main", "serve"]
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
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


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


def test_a_taken_port_is_said_before_anything_starts(port: int) -> None:
    with socket.socket() as other, data_folder() as folder:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(ServeError, match=f"127.0.0.1:{port} cannot be used"):
            serve(Settings(data_dir=folder / "data", http=HttpSettings(port=port)), lambda _: None)
        assert not (folder / "data").exists()
