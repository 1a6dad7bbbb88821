"""`hub serve`: the embedded database, then the processes, intake and engine, kept alive until told to stop."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from alembic.util import CommandError

from hub.db.embedded import EmbeddedServer
from hub.db.migrate import migrate
from hub.db.session import Database
from hub.security import tokens
from hub.settings import Settings

log = logging.getLogger("hub.jobs.serve")

CHILDREN: Final[Mapping[str, str]] = {"intake": "hub.api", "engine": "hub.jobs.engine"}
BACK_OFF: Final[Sequence[float]] = (0.2, 1, 2, 5, 10, 30)  # seconds before a child that died starts again
STEADY_SECONDS = 30.0  # a child that lived this long begins with a short wait again
STOP_SECONDS = 25.0  # for a child to end by itself; everything together stays below 30
DATABASE_CHECK_SECONDS = 2.0


class ServeError(Exception):
    """The hub cannot start; why and what to do, in both languages."""

    def __init__(self, sentence: str, zh: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh


@dataclass(frozen=True, slots=True)
class Place:
    """Where a running hub is found."""

    http: str
    token_file: str


def serve(settings: Settings, told: Callable[[Place], None], engines: int | None = None) -> None:
    """Run until SIGTERM or SIGINT. `told` is called once everything answers. `engines`: how many beside the intake."""
    _demand_port(settings)
    server = EmbeddedServer(settings.data_dir) if settings.embedded else None
    url = server.start() if server else _given_url(settings)
    try:
        family = Family(settings, url, asyncio.Event(), usual_engines(settings) if engines is None else engines)
        asyncio.run(_serve(family, server, told))
    finally:
        if server is not None:
            server.stop()


def usual_engines(settings: Settings) -> int:
    """With a database and a Redis of your own the work is the workers' (`hub worker`)."""
    return 1 if settings.embedded or settings.redis_url is None else 0


async def prepare(settings: Settings, url: str) -> None:
    """Bring the schema up to date and make the first API token."""
    try:
        await migrate(url)
    except CommandError as error:
        raise ServeError(
            f"the database has a schema this version does not know ({error}): run the version that made it, or restore "
            "a backup of this one",
            f"数据库结构不属于本版本（{error}）：请使用对应版本的程序，或恢复本版本的备份",
        ) from error
    db = Database(url, pool_size=1)
    try:
        async with db.begin("bootstrap") as conn:
            await tokens.bootstrap(conn, settings.token_file)
    finally:
        await db.close()


async def _serve(family: "Family", server: EmbeddedServer | None, told: Callable[[Place], None]) -> None:
    settings, stop = family.settings, family.stop
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await prepare(settings, family.url)
    async with asyncio.TaskGroup() as group:
        for name in ("intake", *["engine"] * family.engines):
            group.create_task(family.keep(name))
        if server is not None:
            group.create_task(_keep_database(server, family, stop))
        if await _answers(settings, stop):
            told(Place(f"http://{settings.http.host}:{settings.http.port}", str(settings.token_file)))


@dataclass(slots=True)
class Family:
    """Intake and engines. When this process is killed they notice and end by themselves."""

    settings: Settings
    url: str
    stop: asyncio.Event
    engines: int = 1

    async def keep(self, name: str) -> None:
        """Start it, and start it again when it dies, until everything stops."""
        deaths = 0
        while not self.stop.is_set():
            started = time.monotonic()
            code = await self._run(name)
            if self.stop.is_set():
                return
            deaths = 0 if time.monotonic() - started > STEADY_SECONDS else deaths + 1
            wait = BACK_OFF[min(deaths, len(BACK_OFF) - 1)]
            log.warning("the %s process ended with %s; it starts again in %s s", name, code, wait)
            await _either(self.stop, wait)

    async def _run(self, name: str) -> int:
        command = (sys.executable, "-m", "hub.jobs.child", CHILDREN[name])
        child = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, env=self._environment())
        ended = asyncio.create_task(child.wait())
        stopped = asyncio.create_task(self.stop.wait())
        await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            await _end(child, ended)
        stopped.cancel()
        return await ended

    def _environment(self) -> dict[str, str]:
        """What the children read their settings from: the same as ours, and the database we started."""
        settings = self.settings
        return {
            **os.environ,
            "HUB_DATABASE_URL": self.url,
            "HUB_DATA_DIR": str(settings.data_dir),
            "HUB_HTTP__HOST": settings.http.host,
            "HUB_HTTP__PORT": str(settings.http.port),
            "HUB_ENGINE__SPEED": str(settings.engine.speed),
            "HUB_LOG__LEVEL": settings.log.level,
            "HUB_LOG__FORMAT": settings.log.format,
        }


async def _end(child: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    with suppress(ProcessLookupError):
        child.terminate()
    done, _ = await asyncio.wait((ended,), timeout=STOP_SECONDS)
    if not done:
        with suppress(ProcessLookupError):
            child.kill()


async def _keep_database(server: EmbeddedServer, family: Family, stop: asyncio.Event) -> None:
    """An embedded server that died is started again; its clients find it at the same address."""
    while not stop.is_set():
        await _either(stop, DATABASE_CHECK_SECONDS)
        if not stop.is_set() and not await asyncio.to_thread(server.running):
            log.warning("the database is gone; starting it again")
            try:
                family.url = await asyncio.to_thread(server.start)
            except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                log.error("the database does not start; trying again: %s", error)


async def _either(stop: asyncio.Event, seconds: float) -> None:
    """Until everything stops, but at most this long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


async def _answers(settings: Settings, stop: asyncio.Event) -> bool:
    while not stop.is_set():
        try:
            _, writer = await asyncio.open_connection(settings.http.host, settings.http.port)
        except OSError:
            await _either(stop, 0.1)
        else:
            writer.close()
            return True
    return False


def _given_url(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


def _demand_port(settings: Settings) -> None:
    host, port = settings.http.host, settings.http.port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServeError(
                f"{host}:{port} cannot be used ({error.strerror}): is a hub running already? "
                "Choose another port with HUB_HTTP__PORT.",
                f"地址 {host}:{port} 不可用（{error.strerror}）：是否已有业财通在运行？可用 HUB_HTTP__PORT 更换端口。",
            ) from error
