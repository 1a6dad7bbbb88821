"""Checks of a webhook call that several vendors share: bearer token, secret path, Standard Webhooks."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from pydantic import SecretStr

from hub.sdk.auth import same
from hub.sdk.errors import ConfigInvalid
from hub.sdk.records import Incoming, Refused

TOLERANCE = 300  # seconds, both ways (Standard Webhooks)


def require_secret(secret: SecretStr | None, field: str) -> SecretStr:
    """The secret a hook is checked with, or `ConfigInvalid`: a hook anybody could call cannot be saved."""
    if secret is None or not secret.get_secret_value():
        raise ConfigInvalid(
            f"the hook has nothing that authenticates a call: set `{field}`",
            zh=f"接收地址没有任何身份校验：请填写 {field}",
        )
    return secret


def check_bearer_or_path(secret: SecretStr, request: Incoming) -> None:
    """Accept `Authorization: Bearer <secret>` or, for callers that cannot send headers, `/hooks/{connection}/<secret>`."""
    expected = secret.get_secret_value()
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    given = value if scheme.lower() == "bearer" else request.path.strip("/")
    if not given:
        raise Refused(
            "no token: send it as a bearer token or as the last part of the address",
            zh="缺少令牌：请放在 Authorization: Bearer 或地址最后一段",
        )
    if not same(given, expected):
        raise Refused("the token does not match", zh="令牌不符")


def check_standard_webhook(secrets: Sequence[SecretStr], request: Incoming, now: datetime) -> str:
    """Verify by standardwebhooks.com (HMAC-SHA256 over `id.timestamp.body`, several signatures and secrets for
    rotation); returns the webhook id."""
    headers = request.headers
    message, stamp, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not (message and stamp and given):
        raise Refused(
            "webhook-id, webhook-timestamp or webhook-signature is missing",
            zh="缺少 webhook-id、webhook-timestamp 或 webhook-signature",
        )
    if not stamp.isdigit() or abs(now.timestamp() - int(stamp)) > TOLERANCE:
        raise Refused(
            "webhook-timestamp is more than 5 minutes away from our clock",
            zh="webhook-timestamp 与本机时间相差超过 5 分钟",
        )
    signed = f"{message}.{stamp}.".encode() + request.body
    signatures = [part[3:] for part in given.split() if part.startswith("v1,")]
    expected = [standard_signature(secret, signed) for secret in secrets]
    if not any(same(a, b) for a in signatures for b in expected):
        raise Refused("the signature does not match", zh="签名不符")
    return message


def standard_signature(secret: SecretStr, signed: bytes) -> str:
    """Base64 signature of Standard Webhooks; the secret is `whsec_` + base64."""
    try:
        key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ConfigInvalid(
            "the webhook secret is not whsec_ + base64", zh="webhook 密钥格式应为 whsec_ 加 base64"
        ) from None
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")
