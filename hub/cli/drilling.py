"""`hub drill`: the arguments and the report; the drill itself is in hub.cli.drill."""

import logging
from pathlib import Path
from typing import Any

import click

from hub.cli.render import json_option, print_json
from hub.cli.words import say

VIRTUAL_MINUTES, REAL_MINUTES = 30.0, 1.0


@click.command(
    help=say(
        "演练：在沙箱上按种子注入故障，核对没有丢失、没有重复", "syncs on sandboxes under faults; the ledgers judge"
    )
)
@click.option("--seed", type=int, default=1, show_default=True, help=say("随机种子", "the same seed, the same history"))
@click.option(
    "--minutes",
    type=click.FloatRange(0.1, 600),
    help=say("故障持续的分钟数：虚拟时间默认 30，--real 默认 1", "of faults: 30 of virtual time, 1 of real time"),
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
@click.option(
    "--real",
    is_flag=True,
    help=say(
        "真实进程：kill -9、数据库重启；时刻不可重现", "real processes, killed; a database restarted; not repeatable"
    ),
)
@json_option
def drill(
    seed: int, minutes: float | None, chosen: str, directory: Path | None, out: Path | None, real: bool, as_json: bool
) -> None:
    logging.basicConfig(level=logging.ERROR)
    kinds = _kinds(chosen, real)
    place = out or Path("data") / "drill" / f"seed-{seed}{'-real' if real else ''}"
    report = (_fight if real else _hold)(seed, kinds, minutes, directory, place)
    if as_json:
        print_json(report)
    else:
        _tell(report)
    raise SystemExit(0 if report["ok"] else 1)


def _hold(seed: int, kinds: list[str], minutes: float | None, directory: Path | None, out: Path) -> dict[str, Any]:
    from hub.cli.drill.hold import hold_here

    return hold_here(seed, kinds, max(5, round(minutes or VIRTUAL_MINUTES)), directory, out)


def _fight(seed: int, kinds: list[str], minutes: float | None, directory: Path | None, out: Path) -> dict[str, Any]:
    from hub.cli.drill.campaign import fight_here
    from hub.cli.drill.faults import Plan

    _progress(
        "真实进程演练：故障的先后由种子决定，每次遇上什么却不相同",
        "real processes: the seed says which faults come when; what each of them meets differs from run to run",
    )
    try:
        return fight_here(Plan(seed, kinds), (minutes or REAL_MINUTES) * 60, directory, out, _progress)
    except KeyboardInterrupt:
        _progress("已中止，所有进程均已结束", "stopped; all processes are ended")
        raise SystemExit(130) from None


def _progress(zh: str, en: str) -> None:
    click.echo(say(zh, en), err=True)


def _kinds(chosen: str, real: bool) -> list[str]:
    from hub.cli.drill.faults import FAULTS

    if real:
        from hub.cli.drill.campaign import REAL
    known = REAL if real else tuple(FAULTS)
    if chosen in ("all", "none"):
        return list(known) if chosen == "all" else []
    kinds = [kind.strip() for kind in chosen.split(",")]
    unknown = [kind for kind in kinds if kind not in known]
    if unknown:
        names = ", ".join(known)
        raise click.UsageError(
            say(f"没有这种故障：{unknown[0]}；可用：{names}", f"no fault is called {unknown[0]}; there are {names}")
        )
    return kinds


def _tell(report: dict[str, Any]) -> None:
    from hub.cli.drill.faults import FAULTS

    click.echo(_head(report))
    for name, count in report["faults"].items():
        click.echo(f"  {count:5} × {say(FAULTS[name], name)}")
    for answer in report["checks"]:
        click.echo(f"{'✓' if answer['ok'] else '✗'} {say(answer['zh'], answer['name'])}")
        for fault in answer["faults"][:10]:
            click.echo(f"    {fault}")
        for left in answer.get("left_to_a_person", ()):
            click.echo(f"    {say('已交给人处理：', 'left to a person: ')}{left}")
    if report["idle"]:
        names = ", ".join(report["idle"])
        click.echo(say(f"这些连接中没有用户活动：{names}", f"nobody acted in these connections: {names}"))
    click.echo(say(f"经过与计划：{report['history']}", f"plan and history: {report['history']}"))
    click.echo(
        say("没有丢失，没有重复", "nothing lost, nothing twice")
        if report["ok"]
        else say("有问题：请保留种子与账本并反馈", "something is wrong: keep the seed and the ledgers, and tell us")
    )


def _head(report: dict[str, Any]) -> str:
    seed, minutes, deaths = report["seed"], report["minutes"], report["deaths"]
    intake, restarts = report["intake_deaths"], report["restarts"]
    return say(
        f"演练 种子 {seed}，{'' if report['real'] else '虚拟'}{minutes} 分钟，引擎被终止 {deaths} 次，"
        f"接收进程 {intake} 次，数据库重启 {restarts} 次",
        f"drill of seed {seed}: {minutes} {'' if report['real'] else 'virtual '}minutes, the engine died {deaths} times,"
        f" the intake {intake}, the database restarted {restarts} times",
    )
