"""`hub reconcile`, `hub drift`: compare both sides; list, show, repair and dismiss what differs."""

import asyncio
from typing import Any, Final

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.house import House, read, run, write
from hub.cli.render import cell, json_option, limit_option, listing, owner_option, print_json
from hub.cli.words import english, head, say
from hub.sync import drift_desk, views
from hub.sync.desk import Person
from hub.sync.drift_desk import Chosen

POLL_SECONDS: Final = 1.0
WHAT: Final = click.Choice(["missing_here", "missing_there", "different"])


@click.command(help=say("系统对账：比较同步任务的两侧", "compare both sides of a sync"))
@click.argument("names", nargs=-1, required=True)
@click.option("--wait", is_flag=True, help=say("等到结束（引擎需在运行）", "until it is through (the engine must run)"))
def reconcile(names: tuple[str, ...], wait: bool) -> None:
    async def work(house: House) -> list[int]:
        async with house.db.begin("reconcile") as conn:
            configuration = await house.configuration(conn)
            person = Person(house.who, house.now())
            runs = [await drift_desk.reconcile_now(conn, configuration, name, person) for name in names]
        if wait:
            await _until_through(house, runs)
        return runs

    for name, number in zip(names, run(work), strict=True):
        if not wait:
            click.echo(f"{name}: {say(f'执行 {number} 已安排', f'run {number} is on its way')}")
            continue
        row = read(lambda conn, number=number: views.one(conn, "runs", number))  # type: ignore[misc]
        assert row is not None
        told = row["note" if english() else "note_zh"] or row["error" if english() else "error_zh"]
        found = say(
            f"已核对 {row['read']} 条，差异 {row['changed']} 条", f"{row['read']} compared, {row['changed']} differ"
        )
        click.echo(f"{name}: {cell(row['state'])}; {found}{f'; {told}' if told else ''}")


async def _until_through(house: House, runs: list[int]) -> None:
    while True:
        async with house.db.read() as conn:
            rows = [await views.one(conn, "runs", number) for number in runs]
        if all(row is None or row["state"] != "running" for row in rows):
            return
        await asyncio.sleep(POLL_SECONDS)


@click.group(help=say("差异：系统对账发现的不一致", "drifts: where both sides differ"))
def drift() -> None:
    """See the help."""


sync_option = click.option("--sync", help=say("只看该同步任务", "of this sync only"))
what_option = click.option("--what", type=WHAT, help=say("只看该类", "of this sort only"))


@drift.command("list", help=say("查看差异", "what differs"))
@sync_option
@what_option
@click.option("--state", help="open | repairing | closed | dismissed")
@owner_option
@limit_option
@json_option
def list_drifts(limit: int, as_json: bool, **filters: str | None) -> None:
    rows = read(lambda conn: drift_desk.standing(conn, filters, limit=limit))
    shown = [{**row, "field": _fields(row), "reason": row["note" if english() else "note_zh"]} for row in rows]
    listing(
        rows if as_json else shown,
        ("id", "sync", "what", "state", "key", "entity_id", "field", "found_at", "owner", "reason"),
        as_json,
    )


def _fields(row: dict[str, Any]) -> list[str]:
    return [f"{each['field']} {'←' if each['direction'] == 'in' else '→'}" for each in row["fields"]]


@drift.command(help=say("一条差异的详情", "one drift, field by field"))
@click.argument("number", type=int)
@json_option
def show(number: int, as_json: bool) -> None:
    row = read(lambda conn: drift_desk.one(conn, number))
    if row is None:
        raise click.ClickException(say(f"没有差异 {number}", f"there is no drift {number}"))
    if as_json:
        print_json(row)
        return
    fields = row.pop("fields")
    for name, value in row.items():
        if value is not None and name != ("note_zh" if english() else "note"):
            click.echo(f"{' '.join(head(name).split())}: {cell(value)}")
    told = [{**each, "direction": _way(each["direction"])} for each in fields]
    listing(told, ("field", "here", "there", "owner", "direction"), False)


def _way(direction: str) -> str:
    return say("取对方值", "theirs comes here") if direction == "in" else say("推本方值", "ours goes there")


@drift.command(help=say("修复：朝维护方的取值", "repair towards who owns the fields"))
@click.argument("ids", nargs=-1, type=int)
@sync_option
@what_option
@click.option(
    "--choice",
    type=click.Choice(["accept", "recreate"]),
    help=say("对方缺少的：视为已删除，或在对方重建", "missing there: take it for deleted, or create it anew"),
)
def repair(ids: tuple[int, ...], sync: str | None, what: str | None, choice: drift_desk.Choice | None) -> None:
    chosen = _chosen(ids, sync, what)

    async def work(house: House, conn: AsyncConnection) -> list[int]:
        person = Person(house.who, house.now())
        return await drift_desk.repair(conn, await house.configuration(conn), chosen, choice, person)

    count = len(write(work))
    click.echo(say(f"开始修复 {count} 条差异", f"drifts under repair: {count}"))


@drift.command(help=say("忽略（需填原因）：保持这样的不一致", "leave them as they are"))
@click.argument("ids", nargs=-1, type=int)
@sync_option
@what_option
@click.option("--reason", required=True, help=say("原因", "why"))
def dismiss(ids: tuple[int, ...], sync: str | None, what: str | None, reason: str) -> None:
    chosen = _chosen(ids, sync, what)

    async def work(house: House, conn: AsyncConnection) -> list[int]:
        return await drift_desk.dismiss(conn, chosen, reason, Person(house.who, house.now()))

    count = len(write(work))
    click.echo(say(f"已忽略 {count} 条差异", f"drifts dismissed: {count}"))


def _chosen(ids: tuple[int, ...], sync: str | None, what: str | None) -> Chosen:
    if not ids and sync is None:
        raise click.UsageError(say("请给出编号，或 --sync", "say which: numbers, or --sync"))
    return Chosen(list(ids) or None, sync, what)
