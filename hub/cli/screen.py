"""`hub status` as one screen: worst first, and no more than fits 120 columns and 40 lines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hub.cli.words import STATES, english
from hub.sync.overlook import Overlook
from hub.sync.views import Row

WIDTH: Final = 120
ROWS: Final = {"connections": 6, "syncs": 12, "people": 6, "runs": 4, "workers": 6}
COLOURS: Final = {
    "failing": "red",
    "behind": "yellow",
    "drifting": "yellow",
    "paused": "magenta",
    "observing": "cyan",
    "reconciled": "green",
    "ok": "green",
    "held": "yellow",
    "needs_new_secret": "red",
    "unreachable": "red",
}
STAGES: Final[Mapping[str, str]] = {
    "receipt": "接收记录",
    "inbox": "入站记录",
    "delivery": "推送",
    "bell": "待取记录",
    "run": "运行",
}
RUNS: Final[Mapping[str, str]] = {
    "pull": "拉取", "backfill": "历史回补", "remap": "重新映射", "reconcile": "系统对账", "recheck": "复查",
}  # fmt: skip
FLOWS: Final = (
    ("接收", "received", ("received accepted",)),
    ("新记录", "new records", ("read stored",)),
    ("已应用", "applied", ("applied done",)),
    ("已推送", "pushed", ("pushed done",)),
)
_REDIS: Final = {"": ("未配置", "none"), "ok": ("正常", "ok"), "away": ("不可用，已自动降级", "away, going on without")}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def screen(seen: Overlook, disk_free: int | None) -> RenderableType:
    """Everything, top to bottom."""
    parts: list[RenderableType] = [_first_line(seen, disk_free), _rates(seen)]
    for table in (_connections(seen), _channels(seen), _workers(seen), _syncs(seen), _people(seen), _runs(seen)):
        if table is not None:
            parts += [Text(""), table]
    return Group(*parts)


def _say(zh: str, en: str) -> str:
    return en if english() else zh


def _first_line(seen: Overlook, disk_free: int | None) -> Text:
    line = Text(_say("业财通", "O2C Hub"), style="bold", no_wrap=True, overflow="ellipsis")
    line.append(f"  {seen.at.astimezone():%Y-%m-%d %H:%M:%S}  ", style="not bold")
    silent = seen.silent_seconds
    if seen.at_work:
        line.append(_say("引擎运行中", "engine at work"), style="green")
    elif silent is None:
        line.append(_say("引擎从未启动：hub serve", "the engine never ran: hub serve"), style="red")
    else:
        line.append(
            _say(f"引擎已停 {age(silent)}：hub serve", f"engine silent for {age(silent)}: hub serve"), style="red"
        )
    line.append(f"  {_say('数据库', 'database')} {size(seen.database_bytes)}", style="not bold")
    if disk_free is not None:
        line.append(f"  {_say('磁盘剩余', 'disk free')} {size(disk_free)}", style="not bold")
    return line


def _rates(seen: Overlook) -> Table:
    """What was done in the last minute and hour, number under number."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for zh, en, counts in (
        ("最近一分钟", "last minute", seen.rates.minute),
        ("最近一小时", "last hour", seen.rates.hour),
    ):
        cells = [Text(_say(zh, en), style="dim")]
        for flow_zh, flow_en, keys in FLOWS:
            cells.append(Text(f"{_say(flow_zh, flow_en)} {sum(counts.get(key, 0) for key in keys):,}"))
        failed = sum(n for key, n in counts.items() if _is_failure(key))
        cells.append(Text(f"{_say('失败', 'failed')} {failed:,}", style="red" if failed else ""))
        table.add_row(*cells)
    return table


def _is_failure(key: str) -> bool:
    """`applied MappingError`: classes are written with a capital, states without."""
    flow, _, label = key.partition(" ")
    return flow in {"applied", "pushed"} and label[:1].isupper()


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[RenderableType]], left_out: int) -> Table:
    table = Table(box=None, pad_edge=False, expand=False, header_style="dim", padding=(0, 2, 0, 0))
    for place, name in enumerate((title, *heads)):
        header = Text(name, style="bold" if place == 0 else "dim")
        table.add_column(header, no_wrap=True, overflow="ellipsis", max_width=34 if place == 0 else 70)
    for row in rows:
        table.add_row(*row)
    if left_out:
        table.add_row(Text(_say(f"… 另有 {left_out} 个", f"… {left_out} more"), style="dim"))
    return table


def _listed(
    rows: Sequence[Row], most: int, write: Callable[[Row], Sequence[RenderableType]]
) -> tuple[list[Sequence[RenderableType]], int]:
    shown = len(rows) if len(rows) <= most else most - 1  # the line that says how many more is one of them
    return [write(row) for row in rows[:shown]], len(rows) - shown


def _connections(seen: Overlook) -> Table | None:
    def write(row: Row) -> Sequence[RenderableType]:
        since = seconds(seen.at, row["paused_since"])
        why = row["pause_error" if english() else "pause_error_zh"] or ""
        return row["name"], row["connector"], word(row["state"]), since, first_line(why)

    worst = sorted(seen.connections, key=lambda row: (row["state"] == "ok", row["name"]))
    rows, more = _listed(worst, ROWS["connections"], write)
    heads = (_say("连接器", "connector"), _say("状态", "state"), _say("已有", "for"), _say("原因", "why"))
    return _table(_say("连接", "connection"), heads, rows, more)


def _channels(seen: Overlook) -> Table | None:
    """Ways to people that do not work: nobody else would tell of them."""
    if not seen.channels:
        return None

    def write(row: Row) -> Sequence[RenderableType]:
        return (
            Text(row["channel"], style="red"),
            seconds(seen.at, row["since"]),
            first_line(row[_say("error_zh", "error")]),
        )

    rows, more = _listed(seen.channels, 5, write)
    heads = (_say("已有", "for"), _say("原因", "why"))
    return _table(_say("通知渠道故障", "broken channel"), heads, rows, more)


def _workers(seen: Overlook) -> Table | None:
    """Where there are several, or one misses its Redis: who is at work, and what each does."""
    if len(seen.workers) < 2 and not any(row["redis"] == "away" for row in seen.workers):
        return None

    def write(row: Row) -> Sequence[RenderableType]:
        redis = Text(_REDIS[row["redis"]][english()], style="red" if row["redis"] == "away" else "green")
        if row["redis"] == "away":
            redis.append(f" {seconds(seen.at, row['redis_since'])}")
        return (
            row["name"] + ("*" if row["schedules"] else ""),
            seconds(seen.at, row["started_at"]),
            Text(seconds(seen.at, row["seen_at"]), style="" if row["lives"] else "red"),
            redis,
            Text(", ".join(row["doing"]), overflow="ellipsis"),
        )

    rows, more = _listed(seen.workers, ROWS["workers"], write)
    heads = (_say("已启动", "started"), _say("最近心跳", "seen"), "Redis", _say("正在执行", "doing"))
    return _table(_say("工作进程（* 调度）", "worker (* schedules)"), heads, rows, more)


def _syncs(seen: Overlook) -> Table | None:
    def write(row: Row) -> Sequence[RenderableType]:
        return (
            row["name"],
            word(row["health"]),
            word(row["mode"]),
            age(row["lag_seconds"]) if row["lag_seconds"] else "",
            number(row["inbox_waiting"] + row["deliveries_waiting"]),
            number(row["inbox_parked"] + row["deliveries_parked"], "red"),
            seconds(seen.at, row["last_pull_at"]),
            number(row["last_read"] or 0),
        )

    heads = (
        _say("健康", "health"),
        _say("模式", "mode"),
        _say("滞后", "lag"),
        _say("等待", "waiting"),
        _say("待人工", "parked"),
        _say("上次读取", "last read"),
        _say("读到", "records"),
    )
    rows, more = _listed(seen.syncs, ROWS["syncs"], write)
    return _table(_say("同步任务", "sync"), heads, rows, more)


def _people(seen: Overlook) -> RenderableType:
    if not seen.people:
        return Text(_say("没有需要人工处理的事项", "nothing waits for a person"), style="green")

    def write(row: Row) -> Sequence[RenderableType]:
        owner = row["owner"] or Text(_say("未指定", "nobody named"), style="yellow")
        what = _named(row["what"], STAGES)
        return (
            owner,
            number(row["count"], "red"),
            seconds(seen.at, row["since"]),
            what,
            row["connection"],
            row["error_class"] or "",
        )

    heads = (
        _say("数量", "count"),
        _say("最久", "oldest"),
        _say("类别", "what"),
        _say("连接", "connection"),
        _say("原因", "class"),
    )
    rows, more = _listed(seen.people, ROWS["people"], write)
    return _table(_say("待人工处理", "waits for"), heads, rows, more)


def _runs(seen: Overlook) -> Table | None:
    if not seen.runs:
        return None

    def write(row: Row) -> Sequence[RenderableType]:
        what = _named(row["what"], RUNS)
        done = max(row["done"] or 0, row["read"] or 0)
        progress = f"{done:,} / {row['total']:,}" if row["total"] else f"{done:,}"
        return row["sync"], what, word(row["state"]), progress, seconds(seen.at, row["started_at"])

    heads = (_say("类别", "what"), _say("状态", "state"), _say("进度", "progress"), _say("已有", "for"))
    rows, more = _listed(seen.runs, ROWS["runs"], write)
    return _table(_say("进行中", "at work"), heads, rows, more)


def _named(name: str, words: Mapping[str, str]) -> str:
    return name if english() else words.get(name, name)


def word(name: str) -> Text:
    """A state in the user's language, in its colour."""
    running = {"running": "进行中", "live": "已上线"}
    shown = name.replace("_", " ") if english() else running.get(name) or STATES.get(name, name)
    return Text(shown, style=COLOURS.get(name, ""))


def number(n: int, style: str = "") -> Text:
    return Text(f"{n:,}" if n else "", style=style)


def seconds(now: datetime, since: datetime | None) -> str:
    return "" if since is None else age(max((now - since).total_seconds(), 0))


def age(span: float) -> str:
    """A length of time in its largest unit."""
    units: Sequence[tuple[float, str, str]] = (
        (2 * _DAY, "天", "d"), (2 * _HOUR, "小时", "h"), (2 * _MINUTE, "分", "min"), (0, "秒", "s"),
    )  # fmt: skip
    length: Mapping[str, int] = {"d": _DAY, "h": _HOUR, "min": _MINUTE, "s": 1}
    _, zh, en = next(unit for unit in units if span >= unit[0])
    return f"{int(span) // length[en]} {_say(zh, en)}"


def size(n: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit in {"B", "KB", "MB"} else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} TB"


def first_line(sentence: str) -> str:
    return sentence.splitlines()[0] if sentence else ""
