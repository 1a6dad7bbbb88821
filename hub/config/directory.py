"""Reading a configuration directory: its files with their text, and what cannot be read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from hub.config.document import MAX_BYTES
from hub.config.problem import Problem
from hub.mapping.faults import near

FOLDERS = ("connections", "mappings", "tables", "syncs", "owners", "kinds")
NESTED = frozenset({"mappings"})
SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class Directory:
    """`files`: folder -> (path inside the directory -> text)."""

    root: Path
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def texts(self) -> dict[str, str]:
        """All files, by their path inside the directory."""
        return {file: text for folder in self.files.values() for file, text in folder.items()}


def read_directory(path: Path | str) -> Directory:
    """The files of a configuration directory; problems are collected, never raised."""
    root = Path(path)
    if not root.is_dir():
        en = f"there is no directory {root}; make it, with connections/, mappings/ and syncs/ inside"
        zh = f"没有目录 {root}：请建立它，并在其中放 connections/、mappings/、syncs/"
        return Directory(root, {}, (Problem(str(root), 0, "", en, zh),))
    problems: list[Problem] = list(_strays(root))
    files: dict[str, Mapping[str, str]] = {}
    for folder in FOLDERS:
        found = dict(_folder(root, folder, problems))
        files[folder] = MappingProxyType(found)
    return Directory(root, MappingProxyType(files), tuple(problems))


def _strays(root: Path) -> Iterator[Problem]:
    """YAML where nobody would read it is a mistake that must not stay silent."""
    for entry in sorted(root.iterdir()):
        if entry.name in FOLDERS or entry.name.startswith("."):
            continue
        if entry.is_dir() and not any(file.suffix in SUFFIXES for file in entry.rglob("*")):
            continue
        if not entry.is_dir() and entry.suffix not in SUFFIXES:
            continue
        zh, en = near(entry.name, FOLDERS)
        word, word_zh = ("folder", "文件夹") if entry.is_dir() else ("file", "文件")
        yield Problem(
            entry.name,
            0,
            "",
            f"this {word} is not read{en}; files belong into {', '.join(FOLDERS)}",
            f"这个{word_zh}不会被读取{zh}；请放入 {'、'.join(FOLDERS)}",
        )


def _folder(root: Path, folder: str, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    base = root / folder
    if not base.is_dir():
        return
    for path in sorted(base.rglob("*") if folder in NESTED else base.iterdir()):
        if path.suffix not in SUFFIXES or not path.is_file() or path.name.startswith("."):
            continue
        name = path.relative_to(root).as_posix()
        text = _text(name, path)
        if isinstance(text, Problem):
            problems.append(text)
        else:
            yield name, text


def _text(name: str, path: Path) -> str | Problem:
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_BYTES:
            return Problem(name, 0, "", "is larger than 1 MB; split it", "超过 1 MB：请拆分")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        return Problem(name, line, "", "is not UTF-8 text; save it as UTF-8", "不是 UTF-8 文本：请另存为 UTF-8")
    except OSError as error:
        reason = error.strerror or "not readable"
        return Problem(name, 0, "", f"cannot be read: {reason}", f"无法读取：{reason}")
