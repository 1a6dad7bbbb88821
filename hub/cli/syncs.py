"""`hub sync`: list, run, observe, live, pause, backfill."""

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.forecasts import forecast, live
from hub.cli.house import House, read, write
from hub.cli.render import json_option, listing, with_reason
from hub.cli.words import english, say
from hub.sync import controls, views


@click.group(help=say("同步任务", "syncs: a stream of a connection bound to a kind"))
def sync() -> None:
    """See the help."""


@sync.command("list", help=say("查看同步任务与健康", "all syncs with health, mode and lag"))
@json_option
def list_syncs(as_json: bool) -> None:
    rows = read(views.syncs)
    shown = [
        {
            **row,
            "waiting": row["inbox_waiting"] + row["deliveries_waiting"],
            "parked": row["inbox_parked"] + row["deliveries_parked"],
        }
        for row in with_reason(
            {**row, "reason": row["health_reason"], "reason_zh": row["health_reason_zh"]} for row in rows
        )
    ]
    columns = (
        "name",
        "connection",
        "stream",
        "kind",
        "direction",
        "mode",
        "health",
        "lag_seconds",
        "waiting",
        "parked",
        "drifts",
        "last_pull_at",
        "reconciled_at",
        "reason",
    )
    listing(rows if as_json else shown, columns, as_json)


_TOLD: dict[controls.SyncAct, tuple[str, str, str]] = {
    "run": ("立即执行", "run now", "下次拉取已提前到现在"),
    "backfill": ("历史回补：从头读取", "read everything again", "将从头读取"),
    "observe": ("进入观察：只读不写", "read, map and match, owe nothing", "观察中"),
    "pause": ("暂停", "pause", "已暂停"),
}


def _command(act: controls.SyncAct) -> click.Command:
    zh, en, done = _TOLD[act]

    @click.command(act, help=say(zh, en))
    @click.argument("names", nargs=-1, required=True)
    def command(names: tuple[str, ...]) -> None:
        async def work(house: House, conn: AsyncConnection) -> None:
            for name in names:
                await controls.act_on_sync(conn, name, act, house.who, house.now())

        write(work)
        click.echo(f"{', '.join(names)}: {say(done, en)}")

    return command


@sync.command(help=say("接受来源数据结构的变化", "take the source's records as they look now"))
@click.argument("names", nargs=-1, required=True)
def accept(names: tuple[str, ...]) -> None:
    async def work(house: House, conn: AsyncConnection) -> None:
        for name in names:
            count = await controls.accept_schema(conn, name, house.who, house.now())
            click.echo(f"{name}: {say(f'已接受 {count} 处变化', f'{count} changes accepted')}")

    write(work)


@sync.command(help=say("查看来源数据结构的变化", "how the source's records changed their shape"))
@click.argument("name")
@json_option
def schema(name: str, as_json: bool) -> None:
    rows = read(lambda conn: views.schema_changes(conn, name))
    shown = [{**row, "reason": row["sentence" if english() else "sentence_zh"]} for row in rows]
    listing(rows if as_json else shown, ("at", "weight", "what", "path", "accepted_by", "reason"), as_json)


for _act in _TOLD:
    sync.add_command(_command(_act))
sync.add_command(forecast)
sync.add_command(live)
