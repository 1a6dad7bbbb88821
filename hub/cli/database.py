"""`hub db`: current, upgrade, backup, restore."""

from pathlib import Path

import click

from hub.cli.house import House, database_url, run
from hub.cli.words import say
from hub.db import backup as dumps
from hub.db.migrate import current as revision_of
from hub.db.migrate import migrate
from hub.settings import load_settings


@click.group(help=say("数据库", "the database"))
def db() -> None:
    """See the help."""


@db.command(help=say("当前结构版本", "the schema it is at"))
def current() -> None:
    async def work(house: House) -> str | None:
        return await revision_of(house.url)

    click.echo(run(work, migrated=False) or say("尚未建表", "never migrated"))


@db.command(help=say("升级到本版本的结构", "bring it to the schema of this version"))
def upgrade() -> None:
    async def work(house: House) -> str | None:
        return await migrate(house.url)

    click.echo(say("已升级到", "now at") + f" {run(work, migrated=False)}")


@db.command(help=say("备份到文件", "write everything into one file"))
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    with database_url(load_settings()) as url:
        dumps.backup(url, file)
    click.echo(say(f"已备份到 {file}", f"saved to {file}"))
    click.echo(say("请另外保存密钥文件 secret.key", "keep the key file secret.key with it: it opens the secrets"))


@db.command(help=say("从备份恢复，覆盖现有数据", "put a backup in place of what is there"))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--yes", is_flag=True, help=say("不再询问", "do not ask"))
def restore(file: Path, yes: bool) -> None:
    if not yes:
        click.confirm(say("将覆盖现有数据，继续吗？", "this replaces all data. Go on?"), abort=True)
    with database_url(load_settings()) as url:
        dumps.restore(url, file)
    click.echo(say("已恢复", "restored"))
