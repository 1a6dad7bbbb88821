"""A made-up vendor for the tests of the HTTP side: one stream, a hook with a token, a probe that does as it is told."""

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from hub.sdk import (
    Accepted,
    Answer,
    Arrived,
    AuthFailed,
    ConnectionConfig,
    Connector,
    Context,
    Incoming,
    Manifest,
    Opened,
    Refused,
    jsontext,
)
from hub.sdk.webhook import check_bearer_or_path, require_secret

TOKEN = "hook-token-0123456789"

MAPPING = """
mapping: shop.products
kind: product
key: id
names: {number: number}
match: [[number]]
fields:
  number: number
  name: name
"""


class ShopConfig(ConnectionConfig):
    hook_token: SecretStr | None = None
    password: SecretStr | None = None


class Products:
    name = "products"
    schema: Mapping[str, str] = {"id": "text", "number": "text", "name": "text"}

    async def fetch(self, ctx: Context, keys: Any) -> list[dict[str, Any]]:
        return []


class ShopHook:
    events: Mapping[str, str] = {"product": "products"}

    def check(self, config: ShopConfig) -> None:
        require_secret(config.hook_token, "hook_token")

    def accept(self, config: ShopConfig, request: Incoming) -> Accepted:
        check_bearer_or_path(require_secret(config.hook_token, "hook_token"), request)
        if request.method == "GET":
            return Accepted(Answer(body=request.query["echo"].encode(), content_type="text/plain"), keep=False)
        try:
            body = jsontext.loads(request.body)
        except jsontext.BadJson as error:
            raise Refused(f"the body is no JSON: {error}", zh="请求体不是 JSON", status=400) from None
        if body == "bug":
            raise KeyError("bug")
        event_id = body.get("event")
        return Accepted(Answer(body=b'{"ok":true}'), event_id=event_id)

    def open(self, config: ShopConfig, request: Incoming) -> Opened:
        return Opened(records=[Arrived("products", jsontext.loads(request.body)["record"])])


async def probe(ctx: Context) -> None:
    if ctx.config.password is None:
        raise AuthFailed("the password is not accepted", zh="密码不正确")


connector = Connector(
    manifest=Manifest(
        id="shop",
        name_zh="商店",
        name_en="Shop",
        owner="tests",
        docs="none",
        auth="basic",
        streams={"products": ["fetch"]},
        events={"product": "products"},
    ),
    config=ShopConfig,
    streams={"products": Products()},
    probe=probe,
    hook=ShopHook(),
)
