"""`hub statement check`: one line a file, and never a traceback."""

from collections.abc import Iterator
from pathlib import Path

import click

from hub.cli.render import json_option, listing, print_json
from hub.cli.words import english, say
from hub.config.catalogue import connectors
from hub.sdk.statement import FileCheck, StatementReader


@click.group(help=say("银行对账单", "bank statements"))
def statement() -> None:
    """See the help."""


@statement.command(help=say("检查文件：格式、笔数、余额；不保存", "judge files: format, lines, balance; keeps nothing"))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def check(files: tuple[Path, ...], as_json: bool) -> None:
    found = [judged(file) for file in files]
    if as_json:
        for one in found:
            print_json(one.as_json())
    else:
        rows = [{**one.as_json(), "reason": one.reason if english() else one.reason_zh} for one in found]
        columns = ("file", "format", "status", "statements", "lines", "opening", "closing", "reason")
        listing(rows, columns, False)
    if any(one.status == "refused" for one in found):
        raise SystemExit(1)


def judged(file: Path) -> FileCheck:
    """What the first connector says that can read it, else why none can."""
    try:
        body = file.read_bytes()
    except OSError as error:
        told = error.strerror or type(error).__name__
        return _refused(file, f"the file cannot be read: {told}", f"无法读取文件：{told}")
    refusal: FileCheck | None = None
    for reader in readers():
        answer = reader.check(str(file), body)
        if answer.status != "refused":
            return answer
        refusal = refusal or answer
    return refusal or _refused(file, "no connector that reads statements is installed", "未安装可读取对账单的连接器")


def _refused(file: Path, reason: str, zh: str) -> FileCheck:
    return FileCheck(str(file), "", "refused", reason=reason, reason_zh=zh)


def readers() -> Iterator[StatementReader]:
    catalogue = connectors()
    for name in sorted(catalogue.names):
        connector = catalogue.get(name)
        reader = getattr(connector.inbox, "statements", None) if connector else None
        if reader is not None:
            yield reader
