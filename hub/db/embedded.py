"""The embedded PostgreSQL: made on first use, loopback only, found again after a crash."""

import fcntl
import logging
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hub.db.housing import EmbeddedError, Housing, house, major_version, make_data_dir

log = logging.getLogger("hub.db.embedded")

USER = DATABASE = "hub"
START_SECONDS = 120
ROOM_TO_START = 200 * 1024 * 1024
PORT_TRIES = 5

# Cheap OLTP defaults for a small machine. Parallel workers need shared memory that containers lack (64 MB).
SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "max_connections": "100",
    "shared_buffers": "'256MB'",
    "password_encryption": "'scram-sha-256'",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "'UTC'",
    "max_wal_size": "'2GB'",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_naptime": "'15s'",
    "logging_collector": "on",
    "log_filename": "'postgresql-%a.log'",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "'1d'",
    "log_rotation_size": "0",
    "log_timezone": "'UTC'",
    # A refused statement must not carry its row (a customer's data) into the log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
RELAXED = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

REFUSALS = (
    ("No space left on device", "The disk is full. Make room for it.", "磁盘已满，请清理后重试。"),
    ("Permission denied", "The folder may not be written. Check who owns it.", "目录没有写权限，请检查所有者。"),
    ("could not create shared memory", "There is too little shared memory.", "共享内存不足。"),
    ("Cannot allocate memory", "There is too little memory.", "内存不足。"),
)
PORT_TAKEN = "could not create any TCP/IP sockets"
STILL_DYING = "pre-existing shared memory block"


class EmbeddedServer:
    """One PostgreSQL in a data folder, shared by every process that started it and stopped by the last."""

    def __init__(self, data_dir: Path, *, bin_dir: Path | None = None, durable: bool = True) -> None:
        self._data_dir = data_dir.absolute()
        self._bin_dir = bin_dir
        self._settings = SETTINGS if durable else SETTINGS | RELAXED
        self._users: IO[str] | None = None

    def start(self) -> str:
        """Start the server, or join the one that runs, and return its address."""
        with _exclusive(self._data_dir / "postgres.lock"):
            housing = house(self._data_dir, self._bin_dir)
            self._room(housing)
            if not housing.cluster.exists():
                self._make(housing)
            if _settled(housing) is None:
                self._launch(housing)
            if self._users is None:
                self._users = (self._data_dir / "postgres.users").open("a")
                fcntl.flock(self._users, fcntl.LOCK_SH)
            return self._url(housing)

    def stop(self) -> None:
        """Let go of the server; it stops when no other process uses it."""
        if self._users is None:
            return
        with _exclusive(self._data_dir / "postgres.lock"), self._users as users:
            self._users = None
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("the database goes on: another process uses it")
                return
            self._halt(house(self._data_dir, self._bin_dir))

    def running(self) -> bool:
        housing = house(self._data_dir, self._bin_dir)
        return _postmaster(housing) is not None

    @property
    def housing(self) -> Housing:
        return house(self._data_dir, self._bin_dir)

    def _room(self, housing: Housing) -> None:
        free = shutil.disk_usage(housing.home).free
        if free < ROOM_TO_START:
            raise EmbeddedError(
                f"Only {free // 2**20} MB are free in {housing.home}; the database needs 200 MB to start. Make room.",
                f"{housing.home} 仅剩 {free // 2**20} MB，数据库启动至少需要 200 MB，请清理磁盘。",
            )

    def _make(self, housing: Housing) -> None:
        """initdb into a draft folder, renamed when whole, so that a kill half-way is simply begun anew."""
        draft = housing.home / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        password = housing.home / "initial-password"
        password.write_text(self._password(create=True), encoding="ascii")
        housing.give(password)
        try:
            made = housing.run("initdb", "-D", str(draft), f"--pwfile={password}", *_initdb_options(housing))
        finally:
            password.unlink()
        _demand(made, "initialise", housing)
        created = housing.run(
            "postgres", "--single", "-D", str(draft), "postgres", told=f"CREATE DATABASE {DATABASE}\n"
        )
        _demand(created, "initialise", housing)
        with (draft / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write("\ninclude 'hub.conf'\n")
        (draft / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n", encoding="ascii")
        draft.rename(housing.cluster)

    def _password(self, *, create: bool = False) -> str:
        path = self._data_dir / "postgres.password"
        if path.exists():
            return path.read_text(encoding="ascii").strip()
        if not create:
            raise EmbeddedError(
                f"{path} is missing: without it nobody gets into the database. Put it back from your backup.",
                f"缺少 {path}，无法登录数据库。请从备份中恢复该文件。",
            )
        password = secrets.token_urlsafe(32)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password)
        return password

    def _url(self, housing: Housing) -> str:
        port = _pidfile(housing)[3]
        return f"postgresql+asyncpg://{USER}:{self._password()}@127.0.0.1:{port}/{DATABASE}"

    def _launch(self, housing: Housing) -> None:
        deadline = time.monotonic() + START_SECONDS
        (housing.cluster / "postmaster.pid").unlink(missing_ok=True)
        for number in range(PORT_TRIES):
            self._configure(housing, self._port(fresh=number > 0))
            said = self._pg_ctl_start(housing, deadline)
            if said is None:
                return
            if PORT_TAKEN not in said:
                break
        raise _refused("start", said or "", housing)

    def _pg_ctl_start(self, housing: Housing, deadline: float) -> str | None:
        """None when it is up, else what it said."""
        while True:
            output = housing.logs / "start.log"
            output.unlink(missing_ok=True)
            place = ("-D", str(housing.cluster), "-l", str(output))
            wait = max(5, int(deadline - time.monotonic()))
            done = housing.run("pg_ctl", "start", "-w", "-t", str(wait), *place, timeout=wait + 30)
            if done.returncode == 0:
                return None
            said = done.stderr + (output.read_text(errors="replace") if output.exists() else "")
            # After a kill -9 of the postmaster its backends need a moment to notice and leave.
            if STILL_DYING not in said or time.monotonic() > deadline:
                return said
            time.sleep(0.3)

    def _configure(self, housing: Housing, port: int) -> None:
        housing.logs.mkdir(exist_ok=True)
        housing.give(housing.logs)
        settings = self._settings | {"port": str(port), "log_directory": f"'{housing.logs}'"}
        conf = housing.cluster / "hub.conf"
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        conf.write_text(f"# Written by the hub at every start.\n{lines}", encoding="utf-8")
        housing.give(conf)

    def _port(self, *, fresh: bool) -> int:
        """The remembered port while it is free, else another, remembered from now on."""
        memory = self._data_dir / "postgres.port"
        if not fresh and memory.exists():
            port = int(memory.read_text(encoding="ascii"))
            if _free(port):
                return port
            log.warning("port %s of the database is taken by another program; it gets a new one", port)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        memory.write_text(str(port), encoding="ascii")
        return port

    def _halt(self, housing: Housing) -> None:
        if _postmaster(housing) is None:
            return
        place = ("-D", str(housing.cluster))
        done = housing.run("pg_ctl", "stop", "-w", "-m", "fast", "-t", str(START_SECONDS), *place)
        _demand(done, "stop", housing)


def _initdb_options(housing: Housing) -> list[str]:
    options = [f"--username={USER}", "--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"]
    # The builtin provider sorts by code point on every machine and still knows upper and lower case.
    if major_version(housing.bin_dir) >= 17:
        return [*options, "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return [*options, "--locale=C"]


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Only one process at a time starts or stops the server of a data folder."""
    try:
        make_data_dir(path.parent)
        file = path.open("a")
    except OSError as error:
        raise EmbeddedError(
            f"The data folder {path.parent} cannot be used: {error.strerror}. Choose another with HUB_DATA_DIR.",
            f"数据目录 {path.parent} 不可用：{error.strerror}。请用 HUB_DATA_DIR 另选目录。",
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _pidfile(housing: Housing) -> list[str]:
    """pid, cluster, start time, port, socket folder, address, shared memory, status; [] when absent."""
    try:
        return (housing.cluster / "postmaster.pid").read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []


def _postmaster(housing: Housing) -> int | None:
    """The pid of the live server of this cluster. A pid that now means another program does not count."""
    lines = _pidfile(housing)
    if not lines or not lines[0].strip().isdigit():
        return None
    pid = int(lines[0])
    return pid if str(housing.cluster) in _command_line(pid) else None


def _command_line(pid: int) -> str:
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    question = ["/bin/ps", "-ww", "-o", "args=", "-p", str(pid)]
    asked = subprocess.run(question, capture_output=True, text=True, check=False)  # noqa: S603 (a number)
    return asked.stdout


def _settled(housing: Housing) -> int | None:
    """The live server once it is ready; None once it is gone. Waits while it starts or stops."""
    deadline = time.monotonic() + START_SECONDS
    while (pid := _postmaster(housing)) is not None:
        lines = _pidfile(housing)
        if len(lines) > 7 and lines[7].strip() == "ready":
            return pid
        if time.monotonic() > deadline:
            raise _refused("start", f"process {pid} is neither ready nor gone", housing)
        time.sleep(0.05)
    return None


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _demand(done: subprocess.CompletedProcess[str], act: str, housing: Housing) -> None:
    if done.returncode != 0:
        raise _refused(act, done.stderr or done.stdout, housing)


def _refused(act: str, said: str, housing: Housing) -> EmbeddedError:
    for needle, en, zh in REFUSALS:
        if needle in said:
            return EmbeddedError(f"PostgreSQL did not {act} in {housing.home}. {en}", f"{housing.home}：{zh}")
    last = " / ".join(line.strip() for line in said.strip().splitlines()[-3:]) or "no reason given"
    return EmbeddedError(
        f"PostgreSQL did not {act} in {housing.home}: {last}. Its log is in {housing.logs}.",
        f"{housing.home} 中的 PostgreSQL 操作（{act}）失败：{last}。日志见 {housing.logs}。",
    )
