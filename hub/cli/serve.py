"""`hub serve`."""

import click

from hub.cli.words import say
from hub.jobs import serve as serving
from hub.settings import load_settings
from hub.telemetry import log


@click.command(
    help=say("启动数据库、接收与引擎两个进程", "start the database and the two processes, intake and engine")
)
def serve() -> None:
    settings = load_settings()
    log.configure(settings.log.level, settings.log.format)
    serving.serve(settings, _tell)


def _tell(place: serving.Place) -> None:
    click.echo(say("业财通已启动", "the hub is up") + f"\n  API  {place.http}/docs\n  hooks  {place.http}/hooks/…")
    click.echo(f"  {say('API 令牌保存在', 'API token in')} {place.token_file}")
