"""Every row of the table of codes, and answers that are none of WeCom's."""

from typing import Any

import httpx
import pytest

from connectors.wecom.client import APP, post
from connectors.wecom.connector import connector
from connectors.wecom.errors import TABLE
from connectors.wecom.sandbox import sandbox_config
from hub.sdk import ConnectorError, Context, Rejected, Unavailable, Uncertain
from hub.sdk.errors import ERRORS
from tests.support.sdk import make_context

BASE = "https://wecom.test"


def context(status: int, **content: Any) -> Context:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("gettoken"):
            return httpx.Response(200, json={"access_token": "t", "expires_in": 7200})
        return httpx.Response(status, **content)

    return make_context(connector, sandbox_config(BASE), httpx.MockTransport(answer))


async def failure(ctx: Context, path: str = "any/read") -> ConnectorError:
    with pytest.raises(ConnectorError) as raised:
        await post(ctx, "users", path, {})
    return raised.value


@pytest.mark.parametrize("code", sorted(TABLE))
async def test_every_code(code: int) -> None:
    row = TABLE[code]
    error = await failure(context(200, json={"errcode": code, "errmsg": "vendor's words"}))
    assert row.error in ERRORS
    assert type(error) is row.error
    assert row.zh in error.zh
    assert "vendor's words" in error.zh
    assert "vendor's words" in error.sentence
    assert error.code == str(code)
    assert getattr(error, "retry_after", None) == row.wait
    assert getattr(error, "scope", None) == ("users" if row.stream else None)


@pytest.mark.parametrize(
    ("status", "content", "read", "write"),
    [
        (200, {"json": {"errcode": 999999, "errmsg": "?"}}, Rejected, Rejected),
        (200, {"json": {"errcode": -1, "errmsg": "system busy"}}, Unavailable, Unavailable),
        (200, {"json": ["no object"]}, Unavailable, Uncertain),
        (200, {"text": "<html>"}, Unavailable, Uncertain),
        (502, {"text": "bad gateway"}, Unavailable, Uncertain),
        (404, {"text": "not found"}, Unavailable, Unavailable),
    ],
)
async def test_other_answers(
    status: int, content: dict[str, Any], read: type[ConnectorError], write: type[ConnectorError]
) -> None:
    assert type(await failure(context(status, **content))) is read
    assert type(await failure(context(status, **content), APP)) is write


async def test_no_secret_in_any_sentence() -> None:
    config = sandbox_config(BASE)
    error = await failure(context(200, json={"errcode": 40001, "errmsg": "invalid credential"}))
    shown = f"{error} {error.zh} {error!r}"
    for name in ("corp_secret", "robot_key", "callback_token", "callback_aes_key"):
        assert config[name] not in shown
