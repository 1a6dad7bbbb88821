"""What owners read: a line per trouble with count, cause, age and where to look."""

import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

from sqlalchemy import Row

from hub.settings import Settings
from hub.sync.assigning import ASSIGNED

LINES: Final = 20
LONG: Final = 200
_WORDS: Final = {
    "failing": ("异常", "failing"),
    "stopped": ("中断", "stopped"),
    "behind": ("滞后", "behind"),
    "person": ("等待人工处理", "waits for a person"),
}
_COMMANDS: Final = {
    "failed?group=": "hub failed {}",
    "failed?owner=": "hub failed list --owner {}",
    "drifts/": "hub drift show {}",
}
_UNITS: Final = ((86400, "天", "d"), (3600, "小时", "h"), (60, "分钟", "min"), (1, "秒", "s"))


def written(rows: Sequence[Row[Any]], settings: Settings, now: datetime) -> tuple[str, str]:
    """Title and text of one message about these notices."""
    zh = settings.notices.language == "zh"
    begun = [row for row in rows if row.phase != "over"]
    over = [row for row in rows if row.phase == "over"]
    lines = [*(_begun(row, settings.public_url, now, zh) for row in begun), *(_over(row, zh) for row in over)]
    if len(lines) > LINES:
        more = len(lines) - LINES
        lines = [*lines[:LINES], f"… 另有 {more} 项" if zh else f"… {more} more"]
    title = _title(len(begun), len(over), zh)
    return title, "\n".join([title, *lines])  # a group's robot shows no title


def _title(begun: int, over: int, zh: bool) -> str:
    if zh:
        parts = [*([f"{begun} 项需要处理"] if begun else []), *([f"{over} 项已恢复"] if over else [])]
        return f"业财通：{'，'.join(parts)}"
    parts = [*([f"{begun} need attention"] if begun else []), *([f"{over} recovered"] if over else [])]
    return f"O2C Hub: {', '.join(parts)}"


def _begun(row: Row[Any], address: str, now: datetime, zh: bool) -> str:
    if row.what == ASSIGNED:
        return _assigned(row, address, now, zh)
    word, cause = _WORDS[row.what][not zh], str(row.cause_zh if zh else row.cause)[:LONG]
    place = _place(row, address)
    since = age((now - row.since).total_seconds(), zh)
    if zh:
        return f"● {row.subject} {word}：{row.size} 条，最早 {since}前。{cause} {place}"
    return f"● {row.subject} {word}: {row.size}, the oldest {since} ago. {cause} {place}"


def _assigned(row: Row[Any], address: str, now: datetime, zh: bool) -> str:
    cause, place = str(row.cause_zh if zh else row.cause)[:LONG], _place(row, address)
    since = age((now - row.since).total_seconds(), zh)
    if zh:
        return f"● 指派给 {row.owner}：{row.subject}，{row.size} 条，最早 {since}前。{cause} {place}"
    return f"● assigned to {row.owner}: {row.subject}, {row.size}, the oldest {since} ago. {cause} {place}"


def _place(row: Row[Any], address: str) -> str:
    return f"{address.rstrip('/')}/{row.place}" if address else _command(row.place)


def _over(row: Row[Any], zh: bool) -> str:
    word = _WORDS[row.what][not zh]
    return f"○ {row.subject} 已恢复（{word}）" if zh else f"○ {row.subject} recovered ({word})"


def _command(place: str) -> str:
    """Where no address is set, the command that shows it."""
    start = next((start for start in _COMMANDS if place.startswith(start)), "")
    return _COMMANDS[start].format(shlex.quote(unquote(place.removeprefix(start)))) if start else "hub status"


def age(seconds: float, zh: bool) -> str:
    size, word_zh, word = next((unit for unit in _UNITS if seconds >= unit[0]), _UNITS[-1])
    return f"{max(int(seconds), 0) // size} {word_zh if zh else word}"
