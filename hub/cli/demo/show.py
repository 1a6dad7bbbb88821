"""How the demo is shown: a table that grows line by line, or one JSON object at the end."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from hub.cli.demo.scene import Played, Step
from hub.cli.words import english, say

COUNTS: Final[Mapping[str, str]] = {
    "processes": "进程",
    "syncs": "同步任务",
    "reps": "员工",
    "products": "产品",
    "customers": "ERP 客户",
    "parked": "待人工处理",
    "won": "赢单",
    "by_polling": "靠轮询发现",
    "orders": "ERP 订单",
    "corrected": "已更正",
    "shipments": "发货单",
    "invoices": "应收单",
    "lines": "流水",
    "receipts": "收款单",
    "rep_messages": "销售通知",
    "team_messages": "群通知",
    "waiting": "等待匹配",
    "payments": "收款",
    "checks": "核对项",
}


class Show:
    """Prints each scene when it begins and what came of it; silent when a program reads."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._console = Console(stderr=False, highlight=False)

    def begin(self, seed: int) -> None:
        self._say(
            f"[bold]{say('业财通演示：从赢单到收款', 'O2C Hub: from won deal to paid order')}[/bold]  seed {seed}"
        )

    def perform(self, step: Step, act: Callable[[Step], Played]) -> Played:
        """Play a scene under a spinner, then print its line."""
        if self._silent:
            return act(step)
        with self._console.status(say(step.zh, step.name)):
            played = act(step)
        mark = "[green]✓[/green]" if played.ok else "[red]✗[/red]"
        counts = "  ".join(f"{_label(name)} {count}" for name, count in played.counts.items())
        self._say(f"{mark} {say(played.zh, played.name)}  [dim]{played.seconds:.1f} s[/dim]")
        if counts or played.error:
            self._say(f"    {counts or played.error}")
        return played

    def end(self, result: Mapping[str, Any]) -> None:
        table = Table(header_style="bold", pad_edge=False, title=say("两端对照", "both ends"))
        table.add_column(say("核对项", "check"))
        table.add_column(say("结果", "result"), overflow="fold")
        for answer in result["checks"]:
            table.add_row(say(answer["zh"], answer["name"]), "✓" if answer["ok"] else "\n".join(answer["faults"]))
        if not self._silent:
            self._console.print(table)
        verdict = say("两端一致", "both ends agree") if result["agree"] else say("两端不一致", "they do not agree")
        self._say(f"[bold]{verdict}[/bold]  {result['seconds']:.1f} s")

    def stay(self, hub_url: str, token_file: str, folder: str) -> None:
        """Where to look, and how to stop."""
        self._say("")
        self._say(f"{say('接口文档', 'API documentation')}: {hub_url}/docs")
        self._say(f"{say('API 令牌保存在', 'the API token is in')}: {token_file}")
        self._say(f"{say('数据、账本与日志', 'data, ledgers and logs')}: {folder}")
        self._say(
            say("按 Ctrl-C 停止；再次启动会接着这份数据", "stop with Ctrl-C; started again it goes on with this data")
        )

    def trouble(self, sentence: str) -> None:
        Console(stderr=True, highlight=False).print(sentence, markup=False)

    def _say(self, line: str) -> None:
        if not self._silent:
            self._console.print(line)


def _label(name: str) -> str:
    return name.replace("_", " ") if english() else COUNTS[name]


def told(played: Played) -> dict[str, Any]:
    """A scene as JSON has it."""
    answer = asdict(played)
    return {name: value for name, value in answer.items() if value is not None}
