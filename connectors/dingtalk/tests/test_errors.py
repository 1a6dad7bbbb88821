"""Every row of the table of codes, in the shapes both generations of the API answer with."""

from typing import Any

import httpx
import pytest

from connectors.dingtalk.client import NOTICE, call
from connectors.dingtalk.connector import connector
from connectors.dingtalk.errors import TABLE
from connectors.dingtalk.sandbox import sandbox_config
from hub.sdk import ConnectorError, Context, Rejected, Throttled, Unavailable, Uncertain
from hub.sdk.errors import ERRORS
from tests.support.sdk import make_context

BASE = "https://ding.test"


def context(status: int, **content: Any) -> Context:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("accessToken"):
            return httpx.Response(200, json={"accessToken": "t", "expireIn": 7200})
        return httpx.Response(status, **content)

    return make_context(connector, sandbox_config(BASE), httpx.MockTransport(answer))


async def failure(ctx: Context, path: str = "topapi/any") -> ConnectorError:
    with pytest.raises(ConnectorError) as raised:
        await call(ctx, "users", path, {})
    return raised.value


@pytest.mark.parametrize("code", sorted(TABLE))
async def test_every_code(code: str) -> None:
    row = TABLE[code]
    assert row.error in ERRORS
    if code.lstrip("-").isdigit():
        error = await failure(context(200, json={"errcode": int(code), "errmsg": "厂商原话"}))
    else:
        name = code if "." in code else f"Forbidden.AccessDenied.{code}"
        error = await failure(context(400, json={"code": name, "message": "厂商原话"}))
    assert type(error) is row.error
    assert "厂商原话" in error.zh
    assert "厂商原话" in error.sentence
    assert getattr(error, "retry_after", None) == row.wait
    assert getattr(error, "scope", None) == ("users" if row.stream else None)


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, {"json": {"errcode": 999999, "errmsg": "?"}}, Rejected),
        (200, {"json": {"errcode": "90018", "errmsg": "?"}}, Throttled),
        (200, {"json": {"errcode": 88, "sub_code": "60011", "sub_msg": "?"}}, TABLE["60011"].error),
        (200, {"json": {"errcode": 88, "errmsg": "?"}}, Rejected),
        (200, {"json": {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "u"}}, Throttled),
        (200, {"json": ["no object"]}, Unavailable),
        (200, {"text": "<html>login</html>"}, Unavailable),
        (400, {"json": {"code": "invalidParameter.userIds.empty", "message": "?"}}, Rejected),
        (401, {"json": {"code": "whatever", "message": "?"}}, TABLE["40014"].error),
        (404, {"json": {"code": "whatever", "message": "?"}}, TABLE["22"].error),
        (429, {"json": {"code": "whatever", "message": "?"}}, Throttled),
        (500, {"json": {"code": "whatever", "message": "?"}}, Unavailable),
        (502, {"text": "bad gateway"}, Unavailable),
    ],
)
async def test_other_shapes(status: int, content: dict[str, Any], expected: type[ConnectorError]) -> None:
    assert type(await failure(context(status, **content))) is expected


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        (200, {"text": "<html>"}, Uncertain),
        (500, {"json": {"code": "systemError", "message": "?"}}, Uncertain),
        (503, {"json": {"code": "whatever", "message": "?"}}, Uncertain),
        (200, {"json": {"errcode": -1, "errmsg": "系统繁忙"}}, Unavailable),
        (400, {"json": {"code": "invalidParameter", "message": "?"}}, Rejected),
    ],
)
async def test_after_a_write(status: int, content: dict[str, Any], expected: type[ConnectorError]) -> None:
    assert type(await failure(context(status, **content), NOTICE)) is expected


async def test_no_secret_in_any_sentence() -> None:
    config = sandbox_config(BASE)
    error = await failure(context(200, json={"errcode": 40096, "errmsg": "不合法的appkey"}))
    shown = f"{error} {error.zh} {error!r}"
    for name in ("app_secret", "robot_token", "robot_secret", "callback_token", "callback_aes_key"):
        assert config[name] not in shown
