"""The processes of a measurement: started, spoken to by one line of JSON, ended by us."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.bench.ground import RESULTS, Ground
from tests.bench.processor import of_database

PATIENCE = 30.0  # seconds for a server to start or to end
LONGEST = 900.0  # for one run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answer_of(ground: Ground, module: str, *arguments: object, env: Mapping[str, str]) -> dict[str, Any]:
    """Run a module to its end; it prints one line of JSON. `database_cpu` is what the server worked meanwhile, seconds."""
    before = of_database(ground.folder)
    done = subprocess.run(
        _command(ground, module, arguments),
        env=dict(env),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=LONGEST,
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**answer, "database_cpu": of_database(ground.folder) - before}


@contextmanager
def serving(ground: Ground, module: str, *arguments: object, port: int, env: Mapping[str, str]) -> Iterator[int]:
    """A server of its own process, from its first accepted connection; gives its process id."""
    process = subprocess.Popen(_command(ground, module, arguments), env=dict(env))
    try:
        _await_port(process, port)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def _command(ground: Ground, module: str, arguments: tuple[object, ...]) -> list[str]:
    profiling: list[str] = []
    if ground.profile and module not in ("tests.bench.load", "tests.bench.target"):
        RESULTS.mkdir(parents=True, exist_ok=True)
        profiling = ["-m", "cProfile", "-o", str(RESULTS / f"{module}{'.bare' * ('bare' in arguments)}.prof")]
    return [sys.executable, *profiling, "-m", module, *map(str, arguments)]


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode} before it served")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on {port}")
