"""`hub map list | history | show | draft | publish | rollback`: the versions of mappings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.cli.house import House, read, write
from hub.cli.render import cell, json_option, listing, print_json
from hub.cli.words import english, say
from hub.config import versions
from hub.config.force import By
from hub.config.problem import Problem
from hub.config.shipped import mapping_name
from hub.sync.configuring import checker

name_argument = click.argument("name")
note_option = click.option("--note", help=say("说明，留在历史中", "what the history says of it"))


@click.command("list", help=say("映射：生效版本、使用者、草稿", "mappings: version in force, who uses them, drafts"))
@json_option
def list_mappings(as_json: bool) -> None:
    columns = ("name", "version", "latest", "syncs", "created_at", "created_by", "draft_by", "note")
    listing(read(versions.listed), columns, as_json)


@click.command(help=say("所有版本与随之而来的重新映射", "all versions, and the runs of re-mapping they led to"))
@name_argument
@json_option
def history(name: str, as_json: bool) -> None:
    rows = read(lambda conn: versions.history(conn, name))
    shown = [{**row, "runs": [_run(run) for run in row["runs"]]} for row in rows]
    columns = ("version", "active", "created_at", "created_by", "note", "runs")
    listing(rows if as_json else shown, columns, as_json)


def _run(run: Mapping[str, Any]) -> str:
    counts = f"{run['done']}/{run['total'] if run['total'] is not None else '?'}"
    return f"#{run['id']} {run['sync']} {run['state']} {counts} ({run['changed']})"


@click.command(help=say("查看一个版本的原文", "the text of a version, as its author wrote it"))
@name_argument
@click.option("--version", "number", type=int, help=say("版本号；缺省为生效版本", "which; else the one in force"))
@click.option("--draft", "of_draft", is_flag=True, help=say("查看草稿", "the draft"))
@json_option
def show(name: str, number: int | None, of_draft: bool, as_json: bool) -> None:
    async def work(conn: AsyncConnection) -> dict[str, Any] | None:
        return await (versions.draft(conn, name) if of_draft else versions.version(conn, name, number))

    found = read(work)
    if found is None:
        raise click.ClickException(say(f"{name} 没有草稿", f"there is no draft of {name}"))
    if as_json:
        print_json(found)
        return
    facts = {key: value for key, value in found.items() if key not in ("body", "sources") and value is not None}
    click.echo("# " + "  ".join(f"{key}: {cell(value)}" for key, value in facts.items()))
    for source in found.get("sources") or ():
        click.echo(f"# {say('组成部分', 'made of')}: {source}")
    click.echo(found["body"], nl=not str(found["body"]).endswith("\n"))


@click.command(help=say("保存草稿：先检查，有问题也保留", "keep a draft; it is checked, and kept with its problems"))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--discard", metavar="NAME", help=say("丢弃该映射的草稿", "throw the draft of this mapping away"))
@json_option
def draft(file: Path | None, discard: str | None, as_json: bool) -> None:
    if (file is None) == (discard is None):
        raise click.UsageError(say("请给出文件或 --discard", "give a file or --discard"))
    if discard is not None:
        _discard(discard)
        return
    assert file is not None
    name, body = _named(file)

    async def work(house: House, conn: AsyncConnection) -> tuple[Problem, ...]:
        by = By(house.who, house.now())
        return await versions.save_draft(conn, await checker(conn, house.settings), name, body, by)

    problems = write(work)
    if as_json:
        print_json({"name": name, "problems": [_problem(each) for each in problems]})
        return
    _tell(problems)
    click.echo(say(f"已保存草稿 {name}，{len(problems)} 处问题", f"draft of {name} kept; {len(problems)} problems"))


def _discard(name: str) -> None:
    async def work(house: House, conn: AsyncConnection) -> None:
        await versions.discard_draft(conn, name, By(house.who, house.now()))

    write(work)
    click.echo(say(f"已丢弃草稿 {name}", f"draft of {name} thrown away"))


@click.command(help=say("发布文件，或某个映射的草稿", "publish a file, or the draft of a mapping"))
@click.argument("what", metavar="FILE|NAME")
@note_option
@json_option
def publish(what: str, note: str | None, as_json: bool) -> None:
    file = Path(what)
    name, body = _named(file) if file.is_file() else (what, None)

    async def work(house: House, conn: AsyncConnection) -> versions.Published:
        by = By(house.who, house.now(), note)
        return await versions.publish(conn, await checker(conn, house.settings), name, by, body)

    _show(write(work), as_json)


@click.command(
    help=say("回退：旧版本重新生效，版本号不变", "put an older version into force again; it keeps its number")
)
@name_argument
@click.argument("version", type=int)
@note_option
@json_option
def rollback(name: str, version: int, note: str | None, as_json: bool) -> None:
    async def work(house: House, conn: AsyncConnection) -> versions.Published:
        by = By(house.who, house.now(), note)
        return await versions.rollback(conn, await checker(conn, house.settings), name, version, by)

    _show(write(work), as_json)


def _named(file: Path) -> tuple[str, str]:
    """The mapping's name and text."""
    body = file.read_text(encoding="utf-8-sig")
    name = mapping_name(body)
    if name is None:
        raise click.ClickException(say(f"{file} 缺少 mapping: 名称", f"{file} says no mapping: NAME"))
    return name, body


def _show(made: versions.Published, as_json: bool) -> None:
    if as_json:
        problems = [_problem(each) for each in made.problems]
        answer = {"versions": dict(made.versions), "runs": list(made.runs), "behind": list(made.behind)}
        print_json({**answer, "problems": problems})
    elif made.problems:
        _tell(made.problems)
        count = len(made.problems)
        click.echo(say(f"{count} 处需要更正，未发布", f"{count} to correct; nothing was published"), err=True)
    else:
        _tell_made(made)
    if made.problems:
        raise SystemExit(1)


def _tell_made(made: versions.Published) -> None:
    for name, version in made.versions.items():
        click.echo(say(f"{name} v{version} 已生效", f"{name}: version {version} is in force"))
    if not made.versions:
        click.echo(say("含义没有变化，没有产生新版本", "it means what it meant: no new version"))
    for run in made.runs:
        click.echo(say(f"重新映射：执行 {run}，可用 hub run show {run} 查看", f"re-mapping: see hub run show {run}"))
    for source in made.behind:
        zh = f"该版本使用的 {source} 后来有变化：下次 hub apply 会产生新版本"
        click.echo(say(zh, f"its {source} has changed since: the next `hub apply` makes a new version"))


def _tell(problems: Sequence[Problem]) -> None:
    for problem in problems:
        where = f"{problem.file}:{problem.line}" if problem.line else problem.file
        sentence = problem.sentence if english() else problem.sentence_zh
        click.echo("  " + ": ".join(part for part in (where, problem.path, sentence) if part), err=True)


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.line,
        "path": problem.path,
        "sentence": problem.sentence,
        "sentence_zh": problem.sentence_zh,
    }


COMMANDS: Sequence[click.Command] = (list_mappings, history, show, draft, publish, rollback)
