"""`hub sync forecast` and `hub sync live`: what would happen, and then let it."""

from collections.abc import Mapping
from typing import Any

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.house import House, write
from hub.cli.render import json_option, listing, print_json
from hub.cli.words import english, say
from hub.sync.desk import Person
from hub.sync.forecast import forecast as forecast_of
from hub.sync.golive import go_live


def _told(names: tuple[str, ...]) -> list[dict[str, Any]]:
    async def work(house: House, conn: AsyncConnection) -> list[dict[str, Any]]:
        configuration = await house.configuration(conn)
        return [(await forecast_of(conn, configuration, name)).told() for name in names]

    return write(work)


def _show(told: Mapping[str, Any]) -> None:
    linked, fresh, questions = told["linked"], told["fresh"], told["questions"]
    zh = f"{told['sync']}：已关联 {linked}，仅此处有 {fresh}，疑问 {questions}，待人工 {told['parked']}"
    en = f"{told['sync']}: {linked} linked, {fresh} known here alone, {questions} questions, {told['parked']} parked"
    click.echo(say(zh, en))
    if not told["complete"]:
        click.echo(
            say("尚未读完：数字还会增加，现在上线可能重复建档", "not read to its end: going live now may create twins")
        )
    for each in told["toward"]:
        place = f"{each['connection']}/{each['stream']}"
        counted = ("creates", "changes", "ends", "equal", "waiting", "asked", "unreadable")
        numbers = {name: each[name] for name in counted}
        zh = "  → {place}：新建 {creates}，变更 {changes}，删除 {ends}，一致 {equal}，等上级 {waiting}，待答疑问 {asked}，无法写出 {unreadable}"
        en = (
            "  → {place}: {creates} to create, {changes} to change, {ends} to end, {equal} equal, "
            "{waiting} wait for a parent, {asked} in question, {unreadable} cannot be written"
        )
        click.echo(say(zh, en).format(place=place, **numbers))
        for name, count in each["fields"].items():
            click.echo(f"      {name}: {count}")
        listing(each["examples"], ("what", "entity", "key", "fields", "from", "to", "error"), False)
    listing(told["asked"], ("id", "key", "asks", "error" if english() else "error_zh"), False)


@click.command(help=say("上线后会发生什么", "what would happen if it went live"))
@click.argument("name")
@json_option
def forecast(name: str, as_json: bool) -> None:
    (told,) = _told((name,))
    if as_json:
        print_json(told)
    else:
        _show(told)


@click.command(help=say("上线", "go live"))
@click.argument("names", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help=say("不再询问", "do not ask"))
def live(names: tuple[str, ...], yes: bool) -> None:
    if not yes:
        for told in _told(names):
            _show(told)
        click.confirm(say("上线并写出以上内容？", "go live and write this?"), abort=True)

    async def work(house: House, conn: AsyncConnection) -> None:
        for name in names:
            await go_live(conn, await house.configuration(conn), name, Person(house.who, house.now()))

    write(work)
    click.echo(f"{', '.join(names)}: {say('已上线', 'go live')}")
