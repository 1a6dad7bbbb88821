"""The stage of the demo: five sandboxes and the hub, each a process of its own behind real HTTP, on remembered ports."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from hub.cli.demo.process import MODULE, hold, sandbox_module

VENDORS: Final[Mapping[str, str]] = {
    "crm": "fxiaoke",
    "erp": "kingdee",
    "bank": "bank_files",
    "dingtalk": "dingtalk",
    "wecom": "wecom",
}
"""Connection -> connector, as the template has them."""
HUB: Final = "hub"
DATABASE: Final = "HUB_DEMO_DATABASE_URL"
"""Names a PostgreSQL for the demo's hub instead of an embedded one. Not HUB_DATABASE_URL: where a real hub is set up,
the demo must not write into its database."""
START_SECONDS = 180.0
STOP_SECONDS = 35.0
WAITS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before one that died is started again; then it is given up
LOOK_SECONDS = 0.2
OPENING = "100000.00"  # what the made-up bank account holds at first


class StageError(Exception):
    """The demo cannot go on; why and what to do, in both languages."""

    def __init__(self, sentence: str, zh: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh


@dataclass(slots=True)
class Stage:
    """Everything of one demo lives in `folder`; what ran there before is found again."""

    folder: Path
    seed: int
    ports: dict[str, int] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    deaths: dict[str, int] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)
    own_lock: Any = None
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=5))

    @property
    def hub_url(self) -> str:
        return f"http://127.0.0.1:{self.ports[HUB]}"

    @property
    def token_file(self) -> Path:
        return self.folder / "hub" / "token"

    def url(self, connection: str) -> str:
        return f"http://127.0.0.1:{self.ports[connection]}"

    def config(self, connection: str) -> dict[str, Any]:
        """What a connection to this sandbox needs to know."""
        made: dict[str, Any] = sandbox_module(VENDORS[connection]).sandbox_config(self.url(connection))
        return made | ({"folder": str(self._statements)} if connection == "bank" else {})

    @property
    def _statements(self) -> Path:
        return self.folder / "statements"

    def open(self) -> None:
        """Start everything; what an earlier demo left running is waited out first."""
        self.own_lock = hold(self.folder / "run" / "demo.lock")
        if self.own_lock is None:
            raise StageError(
                f"a demo is running in {self.folder} already; stop it, or choose another folder with --data-dir",
                f"{self.folder} 中已有演示在运行：请先停止，或用 --data-dir 另选目录",
            )
        self._await_leavers()
        self._choose_ports()
        for name in (HUB, *VENDORS):
            self._start(name)
        for name in VENDORS:
            self._await(name, "/_sandbox/ledger?after=1000000000")
        self._await(HUB, "/readyz")

    def tend(self) -> None:
        """Start again what died, as the service manager of a real installation would."""
        for name, process in list(self.running.items()):
            if process.poll() is None:
                continue
            if name not in self.due:
                self.due[name] = time.monotonic() + self._wait(name)
            if time.monotonic() >= self.due[name]:
                del self.due[name]
                self._start(name)

    def _wait(self, name: str) -> float:
        deaths = self.deaths[name] = self.deaths.get(name, 0) + 1
        if deaths <= len(WAITS):
            return WAITS[deaths - 1]
        said = self._log(name).read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
        raise StageError(
            f"{name} does not stay up; its last words: {said[0]} (all of them in {self._log(name)})",
            f"{name} 反复退出，最后的输出：{said[0]}（详见 {self._log(name)}）",
        )

    def close(self) -> None:
        """The hub first, so that nobody is called who is gone."""
        for names in ((HUB,), VENDORS):
            leaving = {name: self.running[name] for name in names if name in self.running}
            for process in leaving.values():
                process.terminate()
            for process in leaving.values():
                self._see_out(process)
        self.running.clear()
        self.http.close()
        if self.own_lock is not None:
            self.own_lock.close()

    def _see_out(self, process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def _await_leavers(self) -> None:
        """Processes of a demo that was killed end by themselves; each holds its lock until then."""
        deadline = time.monotonic() + STOP_SECONDS
        for name in (HUB, *VENDORS):
            while (lock := hold(self._lock(name))) is None:
                if time.monotonic() > deadline:
                    raise StageError(
                        f"{name} of an earlier demo does not end: whoever holds {self._lock(name)} must be stopped",
                        f"上一次演示的 {name} 没有退出：请结束占用 {self._lock(name)} 的进程",
                    )
                time.sleep(LOOK_SECONDS)
            lock.close()

    def _lock(self, name: str) -> Path:
        return self.folder / "run" / f"{name}.lock"

    def _choose_ports(self) -> None:
        memory = self.folder / "demo.json"
        kept: dict[str, Any] = json.loads(memory.read_text()) if memory.exists() else {}
        if kept.get("seed", self.seed) != self.seed:
            raise StageError(
                f"{self.folder} holds the story of seed {kept['seed']}; choose another folder with --data-dir",
                f"{self.folder} 中是种子 {kept['seed']} 的演示：请用 --data-dir 另选目录",
            )
        known: dict[str, int] = kept.get("ports", {})
        for name in (HUB, *VENDORS):
            self.ports[name] = known[name] if name in known and _free(known[name]) else any_free_port()
        fresh = memory.with_suffix(".new")
        fresh.write_text(json.dumps({"seed": self.seed, "ports": self.ports}, indent=1))
        fresh.replace(memory)

    def _start(self, name: str) -> None:
        self._log(name).parent.mkdir(parents=True, exist_ok=True)
        with self._log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603  our own module
                [sys.executable, "-m", MODULE, str(self._lock(name)), *self._arguments(name)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self.environment() if name == HUB else None,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops everything in order
            )

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def _arguments(self, name: str) -> list[str]:
        if name == HUB:
            return ["hub"]
        settings = {"folder": str(self._statements), "opening": OPENING} if name == "bank" else {}
        ledger = self.folder / "sandboxes" / f"{name}.jsonl"
        return ["sandbox", VENDORS[name], str(self.ports[name]), str(ledger), json.dumps(settings)]

    def environment(self) -> dict[str, str]:
        """The hub's settings, and what the template refers to: CRM_BASE_URL, ERP_APP_SECRET …"""
        own = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        given = {
            f"{connection}_{field_name}".upper(): str(value)
            for connection in VENDORS
            for field_name, value in self.config(connection).items()
        }
        self._statements.mkdir(parents=True, exist_ok=True)
        database = {"HUB_DATABASE_URL": os.environ[DATABASE]} if DATABASE in os.environ else {}
        return {
            **own,
            **given,
            **database,
            "HUB_DATA_DIR": str(self.folder / "hub"),
            "HUB_HTTP__PORT": str(self.ports[HUB]),
            # Sandboxes answer in milliseconds: what a killed hub had in hand is taken up again soon.
            "HUB_ENGINE__LEASE_SECONDS": "10",
            "HUB_ENGINE__HEARTBEAT_SECONDS": "3",
            "HUB_LOG__LEVEL": "warning",
            "HUB_LOG__FORMAT": "json",
        }

    def _await(self, name: str, path: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers(self.url(name) + path):
            if time.monotonic() > deadline:
                raise StageError(
                    f"{name} does not answer; see {self._log(name)}", f"{name} 没有响应，详见 {self._log(name)}"
                )
            time.sleep(LOOK_SECONDS)
            self.tend()

    def _answers(self, url: str) -> bool:
        try:
            return self.http.get(url).is_success
        except httpx.TransportError:
            return False


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
