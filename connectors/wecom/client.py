"""Every call to WeCom: addresses, the app's token, and errors read off the answers."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connectors.wecom.config import WecomConfig
from connectors.wecom.errors import error_of, status_error
from hub.sdk import ConfigInvalid, Context, Reply, Throttled, Token
from hub.sdk.auth import with_token
from hub.sdk.http import no_answer

ROBOT = "webhook/send"
APP = "message/send"
WRITES = frozenset({ROBOT, APP})  # a second call could have a second effect


async def login(ctx: Context, stream: str) -> Token:
    """The app's token; each app has its own."""
    corp_id, secret = _credentials(ctx.config)
    params = {"corpid": corp_id, "corpsecret": secret}
    answer = await _send(ctx, stream, "gettoken", params, needs="access_token")
    # a tenth of its life early, so that no call travels with a token about to end
    life = int(answer.get("expires_in", 0)) * 9 // 10
    return Token(answer["access_token"], ctx.clock.now() + timedelta(seconds=life))


async def get(ctx: Context, stream: str, path: str, params: Mapping[str, str], *, needs: str = "") -> dict[str, Any]:
    """A read as the app; a success holds `needs` (`a|b`: either)."""

    async def with_this(token: Token) -> dict[str, Any]:
        return await _send(ctx, stream, path, {"access_token": token.value, **params}, needs=needs)

    return await with_token(ctx, _token_name(ctx.config), lambda: login(ctx, stream), with_this)


async def post(ctx: Context, stream: str, path: str, body: Mapping[str, Any], *, needs: str = "") -> dict[str, Any]:
    """A POST as the app, some reads among them; a success holds `needs` (`a|b`: either)."""

    async def with_this(token: Token) -> dict[str, Any]:
        return await _send(ctx, stream, path, {"access_token": token.value}, body, needs=needs)

    return await with_token(ctx, _token_name(ctx.config), lambda: login(ctx, stream), with_this)


async def send_robot(ctx: Context, body: Mapping[str, Any]) -> None:
    """Post to the group's webhook: the key is all there is, no token and no signature."""
    await _send(ctx, "robot", ROBOT, {"key": robot_key(ctx.config)}, body, needs="errcode")


async def answers(ctx: Context) -> None:
    """Any JSON answer to a login without credentials shows that WeCom is there; nothing is sent to a group."""
    robot_key(ctx.config)
    url = f"{ctx.config.base_url}/cgi-bin/gettoken"
    reply = await ctx.http.request("GET", url, interface="gettoken", writes=False)
    answered(reply)


async def _send(
    ctx: Context,
    stream: str,
    path: str,
    params: Mapping[str, str],
    body: Mapping[str, Any] | None = None,
    *,
    needs: str = "",
) -> dict[str, Any]:
    method, writes = ("GET" if body is None else "POST"), path in WRITES
    url = f"{ctx.config.base_url}/cgi-bin/{path}"
    try:
        reply = await ctx.http.request(method, url, interface=path, writes=writes, params=params, json=body)
    except Throttled as error:
        error.scope = error.scope or stream  # our own limit of one interface pauses its stream alone
        raise
    answer = answered(reply)
    code = answer.get("errcode") or 0  # absent is success; the words prove nothing
    if not isinstance(code, int):
        raise no_answer(writes, "errcode is no number")
    if code:
        raise error_of(code, str(answer.get("errmsg", "")), stream)
    if needs and all(answer.get(name) is None for name in needs.split("|")):
        raise no_answer(writes, f"the answer has no {needs}")
    return {name: value for name, value in answer.items() if name not in {"errcode", "errmsg"}}


def answered(reply: Reply) -> dict[str, Any]:
    """The answer as an object, whatever its code."""
    if reply.status != 200:
        raise status_error(reply.status, wrote=reply.writes)
    answer = reply.json()
    if not isinstance(answer, dict):
        raise no_answer(reply.writes, "the body is no object")
    return answer


def robot_key(config: WecomConfig) -> str:
    if config.robot_key is None:
        raise ConfigInvalid(
            "`robot_key` is missing: it is the key in the webhook's address",
            zh="请填写 robot_key（群机器人 Webhook 地址中的 key）",
            scope="robot",
        )
    return config.robot_key.get_secret_value()


def _credentials(config: WecomConfig) -> tuple[str, str]:
    if not config.corp_id or config.corp_secret is None:
        raise ConfigInvalid(
            "`corp_id` and `corp_secret` are needed to speak as an app",
            zh="请填写 corp_id 和 corp_secret（企业 ID 与应用 Secret）",
        )
    return config.corp_id, config.corp_secret.get_secret_value()


def _token_name(config: WecomConfig) -> str:
    corp_id, secret = _credentials(config)
    return f"wecom:{corp_id}:{hashlib.sha256(secret.encode()).hexdigest()[:12]}"
