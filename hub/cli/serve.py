"""`hub serve`, `hub worker`."""

import asyncio
import os

import click

from hub.cli.words import say
from hub.db.migrate import current
from hub.jobs import serve as serving
from hub.settings import Settings, load_settings
from hub.telemetry import log, traces


@click.command(
    help=say("启动数据库、接收与引擎两个进程", "start the database and the two processes, intake and engine")
)
@click.option(
    "--engines",
    type=click.IntRange(0, 64),
    help=say(
        "引擎进程数；默认 1，自备数据库与 Redis 时为 0（由 hub worker 处理）",
        "engine processes; by default 1, with a database and a Redis of your own 0 (hub worker)",
    ),
)
def serve(engines: int | None) -> None:
    settings = load_settings()
    log.configure(settings.log.level, settings.log.format)
    traces.demand(settings)
    count = serving.usual_engines(settings) if engines is None else engines
    serving.serve(settings, _tell if count else _tell_and_where, count)


@click.command(
    help=say("启动引擎进程：可在多台机器上启动任意多个", "start an engine: as many as wanted, on many machines")
)
@click.option("--name", help=say("在 hub status 中的名称", "its name in hub status (HUB_WORKER_NAME)"))
def worker(name: str | None) -> None:
    if name:
        os.environ["HUB_WORKER_NAME"] = name
    settings = load_settings()
    if settings.embedded:
        raise click.ClickException(
            say(
                "hub worker 需要自备的 PostgreSQL：请设置 HUB_DATABASE_URL；单机使用 hub serve 即可",
                "hub worker needs a PostgreSQL of your own: set HUB_DATABASE_URL; on one machine hub serve does it all",
            )
        )
    asyncio.run(_demand_schema(settings))
    from hub.jobs.engine import main

    main()


async def _demand_schema(settings: Settings) -> None:
    """`hub serve` and `hub db upgrade` bring the tables; a worker waits for nobody."""
    assert settings.database_url is not None
    there = await current(settings.database_url.get_secret_value())
    if there is None:
        raise click.ClickException(
            say(
                "数据库中还没有业财通的表：请先执行 hub db upgrade，或启动 hub serve",
                "the database has no tables of the hub yet: run hub db upgrade, or start hub serve, first",
            )
        )


def _tell_and_where(place: serving.Place) -> None:
    _tell(place)
    click.echo(say("此处不启动引擎：请用 hub worker 启动", "no engine is started here: start workers with hub worker"))


def _tell(place: serving.Place) -> None:
    click.echo(say("业财通已启动", "the hub is up") + f"\n  API  {place.http}/docs\n  hooks  {place.http}/hooks/…")
    click.echo(f"  {say('API 令牌保存在', 'API token in')} {place.token_file}")
