"""`hub failed`: what waits for a person, by cause; retry, correct, dismiss or assign a whole group. `hub reapply`."""

from datetime import datetime
from typing import Any

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.desk import pairs
from hub.cli.house import House, read, write
from hub.cli.render import json_option, limit_option, listing, with_reason
from hub.cli.words import say
from hub.sync import bulk, groups, reapply
from hub.sync.bulk import Act
from hub.sync.desk import Person, What
from hub.sync.edits import Edit
from hub.sync.groups import Selection, Word


class _ByName(click.Group):
    """What is none of the acts is the name of a group: `hub failed i3f9a2c81b`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = next((n for n, word in enumerate(args) if not word.startswith("-")), None)
        if first is not None and args[first] not in self.commands and args[first - 1 : first] != ["--limit"]:
            args = [*args[:first], "show", *args[first:]]
        return super().parse_args(ctx, args)


@click.group(
    cls=_ByName,
    invoke_without_command=True,
    help=say(
        "异常处理：按原因分组；hub failed 分组 查看其中每条", "what waits, by cause; `hub failed GROUP`: its members"
    ),
)
@json_option
@click.pass_context
def failed(ctx: click.Context, as_json: bool) -> None:
    if ctx.invoked_subcommand is not None:
        return
    rows = read(groups.groups)
    columns = ("id", "count", "oldest", "connection", "stream", "error_class", "field", "reason", "owner", "note")
    listing(rows if as_json else with_reason(rows), columns, as_json)


_MEMBERS = ("what", "id", "connection", "stream", "name", "error_class", "reason", "owner", "since")


@failed.command(help=say("分组中的每一条", "the members of a group"))
@click.argument("group")
@limit_option
@json_option
def show(group: str, limit: int, as_json: bool) -> None:
    _members(group, limit, as_json)


@failed.command("list", help=say("逐条列出，不分组", "one by one, not grouped"))
@limit_option
@json_option
def list_all(limit: int, as_json: bool) -> None:
    _members(None, limit, as_json)


def _members(group: str | None, limit: int, as_json: bool) -> None:
    rows = read(lambda conn: groups.failed(conn, group=group, limit=limit))
    listing(rows if as_json else with_reason(rows), _MEMBERS, as_json)


@failed.command(help=say("对分组做过什么", "what was done to a group"))
@click.argument("group")
@json_option
def history(group: str, as_json: bool) -> None:
    rows = read(lambda conn: groups.history(conn, group))
    listing(rows, ("at", "who", "act", "what", "detail"), as_json)


@failed.command(help=say("指派分组，或写备注（--note）", "whose turn a group is; --note"))
@click.argument("group")
@click.argument("owner", required=False)
@click.option("--note", help=say("备注", "a note"))
def assign(group: str, owner: str | None, note: str | None) -> None:
    async def work(house: House, conn: AsyncConnection) -> None:
        await groups.assign(conn, group, Word(owner, note), Person(house.who, house.now()))

    write(work)
    click.echo(say(f"分组 {group} 已更新", f"group {group} is updated"))


def _picked(command: Any) -> Any:
    """A group by name, or rows by a filter."""
    for option in (
        click.option("--class", "error_class", help=say("只选该错误类型", "of this class")),
        click.option("--stream", help=say("只选该接口对象", "of this stream")),
        click.option("--connection", help=say("只选该连接", "of this connection")),
        click.option("--what", type=click.Choice(["inbox", "delivery", "bell", "receipt"])),
        click.argument("group", required=False),
    ):
        command = option(command)
    return command


def _selection(group: str | None, what: What | None, **filters: str | None) -> Selection:
    return Selection(what, (), group, filters["connection"], filters["stream"], filters["error_class"])


@failed.command(help=say("整组重试", "the same again for all of a group"))
@_picked
def retry(group: str | None, what: What | None, **filters: str | None) -> None:
    _begin(_selection(group, what, **filters), Act("retry"))


@failed.command(help=say("整组忽略（需填原因）", "settle all of a group as it is"))
@_picked
@click.option("--reason", required=True, help=say("原因", "why"))
def dismiss(reason: str, group: str | None, what: What | None, **filters: str | None) -> None:
    _begin(_selection(group, what, **filters), Act("dismiss", reason))


@failed.command(
    help=say("整组更正：路径=值，或 --from 旧值 --to 新值", "the same edit for all: PATH=VALUE, or --from and --to")
)
@click.option("--from", "old", help=say("旧值", "where this stands"))
@click.option("--to", "new", help=say("新值", "put this"))
@click.option("--at", "path", default="", help=say("路径；默认为出错的字段", "the path; else the field that failed"))
@_picked
@click.argument("values", nargs=-1)
def correct(values: tuple[str, ...], old: str | None, new: str | None, path: str, **picked: Any) -> None:
    group = picked["group"]
    if group is not None and "=" in group:  # no group, but the first of the values
        values, picked = (group, *values), {**picked, "group": None}
    _begin(_selection(**picked), Act("correct", edit=Edit(pairs(values), old, new, path)))


def _begin(selection: Selection, act: Act) -> None:
    async def work(house: House, conn: AsyncConnection) -> int:
        return await bulk.start(conn, selection, act, Person(house.who, house.now()))

    _tell(write(work))


def _tell(number: int) -> None:
    click.echo(
        say(
            f"执行 {number} 已开始：hub run show {number} 查看进度，hub run stop {number} 停止",
            f"run {number} has begun: `hub run show {number}`, `hub run stop {number}`",
        )
    )


MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])


@click.command(
    "reapply", help=say("按现行映射重新处理一段时间内的记录", "put what came in a window through today's mapping")
)
@click.argument("sync")
@click.option("--from", "since", type=MOMENT, required=True, help=say("开始（本地时间）", "from (local time)"))
@click.option("--to", "until", type=MOMENT, required=True, help=say("结束", "up to, but without"))
def reapply_(sync: str, since: datetime, until: datetime) -> None:
    window = reapply.Window(since.astimezone(), until.astimezone())

    async def work(house: House, conn: AsyncConnection) -> int:
        return await reapply.start(conn, sync, window, Person(house.who, house.now()))

    _tell(write(work))
