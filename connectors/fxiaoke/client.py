"""Calls to the open API: addresses, both token schemes, the envelope."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from connectors.fxiaoke.config import FxiaokeConfig
from connectors.fxiaoke.errors import answer_of, part
from hub.sdk import AuthFailed, ConfigInvalid, Context, Rejected, Token
from hub.sdk.auth import with_token

DATA = "/cgi/crm/v2/data/"
OBJECTS = "/cgi/crm/v2/object/list"
USER = "/cgi/user/getByMobile"


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one generation of the API hands out its token."""

    path: str
    extra: Mapping[str, str]
    token: str
    corp: str


SCHEMES: Mapping[str, Scheme] = {
    "new": Scheme("/oauth2.0/token", {"grantType": "app_secret"}, "accessToken", "ea"),
    "old": Scheme("/cgi/corpAccessToken/get/V2", {}, "corpAccessToken", "corpId"),
}


async def call(ctx: Context, path: str, body: Mapping[str, Any], *, writes: bool = False) -> dict[str, Any]:
    """One call with a valid token; the vendor's answer, or the error it stands for."""
    config: FxiaokeConfig = ctx.config

    async def once(token: Token) -> dict[str, Any]:
        if config.scheme == "new":
            return await _post(ctx, path, body, headers=_headers(token), writes=writes)
        return await _post(ctx, path, {**_old_body(token), **body}, writes=writes)

    name = f"fxiaoke:{config.scheme}:{config.base_url}:{config.app_id}"
    return await with_token(ctx, name, lambda: _login(ctx), once)


async def write(ctx: Context, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return await call(ctx, DATA + verb, body, writes=True)


async def probe(ctx: Context) -> None:
    """The cheapest authenticated read: which objects there are."""
    await call(ctx, OBJECTS, {"includeNull": False})


def _headers(token: Token) -> dict[str, str]:
    return {
        "authorization": f"Bearer {token.value}",
        "x-fs-ea": token.extra["corp"],
        "x-fs-userid": token.extra["user"],
    }


def _old_body(token: Token) -> dict[str, Any]:
    # convertUserId false: employee fields hold CRM ids as in the new scheme, so one mapping fits both.
    return {
        "corpAccessToken": token.value,
        "corpId": token.extra["corp"],
        "currentOpenUserId": token.extra["user"],
        "convertUserId": False,
    }


async def _post(
    ctx: Context,
    path: str,
    body: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
    interface: str | None = None,
    writes: bool = False,
) -> dict[str, Any]:
    config: FxiaokeConfig = ctx.config
    trace = uuid.UUID(int=ctx.random.getrandbits(128), version=4)
    reply = await ctx.http.request(
        "POST",
        config.base_url + path,
        interface=interface or path,
        writes=writes,
        params={"thirdTraceId": str(trace)} if config.scheme == "new" else None,
        headers=headers,
        json=body,
    )
    return answer_of(reply, ctx.clock.now())


async def _login(ctx: Context) -> Token:
    config: FxiaokeConfig = ctx.config
    scheme = SCHEMES[config.scheme]
    secrets = {
        "appId": config.app_id,
        "appSecret": config.app_secret.get_secret_value(),
        "permanentCode": config.permanent_code.get_secret_value(),
    }
    asked = ctx.clock.now()
    try:
        answer = await _post(ctx, scheme.path, {**secrets, **scheme.extra}, interface="token")
    except Rejected as error:
        # Which code says what about a wrong app id or code differs from the published table; at this door all mean no.
        raise AuthFailed(error.sentence, zh=error.zh, code=error.code) from None
    value, corp = part(answer, scheme.token), part(answer, scheme.corp)
    user = config.user or await _user_by_mobile(ctx, value, corp)
    expires = asked + timedelta(seconds=int(part(answer, "expiresIn")))
    return Token(value, expires, {"corp": corp, "user": user})


async def _user_by_mobile(ctx: Context, token: str, corp: str) -> str:
    mobile = ctx.config.user_mobile
    answer = await _post(ctx, USER, {"corpAccessToken": token, "corpId": corp, "mobile": mobile})
    if not answer.get("empList"):
        raise ConfigInvalid(
            "user_mobile: no employee has this mobile number; correct it or fill in user",
            zh="user_mobile：没有员工使用这个手机号，请更正或直接填写 user",
        )
    return str(answer["empList"][0]["openUserId"])
