"""How listings are printed: JSON for programs, tables for people."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import click

from hub.cli.words import STATES, english, head, say, state
from hub.sdk import jsontext

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help=say("输出 JSON", "print JSON"))(command)


def limit_option(command: F) -> F:
    return click.option("--limit", type=click.IntRange(1, 500), default=50, help=say("最多几条", "at most"))(command)


def owner_option(command: F) -> F:
    return click.option("--owner", help=say("只看该负责人的", "only what is this person's turn"))(command)


def print_json(value: Any) -> None:
    click.echo(jsontext.dumps(_json(value)).decode())


def _json(value: Any) -> Any:
    """Bytes are left out, numbers with a point are text: nobody's reader may round money."""
    if isinstance(value, Mapping):
        return {key: _json(item) for key, item in value.items() if not isinstance(item, bytes | memoryview)}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return str(value) if isinstance(value, Decimal) else value


def listing(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    """A list of rows: all of them as JSON, or these columns as a table."""
    if as_json:
        print_json(list(rows))
        return
    if not rows:
        click.echo(say("没有记录", "nothing"))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(head(column), overflow="fold", no_wrap=column in {"id", "state", "mode", "health"})
    for row in rows:
        table.add_row(*(cell(row.get(column)) for column in columns))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone().strftime("%m-%d %H:%M:%S")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    word = str(value)
    return state(word) if word in STATES else word.replace("[", "\\[")


def reason(row: Mapping[str, Any]) -> str | None:
    """The sentence of a failure in the user's language."""
    first, second = ("error", "error_zh") if english() else ("error_zh", "error")
    found = row.get(first) or row.get(second)
    return None if found is None else str(found).splitlines()[0]


def with_reason(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    plain = "reason" if english() else "reason_zh"
    return [{**row, "reason": reason(row) or row.get(plain)} for row in rows]
