"""`hub join` and `hub part`: two entities are one; or they are two after all."""

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.canon.explain import find_entity
from hub.cli.house import House, write
from hub.cli.words import say
from hub.config.runtime import Configuration
from hub.sync.controls import Unknown
from hub.sync.desk import Person
from hub.sync.joining import join_entities, part_entity

reason_option = click.option("--reason", default="", help=say("原因", "why"))


@click.command(help=say("并入：LOSER 就是 WINNER（编号、名称或源记录号）", "LOSER is WINNER, by number, name or id"))
@click.argument("kind")
@click.argument("loser")
@click.argument("winner")
@reason_option
def join(kind: str, loser: str, winner: str, reason: str) -> None:
    async def work(house: House, conn: AsyncConnection) -> tuple[int, int]:
        configuration = await house.configuration(conn)
        numbers = (
            await _found(conn, configuration, kind, loser),
            await _found(conn, configuration, kind, winner),
        )
        person = Person(house.who, house.now())
        await join_entities(conn, configuration, (kind, *numbers), reason, person)
        return numbers

    gone, stays = write(work)
    click.echo(say(f"{kind} {gone} 已并入 {stays}", f"{kind} {gone} is joined into {stays}"))


@click.command(help=say("拆回：撤销并入（填被并入的编号）", "undo a join; NUMBER is the id of the one joined"))
@click.argument("kind")
@click.argument("number", type=int)
@reason_option
def part(kind: str, number: int, reason: str) -> None:
    async def work(house: House, conn: AsyncConnection) -> None:
        configuration = await house.configuration(conn)
        _demand_kind(configuration, kind)
        await part_entity(conn, configuration, (kind, number), reason, Person(house.who, house.now()))

    write(work)
    click.echo(say(f"{kind} {number} 已拆回", f"{kind} {number} stands for itself again"))


async def _found(conn: AsyncConnection, configuration: Configuration, kind: str, wanted: str) -> int:
    _demand_kind(configuration, kind)
    try:
        return await find_entity(conn, configuration.kinds, kind, wanted)
    except LookupError as error:
        raise Unknown(str(error), f"找不到唯一的 {kind} {wanted}：{error}") from None


def _demand_kind(configuration: Configuration, kind: str) -> None:
    kinds = configuration.kinds
    if kinds.get(kind) is None:
        raise Unknown(f"there is no kind {kind}: {', '.join(kinds)}", f"没有对象类型 {kind}：{'、'.join(kinds)}")
