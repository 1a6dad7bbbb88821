"""`hub status`, `receipts`, `inbox`, `deliveries`: what is where."""

import asyncio
import shutil
from typing import Any, Final

import click
from rich.console import Console

from hub.cli.house import House, read, run
from hub.cli.render import json_option, limit_option, listing, print_json, with_reason
from hub.cli.screen import WIDTH, screen
from hub.cli.words import say
from hub.sync import views
from hub.sync.overlook import Overlook, overlook
from hub.sync.views import Row

WATCH_SECONDS: Final = 2.0


@click.command(help=say("总览：一屏看全：连接、同步、待办、吞吐", "the whole hub on one screen"))
@click.option("--watch", is_flag=True, help=say("持续刷新，Ctrl-C 结束", "keep it up to date until Ctrl-C"))
@json_option
def status(watch: bool, as_json: bool) -> None:
    if watch and not as_json:
        run(_watch)
        return
    seen, free = run(_look)
    if as_json:
        print_json({**seen.told(), "disk_free_bytes": free})
        return
    _console().print(screen(seen, free))


async def _look(house: House) -> tuple[Overlook, int | None]:
    async with house.db.read() as conn:
        seen = await overlook(conn, house.now())
    folder = house.settings.data_dir
    return seen, shutil.disk_usage(folder).free if folder.exists() else None


async def _watch(house: House) -> None:
    from rich.live import Live

    with Live(console=_console(), screen=True, auto_refresh=False) as live:
        while True:
            live.update(screen(*await _look(house)), refresh=True)
            await asyncio.sleep(WATCH_SECONDS)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def _list(noun: str, filters: dict[str, Any], limit: int) -> list[Row]:
    return read(lambda conn: views.listed(conn, noun, filters, limit=limit))


connection_option = click.option("--connection", help=say("只看该连接", "of this connection only"))
state_option = click.option("--state", help=say("只看该状态", "in this state only"))


@click.command(help=say("接收记录：每次调用与每个文件", "every call and file: accepted, duplicate or refused"))
@connection_option
@click.option("--verdict", help="accepted | duplicate | refused")
@limit_option
@json_option
def receipts(connection: str | None, verdict: str | None, limit: int, as_json: bool) -> None:
    rows = _list("receipts", {"connection": connection, "verdict": verdict}, limit)
    columns = ("id", "connection", "source", "received_at", "path", "verdict", "state", "records", "reason")
    listing(rows if as_json else with_reason(rows), columns, as_json)


@click.command(help=say("入站记录", "records cut out of receipts and pulled pages"))
@connection_option
@click.option("--stream", help=say("只看该接口对象", "of this stream only"))
@state_option
@limit_option
@json_option
def inbox(connection: str | None, stream: str | None, state: str | None, limit: int, as_json: bool) -> None:
    rows = _list("inbox", {"connection": connection, "stream": stream, "state": state}, limit)
    columns = ("id", "connection", "stream", "key", "state", "received_at", "entity_id", "error_class", "reason")
    listing(rows if as_json else with_reason(rows), columns, as_json)


@click.command(help=say("推送", "what is owed to targets and people"))
@connection_option
@click.option("--sync", help=say("只看该同步任务", "of this sync only"))
@state_option
@limit_option
@json_option
def deliveries(connection: str | None, sync: str | None, state: str | None, limit: int, as_json: bool) -> None:
    rows = _list("deliveries", {"connection": connection, "sync": sync, "state": state}, limit)
    columns = ("id", "sync", "kind", "entity_id", "state", "wanted_version", "applied_version", "attempts", "reason")
    listing(rows if as_json else with_reason(rows), columns, as_json)
