"""How `hub map` shows what it found: a line per file, a table of fields, JSON for programs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text as Cell

from hub.cli.render import print_json
from hub.cli.words import english, say
from hub.mapping import CompiledMapping
from hub.mapping.faults import Problem
from hub.mapping.trace import FieldTrace, Trace, spoken
from hub.mapping.traced import Outcome
from hub.mapping.tryout import Tried
from hub.mapping.ways import Way
from hub.sdk import jsontext

WIDTH = 160
_OUTCOMES: dict[Outcome, tuple[str, str, str]] = {
    "set": ("", "", ""),
    "empty": ("空", "empty", "dim"),
    "silent": ("未提及", "not said", "dim"),
    "skipped": ("不适用", "does not apply", "dim"),
    "failed": ("错误", "error", "red"),
}


@dataclass(frozen=True, slots=True)
class Tested:
    """One file's result."""

    file: str
    mapping: CompiledMapping | None
    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "mapping": self.mapping.name if self.mapping else None,
            "tests": len(self.mapping.tests) if self.mapping else 0,
            "problems": [problem_json(problem) for problem in self.problems],
        }


def problem_json(problem: Problem) -> dict[str, Any]:
    names = ("file", "line", "path", "value", "rule")
    said = {"sentence": problem.sentence_en, "sentence_zh": problem.sentence_zh}
    return {name: getattr(problem, name) for name in names} | said


def problem_line(problem: Problem) -> str:
    sentence = problem.sentence_en if english() else problem.sentence_zh
    return ": ".join(part for part in (f"{problem.file}:{problem.line}", problem.path, sentence) if part)


def print_problems(problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(f"  {problem_line(problem)}")


def print_tested(results: Sequence[Tested]) -> None:
    """A mark, the name and how many tests; below it what is wrong; at the end the sum."""
    for result in results:
        mark = click.style("✗", fg="red") if result.problems else click.style("✓", fg="green")
        mapping = result.mapping
        counted = _tests(len(mapping.tests)) if mapping else ("", "")
        told = f"{mapping.name} ↔ {mapping.kind}, {counted[english()]}" if mapping else ""
        click.echo(f"{mark} {result.file}  {told}".rstrip())
        print_problems(result.problems)
    files, problems = len(results), sum(len(result.problems) for result in results)
    zh, en = _tests(sum(len(result.mapping.tests) for result in results if result.mapping))
    click.echo(
        say(
            f"{files} 个文件，{zh}，{problems} 处问题",
            f"{files} file{_s(files)}, {en}, {problems} problem{_s(problems)}",
        )
    )


def _tests(count: int) -> tuple[str, str]:
    return f"{count} 个测试", f"{count} test{_s(count)}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def console() -> Console:
    made = Console(highlight=False, soft_wrap=False)
    return made if made.is_terminal else Console(width=WIDTH, highlight=False)


def table(*heads: tuple[str, str], **options: Any) -> Table:
    made = Table(header_style="bold", pad_edge=False, title_justify="left", title_style="bold", **options)
    for zh, en in heads:
        made.add_column(en if english() else zh, overflow="fold")
    return made


def cell(value: Any) -> Cell:
    """A value as people write it: text without quotes, money as `12.5 CNY`, the rest as JSON."""
    if value is None:
        return Cell("")
    if isinstance(value, dict) and value.keys() == {"amount", "currency"}:
        return Cell(f"{value['amount']} {value['currency']}")
    return Cell(value if isinstance(value, str) else jsontext.dumps(value).decode())


def as_written(rule: str) -> str:
    """A line's rule, kept as JSON, in the short form of a mapping file."""
    try:
        found = jsontext.loads(rule)
    except jsontext.BadJson:
        return rule  # a path or an expression, as it stands
    if isinstance(found, dict) and found.keys() == {"path"}:
        return str(found["path"])
    return _flow(found) if isinstance(found, dict | list) else rule


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    plain = isinstance(value, str) and not set(value) & set("{}[],:#\\\"'`") and value.strip() == value
    return str(value) if plain else jsontext.dumps(value).decode()


_WAYS = {"both": ("↔", "双向", "both"), "in": ("←", "只读入", "in"), "out": ("→", "只写出", "out")}


def print_ways(file: str, found: Sequence[Way]) -> None:
    """A row a line: the field, its way and why it is not simply both."""
    if not found:
        return
    made = table(("行", "line"), ("字段", "field"), ("方向", "way"), ("原因", "why"))
    for each in found:
        sign, zh, en = _WAYS[each.way]
        line = str(each.line) if each.file == file else f"{each.file}:{each.line}"
        why = each.en if english() else each.zh
        made.add_row(*map(Cell, (line, each.field, f"{sign} {en if english() else zh}", why)))
    console().print(made)


def print_tried(tried: Tried, *, rules: bool, as_json: bool) -> None:
    """Exits with 1 when a line failed."""
    traces = [trace for trace in (tried.reading, tried.writing) if trace is not None]
    if as_json:
        print_json(_tried_json(tried, rules))
    else:
        for trace in traces:
            _print_trace(trace, rules)
        if tried.sends is not None:
            _print_sends(tried.sends)
    if any(trace.failed for trace in traces):
        raise SystemExit(1)


def _tried_json(tried: Tried, rules: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if tried.reading is not None:
        reading = tried.reading
        made["entity"] = spoken(reading.made)
        made |= {"concerns": reading.concerns, "deleted": reading.deleted}
    if tried.writing is not None:
        made |= {"record": spoken(tried.writing.made), "creating": tried.creating}
    if tried.sends is not None:
        made["sends"] = spoken(tried.sends)
    traces = {"reading": tried.reading, "writing": tried.writing}
    made["errors"] = [line_json(each) for trace in traces.values() if trace for each in trace.failed]
    if rules:
        made["trace"] = {
            name: [line_json(each) for each in (*trace.heads, *trace.fields)] for name, trace in traces.items() if trace
        }
    return made


def line_json(each: FieldTrace) -> dict[str, Any]:
    names = ("field", "path", "raw", "rule", "file", "line", "outcome", "result")
    error = each.error
    told = {"rule": error.rule, "sentence": error.sentence_en, "sentence_zh": error.sentence_zh} if error else None
    return {name: getattr(each, name) for name in names} | {"error": told, "also": dict(each.also)}


def _print_trace(trace: Trace, rules: bool) -> None:
    title = say("读入：记录 → 业务对象", "read: record → entity")
    if trace.way == "out":
        title = say("写出：业务对象 → 记录", "write: entity → record")
    heads = [("字段", "field"), ("路径", "path"), ("原值", "raw"), ("结果", "result")]
    if trace.way == "out":
        heads = [("路径", "path"), ("字段", "field"), ("值", "value"), ("写出", "written")]
    more = [("写法", "as written"), ("行", "line")] if rules else []
    made = table(*heads, *more, title=title)
    own = trace.heads[0].file if trace.heads else ""
    for index, each in enumerate((*trace.heads, *trace.fields)):
        place = (each.field, each.path) if trace.way == "in" else (each.path, each.field)
        line = str(each.line or "") if each.file == own else f"{each.file}:{each.line}"
        where = [cell(as_written(each.rule)), cell(line)] if rules else []
        made.add_row(
            *map(cell, place), cell(each.raw), _result(each), *where, end_section=index + 1 == len(trace.heads)
        )
    console().print(made)
    if not trace.concerns:
        click.echo(say("where 不成立：该记录将被忽略", "where does not hold: the record is ignored"))
    if trace.deleted:
        click.echo(say("deleted 成立：记录在对方已删除", "deleted holds: the record is gone over there"))


def _result(each: FieldTrace) -> Cell:
    if each.error is not None:
        return Cell(each.error.sentence_en if english() else each.error.sentence_zh, style="red")
    zh, en, style = _OUTCOMES[each.outcome]
    return cell(each.result) if each.outcome == "set" else Cell(en if english() else zh, style=style)


def _print_sends(sends: dict[str, Any]) -> None:
    if not sends:
        click.echo(say("与对方现有记录一致：没有要推送的", "the record over there says all of it: nothing to send"))
        return
    click.echo(say("将推送：", "would send: ") + jsontext.dumps(spoken(sends)).decode())
