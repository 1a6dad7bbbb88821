"""The health of a sync in one word and a plain reason. `reconciled` is said only of what was compared and found equal;
that there was no error is no proof of anything."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from hub.config.model import parse_duration, parse_interval

BEHIND: Final = "5m"
DAILY: Final = timedelta(days=1)
TIMES: Final = 2  # a comparison counts for so many of its intervals

Reason = tuple[str, str]
"""English, Chinese."""
Facts = Mapping[str, Any]


def health(row: Facts, spec: Facts, now: datetime, *, held_up: bool) -> dict[str, str]:
    """`health`, `health_reason`, `health_reason_zh` of a sync as `views.syncs` lists it."""
    facts = {**row, "held_up": held_up, "now": now, "every": parse_interval(spec.get("reconcile", "1d"))}
    facts["message"] = "message" in spec
    facts["allowed"] = parse_duration(spec.get("behind", BEHIND)).total_seconds()
    word, (en, zh) = next((word, reason) for word, asked in _WORDS if (reason := asked(facts)) is not None)
    return {"health": word, "health_reason": en, "health_reason_zh": zh}


def _paused(row: Facts) -> Reason | None:
    if row["mode"] == "paused":
        return "a person paused it: it neither reads nor writes", "已由人工暂停：既不读取也不写入"
    if row["held_up"]:
        return "its connection is paused: `hub connection list` says why", "连接已暂停：原因见 hub connection list"
    return None


def _observing(row: Facts) -> Reason | None:
    if row["mode"] != "observing":
        return None
    return "it reads and matches, and writes nothing until it goes live", "只读取与匹配，上线之前不写入"


def _failing(row: Facts) -> Reason | None:
    if row["failures"]:
        said, zh = row["error"] or "its last reading failed", row["error_zh"] or "上次读取失败"
        return said, zh
    parked = row["inbox_parked"] + row["deliveries_parked"]
    if not parked:
        return None
    return f"{parked} wait for a person: `hub failed` lists them", f"{parked} 条待人工处理：见 hub failed"


def _behind(row: Facts) -> Reason | None:
    lag = row["lag_seconds"]
    if lag <= row["allowed"]:
        return None
    return f"the oldest unfinished record has been here for {lag // 60} min", f"最早未完成的记录已等待 {lag // 60} 分钟"


def _drifting(row: Facts) -> Reason | None:
    if not row["drifts"]:
        return None
    count = row["drifts"]
    return (
        f"{count} records differ on the two sides: `hub drift list --sync {row['name']}`",
        f"有 {count} 条记录两侧不一致：见 hub drift list --sync {row['name']}",
    )


def _doubted(row: Facts) -> Reason | None:
    for name in ("doubt", "reconcile_doubt"):
        if row[name] is not None:
            return row[name], row[f"{name}_zh"]
    return None


def _uncompared(row: Facts) -> Reason | None:
    at, every = row["reconciled_at"], row["every"]
    if row["message"]:
        return "messages are sent; there is nothing to compare", "通知只发送，无可核对"
    if at is None:
        return (
            f"both sides were never compared: `hub reconcile {row['name']}`",
            f"两侧尚未核对：hub reconcile {row['name']}",
        )
    if row["now"] - at <= TIMES * (every or DAILY):
        return None
    return (
        f"both sides were last compared at {at:%Y-%m-%d %H:%M} UTC, which is too long ago",
        f"上次核对是 {at:%Y-%m-%d %H:%M} UTC，已过期",
    )


def _reconciled(row: Facts) -> Reason:
    at = row["reconciled_at"]
    return (
        f"both sides were compared at {at:%Y-%m-%d %H:%M} UTC and agree",
        f"{at:%Y-%m-%d %H:%M} UTC 核对，两侧一致",
    )


_WORDS: Final[Sequence[tuple[str, Callable[[Facts], Reason | None]]]] = (
    ("paused", _paused),
    ("observing", _observing),
    ("failing", _failing),
    ("behind", _behind),
    ("drifting", _drifting),
    ("unverified", _doubted),
    ("unverified", _uncompared),
    ("reconciled", _reconciled),
)
"""The first that holds is the word: worst first."""
