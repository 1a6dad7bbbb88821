"""`hub token` and `hub secret`."""

import sys
from datetime import timedelta

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.house import House, read, write
from hub.cli.render import json_option, listing, print_json
from hub.cli.words import say
from hub.security import audit, secrets, tokens
from hub.sync import views
from hub.sync.controls import Unknown
from hub.sync.installation import secret_box


@click.group(help=say("API 令牌", "API tokens"))
def token() -> None:
    """See the help."""


@token.command(help=say("创建令牌，仅显示一次", "make a token; it is shown this once"))
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(tokens.SCOPES), default=("read",), show_default=True
)
@click.option("--days", type=click.IntRange(1, 3650), help=say("有效天数", "how long it lives"))
@json_option
def create(name: str, scopes: tuple[tokens.Scope, ...], days: int | None, as_json: bool) -> None:
    async def work(house: House, conn: AsyncConnection) -> str:
        expires = house.now() + timedelta(days=days) if days else None
        made = await tokens.create(conn, name, scopes, expires)
        await audit.record(conn, house.who, "token.create", name, {"scopes": list(scopes)})
        return made

    made = write(work)
    if as_json:
        print_json({"token": made})
    else:
        click.echo(made)


@token.command("list", help=say("查看令牌", "all tokens, never their text"))
@json_option
def list_tokens(as_json: bool) -> None:
    columns = ("id", "name", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    listing(read(views.tokens), columns, as_json)


@token.command(help=say("吊销", "end a token at once"))
@click.argument("token_id")
def revoke(token_id: str) -> None:
    async def work(house: House, conn: AsyncConnection) -> None:
        if not await tokens.revoke(conn, token_id):
            raise Unknown(f"there is no live token {token_id}; `hub token list` shows all", f"没有有效令牌 {token_id}")
        await audit.record(conn, house.who, "token.revoke", token_id)

    write(work)
    click.echo(say(f"已吊销 {token_id}", f"{token_id} is revoked"))


@click.group(help=say("凭据：加密保存，配置中写 ${secret:名称}", "secrets, referred to as ${secret:NAME}"))
def secret() -> None:
    """See the help."""


@secret.command(
    "set", help=say("保存凭据，值从键盘或标准输入读取", "store one; its value is asked for or read from stdin")
)
@click.argument("name")
def set_secret(name: str) -> None:
    value = _asked()

    async def work(house: House, conn: AsyncConnection) -> None:
        await secrets.put(conn, secret_box(house.settings), name, value)
        await audit.record(conn, house.who, "secret.set", name)
        await conn.exec_driver_sql("NOTIFY hub_config")

    write(work)
    click.echo(say(f"已保存 {name}", f"{name} is stored"))


def _asked() -> str:
    """Never an argument: those are seen by everybody on the machine."""
    if sys.stdin.isatty():
        return str(click.prompt(say("值", "value"), hide_input=True, confirmation_prompt=True))
    value = sys.stdin.read().rstrip("\r\n")
    if not value:
        raise click.UsageError(say("标准输入为空", "there is nothing on stdin"))
    return value


@secret.command("list", help=say("查看凭据名称", "their names, never their values"))
@json_option
def list_secrets(as_json: bool) -> None:
    listing([{"name": name} for name in read(secrets.names)], ("name",), as_json)


@secret.command(help=say("删除凭据", "forget one"))
@click.argument("name")
def remove(name: str) -> None:
    async def work(house: House, conn: AsyncConnection) -> None:
        if not await secrets.remove(conn, name):
            raise Unknown(f"there is no secret {name}; `hub secret list` shows all", f"没有凭据 {name}")
        await audit.record(conn, house.who, "secret.remove", name)
        await conn.exec_driver_sql("NOTIFY hub_config")

    write(work)
    click.echo(say(f"已删除 {name}", f"{name} is forgotten"))
