"""`hub sandbox`: a vendor's stand-in behind real HTTP, its ledger in a file."""

import asyncio
import importlib
from pathlib import Path
from typing import Any

import click

from hub.cli.render import print_json
from hub.cli.words import say
from hub.sdk.sandbox import Ledger, Sandbox, serve


@click.command(help=say("启动一个厂商沙箱，例：hub sandbox kingdee --port 9001", "run one vendor's sandbox"))
@click.argument("connector")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), required=True)
@click.option(
    "--ledger", type=click.Path(path_type=Path), help=say("账本文件，重启后从中恢复", "file it comes back from")
)
@click.option("--setting", "settings", multiple=True, help=say("名称=值", "NAME=VALUE, as the sandbox takes it"))
def sandbox(connector: str, host: str, port: int, ledger: Path | None, settings: tuple[str, ...]) -> None:
    module = sandbox_module(connector)
    chosen = dict(pair.split("=", 1) for pair in settings)
    made: Sandbox = module.sandbox(Ledger(ledger), **{name: _value(text) for name, text in chosen.items()})
    click.echo(
        say(f"{connector} 沙箱：http://{host}:{port}", f"sandbox of {connector} at http://{host}:{port}"), err=True
    )
    print_json(module.sandbox_config(f"http://{host}:{port}"))
    asyncio.run(serve(made, host, port))


def sandbox_module(connector: str) -> Any:
    """The module beside the connector's own, whatever package it comes from."""
    from importlib.metadata import entry_points

    from hub.config.catalogue import GROUP

    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if connector not in found:
        names = ", ".join(sorted(found))
        raise _unknown(
            f"there is no connector {connector}; there are {names}", f"没有连接器 {connector}，可用：{names}"
        )
    package = found[connector].module.rpartition(".")[0]
    try:
        return importlib.import_module(f"{package}.sandbox")
    except ModuleNotFoundError as error:
        if error.name != f"{package}.sandbox":
            raise
        raise _unknown(f"connector {connector} brings no sandbox", f"连接器 {connector} 没有沙箱") from None


def _unknown(sentence: str, zh: str) -> Exception:
    from hub.sync.controls import Unknown  # brings SQLAlchemy along, which no sandbox needs

    return Unknown(sentence, zh)


def _value(text: str) -> Any:
    return int(text) if text.isdecimal() else text
