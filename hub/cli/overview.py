"""`hub status`, `failed`, `receipts`, `inbox`, `deliveries`: what is where."""

from typing import Any

import click

from hub.cli.house import read
from hub.cli.render import json_option, limit_option, listing, print_json, with_reason
from hub.cli.words import say
from hub.sync import views
from hub.sync.views import Row


@click.command(help=say("总览：各处还有多少", "how much is where; what is finished is not counted"))
@json_option
def status(as_json: bool) -> None:
    async def work(conn: Any) -> dict[str, list[Row]]:
        return {
            "work": list(await views.work_left(conn)),
            "connections": await views.connections(conn),
            "syncs": await views.syncs(conn),
        }

    found = read(work)
    if as_json:
        print_json(found)
        return
    listing(found["connections"], ("name", "connector", "state"), False)
    listing(found["syncs"], ("name", "mode", "health", "lag_seconds"), False)
    listing(found["work"], ("what", "state", "count"), False)


@click.command(help=say("异常处理：待人工处理的一切", "everything parked, with its reason"))
@limit_option
@json_option
def failed(limit: int, as_json: bool) -> None:
    rows = read(lambda conn: views.failed(conn, limit=limit))
    columns = ("what", "id", "connection", "stream", "name", "error_class", "reason", "owner", "since")
    listing(rows if as_json else with_reason(rows), columns, as_json)


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
