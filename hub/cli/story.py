"""`hub demo`: the arguments; the story itself is in hub.cli.demo."""

from pathlib import Path

import click

from hub.cli.words import say


@click.command(help=say("演示：赢单、建单、发货、开票、收款、核销、通知", "the whole story on sandboxes"))
@click.option("--once", is_flag=True, help=say("跑完即退出，两端一致时返回 0", "exit when done, 0 if both ends agree"))
@click.option("--json", "as_json", is_flag=True, help=say("输出 JSON", "print JSON"))
@click.option("--seed", type=int, default=1, show_default=True, help=say("随机种子", "seed of names, amounts, order"))
@click.option("--data-dir", type=click.Path(path_type=Path), help=say("数据目录", "data folder"))
def demo(once: bool, as_json: bool, seed: int, data_dir: Path | None) -> None:
    from hub.cli.demo import run

    raise SystemExit(run(once=once, json=as_json, seed=seed, data_dir=data_dir))
