"""`hub connection`: list, test, pause, resume."""

import random
from typing import Any

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.house import House, run, write
from hub.cli.render import json_option, listing, print_json
from hub.cli.words import english, say
from hub.sync import controls, views


@click.group(help=say("连接：一个已配置的账号", "connections: configured accounts"))
def connection() -> None:
    """See the help."""


@connection.command("list", help=say("查看所有连接", "all connections with their state"))
@json_option
def list_connections(as_json: bool) -> None:
    async def work(house: House) -> list[dict[str, Any]]:
        async with house.db.read() as conn:
            rows = await views.connections(conn)
            broken = (await house.configuration(conn)).broken
        for row in rows:
            problem = broken.get(f"connection {row['name']}")
            if problem is not None:
                row |= {"state": "broken", "pause_error": problem.sentence, "pause_error_zh": problem.sentence_zh}
        return rows

    rows = run(work)
    told = "pause_error" if english() else "pause_error_zh"
    shown = [{**row, "reason": row[told] or row["pause_reason"]} for row in rows]
    columns = ("name", "connector", "state", "base_url", "reason", "owner")
    listing(rows if as_json else shown, columns, as_json)


@connection.command(help=say("测试连接", "one cheap authenticated read"))
@click.argument("name")
@json_option
def test(name: str, as_json: bool) -> None:
    from hub.sdk.transport import AiohttpTransport
    from hub.sync.outward import Outward
    from hub.sync.probing import probe_connection

    async def work(house: House) -> dict[str, Any]:
        async with house.db.read() as conn:
            configuration = await house.configuration(conn)
        problem = configuration.broken.get(f"connection {name}")
        if problem is not None:
            raise controls.Unknown(problem.sentence, problem.sentence_zh)
        bound = configuration.connections.get(name)
        if bound is None:
            raise controls.Unknown(f"there is no connection {name}", f"没有连接 {name}")
        transport = AiohttpTransport(connections=2)
        try:
            failure = await probe_connection(Outward(transport, house.db.clock(), random.Random()), bound)
        finally:
            await transport.aclose()
        told = (
            {"error_class": failure.error_class, "error": failure.sentence, "error_zh": failure.zh} if failure else {}
        )
        return {"connection": name, "ok": failure is None, **told}

    outcome = run(work)
    if as_json:
        print_json(outcome)
    elif outcome["ok"]:
        click.echo(say(f"{name} 正常", f"{name} answers and accepts our credentials"))
    else:
        click.echo(f"{outcome['error_class']}: {say(outcome['error_zh'], outcome['error'])}", err=True)
    if not outcome["ok"]:
        raise SystemExit(1)


@connection.command(help=say("暂停", "pause until resumed"))
@click.argument("name")
def pause(name: str) -> None:
    async def work(house: House, conn: AsyncConnection) -> None:
        await controls.pause_connection(conn, name, house.who, house.now())

    write(work)
    click.echo(say(f"{name} 已暂停", f"{name} is paused"))


@connection.command(help=say("恢复", "end its pauses"))
@click.argument("name")
def resume(name: str) -> None:
    async def work(house: House, conn: AsyncConnection) -> int:
        return await controls.resume_connection(conn, name, house.who)

    count = write(work)
    click.echo(say(f"{name} 已恢复（{count} 处暂停）", f"{name} is resumed ({count} pauses ended)"))
