"""What `hub map` works on: mapping files by path or by the name of a shipped one, and what they stand on."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from hub.cli.words import english, say
from hub.config.directory import SUFFIXES, read_directory
from hub.config.ground import Ground, Place, place_of, shipped_ground
from hub.config.shipped import Text, mapping_name, shipped_mappings
from hub.mapping.faults import near
from hub.sdk import jsontext

LARGEST = 1024 * 1024


def mapping_file(name: str) -> Text:
    """The text of a file, or of the mapping we ship under this name."""
    path = Path(name)
    if path.is_file():
        return Text(name, _read(path))
    shipped = shipped_mappings()
    if name in shipped:
        return shipped[name]
    zh, en = near(name, shipped)
    raise click.UsageError(say(f"没有文件 {name}{zh}", f"there is no file {name}{en}"))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise click.UsageError(say(f"无法读取 {path}：{why}", f"{path} cannot be read: {why}")) from None


def opened(files: Iterable[str], config: Path | None, connection: str | None) -> Iterator[tuple[Text, Ground]]:
    """Each file with what it stands on; a folder is all mappings inside it. `connection` without a directory is one
    of the installation."""
    place = _place(config) if config is not None else None
    installed = _installed(connection) if connection is not None and place is None else {}
    for name in files:
        for text in _texts(name):
            own = mapping_name(text.text)
            if place is not None:
                yield text, place.ground_for(own, connection)
            else:
                yield text, installed.get(own or "") or installed.get("") or shipped_ground()


def _texts(name: str) -> Iterator[Text]:
    path = Path(name)
    if not path.is_dir():
        yield mapping_file(name)
        return
    found = [file for file in sorted(path.rglob("*")) if file.suffix in SUFFIXES and file.is_file()]
    mappings = [text for file in found if mapping_name((text := Text(str(file), _read(file))).text)]
    if not mappings:
        raise click.UsageError(say(f"{name} 中没有映射文件", f"there is no mapping file in {name}"))
    yield from mappings


def _place(config: Path) -> Place:
    place = place_of(read_directory(config))
    for problem in place.problems:
        sentence = problem.sentence if english() else problem.sentence_zh
        click.echo(f"{problem.file}:{problem.line}: {sentence}", err=True)
    return place


def _installed(connection: str) -> Mapping[str, Ground]:
    """What the installation gives to a draft of this connection, by mapping; under "" for any other mapping."""
    from hub.cli.house import House, run
    from hub.sync.controls import Unknown
    from hub.sync.previewing import ground_in_force

    async def work(house: House) -> dict[str, Ground]:
        async with house.db.read() as conn:
            configuration = await house.configuration(conn)
            ground = await ground_in_force(conn, configuration)
        bound = configuration.connections.get(connection)
        if bound is None:
            raise Unknown(f"there is no connection {connection}", f"没有连接 {connection}")
        syncs = [sync for sync in configuration.syncs.values() if sync.connection == connection and sync.spec.mapping]
        return {"": ground.of(bound, None)} | {str(sync.spec.mapping): ground.of(bound, sync.stream) for sync in syncs}

    return run(work)


def json_file(name: str) -> dict[str, Any]:
    """One object from a file or stdin; numbers with a point are exact."""
    raw = sys.stdin.buffer.read(LARGEST + 1) if name == "-" else _bytes(Path(name))
    if len(raw) > LARGEST:
        raise click.UsageError(say("一条记录最大 1 MB", "a record is at most 1 MB"))
    try:
        found = jsontext.loads(raw)
    except jsontext.BadJson as error:
        raise click.UsageError(say(f"{name} 不是 JSON：{error}", f"{name} is no JSON: {error}")) from None
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict):
        raise click.UsageError(say(f"{name} 应为一个 JSON 对象", f"{name} should hold one JSON object"))
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise click.UsageError(
            say(f"无法读取 {path}：{error.strerror}", f"{path} cannot be read: {error.strerror}")
        ) from None
