"""The processes of a real drill: a sandbox per connection and the hub's two, to be killed; a database to be restarted."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from hub.cli.demo.process import MODULE
from hub.cli.drill.ground import DrillError, Ground
from hub.db.embedded import EmbeddedServer
from hub.jobs.serve import CHILDREN

SPEED: Final = 20
"""The hub's own times are divided by this: a lease of 60 s is one of 3 s."""
START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 25.0
LOOK_SECONDS: Final = 0.1
MOST_ENDS: Final = 3  # that nobody caused, before the drill is given up


@dataclass(slots=True)
class Processes:
    """Each ends by itself when this process is gone, however that was: its standard input is a pipe from here."""

    ground: Ground
    url: str
    port: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    """What ended though nobody killed it."""

    def start_vendors(self) -> None:
        for name, vendor in self.ground.vendors.items():
            port = httpx.URL(vendor.url).port
            ledger, lock = self.ground.folder / f"{name}.jsonl", self.ground.folder / "run" / f"{name}.lock"
            told = ("sandbox", vendor.connector, str(port), str(ledger), json.dumps(vendor.settings))
            self._start(f"sandbox {name}", [MODULE, str(lock), *told], {})

    def start_hub(self, names: Iterable[str] = CHILDREN) -> None:
        for name in names:
            self._start(name, ["hub.jobs.child", CHILDREN[name]], self._settings())

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until it is gone."""
        self.look()
        process = self.running.pop(name)
        process.kill()
        process.wait()
        self._close(process)

    def look(self) -> None:
        """Start again what ended by itself, and write it down: that must not be."""
        for name, process in list(self.running.items()):
            if process.poll() is None:
                continue
            if name not in CHILDREN or len(self.ended) >= MOST_ENDS:
                log = self._log(name)
                raise DrillError(f"{name} does not stay up; see {log}", f"{name} 反复退出，详见 {log}")
            self.ended.append(f"the {name} process ended by itself with {process.returncode}; see {self._log(name)}")
            self._close(self.running.pop(name))
            self.start_hub([name])

    def end(self) -> None:
        """All of them, the hub first, so that nobody is called who is gone."""
        for group in (list(CHILDREN), list(self.ground.vendors)):
            leaving = [self.running.pop(name) for name in list(self.running) if name.split()[-1] in group]
            for process in leaving:
                process.terminate()
            for process in leaving:
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                self._close(process)

    async def answering(self) -> None:
        """Until every vendor and the hub answer."""
        urls = [f"{vendor.url}/_sandbox/ledger?after=1000000000" for vendor in self.ground.vendors.values()]
        urls += [f"{self.ground.hub_url}/readyz"] if set(CHILDREN) <= set(self.running) else []
        deadline = time.monotonic() + START_SECONDS
        async with httpx.AsyncClient(timeout=5) as http:
            for url in urls:
                while not await _answers(http, url):
                    self.look()
                    if time.monotonic() > deadline:
                        raise DrillError(f"{url} does not answer", f"{url} 没有响应")
                    await asyncio.sleep(LOOK_SECONDS)

    def _start(self, name: str, module: list[str], settings: Mapping[str, str]) -> None:
        own = {key: value for key, value in os.environ.items() if not key.startswith("HUB_")}
        self._log(name).parent.mkdir(parents=True, exist_ok=True)
        with self._log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603  our own modules
                [sys.executable, "-m", *module],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**own, **settings},
                start_new_session=True,  # Ctrl-C is for the drill, which then ends everything in order
            )

    def _log(self, name: str) -> Path:
        return self.ground.folder / "logs" / f"{name.replace(' ', '-')}.log"

    def _close(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            process.stdin.close()

    def _settings(self) -> dict[str, str]:
        return {
            **self.ground.lookup(),
            "HUB_DATABASE_URL": self.url,
            "HUB_DATA_DIR": str(self.ground.folder / "hub"),
            "HUB_HTTP__PORT": str(self.port),
            "HUB_ENGINE__SPEED": str(SPEED),
            "HUB_ENGINE__LEASE_SECONDS": str(60 / SPEED),
            "HUB_ENGINE__HOLDING__RECORDS": "1000000",
            "HUB_LOG__LEVEL": "warning",
            "HUB_LOG__FORMAT": "json",
        }


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).is_success
    except httpx.TransportError:
        return False


async def restart(server: EmbeddedServer, away: float) -> None:
    """As after a power cut: everybody is cut off at once, nothing is written to an end; it is gone for so many seconds."""
    place = ("-D", str(server.housing.cluster))
    done = await asyncio.to_thread(server.housing.run, "pg_ctl", "stop", "-w", "-m", "immediate", *place)
    if done.returncode != 0:
        raise DrillError(f"the database did not stop: {done.stderr}", f"数据库未能停止：{done.stderr}")
    await asyncio.sleep(away)
    await asyncio.to_thread(server.start)
