"""The sandbox's door: credentials, tokens of both schemes, and how often one may knock."""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.requests import Request

from connectors.fxiaoke.client import SCHEMES
from connectors.fxiaoke.errors import DAILY, QUOTA_ZONE
from connectors.fxiaoke.sandbox_objects import WRONG, Refusal
from connectors.fxiaoke.sandbox_store import OPEN_USER, Grant, Store
from hub.sdk.auth import same

APP_ID, APP_SECRET, PERMANENT_CODE = "FSAID_1320sandbox", "sandbox-app-secret", "SANDBOXPERMANENTCODE"
CORPS = {"new": "sandbox_ea", "old": "FSCID_SANDBOX"}
LIVES = timedelta(seconds=7200)
SAME_UNTIL = timedelta(seconds=6600)  # asked again within this, the same token comes back
TOKEN_CALLS, MINUTE = 10, timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Limits:
    """`calls` in `per` seconds for each interface, `daily` over all."""

    calls: int = 100
    per: float = 20.0
    daily: int | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """The employee a call acts as; `open_users`: people's ids are written FSUID_…"""

    person: str
    open_users: bool


class Counter:
    """Kept in memory: a window of seconds is nothing a restart must bring back."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.windows: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self.days: defaultdict[str, int] = defaultdict(int)

    def count(self, path: str, now: datetime) -> None:
        day = f"{now.astimezone(QUOTA_ZONE):%Y%m%d}"
        self.days[day] += 1
        if self.limits.daily is not None and self.days[day] > self.limits.daily:
            raise Refusal(DAILY, "当天访问频次超限")
        self._slide(path, now, self.limits.calls, timedelta(seconds=self.limits.per), 30004)

    def count_token(self, now: datetime) -> None:
        self._slide("token", now, TOKEN_CALLS, MINUTE, 14001)

    def _slide(self, name: str, now: datetime, most: int, per: timedelta, code: int) -> None:
        window = self.windows[name]
        while window and window[0] <= now - per:
            window.popleft()
        if len(window) >= most:
            raise Refusal(code, "接口调用超过频次限制")
        window.append(now)


def check_login(body: Mapping[str, Any], scheme: str) -> None:
    wanted = {"appId": APP_ID, "appSecret": APP_SECRET, "permanentCode": PERMANENT_CODE, **SCHEMES[scheme].extra}
    for name, value in wanted.items():
        if not same(str(body.get(name, "")), value):
            # The gateway answers 10006 whatever is wrong (probed without credentials, 2026-09).
            raise Refusal(10006, f"the parameter {name} is missing or illegal")


def current_grant(store: Store, scheme: str, now: datetime) -> Grant | None:
    """The token a second request within the renewal time gets again."""
    return next((g for g in reversed(store.grants) if g.scheme == scheme and now - g.issued < SAME_UNTIL), None)


def check_token(store: Store, token: Any, corp: Any, scheme: str, now: datetime) -> None:
    if not token:
        raise Refusal(20017, "corpAccessToken为必填项，不能为空")
    alive = any(g.value == token and g.scheme == scheme and now - g.issued < LIVES for g in store.grants)
    if not alive or corp != CORPS[scheme]:
        raise Refusal(20016, "the cropId,cropAccessToken or authorization is error")


def caller_of(store: Store, request: Request, body: Mapping[str, Any], now: datetime) -> Caller:
    """Who calls, by headers (new scheme) or by the body (old scheme)."""
    headers = request.headers
    if "authorization" in headers:
        token = headers["authorization"].removeprefix("Bearer ")
        check_token(store, token, headers.get("x-fs-ea"), "new", now)
        check_trace(request.query_params)
        person, open_users = headers.get("x-fs-userid", ""), bool(body.get("convertUserId", False))
    else:
        check_token(store, body.get("corpAccessToken"), body.get("corpId"), "old", now)
        wanted = str(body.get("currentOpenUserId", ""))
        person = next((key for key in store.rows["PersonnelObj"] if OPEN_USER.format(key) == wanted), "")
        open_users = bool(body.get("convertUserId", True))
    if not store.living("PersonnelObj", person):
        raise Refusal(20012, "openUserId 未找到")
    return Caller(person, open_users)


def check_trace(query: Mapping[str, str]) -> None:
    try:
        version = UUID(query.get("thirdTraceId", "")).version
    except ValueError:
        version = None
    if version != 4:
        raise Refusal(WRONG, "thirdTraceId 应为 UUID v4")
