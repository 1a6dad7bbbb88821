"""`hub plan`, `hub apply` and `hub export`."""

from pathlib import Path

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.house import House, read, write
from hub.cli.render import json_option, print_json
from hub.cli.words import english, say, state
from hub.config.directory import read_directory
from hub.config.force import files_in_force
from hub.sync.configuring import Outcome, apply_directory, plan_directory

directory_argument = click.argument("directory", type=click.Path(path_type=Path))


@click.command(help=say("检查配置目录并显示差异，不写入", "check a directory and show the difference; writes nothing"))
@directory_argument
@json_option
def plan(directory: Path, as_json: bool) -> None:
    async def work(house: House, conn: AsyncConnection) -> Outcome:
        return await plan_directory(conn, house.settings, read_directory(directory))

    _show(write(work), as_json, applied=False)


@click.command(help=say("在一个事务中应用配置目录", "apply a directory, all of it or nothing"))
@directory_argument
@json_option
def apply(directory: Path, as_json: bool) -> None:
    async def work(house: House, conn: AsyncConnection) -> Outcome:
        return await apply_directory(conn, house.settings, read_directory(directory), house.who, house.now())

    _show(write(work), as_json, applied=True)


@click.command(
    help=say("导出生效的配置；凭据只有引用", "write the configuration in force as files; secrets as references")
)
@directory_argument
def export(directory: Path) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        said = f"{directory} is not an empty directory; name another one"
        raise click.ClickException(say(f"{directory} 不是空目录：请换一个", said))
    files = read(files_in_force)
    if not files:
        raise click.ClickException(say("尚未应用过配置", "no configuration was applied yet"))
    for path, body in sorted(files.items()):
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(body, encoding="utf-8", newline="")
    click.echo(say(f"已导出 {len(files)} 个文件到 {directory}", f"{len(files)} files written to {directory}"))


def _show(outcome: Outcome, as_json: bool, *, applied: bool) -> None:
    if as_json:
        _print_json(outcome, applied)
    elif outcome.problems:
        _print_problems(outcome)
    else:
        _print_lines(outcome, applied)
    if outcome.problems:
        raise SystemExit(1)


def _print_json(outcome: Outcome, applied: bool) -> None:
    lines = [
        {"what": line.what, "kind": line.kind, "name": line.name, "details": list(line.details)}
        for line in outcome.lines
    ]
    problems = [
        {
            "file": problem.file,
            "line": problem.line,
            "path": problem.path,
            "sentence": problem.sentence,
            "sentence_zh": problem.sentence_zh,
        }
        for problem in outcome.problems
    ]
    print_json({"lines": lines, "problems": problems, "applied": applied and not problems})


def _print_problems(outcome: Outcome) -> None:
    count = len(outcome.problems)
    click.echo(say(f"{count} 处需要更正，未写入任何内容", f"{count} to correct; nothing was written"), err=True)
    for problem in outcome.problems:
        where = f"{problem.file}:{problem.line}" if problem.line else problem.file
        sentence = problem.sentence if english() else problem.sentence_zh
        click.echo("  " + ": ".join(part for part in (where, problem.path, sentence) if part), err=True)


def _print_lines(outcome: Outcome, applied: bool) -> None:
    changes = [line for line in outcome.lines if line.what != "same"]
    for line in changes:
        click.echo(f"{state(line.what)}  {line.kind} {line.name}")
        for detail in line.details:
            click.echo(f"    {detail}")
    if not changes:
        click.echo(say("没有变化", "nothing changes"))
    elif applied:
        click.echo(say(f"已应用 {len(changes)} 项变更", f"{len(changes)} changes applied"))
