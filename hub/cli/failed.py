"""`hub failed`: what waits for a person, by cause; retry, correct, dismiss or assign a whole group. `hub reapply`."""

import itertools
from datetime import datetime
from typing import Any, Final

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.desk import pairs
from hub.cli.house import House, read, write
from hub.cli.render import json_option, limit_option, listing, owner_option, with_reason
from hub.cli.words import say
from hub.sync import assigning, bulk, groups, reapply
from hub.sync.bulk import Act
from hub.sync.desk import Person, What
from hub.sync.edits import Edit
from hub.sync.groups import Selection

_VALUED: Final = ("--limit", "--owner")


class _ByName(click.Group):
    """What is none of the acts is the name of a group: `hub failed i3f9a2c81b`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = next((n for n, word in enumerate(args) if not word.startswith("-")), None)
        if first is not None and args[first] not in self.commands and args[first - 1] not in _VALUED:
            args = [*args[:first], "show", *args[first:]]
        return super().parse_args(ctx, args)


@click.group(
    cls=_ByName,
    invoke_without_command=True,
    help=say(
        "异常处理：按原因分组；hub failed 分组 查看其中每条", "what waits, by cause; `hub failed GROUP`: its members"
    ),
)
@owner_option
@json_option
@click.pass_context
def failed(ctx: click.Context, owner: str | None, as_json: bool) -> None:
    if ctx.invoked_subcommand is not None:
        return
    rows = read(lambda conn: groups.groups(conn, owner=owner))
    columns = ("id", "count", "oldest", "connection", "stream", "error_class", "field", "reason", "owner", "note")
    listing(rows if as_json else with_reason(rows), columns, as_json)


_MEMBERS = ("what", "id", "connection", "stream", "name", "error_class", "reason", "owner", "since")


@failed.command(help=say("分组中的每一条", "the members of a group"))
@click.argument("group")
@owner_option
@limit_option
@json_option
def show(group: str, owner: str | None, limit: int, as_json: bool) -> None:
    _members(group, owner, limit, as_json)


@failed.command("list", help=say("逐条列出，不分组", "one by one, not grouped"))
@owner_option
@limit_option
@json_option
def list_all(owner: str | None, limit: int, as_json: bool) -> None:
    _members(None, owner, limit, as_json)


def _members(group: str | None, owner: str | None, limit: int, as_json: bool) -> None:
    rows = read(lambda conn: groups.failed(conn, group=group, owner=owner, limit=limit))
    listing(rows if as_json else with_reason(rows), _MEMBERS, as_json)


@failed.command(help=say("对分组做过什么；单条：inbox 12", "what was done to a group, or to a row: inbox 12"))
@click.argument("of", metavar="GROUP | WHAT ID", nargs=-1, required=True)
@json_option
def history(of: tuple[str, ...], as_json: bool) -> None:
    rows = read(lambda conn: groups.history(conn, " ".join(of)))
    listing(rows, ("at", "who", "act", "what", "detail"), as_json)


@failed.command(
    help=say(
        "指派：hub failed assign 分组 负责人，或 inbox 12 13 负责人；也可写备注（--note）；负责人为空则交还",
        "whose turn it is: GROUP OWNER, or single rows: inbox 12 13 OWNER; --note; an empty OWNER gives it back",
    )
)
@click.argument("words", metavar="GROUP | WHAT ID… [OWNER]", nargs=-1, required=True)
@click.option("--note", help=say("备注", "a note"))
def assign(words: tuple[str, ...], note: str | None) -> None:
    what, ids, owner = _addressed(words)

    async def work(house: House, conn: AsyncConnection) -> assigning.Assigned:
        person = Person(house.who, house.now())
        office = assigning.Office(person, await house.configuration(conn), house.settings.notices)
        word = assigning.Word(owner, note)
        table = next((table for table in assigning.TABLES if table == what), None)
        if table is None:
            return await assigning.assign_group(conn, what, word, office)
        return await assigning.assign_rows(conn, table, ids, word, office)

    assigned = write(work)
    _tell_assigned(assigned, ids, owner)


def _addressed(words: tuple[str, ...]) -> tuple[str, list[int], str | None]:
    """A group, or a table and numbers in it; then, unless only a note is written, a name."""
    what, *rest = words
    ids = list(itertools.takewhile(str.isdecimal, rest)) if what in assigning.TABLES else []
    names = rest[len(ids) :]
    if len(names) > 1 or (what in assigning.TABLES and not ids):
        raise click.UsageError(
            say(
                "请写 hub failed assign 分组 负责人，或 hub failed assign inbox 12 负责人",
                "write hub failed assign GROUP OWNER, or hub failed assign inbox 12 OWNER",
            )
        )
    return what, [int(number) for number in ids], names[0] if names else None


def _tell_assigned(assigned: assigning.Assigned, ids: list[int], owner: str | None) -> None:
    done = ", ".join(map(str, assigned.done)) or say("无", "none")
    click.echo(say(f"已更新：{done}", f"updated: {done}"))
    if assigned.told:
        ways = ", ".join(assigned.told)
        click.echo(say(f"将通知 {owner}（{ways}）", f"{owner} will be told by {ways}"))
    elif owner and assigned.done:
        click.echo(
            say(
                f"不会通知 {owner}：没有新的指派，或没有可用的通知渠道",
                f"{owner} is not told: nothing is new, or no way to them is configured",
            )
        )
    left = sorted(set(ids) - set(assigned.done))
    if left:
        names = ", ".join(map(str, left))
        click.echo(say(f"未处理（不存在或状态不符）：{names}", f"left alone, not there or not open: {names}"), err=True)
        raise SystemExit(1)


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
