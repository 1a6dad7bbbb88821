"""Every call to DingTalk: addresses, tokens, the robot's signature, and errors read off the answers."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connectors.dingtalk.config import DingtalkConfig
from connectors.dingtalk.errors import after_a_write, error_of
from hub.sdk import AuthFailed, ConfigInvalid, Context, Rejected, Reply, Throttled, Token
from hub.sdk.auth import with_token
from hub.sdk.http import no_answer

ROBOT = "robot/send"
NOTICE = "topapi/message/corpconversation/asyncsend_v2"
WRITES = frozenset({ROBOT, NOTICE})  # a second call could have a second effect


async def login(ctx: Context, stream: str) -> Token:
    """A token by the new API; the same token serves the old one. Asked again early, DingTalk renews it."""
    config: DingtalkConfig = ctx.config
    if not config.app_key or config.app_secret is None:
        raise ConfigInvalid(
            "`app_key` and `app_secret` are needed to speak as an app",
            zh="请填写 app_key 和 app_secret（应用的 Client ID 与 Client Secret）",
        )
    body = {"appKey": config.app_key, "appSecret": config.app_secret.get_secret_value()}
    reply = await ctx.http.request(
        "POST", f"{config.base_url}/v1.0/oauth2/accessToken", interface="oauth2/accessToken", writes=False, json=body
    )
    answer = checked(reply, stream)
    # a tenth of its life early, so that no call travels with a token about to end
    life = int(part(answer, "expireIn")) * 9 // 10
    return Token(part(answer, "accessToken"), ctx.clock.now() + timedelta(seconds=life))


async def call(ctx: Context, stream: str, path: str, body: Mapping[str, Any], *, needs: str = "") -> Any:
    """One call of the old API as the app; what stands under `result`, or the whole answer. `needs` must be in it."""
    config: DingtalkConfig = ctx.config

    async def with_this(token: Token) -> Any:
        return await post(ctx, stream, path, {"access_token": token.value}, body)

    answer = await with_token(ctx, f"dingtalk:{config.app_key}", lambda: login(ctx, stream), with_this)
    result = answer.get("result", answer)
    if not isinstance(result, dict):
        raise no_answer(path in WRITES, "the result is no object")
    if needs:
        part(result, needs, wrote=path in WRITES)
    return result


async def send_robot(ctx: Context, body: Mapping[str, Any]) -> None:
    """Post to the group's robot, signed where the robot has a secret."""
    config: DingtalkConfig = ctx.config
    params = {"access_token": robot_token(config)}
    if config.robot_secret is not None:
        stamp = str(int(ctx.clock.now().timestamp() * 1000))
        params |= {"timestamp": stamp, "sign": robot_sign(config.robot_secret.get_secret_value(), stamp)}
    part(await post(ctx, "robot", ROBOT, params, body), "errcode", wrote=True)


async def robot_answers(ctx: Context) -> None:
    """Ask the robot's address in a way that sends nothing: a GET is answered with 43002 or with what is wrong."""
    config: DingtalkConfig = ctx.config
    params = {"access_token": robot_token(config)}
    url = f"{config.legacy_base_url}/{ROBOT}"
    reply = await ctx.http.request("GET", url, interface="robot/probe", writes=False, params=params)
    try:
        checked(reply, "robot")
    except AuthFailed as error:
        error.scope = None  # this connection has nothing but the robot
        raise
    except Rejected as error:
        if error.code != "43002":
            raise


async def post(ctx: Context, stream: str, path: str, params: Mapping[str, str], body: Mapping[str, Any]) -> Any:
    writes = path in WRITES
    url = f"{ctx.config.legacy_base_url}/{path}"
    try:
        reply = await ctx.http.request("POST", url, interface=path, writes=writes, params=params, json=body)
    except Throttled as error:
        error.scope = error.scope or stream  # our own limit of one interface pauses its stream alone
        raise
    return checked(reply, stream)


def checked(reply: Reply, stream: str) -> dict[str, Any]:
    """The answer when it is a success, in either generation's shape; else one of the nine errors."""
    answer = reply.json()
    if not isinstance(answer, dict):
        raise no_answer(reply.writes, f"HTTP {reply.status}, the body is no object")
    code, words = code_of(reply.status, answer)
    if code == "0":
        return answer
    error = error_of(code, words, stream, reply.status)
    raise after_a_write(error) if reply.writes and reply.status >= 500 else error


def part(answer: Any, name: str, *, wrote: bool = False) -> Any:
    """What a success must hold; without it nobody knows what happened."""
    value = answer.get(name) if isinstance(answer, dict) else None
    if value is None:
        raise no_answer(wrote, f"the answer has no {name}")
    return value


def code_of(status: int, answer: Mapping[str, Any]) -> tuple[str, str]:
    """Code and words of an answer; "0" is success. `errcode` comes as number or text; 88 wraps the real one."""
    if "errcode" in answer:
        code, words = str(answer["errcode"]), str(answer.get("errmsg", ""))
        if code == "88" and answer.get("sub_code"):
            return str(answer["sub_code"]), str(answer.get("sub_msg", words))
        return code, words
    if answer.get("punish") and "status" in answer:
        # the ban of an IP address has a shape of its own
        return str(answer["status"]), f"wait {answer.get('wait')} s"
    if status < 400:
        return "0", ""
    return str(answer.get("code", status)), str(answer.get("message", ""))


def robot_token(config: DingtalkConfig) -> str:
    if config.robot_token is None:
        raise ConfigInvalid(
            "`robot_token` is missing: it is the access_token in the robot's webhook address",
            zh="请填写 robot_token（群机器人 Webhook 地址中的 access_token）",
            scope="robot",
        )
    return config.robot_token.get_secret_value()


def robot_sign(secret: str, stamp: str) -> str:
    """Base64 of HMAC-SHA256 over `timestamp\\nsecret`; the key is the whole secret with its SEC."""
    digest = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode("ascii")
