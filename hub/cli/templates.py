"""`hub template`: list, show, use."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from hub.canon.kinds import Kinds
from hub.cli.choosing import choose, parse_settings, standing_connections
from hub.cli.render import json_option, listing, print_json
from hub.cli.words import english, say
from hub.config.catalogue import connectors
from hub.config.check import check
from hub.config.directory import Directory, read_directory
from hub.config.document import Document, read_document
from hub.config.problem import Problem
from hub.config.templates import Mode, Said, Template, remaining, render, templates
from hub.config.templates import template as find_template
from hub.security.secrets import references


@click.group(help=say("模板：现成的整套配置", "whole scenarios, ready to be filled in"))
def template() -> None:
    """See the help."""


@template.command("list", help=say("查看所有模板", "all templates"))
@json_option
def list_templates(as_json: bool) -> None:
    rows = [
        {
            "name": name,
            "title": made.spec.title.en if english() else made.spec.title.zh,
            "roles": [_role_text(role.name, role.spec.optional, role.parts) for role in made.roles.values()],
        }
        for name, made in templates().items()
    ]
    listing(rows, ("name", "title", "roles"), as_json)


def _role_text(name: str, optional: bool, parts: Mapping[str, Any]) -> str:
    return f"{name}{'?' if optional else ''}={'|'.join(parts)}"


@template.command(help=say("查看一个模板：角色、文件、还要做什么", "one template: roles, files, what remains"))
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    made = find_template(name)
    if as_json:
        print_json(_as_json(made))
        return
    click.echo(_told(made.spec.title) + "\n" + _told(made.spec.description))
    for role in made.roles.values():
        optional = say("（可不用）", " (optional)") if role.spec.optional else ""
        click.echo(f"\n{role.name}: {_told(role.spec)}{optional}")
        for connector, part in role.parts.items():
            click.echo(f"  {connector}: {_told(part.spec.about)}")
            click.echo("    " + ", ".join(sorted(part.files)))
            for said in part.spec.remains:
                click.echo(f"    - {_told(said)}")
    click.echo("\n" + ", ".join(sorted(made.files)))
    for said in made.spec.remains:
        click.echo(f"- {_told(said)}")
    click.echo(f"\nhub template use {name} DIR")


def _told(said: Said) -> str:
    return said.en if english() else say(said.zh, said.en)


def _as_json(made: Template) -> dict[str, Any]:
    roles = {
        role.name: {
            **role.spec.model_dump(include={"zh", "en", "optional"}),
            "choices": {
                connector: {**part.spec.model_dump(exclude={"words"}), "files": sorted(part.files)}
                for connector, part in role.parts.items()
            },
        }
        for role in made.roles.values()
    }
    return {**made.spec.model_dump(), "roles": roles, "files": sorted(made.files)}


@dataclass(slots=True)
class Used:
    """What `use` did, and what it found afterwards. `missing`: (connection file, path, source, name)."""

    name: str
    directory: Path
    written: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    missing: list[tuple[str, str, str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    remains: tuple[Said, ...] = ()

    def next_steps(self) -> list[str]:
        wanted = dict.fromkeys((source, name) for _, _, source, name in self.missing)
        steps = [f"hub secret set {name}" if source == "secret" else f"export {name}=…" for source, name in wanted]
        return [*steps, f"hub plan {self.directory}", f"hub apply {self.directory}"]


@template.command(help=say("把模板写成配置目录并立即检查", "write a template into a directory and check it at once"))
@click.argument("name")
@click.argument("directory", type=click.Path(path_type=Path), default="config")
@click.option(
    "--set", "settings", multiple=True, help=say("角色=连接器，角色.字段=值", "ROLE=CONNECTOR, ROLE.FIELD=VALUE")
)
@click.option("--yes", is_flag=True, help=say("不提问，已有的文件不动", "ask nothing; files that differ are kept"))
@click.option("--live", is_flag=True, help=say("直接上线（演示用）", "syncs begin live, as a demo's do"))
@json_option
def use(name: str, directory: Path, settings: tuple[str, ...], yes: bool, live: bool, as_json: bool) -> None:
    made = find_template(name)
    ask = not (yes or as_json)
    choices = choose(made.roles, parse_settings(settings), standing_connections(directory), ask=ask)
    mode: Mode = "live" if live else "observing"
    used = Used(name, directory)
    _write(used, render(name, choices, mode=mode), ask=ask)
    used.remains = remaining(name, choices)
    _check(used)
    if as_json:
        print_json(_used_json(used))
    else:
        _print(used)
    if used.problems:
        raise SystemExit(1)


def _write(used: Used, texts: Mapping[str, str], *, ask: bool) -> None:
    """Nothing that stands there is overwritten unasked."""
    for name, text in texts.items():
        file = used.directory / name
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
        elif file.read_text(encoding="utf-8") == text:
            used.same.append(name)
            continue
        elif not (ask and click.confirm(say(f"{file} 已存在且不同，覆盖吗", f"{file} differs; overwrite it"))):
            used.kept.append(name)
            continue
        file.write_text(text, encoding="utf-8")
        used.written.append(name)


def _check(used: Used) -> None:
    """What is wrong with the directory, apart from values that are still to be given."""
    directory = read_directory(used.directory)
    used.missing = list(_missing(directory))
    _, problems = check(directory, Kinds(), connectors(), _lookup)
    open_places = {(file, path) for file, path, _, _ in used.missing}
    used.problems = [problem for problem in problems if (problem.file, problem.path) not in open_places]


def _lookup(source: str, name: str) -> str | None:
    """Stored secrets are opened by `hub plan` only: here they count as still to be set."""
    return os.environ.get(name) if source == "env" else None


def _missing(directory: Directory) -> Iterator[tuple[str, str, str, str]]:
    for file, text in directory.files.get("connections", {}).items():
        read = read_document(file, text)
        if isinstance(read, Document) and isinstance(read.data.get("config"), dict):
            for path, value in _leaves(read.data["config"], "config"):
                for source, name in sorted(references(value)):
                    if not _lookup(source, name):
                        yield file, path, source, name


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}")
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]")


def _used_json(used: Used) -> dict[str, Any]:
    return {
        "template": used.name,
        "directory": str(used.directory),
        "written": used.written,
        "same": used.same,
        "kept": used.kept,
        "missing": [
            {"file": file, "path": path, "source": source, "name": name} for file, path, source, name in used.missing
        ],
        "problems": [
            {
                "file": one.file,
                "line": one.line,
                "path": one.path,
                "sentence": one.sentence,
                "sentence_zh": one.sentence_zh,
            }
            for one in used.problems
        ],
        "remains": [said.model_dump() for said in used.remains],
        "next": used.next_steps(),
    }


def _print(used: Used) -> None:
    for names, zh, en in (
        (used.written, "已写入", "written"),
        (used.same, "相同，未动", "the same already"),
        (used.kept, "已存在且不同，未动", "differs, kept as it was"),
    ):
        for name in names:
            click.echo(f"{say(zh, en)}  {used.directory / name}")
    if used.problems:
        count = len(used.problems)
        click.echo(say(f"检查：{count} 处需要更正", f"check: {count} to correct"), err=True)
        for problem in used.problems:
            where = f"{problem.file}:{problem.line}" if problem.line else problem.file
            sentence = problem.sentence if english() else problem.sentence_zh
            click.echo("  " + ": ".join(part for part in (where, problem.path, sentence) if part), err=True)
    else:
        click.echo(say("检查通过", "the check finds nothing wrong"))
    click.echo(say("还要做的：", "what remains:"))
    for said in used.remains:
        click.echo(f"  - {_told(said)}")
    click.echo(say("然后执行：", "then run:"))
    for step in used.next_steps():
        click.echo(f"  {step}")
