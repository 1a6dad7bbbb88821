"""One call to the other side: address, credentials, errors."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from connectors.rest.config import RestConfig
from connectors.rest.errors import error_of
from hub.sdk import ConfigInvalid, Context, Reply
from hub.sdk.auth import basic


async def call(
    ctx: Context,
    stream: str,
    method: str,
    address: str,
    *,
    writes: bool = False,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
) -> Reply:
    """Send one request and raise what its answer means. `stream` is the interface the limits count by."""
    config: RestConfig = ctx.config
    reply = await ctx.http.request(
        method,
        address,
        interface=stream,
        writes=writes,
        params=params or None,
        headers={"accept": "application/json", **config.headers, **_credentials(config), **(headers or {})},
        json=json,
    )
    error = error_of(reply, config.errors, stream)
    if error is not None:
        raise error
    return reply


def address_of(config: RestConfig, path: str, key: str = "") -> str:
    """The whole address; `{id}` in the path becomes the key."""
    return config.base_url.rstrip("/") + "/" + path.replace("{id}", quote(key, safe="")).lstrip("/")


def next_address(config: RestConfig, current: str, link: str, stream: str) -> str:
    """The address a next link means. It may not lead to another host: the credentials go with it."""
    target = urljoin(current, link)
    ours, theirs = urlsplit(config.base_url), urlsplit(target)
    if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
        raise ConfigInvalid(
            f"the next link leads to {theirs.scheme}://{theirs.netloc}, away from `base_url`: correct one of them",
            zh=f"下一页地址指向 {theirs.scheme}://{theirs.netloc}，与 base_url 不同：请更正其一",
            scope=stream,
        )
    return target


def _credentials(config: RestConfig) -> dict[str, str]:
    secret = {name: value.get_secret_value() for name, value in config.secret_headers.items()}
    return secret | _authorization(config)


def _authorization(config: RestConfig) -> dict[str, str]:
    if config.auth == "bearer" and config.token is not None:
        return {"authorization": f"Bearer {config.token.get_secret_value()}"}
    if config.auth == "basic" and config.password is not None:
        return {"authorization": basic(config.user, config.password.get_secret_value())}
    return {}
