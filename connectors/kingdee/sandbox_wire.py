"""How the sandbox is spoken to: its credentials, the three envelopes of a call, the answers."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from connectors.kingdee.sandbox_books import Doc, Refusal
from connectors.kingdee.sandbox_forms import VENDOR_FORMS, VendorForm
from connectors.kingdee.signing import client_secret
from hub.sdk import jsontext

ACCT_ID = "6a0f3c2b9d8e71"
USER = "hub"
APP_ID = "300017_bWFkZSB1cCBzYW5kYm94IGtleSAyNGJ5"
APP_SECRET = "made-up-for-the-sandbox-8c1f20d4"  # noqa: S105  belongs to no system
SESSION_LOST = "会话信息已丢失，请重新登录"
STAMP_WINDOW = 15 * 60  # seconds; 13 minutes were refused by the old gateway, the real window is not documented


def envelope(method: str, body: Any) -> tuple[str, Mapping[str, Any], str]:
    """Form id, data and opNumber of any of the three ways to call."""
    if not isinstance(body, dict):
        raise Refusal(8, "请求不是 JSON")
    if "parameters" in body:
        given = body["parameters"]
        given = jsontext.loads(given) if isinstance(given, str) else given
        data = jsontext.loads(given[-1]) if isinstance(given[-1], str) else given[-1]
        return str(given[0] if len(given) > 1 else data.get("FormId", "")), data, ""
    data = body.get("data") or {}
    data = jsontext.loads(data) if isinstance(data, str) else data
    form_id = data.get("FormId") if method == "ExecuteBillQuery" else body.get("formid")
    return str(form_id or ""), data, str(body.get("opNumber") or "")


def form_of(form_id: str) -> VendorForm:
    if not form_id:
        raise Refusal(5, "表单标识不能为空")
    if form_id not in VENDOR_FORMS:
        raise Refusal(9, f"业务对象不存在：{form_id}")
    return VENDOR_FORMS[form_id]


def signed(request: Request, now: int) -> bool:
    """Header signature 2.0, written from the description and not with the connector's code."""
    given = request.headers
    nonce, stamp = given.get("x-api-nonce", ""), given.get("x-api-timestamp", "")
    if not stamp.isdigit() or abs(int(stamp) - now) > STAMP_WINDOW:
        return False
    path = request.url.path.replace("/", "%2F")
    call = f"POST\n{path}\n\nx-api-nonce:{nonce}\nx-api-timestamp:{stamp}\n"
    try:
        who = base64.b64decode(given.get("x-kd-appdata", ""), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return False
    wanted = {
        "x-api-clientid": APP_ID.split("_", maxsplit=1)[0],
        "x-api-auth-version": "2.0",
        "x-api-signheaders": "x-api-timestamp,x-api-nonce",
        "x-api-signature": _hmac(client_secret(APP_ID), call),
        "x-kd-appkey": APP_ID,
        "x-kd-signature": _hmac(APP_SECRET, APP_ID + who),
    }
    return who.split(",")[:2] == [ACCT_ID, USER] and all(given.get(name) == value for name, value in wanted.items())


def _hmac(key: str, text: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), "sha256").hex().encode()).decode()


def proven(method: str, given: Sequence[Any], now: int) -> bool:
    if method == "LoginByAppSecret":
        return list(given[1:4]) == [USER, APP_ID, APP_SECRET]
    if (
        method == "LoginBySign"
        and len(given) > 4
        and str(given[3]).isdigit()
        and abs(int(given[3]) - now) < STAMP_WINDOW
    ):
        joined = "".join(sorted([ACCT_ID, USER, APP_ID, APP_SECRET, str(given[3])]))
        return list(given[1:3]) == [USER, APP_ID] and given[4] == hashlib.sha256(joined.encode()).hexdigest()
    return False


def answer(value: Any) -> Response:
    return Response(jsontext.dumps(value), media_type="application/json")


def failure(code: int, message: str, field: str | None) -> dict[str, Any]:
    errors = [{"FieldName": field, "Message": message, "DIndex": 0}]
    status = {"ErrorCode": 500, "IsSuccess": False, "Errors": errors, "SuccessEntitys": [], "MsgCode": code}
    return {"Result": {"ResponseStatus": status, "Id": "", "Number": ""}}


def success(form: VendorForm, docs: Sequence[Doc]) -> dict[str, Any]:
    done = [{"Id": d["id"], "Number": d["fields"].get(form.number), "DIndex": i} for i, d in enumerate(docs)]
    return {"Result": {"ResponseStatus": {"IsSuccess": True, "Errors": [], "SuccessEntitys": done, "MsgCode": 0}}}


def view(form: VendorForm, doc: Doc) -> dict[str, Any]:
    """View speaks in the entity's property names, not in F-keys."""
    whole: dict[str, Any] = {"Id": doc["id"]} | {name.removeprefix("F"): value for name, value in doc["fields"].items()}
    if form.entry is not None:
        rows = [{"Id": x["FEntryID"], **{n.removeprefix("F"): v for n, v in x.items()}} for x in doc["lines"]]
        whole[form.entry.name.removeprefix("F")] = rows
    return {"Result": {"ResponseStatus": None, "Result": whole}}
