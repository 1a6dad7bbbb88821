"""`hub explain`: the proof chain of a field as a tree."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from hub.canon.explain import Explained, Step, explain, find_entity
from hub.cli.house import House, run
from hub.cli.render import json_option, print_json
from hub.cli.words import say
from hub.sync.controls import Unknown
from hub.sync.provenance import path_of


@click.command("explain", help=say("为什么？例：hub explain order SO-123 payment_status", "why a field has its value"))
@click.argument("kind")
@click.argument("name")
@click.argument("field")
@json_option
def command(kind: str, name: str, field: str, as_json: bool) -> None:
    async def work(house: House) -> Explained:
        async with house.db.read() as conn:
            configuration = await house.configuration(conn)
            kinds = configuration.kinds
            if kinds.get(kind) is None:
                raise Unknown(
                    f"there is no kind {kind}: {', '.join(kinds)}", f"没有对象类型 {kind}：{'、'.join(kinds)}"
                )
            try:
                entity_id = await find_entity(conn, kinds, kind, name)
                return await explain(conn, kinds, entity_id, field, path_of(configuration))
            except KeyError:
                names = sorted(kinds.shape(kind).fields)
                raise Unknown(
                    f"{kind} has no field {field}; it has {', '.join(names)}",
                    f"{kind} 没有字段 {field}，可用：{'、'.join(names)}",
                ) from None
            except LookupError as error:
                raise Unknown(str(error), f"找不到唯一的 {kind} {name}：{error}") from None

    found = run(work)
    if as_json:
        print_json(asdict(found))
        return
    click.echo(f"{found.kind} {name} · {found.field} = {show(found.value)}")
    for step in found.steps:
        for line in lines(step):
            click.echo("  " * (step.depth + 1) + line)


def lines(step: Step) -> Iterator[str]:
    """One step: what became what, by whom, from which record, through which mapping, when."""
    what = f"{step.kind} {step.name or step.entity_id}"
    yield f"└ {what} · {_became(step)}"
    at = step.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    yield f"    {say('变更', 'change')} {step.change} v{step.version} · {at} · {step.who}"
    if step.connection and step.stream:
        yield f"    {say('来自', 'from')} {step.connection} {step.stream} {step.key or ''}{_mapped(step)}"
    if step.raw is not None:
        yield f"    {say('原值', 'raw')} {step.path or ''} = {show(step.raw)}"
    if step.file:
        number = f"（{say('接收记录', 'receipt')} {step.receipt}）" if step.receipt else ""
        yield f"    {say('文件', 'file')} {step.file}{number}"
    elif step.receipt:
        yield f"    {say('接收记录', 'receipt')} {step.receipt}"
    if step.reason:
        yield f"    {say('原因', 'reason')} {step.reason}"


def _became(step: Step) -> str:
    if step.field is None:
        return show(step.value)
    if step.before is None:
        return f"{step.field} = {show(step.value)}"
    return f"{step.field}: {show(step.before)} → {show(step.value)}"


def _mapped(step: Step) -> str:
    if step.mapping is None:
        return ""
    return f" · {say('映射', 'mapping')} {step.mapping} v{step.mapping_version}"


def show(value: Any) -> str:
    """A canonical value as people write it."""
    if value is None:
        return "—"
    if isinstance(value, dict) and set(value) == {"amount", "currency"}:
        return f"{value['amount']} {value['currency']}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {show(item)}" for name, item in value.items())
    if isinstance(value, list):
        return say(f"{len(value)} 行", f"{len(value)} lines")
    return str(value)
