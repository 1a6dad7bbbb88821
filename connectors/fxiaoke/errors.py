"""The vendor's errorCode -> one of the nine classes, with the vendor's sentence kept."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.sdk import (
    AuthFailed,
    ConfigInvalid,
    ConnectorError,
    Rejected,
    Reply,
    Throttled,
    Unavailable,
    Uncertain,
)
from hub.sdk.http import no_answer, status_error

RATE = frozenset({14001, 30004})
DAILY = 30002
TIMED_OUT = 50009
WINDOW = 20.0  # seconds the vendor counts calls over
QUOTA_ZONE = ZoneInfo("Asia/Shanghai")  # the daily quota starts anew at 00:00 there, whatever the connection's zone

CODES: Mapping[int, type[ConnectorError]] = {
    -1: Unavailable,
    TIMED_OUT: Unavailable,
    10006: AuthFailed,
    10013: ConfigInvalid,
    14001: Throttled,
    20005: AuthFailed,
    20012: ConfigInvalid,
    20016: AuthFailed,
    20017: AuthFailed,
    20021: AuthFailed,
    20022: AuthFailed,
    DAILY: Throttled,
    30003: ConfigInvalid,
    30004: Throttled,
}


def answer_of(reply: Reply, now: datetime) -> dict[str, Any]:
    """The vendor's answer when it is a success; raises the error it stands for."""
    if 300 <= reply.status < 400 or reply.status in {404, 405}:
        raise ConfigInvalid(
            f"HTTP {reply.status}: base_url is no API address of fxiaoke",
            zh=f"HTTP {reply.status}：base_url 不是纷享销客的接口地址",
            code=str(reply.status),
        )
    refused = status_error(reply)
    if refused is not None:
        raise refused
    answer = reply.json()
    if not isinstance(answer, dict) or type(answer.get("errorCode")) is not int:
        raise no_answer(reply.writes, "the answer has no errorCode")
    if answer["errorCode"] != 0:
        raise error_of(answer, writes=reply.writes, now=now)
    return answer


def error_of(answer: Mapping[str, Any], *, writes: bool, now: datetime) -> ConnectorError:
    """The error an answer with an errorCode other than 0 stands for."""
    code = answer["errorCode"]
    words = str(answer.get("errorMessage") or answer.get("errorDescription") or "no message")
    trace = f" (traceId {answer['traceId']})" if answer.get("traceId") else ""
    sentence, zh = f"fxiaoke {code}: {words}{trace}", f"纷享销客返回 {code}：{words}"
    if code == TIMED_OUT and writes:
        return Uncertain(sentence, zh=zh, code=str(code))
    kind = CODES.get(code, Rejected)
    if issubclass(kind, Throttled):
        wait = _until_midnight(now) if code == DAILY else WINDOW
        return kind(sentence, zh=zh, code=str(code), retry_after=wait)
    return kind(sentence, zh=zh, code=str(code))


def _until_midnight(now: datetime) -> float:
    local = now.astimezone(QUOTA_ZONE)
    midnight = datetime.combine(local.date() + timedelta(days=1), time(), QUOTA_ZONE)
    return (midnight - local).total_seconds()


def part(answer: Any, name: str, *, writes: bool = False) -> Any:
    """What a success must hold; without it nobody knows what happened."""
    value = answer.get(name) if isinstance(answer, dict) else None
    if value is None:
        raise no_answer(writes, f"the answer has no {name}")
    return value
