"""Backup and restore with PostgreSQL's own tools; the password travels in a private file."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy.engine import URL, make_url

from hub.db.housing import bundled_programs

COMPRESSION = "gzip:4"
# Written by the tools of 17 and later into every script and refused by older servers. In its place
# goes what the script lacks: it must not wait for ever behind a hub that is still running.
UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;\n"
INSTEAD = b"SET lock_timeout = '20s';\n"
PREAMBLE = 100
"""The line above stands among the first; a customer's data further down is not looked at."""


_ZH = {"backup": "备份", "restore": "恢复"}


class BackupError(RuntimeError):
    """A backup or a restore did not come about; says why, in both languages."""

    def __init__(self, act: str, reason: str, reason_zh: str | None = None) -> None:
        self.en = f"The {act} failed and nothing was changed: {reason}"
        self.zh = f"{_ZH[act]}失败，未作任何更改：{reason_zh or reason}"
        super().__init__(self.en)


def backup(url: str, path: Path) -> None:
    """Write the whole database into one file of ours alone; an older file stays until the new one is whole."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        complaint = _dump(make_url(url), draft)
        if complaint:
            raise BackupError("backup", complaint)
        draft.replace(path)
    except OSError as error:
        raise BackupError("backup", f"{path}: {error.strerror}") from error
    finally:
        # A path below a file is "not a directory", not merely missing.
        if draft.parent.is_dir():
            draft.unlink(missing_ok=True)


def restore(url: str, path: Path) -> None:
    """Replace the content of a database by a backup, all of it or nothing. Stop the hub first."""
    if not path.is_file():
        raise BackupError("restore", f"there is no file {path}", f"文件 {path} 不存在")
    complaint = _load(make_url(url), path)
    if "lock timeout" in complaint:
        raise BackupError("restore", "this database is in use. Stop the hub first.", "数据库正在使用，请先停止服务")
    if complaint:
        raise BackupError("restore", complaint)


def _dump(address: URL, draft: Path) -> str:
    options = ("--format=custom", f"--compress={COMPRESSION}", "--no-owner", "--no-privileges")
    with _login(address) as (where, environment):
        done = subprocess.run(  # noqa: S603 (our own program and arguments)
            [_program("pg_dump"), *where, *options, f"--file={draft}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    return "" if done.returncode == 0 else _complaint(done.stderr)


def _load(address: URL, path: Path) -> str:
    """Archive -> script -> psql, in one transaction whose COMMIT is written only when the archive was whole."""
    options = ("--file=-", "--clean", "--if-exists", "--no-owner", "--no-privileges")
    with tempfile.TemporaryFile() as said, _login(address) as (where, environment):
        reader = subprocess.Popen(  # noqa: S603 (our own program and arguments)
            [_program("pg_restore"), *options, str(path)], env=environment, stdout=subprocess.PIPE, stderr=said
        )
        writer = subprocess.Popen(  # noqa: S603 (our own program and arguments)
            [_program("psql"), *where, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        with reader, writer:
            assert reader.stdout is not None
            assert writer.stdin is not None
            _pour(reader, reader.stdout, writer.stdin)
        if reader.returncode == 0 and writer.returncode == 0:
            return ""
        said.seek(0)
        return _complaint(said.read())


def _pour(reader: subprocess.Popen[bytes], script: IO[bytes], into: IO[bytes]) -> None:
    try:
        into.write(b"BEGIN;\n")
        for _ in range(PREAMBLE):
            line = script.readline()
            into.write(INSTEAD if line == UNKNOWN_BEFORE_17 else line)
        shutil.copyfileobj(script, into)
        if reader.wait() == 0:
            into.write(b"COMMIT;\n")
        into.close()
    except BrokenPipeError:
        # psql stopped at an error, which it has told; the reader need not finish.
        script.close()


@contextmanager
def _login(address: URL) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Arguments and environment that let a tool in without showing the password to `ps`."""
    host, port, user = address.host or "127.0.0.1", address.port or 5432, address.username or "hub"
    where = ["-h", host, "-p", str(port), "-U", user, "--no-password", f"--dbname={address.database}"]
    password = str(address.password or "").replace("\\", "\\\\").replace(":", "\\:")
    # A temporary file is made 0600, which libpq insists on.
    with tempfile.NamedTemporaryFile("w", prefix="o2c-", encoding="utf-8") as passwords:
        passwords.write(f"*:*:*:*:{password}\n")
        passwords.flush()
        yield where, {"PGPASSFILE": passwords.name, "LC_ALL": "C", "PATH": "/usr/bin:/bin"}


def _program(name: str) -> str:
    return str(bundled_programs() / name)


def _complaint(said: bytes) -> str:
    return " / ".join(said.decode(errors="replace").strip().splitlines()[-3:]) or "no reason given"
