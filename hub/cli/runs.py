"""`hub run`: what ran, what is held, and a person's word on it."""

from typing import Any

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.house import House, read, write
from hub.cli.render import cell, json_option, limit_option, listing, print_json
from hub.cli.words import english, head, say
from hub.sync import bulk, holding, tombstones, views
from hub.sync.desk import Person

number_argument = click.argument("number", type=int)


@click.group(help=say("执行：拉取、历史回补、重新映射", "runs: pulls, backfills, re-mappings"))
def run() -> None:
    """See the help."""


@run.command("list", help=say("查看执行记录", "the newest runs"))
@click.option("--sync", help=say("只看该同步任务", "of this sync only"))
@click.option("--what", help="pull | backfill | remap | reconcile")
@click.option("--state", help=say("只看该状态", "in this state only"))
@limit_option
@json_option
def list_runs(sync: str | None, what: str | None, state: str | None, limit: int, as_json: bool) -> None:
    filters = {"sync": sync, "what": what, "state": state}
    rows = read(lambda conn: views.listed(conn, "runs", filters, limit=limit))
    shown = [{**row, "reason": _said(row)} for row in rows]
    columns = (
        "id",
        "sync",
        "what",
        "state",
        "started_at",
        "read",
        "per_second",
        "total",
        "done",
        "changed",
        "owner",
        "reason",
    )
    listing(rows if as_json else shown, columns, as_json)


def _said(row: dict[str, Any]) -> str | None:
    names = ("error", "note") if english() else ("error_zh", "note_zh")
    return next((str(row[name]) for name in names if row[name]), None)


@run.command(help=say("一次执行的详情：将变更什么、举例", "one run: what it would change, with examples"))
@number_argument
@json_option
def show(number: int, as_json: bool) -> None:
    row = read(lambda conn: views.one(conn, "runs", number))
    if row is None:
        raise click.ClickException(say(f"没有执行 {number}", f"there is no run {number}"))
    if as_json:
        print_json(row)
        return
    detail = row.pop("detail")
    hidden = ("error", "note") if not english() else ("error_zh", "note_zh")
    for name, value in row.items():
        if value is not None and name not in hidden:
            click.echo(f"{' '.join(head(name).split())}: {cell(value)}")
    for name in ("mapping", "version", "changes", "rewrites", "pushes", "unreadable", "waiting", "usual"):
        if name in detail:
            click.echo(f"{name}: {detail[name]}")
    for name, count in detail.get("fields", {}).items():
        click.echo(f"  {name}: {count}")
    listing(detail.get("examples", []), ("field", "key", "entity", "from", "to", "error"), False)


@run.command(help=say("放行", "let a held run go on"))
@number_argument
def confirm(number: int) -> None:
    async def work(house: House, conn: AsyncConnection) -> None:
        await holding.confirm(conn, number, house.who, house.now())

    write(work)
    click.echo(say(f"执行 {number} 已放行", f"run {number} goes on"))


@run.command(help=say("撤销该次执行的删除", "take back what a run deleted"))
@number_argument
def undo(number: int) -> None:
    async def work(house: House, conn: AsyncConnection) -> int:
        return await tombstones.undo(conn, await house.configuration(conn), number, house.who, house.now())

    count = write(work)
    click.echo(say(f"执行 {number}：已撤销 {count} 条删除", f"run {number}: {count} deletes undone"))


@run.command(help=say("停止批量处理；已处理的保持", "stop an act on failed work; what was done stays"))
@number_argument
def stop(number: int) -> None:
    async def work(house: House, conn: AsyncConnection) -> int:
        return await bulk.stop(conn, number, Person(house.who, house.now()))

    count = write(work)
    click.echo(say(f"执行 {number} 已停止，已处理 {count} 条", f"run {number} is stopped after {count} rows"))


@run.command(help=say("忽略：保持原样", "do not do it: everything stays as it is"))
@number_argument
@click.option("--reason", required=True, help=say("原因", "why"))
def dismiss(number: int, reason: str) -> None:
    async def work(house: House, conn: AsyncConnection) -> None:
        await holding.dismiss(conn, number, reason, house.who, house.now())

    write(work)
    click.echo(say(f"执行 {number} 已忽略", f"run {number} is dismissed"))
