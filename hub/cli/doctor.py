"""`hub doctor`: what is in order in this installation, and what to do about the rest."""

import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import click
from sqlalchemy import text

from hub.cli.house import House, run
from hub.cli.render import json_option, listing
from hub.cli.words import english, say
from hub.config.catalogue import connectors
from hub.settings import Settings, load_settings

ROOM = 1024**3  # bytes
DRIFT_SECONDS = 5
Result = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    result: Result
    detail: str
    detail_zh: str


@click.command("doctor", help=say("自检：数据目录、数据库、配置、连接器、端口", "check this installation"))
@json_option
def doctor(as_json: bool) -> None:
    settings = load_settings()
    findings = [*_machine(settings), *_database()]
    rows = [
        {"check": f.check, "result": f.result, "detail": f.detail if english() or as_json else f.detail_zh}
        for f in findings
    ]
    listing(rows, ("check", "result", "detail"), as_json)
    if any(f.result == "failed" for f in findings):
        raise SystemExit(1)


def _machine(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", "ok" if sys.version_info >= (3, 11) else "failed", version, version)
    yield _disk(settings)
    yield _port(settings)
    catalogue = connectors()
    usable = ", ".join(sorted(catalogue))
    yield Finding("connectors", "ok", usable, usable)
    for name, (en, zh) in catalogue.broken.items():
        yield Finding(f"connector {name}", "failed", en, zh)


def _disk(settings: Settings) -> Finding:
    place = next(
        folder for folder in (settings.data_dir.absolute(), *settings.data_dir.absolute().parents) if folder.exists()
    )
    free = shutil.disk_usage(place).free
    told = f"{settings.data_dir.absolute()}: {free // 1024**2} MB"
    if free < ROOM:
        return Finding("disk", "warning", f"{told} free; make room", f"{told} 可用，请清理磁盘")
    return Finding("disk", "ok", f"{told} free", f"{told} 可用")


def _port(settings: Settings) -> Finding:
    place = (settings.http.host, settings.http.port)
    try:
        socket.create_connection(place, timeout=1).close()
    except OSError:
        return Finding("http", "ok", f"{place[0]}:{place[1]} is free", f"{place[0]}:{place[1]} 空闲")
    return Finding("http", "ok", f"{place[0]}:{place[1]} answers", f"{place[0]}:{place[1]} 已有服务")


def _database() -> list[Finding]:
    try:
        return run(_inside, migrated=False)
    except Exception as error:  # whatever it is, it is what the doctor was called for
        told = str(getattr(error, "en", error)).splitlines()[0]
        return [Finding("database", "failed", told, str(getattr(error, "zh", told)))]


async def _inside(house: House) -> list[Finding]:
    from hub.db.migrate import current, drift

    revision = await current(house.url)
    if revision is None:
        told = "it has no tables yet; `hub serve` or `hub db upgrade` makes them"
        return [Finding("database", "warning", told, "尚未建表，执行 hub serve 或 hub db upgrade")]
    differences = await drift(house.url)
    if differences:
        told = f"its schema ({revision}) is not that of this version; run `hub db upgrade`"
        return [Finding("database", "failed", told, f"结构版本 {revision} 与程序不符，请执行 hub db upgrade")]
    return [
        Finding("database", "ok", f"schema {revision}", f"结构 {revision}"),
        await _clock(house),
        *await _config(house),
    ]


async def _clock(house: House) -> Finding:
    async with house.db.read() as conn:
        there: datetime = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
    drift = abs((datetime.now(UTC) - there).total_seconds())
    result: Result = "ok" if drift < DRIFT_SECONDS else "warning"
    return Finding("clock", result, f"{drift:.1f} s apart from the database", f"与数据库相差 {drift:.1f} 秒")


async def _config(house: House) -> list[Finding]:
    async with house.db.read() as conn:
        configuration = await house.configuration(conn)
    count = len(configuration.connections), len(configuration.syncs)
    told = Finding(
        "configuration",
        "ok",
        f"{count[0]} connections, {count[1]} syncs",
        f"{count[0]} 个连接，{count[1]} 个同步任务",
    )
    broken = [
        Finding(name, "failed", problem.sentence, problem.sentence_zh)
        for name, problem in sorted(configuration.broken.items())
    ]
    return [told, *broken]
