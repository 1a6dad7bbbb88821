"""The services of deploy/compose.yaml as plain processes: the same commands, environment, secrets and health checks.

Replaced is only what a container would give them: host names, the port, and where volumes and secrets are mounted."""

import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.tools import DEPLOY

SECRETS, DATA = "/run/secrets", "/var/lib/o2c-hub"
STOP_SECONDS = 30


def image() -> dict[str, str]:
    """What the Dockerfile's last stage puts into the environment."""
    last = (DEPLOY / "Dockerfile").read_text().rpartition("\nFROM ")[2].replace("\\\n", " ")
    lines = [line.removeprefix("ENV ") for line in last.splitlines() if line.startswith("ENV ")]
    return dict(word.split("=", 1) for line in lines for word in shlex.split(line))


@dataclass
class Layout:
    """`hosts`: what in the environment stands for another container -> where it is here."""

    folder: Path
    port: int
    secrets: Mapping[str, str]
    hosts: Mapping[str, str]
    extra: Mapping[str, str]
    """What would stand in hub.env."""
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
        self.log = (self.folder / "log").open("ab")

    def environment(self, name: str) -> dict[str, str]:
        service = self.services[name]
        mounted = self.folder / name / "secrets"
        mounted.mkdir(parents=True, exist_ok=True)
        for secret in service["secrets"]:
            (mounted / secret).write_text(self.secrets[secret] + "\n")
        data = self.folder / name / "data"
        data.mkdir(exist_ok=True)
        given = {**image(), **self.extra, **service["environment"], "HUB_HTTP__HOST": "127.0.0.1"}
        places = {SECRETS: str(mounted), DATA: str(data), **self.hosts}
        moved = {key: _replaced(str(value), places) for key, value in given.items()}
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        return {**moved, "PATH": path, "HUB_HTTP__PORT": str(self.port), "LANG": "C.UTF-8"}

    def exec(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """As `docker compose exec` or `run` would."""
        environment = self.environment(name)
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    def start(self, name: str) -> None:
        for number in range(self.services[name].get("deploy", {}).get("replicas", 1)):
            command = ["hub", *self.services[name]["command"]]
            environment = self.environment(name)
            self.running[f"{name}-{number + 1}"] = subprocess.Popen(
                command, env=environment, cwd=self.folder, stdout=self.log, stderr=self.log, executable=_found("hub")
            )

    def healthy(self, name: str) -> bool:
        """By the service's own health check."""
        test = [
            word.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")
            for word in self.services[name]["healthcheck"]["test"]
        ]
        assert test[0] == "CMD"
        return self.exec(name, *test[1:]).returncode == 0

    def stop(self) -> dict[str, int]:
        """SIGTERM to every one, as `docker compose stop` would; the exit codes of those that ended in time."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        return {name: process.wait(max(0.1, deadline - time.monotonic())) for name, process in self.running.items()}

    def kill(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()
        self.log.close()

    def told(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4000:]


def _found(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _replaced(value: str, places: Mapping[str, str]) -> str:
    return re.sub("|".join(map(re.escape, places)), lambda found: places[found.group()], value)


def until(true: Callable[[], bool], layout: Layout, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        dead = {name: process.poll() for name, process in layout.running.items() if process.poll() is not None}
        assert not dead, f"{dead} ended\n{layout.told()}"
        assert time.monotonic() < deadline, f"it did not happen in time\n{layout.told()}"
        time.sleep(0.2)
