"""The command `hub`: subcommands are imported when they are called, so that `hub --help` is quick."""

import importlib
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, Final

import click

from hub.cli.words import english, say

# name -> (module, attribute, help zh, help en)
COMMANDS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "serve": ("serve", "serve", "启动业财通", "start the hub"),
    "worker": ("serve", "worker", "启动引擎进程（多机）", "start one more engine, on any machine"),
    "demo": ("story", "demo", "演示：从赢单到收款", "the story from order to cash"),
    "template": ("templates", "template", "模板：现成的整套配置", "whole scenarios to begin with"),
    "plan": ("configuration", "plan", "查看配置将带来的变更", "what applying a directory would change"),
    "apply": ("configuration", "apply", "应用配置目录", "apply a configuration directory"),
    "export": ("configuration", "export", "导出生效的配置", "the configuration in force, as a directory"),
    "status": ("overview", "status", "总览", "how much is where"),
    "connection": ("connections", "connection", "连接：查看、测试、暂停、恢复", "list, test, pause, resume"),
    "map": ("mapping", "map_", "映射：测试、试用、比较、发布、回退", "mappings: test, try, publish, roll back"),
    "sync": ("syncs", "sync", "同步任务：查看、执行、上线…", "list, run, observe, live, pause, backfill"),
    "question": ("questions", "question", "疑问：是不是同一个", "is it the same? list, show, answer"),
    "reconcile": ("reconciling", "reconcile", "系统对账：比较两侧", "compare both sides of a sync"),
    "drift": ("reconciling", "drift", "差异：查看、修复、忽略", "differences: list, show, repair, dismiss"),
    "run": ("runs", "run", "执行：查看、放行、忽略", "runs: list, show, confirm or dismiss what is held"),
    "failed": ("failed", "failed", "异常处理：按原因分组，整组处理", "what waits for a person, by cause"),
    "reapply": ("failed", "reapply_", "重新处理一段时间内的记录", "apply a window of time again"),
    "retry": ("desk", "retry", "重试", "the same again"),
    "correct": ("desk", "correct", "更正", "write a correction"),
    "keep": ("desk", "keep", "两个系统反复改写时，保留哪一个", "settle a dispute: whose value is kept"),
    "dismiss": ("desk", "dismiss", "忽略（需填原因）", "settle one version alone"),
    "join": ("joining", "join", "并入：两个业务对象其实是一个", "two entities are one"),
    "part": ("joining", "part", "拆回：撤销并入", "undo a join"),
    "explain": ("explaining", "command", "为什么？显示证据链", "why a field has its value"),
    "receipts": ("overview", "receipts", "接收记录", "list receipts"),
    "inbox": ("overview", "inbox", "入站记录", "list inbox records"),
    "deliveries": ("overview", "deliveries", "推送", "list deliveries"),
    "statement": ("statements", "statement", "检查银行对账单文件", "check bank statement files"),
    "drill": ("drilling", "drill", "演练：故障下没有丢失、没有重复", "the syncs under faults, on sandboxes"),
    "sandbox": ("sandboxes", "sandbox", "启动厂商沙箱", "run a vendor's sandbox"),
    "db": ("database", "db", "数据库：升级、备份、恢复", "upgrade, backup, restore, current"),
    "token": ("credentials", "token", "API 令牌", "create, list, revoke API tokens"),
    "secret": ("credentials", "secret", "凭据", "set, list stored secrets"),
    "doctor": ("doctor", "doctor", "自检", "check this installation"),
}


class Lazy(click.Group):
    """Lists its commands from the table; imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"hub.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(say("命令", "Commands")):
            formatter.write_dl([(name, say(zh, en)) for name, (_, _, zh, en) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from hub.mapping.faults import near

            zh, en = near(args[0], COMMANDS)
            raise click.UsageError(say(f"没有命令 {args[0]}{zh}", f"there is no command {args[0]}{en}")) from None


@click.group(
    cls=Lazy,
    invoke_without_command=False,
    help=say("业财通：从订单到收款", "O2C Hub: from order to cash"),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--data-dir", envvar="HUB_DATA_DIR", help=say("数据目录", "data folder (HUB_DATA_DIR)"))
@click.option("--debug", is_flag=True, help=say("出错时显示完整追踪", "show the traceback of an unexpected error"))
@click.version_option(package_name="o2c-hub")
def cli(data_dir: str | None, debug: bool) -> None:
    if data_dir:
        os.environ["HUB_DATA_DIR"] = data_dir


def main() -> None:
    """Entry point; errors end as one sentence and an exit code."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        sys.exit(_explain(error))


def _explain(error: Exception) -> int:
    """One clear sentence; the traceback only for those who ask for it."""
    if "--debug" in sys.argv:
        traceback.print_exception(error)
    sentence = getattr(error, "sentence", None) or getattr(error, "en", None)
    if sentence is not None:
        click.echo(say(getattr(error, "zh", sentence), sentence), err=True)
        return 1
    if isinstance(error, OSError) or type(error).__module__.startswith(("asyncpg", "sqlalchemy")):
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        click.echo(say(f"数据库或文件不可用：{told}", f"the database or a file cannot be used: {told}"), err=True)
        return 1
    told = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    hint = "run it again with --debug and report this" if english() else "请加 --debug 重新执行，并反馈以下信息"
    click.echo(f"{say('意外错误', 'unexpected error')}: {told}\n{hint}", err=True)
    return 70


if __name__ == "__main__":
    main()
