"""`hub drill`: the arguments and the report; the drill itself is in hub.cli.drill."""

import logging
from pathlib import Path
from typing import Any

import click

from hub.cli.render import json_option, print_json
from hub.cli.words import say


@click.command(
    help=say(
        "演练：在沙箱上按种子注入故障，核对没有丢失、没有重复", "syncs on sandboxes under faults; the ledgers judge"
    )
)
@click.option("--seed", type=int, default=1, show_default=True, help=say("随机种子", "the same seed, the same history"))
@click.option(
    "--minutes", type=click.IntRange(5, 600), default=30, show_default=True, help=say("虚拟分钟数", "of virtual time")
)
@click.option(
    "--faults", "chosen", default="all", show_default=True, help=say("逗号分隔，或 all / none", "comma-separated")
)
@click.option(
    "--config",
    "directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=say("配置目录，默认为订单到收款模板", "a configuration directory; default: the order-to-cash template"),
)
@click.option(
    "--out", type=click.Path(path_type=Path), help=say("计划、经过与账本的目录", "where plan, history and ledgers go")
)
@json_option
def drill(seed: int, minutes: int, chosen: str, directory: Path | None, out: Path | None, as_json: bool) -> None:
    from hub.cli.drill.hold import hold_here

    logging.basicConfig(level=logging.ERROR)
    place = out or Path("data") / "drill" / f"seed-{seed}"
    report = hold_here(seed, _kinds(chosen), minutes, directory, place)
    if as_json:
        print_json(report)
    else:
        _tell(report)
    raise SystemExit(0 if report["ok"] else 1)


def _kinds(chosen: str) -> list[str]:
    from hub.cli.drill.faults import FAULTS

    if chosen in ("all", "none"):
        return list(FAULTS) if chosen == "all" else []
    kinds = [kind.strip() for kind in chosen.split(",")]
    unknown = [kind for kind in kinds if kind not in FAULTS]
    if unknown:
        names = ", ".join(FAULTS)
        raise click.UsageError(
            say(f"没有这种故障：{unknown[0]}；可用：{names}", f"no fault is called {unknown[0]}; there are {names}")
        )
    return kinds


def _tell(report: dict[str, Any]) -> None:
    from hub.cli.drill.faults import FAULTS

    head = say(
        f"演练 种子 {report['seed']}，{report['minutes']} 虚拟分钟，引擎被终止 {report['deaths']} 次",
        f"drill of seed {report['seed']}: {report['minutes']} virtual minutes, the engine died {report['deaths']} times",
    )
    click.echo(head)
    for name, count in report["faults"].items():
        click.echo(f"  {count:5} × {say(FAULTS[name], name)}")
    for answer in report["checks"]:
        click.echo(f"{'✓' if answer['ok'] else '✗'} {say(answer['zh'], answer['name'])}")
        for fault in answer["faults"][:10]:
            click.echo(f"    {fault}")
        for left in answer.get("left_to_a_person", ()):
            click.echo(f"    {say('已交给人处理：', 'left to a person: ')}{left}")
    click.echo(say(f"经过与计划：{report['history']}", f"plan and history: {report['history']}"))
    click.echo(
        say("没有丢失，没有重复", "nothing lost, nothing twice")
        if report["ok"]
        else say("有问题：请保留种子与账本并反馈", "something is wrong: keep the seed and the ledgers, and tell us")
    )
