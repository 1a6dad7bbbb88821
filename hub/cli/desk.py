"""`hub retry`, `hub correct`, `hub dismiss`: the work desk from the command line."""

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.house import House, write
from hub.cli.words import say
from hub.sync import arbitrate, corrections, desk

WHAT = click.Choice(["inbox", "delivery", "bell", "receipt"])
what_argument = click.argument("what", type=WHAT)
ids_argument = click.argument("ids", nargs=-1, required=True, type=int)


@click.command(help=say("重试：同样的再来一次", "the same again, now"))
@what_argument
@ids_argument
@click.option(
    "--absent",
    is_flag=True,
    help=say("已核实对方没有：重新新建（仅推送）", "I looked, it is not there: create it (deliveries)"),
)
def retry(what: desk.What, ids: tuple[int, ...], absent: bool) -> None:
    if absent and what != "delivery":
        raise click.UsageError(say("--absent 只用于推送", "--absent is for deliveries"))

    async def work(house: House, conn: AsyncConnection) -> list[int]:
        if absent:
            return await desk.create_again(conn, ids, house.who, house.now())
        return await desk.retry(conn, what, ids, house.who, house.now())

    _tell(write(work), ids)


@click.command(help=say("忽略这一版本；下一版本照常处理", "settle this version alone"))
@what_argument
@ids_argument
@click.option("--reason", required=True, help=say("原因", "why"))
def dismiss(what: desk.What, ids: tuple[int, ...], reason: str) -> None:
    async def work(house: House, conn: AsyncConnection) -> list[int]:
        return await desk.dismiss(conn, what, ids, reason, house.who, house.now())

    _tell(write(work), ids)


@click.command(help=say("两个系统反复改写同一字段：保留该连接的取值", "settle a dispute: keep what CONNECTION says"))
@click.argument("number", type=int)
@click.argument("connection")
def keep(number: int, connection: str) -> None:
    async def work(house: House, conn: AsyncConnection) -> int:
        return await arbitrate.keep(conn, number, connection, desk.Person(house.who, house.now()))

    made = write(work)
    click.echo(
        say(f"已保留 {connection} 的取值：新的入站记录 {made}", f"kept what {connection} says, by inbox record {made}")
    )


def _tell(done: list[int], asked: tuple[int, ...]) -> None:
    click.echo(say(f"已处理 {len(done)} 条", f"done: {', '.join(map(str, done)) or 'none'}"))
    left = sorted(set(asked) - set(done))
    if left:
        names = ", ".join(map(str, left))
        click.echo(say(f"未处理（不存在或状态不符）：{names}", f"left alone, not there or not open: {names}"), err=True)
        raise SystemExit(1)


@click.group(help=say("更正：写入新的变更，不改报文", "write a correction; payloads are never altered"))
def correct() -> None:
    """See the help."""


values_argument = click.argument("values", nargs=-1)


@correct.command("inbox", help=say("入站记录：路径=值，或 --link", "a record: PATH=VALUE …, or what it is (--link)"))
@click.argument("number", type=int)
@values_argument
@click.option("--link", help=say("业务对象编号，或 new", "an entity's id, or new"))
def correct_inbox(number: int, values: tuple[str, ...], link: str | None) -> None:
    if (link is None) == (not values):
        raise click.UsageError(say("请填写 路径=值 或 --link 之一", "give PATH=VALUE or --link"))
    correction = pairs(values) if link is None else corrections.Linking(_linked(link))

    async def work(house: House, conn: AsyncConnection) -> int:
        configuration = await house.configuration(conn)
        person = desk.Person(house.who, house.now())
        return await corrections.correct_inbox(conn, configuration, number, correction, person)

    made = write(work)
    click.echo(say(f"已更正：新的入站记录 {made}", f"corrected by inbox record {made}"))


@correct.command("delivery", help=say("推送：字段=值，金额写 100.00 CNY", "what is owed: FIELD=VALUE …"))
@click.argument("number", type=int)
@click.argument("values", nargs=-1, required=True)
def correct_delivery(number: int, values: tuple[str, ...]) -> None:
    async def work(house: House, conn: AsyncConnection) -> int | None:
        configuration = await house.configuration(conn)
        person = desk.Person(house.who, house.now())
        return await corrections.correct_delivery(conn, configuration, number, pairs(values), person)

    made = write(work)
    if made is None:
        click.echo(say("值没有变化，已重新推送", "nothing differs; it is delivered again"))
    else:
        click.echo(say(f"已更正：变更 {made}，将重新推送", f"corrected by change {made}; it is delivered again"))


def _linked(link: str) -> int | None:
    if link == "new":
        return None
    if not link.isdecimal():
        raise click.UsageError(say("--link 应为编号或 new", "--link takes an entity's id or new"))
    return int(link)


def pairs(values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    for name, sign, _ in pairs:
        if not sign or not name:
            raise click.UsageError(say(f"{name!r} 应写成 名称=值", f"write {name!r} as NAME=VALUE"))
    return {name: value for name, _, value in pairs}
