"""`hub map`: mappings tested, checked, tried and compared before they are published."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hub.cli import mapping_shown as shown
from hub.cli.mapping_files import json_file, mapping_file, opened
from hub.cli.render import json_option, print_json
from hub.cli.versions import COMMANDS
from hub.cli.words import say
from hub.config.directory import read_directory
from hub.config.ground import Ground, place_of, shipped_ground
from hub.config.shipped import Text
from hub.mapping import CompiledMapping
from hub.mapping.faults import Findings
from hub.mapping.schema import mapping_schema, table_schema
from hub.mapping.trial import given_entity
from hub.mapping.tryout import try_entity, try_record
from hub.mapping.ways import ways
from hub.sdk import jsontext

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help=say("配置目录：取其中的对象类型、对照表、连接", "a configuration directory: its kinds, tables, connections"),
)
connection_option = click.option(
    "--connection", help=say("按哪个连接的时区与接口对象", "the connection whose zone and stream count")
)


@click.group("map", help=say("映射：测试、检查、试用、比较", "mappings: test, check, try, compare"))
def map_() -> None:
    """See the help."""


@map_.command(
    "test", help=say("检查文件并运行其中的测试；也可给目录", "check files (or folders) and run the tests inside")
)
@click.argument("files", nargs=-1, required=True)
@config_option
@connection_option
@json_option
def test(files: tuple[str, ...], config: Path | None, connection: str | None, as_json: bool) -> None:
    results = [_tested(text, ground) for text, ground in opened(files, config, connection)]
    if as_json:
        print_json([result.as_json() for result in results])
    else:
        shown.print_tested(results)
    if any(result.problems for result in results):
        raise SystemExit(1)


def _tested(text: Text, ground: Ground) -> shown.Tested:
    return shown.Tested(text.file, *ground.tried(text))


@map_.command(
    "check", help=say("检查一个文件，并说明每行的方向与原因", "check a file; which way each line goes, and why")
)
@click.argument("file")
@config_option
@connection_option
@json_option
def check(file: str, config: Path | None, connection: str | None, as_json: bool) -> None:
    ((text, ground),) = opened((file,), config, connection)
    result = _tested(text, ground)
    found = ways(result.mapping) if result.mapping else ()
    if as_json:
        print_json({**result.as_json(), "lines": [asdict(way) for way in found]})
    else:
        shown.print_tested([result])
        shown.print_ways(text.file, found)
    if result.problems:
        raise SystemExit(1)


@map_.command(
    "schema", help=say("输出映射文件的 JSON Schema，供编辑器使用", "the JSON Schema of mapping files, for editors")
)
@click.option("--table", is_flag=True, help=say("对照表文件的", "of look-up table files instead"))
@config_option
def schema(table: bool, config: Path | None) -> None:
    kinds = (place_of(read_directory(config)).ground if config else shipped_ground()).kinds
    found = table_schema() if table else mapping_schema(kinds.shape(kind) for kind in kinds)
    click.echo(jsontext.dumps(found).decode())


@map_.command("try", help=say("用一条记录试用映射", "try a mapping on one record, or on one entity"))
@click.argument("file")
@click.option("--record", help=say("记录：JSON 文件，- 为标准输入", "a JSON file with the record; - for stdin"))
@click.option("--entity", help=say("业务对象：JSON 文件，- 为标准输入", "a JSON file with the entity; - for stdin"))
@click.option(
    "--out", is_flag=True, help=say("再写回对方（与 --record 合用）", "and what is written back (with --record)")
)
@click.option("--creating", is_flag=True, help=say("按新建写出", "write it as a new one"))
@click.option("--trace", is_flag=True, help=say("显示每行的写法与位置", "with each line as it is written, and where"))
@config_option
@connection_option
@json_option
def try_(file: str, record: str | None, entity: str | None, **more: Any) -> None:
    if (record is None) == (entity is None):
        raise click.UsageError(say("请给出 --record 或 --entity 之一", "give --record or --entity"))
    ((text, ground),) = opened((file,), more["config"], more["connection"])
    mapping = _usable(text, ground)
    if record is not None:
        tried = try_record(mapping, json_file(record), "both" if more["out"] else "in")
    else:
        findings = Findings()
        given = given_entity(mapping, json_file(entity or "-"), findings, (entity or "-", 1))
        _exit_on(findings.problems)
        tried = try_entity(mapping, given, creating=more["creating"])
    shown.print_tried(tried, rules=more["trace"], as_json=more["as_json"])


def _usable(text: Text, ground: Ground) -> CompiledMapping:
    """A mapping that compiles; that its own tests fail keeps nobody from trying it."""
    mapping, problems = ground.tried(text)
    if mapping is None:
        _exit_on(problems)
        raise AssertionError("a mapping that does not compile has problems")
    return mapping


def _exit_on(problems: Any) -> None:
    if problems:
        for problem in problems:
            click.echo(shown.problem_line(problem), err=True)
        raise SystemExit(1)


for _command in COMMANDS:
    map_.add_command(_command)


@map_.command(
    "diff", help=say("与生效版本比较，用最近的已知记录", "beside the version in force, over the last known records")
)
@click.argument("file")
@click.option(
    "--last", type=click.IntRange(1, 5000), default=500, help=say("每个接口对象几条", "how many of each stream")
)
@click.option("--connection", help=say("只比较该连接", "only in this connection"))
@click.option("--sync", help=say("与该同步任务现用的映射比较", "compare with the mapping this sync uses now"))
@json_option
def diff(file: str, last: int, connection: str | None, sync: str | None, as_json: bool) -> None:
    from hub.cli.house import House, run
    from hub.cli.mapping_diff import diff_json, print_stream
    from hub.sync.shadowing import Compared, Wanted, compare_draft

    wanted = Wanted(mapping_file(file).text, last, connection, sync)

    async def work(house: House) -> Compared:
        async with house.db.read() as conn:
            return await compare_draft(conn, await house.configuration(conn), wanted, house.now())

    compared = run(work)
    if as_json:
        print_json(diff_json(compared))
    else:
        for problem in compared.problems:
            click.echo(shown.problem_line(problem), err=True)
        for stream in compared.streams:
            print_stream(stream)
    if compared.problems:
        raise SystemExit(1)
