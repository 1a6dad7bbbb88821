"""How `hub map diff` tells what publishing a draft would change."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import click
from rich.text import Text as Cell

from hub.cli.mapping_shown import cell, console, problem_json, table
from hub.cli.words import english, say
from hub.mapping.shadow import Difference, Shadow, Trouble
from hub.sync.shadowing import Compared, StreamDiff

_WHEN = {"always": ("", ""), "create": ("仅新建时", "creating only"), "change": ("仅修改时", "changing only")}


def diff_json(compared: Compared) -> dict[str, Any]:
    return {
        "problems": [problem_json(problem) for problem in compared.problems],
        "streams": [
            {**asdict(stream), "shadow": {**asdict(stream.shadow), "nothing": stream.shadow.nothing}}
            for stream in compared.streams
        ],
    }


def print_stream(diff: StreamDiff) -> None:
    found = diff.shadow
    click.echo(click.style(f"{diff.connection} / {diff.stream}", bold=True) + f"  {diff.mapping} v{diff.version}")
    click.echo(
        say(
            f"  比较了 {found.records} 条已知记录（其中 {diff.whole} 条为对方原文）、{found.entities} 个业务对象",
            f"  {found.records} known records ({diff.whole} of them as the vendor sent them), {found.entities} entities",
        )
    )
    if found.nothing:
        click.echo(say("  结果没有任何不同", "  nothing comes out differently"))
    _print_sums(diff)
    _print_differences(say("识别", "who it is"), found.identity)
    _print_differences(say("读入", "reading"), found.reading)
    _print_differences(say("写出", "writing"), found.writing)
    if diff.store is not None:
        _print_differences(say("本地业务对象将变更", "what re-mapping changes in the store"), diff.store.fields)
    _print_troubles(say("新出现的错误", "errors that would newly occur"), found.new_errors, "red")
    _print_troubles(say("不再出现的错误", "errors that would vanish"), found.gone_errors, "green")
    _print_unknown(found)


def _print_sums(diff: StreamDiff) -> None:
    for zh, en in _sums(diff):
        click.echo(f"  {en if english() else zh}")


def _sums(diff: StreamDiff) -> Iterable[tuple[str, str]]:
    found, store = diff.shadow, diff.store
    counted = (
        (found.touched, "条记录读出的结果不同", "records read differently"),
        (found.written, "个业务对象写出的结果不同", "entities written differently"),
        (found.failing, "条将新出错", "would newly fail"),
        (found.healed, "条将不再出错", "would no longer fail"),
        (found.ignored.count if found.ignored else 0, "条将不再归本映射（where）", "would be ignored (where)"),
        (found.heeded.count if found.heeded else 0, "条将改归本映射（where）", "would no longer be ignored (where)"),
        (
            found.waiting.appeared if found.waiting else 0,
            "个将等待对方尚无的资料",
            "would wait for what is unknown there",
        ),
        (found.pushes, "个将新产生推送", "would be sent to the other side, and are not now"),
        (store.entities if store else 0, "个本地业务对象将变更", "entities would change in the store"),
        (store.unresolved if store else 0, "条引用了尚未知晓的资料", "refer to something nobody knows yet"),
    )
    for count, zh, en in counted:
        if count:
            yield f"{count} {zh}", f"{count} {en}"
    for field, count in (store.withheld if store else {}).items():
        yield f"{count} × {field}：按归属规则保持不变", f"{count} × {field}: kept by the ownership rules"


def _print_differences(title: str, differences: Sequence[Difference]) -> None:
    if not differences:
        return
    made = table(("字段", "field"), ("数量", "count"), ("例", "example"), ("原", "from"), ("改为", "to"), title=title)
    for each in differences:
        zh, en = _WHEN[each.when]
        label = " ".join(part for part in (each.field, f"({en if english() else zh})" if zh else "") if part)
        for index, example in enumerate(each.examples):
            before, after = cell(example.before), cell(example.after)
            if example.how == "appeared":
                before = Cell(say("未提及", "not said"), style="dim")
            elif example.how == "vanished":
                after = Cell(say("未提及", "not said"), style="dim")
            place = example.name if example.at == each.field else f"{example.name}: {example.at}"
            first = (label, str(each.count)) if index == 0 else ("", "")
            made.add_row(*map(Cell, first), Cell(place), before, after, end_section=index + 1 == len(each.examples))
    console().print(made)


def _print_troubles(title: str, troubles: Sequence[Trouble], colour: str) -> None:
    if not troubles:
        return
    click.echo(click.style(title, bold=True))
    for each in troubles:
        sentence = each.sentence_en if english() else each.sentence_zh
        names = ", ".join(name for name, _ in each.examples)
        click.echo(f"  {click.style(f'{each.count} ×', fg=colour)} {sentence}  ({names})")


def _print_unknown(found: Shadow) -> None:
    for each in found.unkept:
        fields = ", ".join(each.fields)
        click.echo(
            say(
                f"  {each.path}（{fields}）此前未保存：发布后将重新读取该接口对象",
                f"  {each.path} ({fields}) was not kept so far: a re-reading of the stream follows after publishing",
            )
        )
    if found.unseen:
        fields = ", ".join(found.unseen)
        click.echo(
            say(
                f"  已改动但在这些数据中看不出影响：{fields}",
                f"  changed, and nothing in these records shows it: {fields}",
            )
        )
