"""Kingdee's signatures as pure functions: header signature 2.0 and the sign of LoginBySign."""

import base64
import hashlib
import hmac
from urllib.parse import urlsplit

# Fixed text of the vendor's SDK; its first 24 bytes unlock part 2 of the AppId.
_PAD = b"0054f397c6234378b09ca7d3e5debce7"


def client_secret(app_id: str) -> str:
    """The key of X-Api-Signature, hidden in part 2 of the AppId."""
    hidden = base64.b64decode(app_id.partition("_")[2])
    return base64.b64encode(bytes(a ^ b for a, b in zip(hidden, _PAD, strict=False))).decode("ascii")


def header_signature(
    url: str, *, acct_id: str, user: str, app_id: str, app_secret: str, lcid: int, organization: str, now: int
) -> dict[str, str]:
    """The headers of one signed call. The SDK uses the same number for time stamp and nonce."""
    stamp = str(now)
    path = urlsplit(url).path.replace("/", "%2F")
    signed = f"POST\n{path}\n\nx-api-nonce:{stamp}\nx-api-timestamp:{stamp}\n"
    app_data = f"{acct_id},{user},{lcid},{organization}"
    return {
        "X-Api-ClientID": app_id.partition("_")[0],
        "X-Api-Auth-Version": "2.0",
        "x-api-timestamp": stamp,
        "x-api-nonce": stamp,
        "x-api-signheaders": "x-api-timestamp,x-api-nonce",
        "X-Api-Signature": _hex_hmac(client_secret(app_id), signed),
        "X-Kd-Appkey": app_id,
        "X-Kd-Appdata": base64.b64encode(app_data.encode()).decode("ascii"),
        "X-Kd-Signature": _hex_hmac(app_secret, app_id + app_data),
    }


def login_sign(acct_id: str, user: str, app_id: str, app_secret: str, stamp: str) -> str:
    """A plain hash over the sorted parts, not an HMAC."""
    parts = sorted([acct_id, user, app_id, app_secret, stamp])
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _hex_hmac(key: str, text: str) -> str:
    """Base64 of the hex text, not of the raw digest."""
    digest = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
    return base64.b64encode(digest.encode("ascii")).decode("ascii")
