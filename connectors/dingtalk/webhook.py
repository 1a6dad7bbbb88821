"""DingTalk's encrypted callbacks: verify, answer with the encrypted word `success`, ring for people who changed."""

import hashlib
from collections.abc import Mapping
from typing import Any

from connectors.dingtalk.config import DingtalkConfig
from hub.sdk import Accepted, Answer, Bell, ConfigInvalid, Incoming, Opened, Refused
from hub.sdk.envelope import Envelope, aes_key
from hub.sdk.jsontext import BadJson, dumps, loads
from hub.sdk.webhook import require_secret

EVENTS: Mapping[str, str] = {
    "user_add_org": "users",
    "user_modify_org": "users",
    "user_leave_org": "users",
}
URL_CHECK = "check_url"


class DingtalkHook:
    """The address an administrator enters under event subscription; the envelope's owner is the app key."""

    events = EVENTS

    def check(self, config: DingtalkConfig) -> None:
        envelope_of(config)

    def accept(self, config: DingtalkConfig, request: Incoming) -> Accepted:
        envelope = envelope_of(config)
        plain = _plain(envelope, request)
        event = _event(plain)
        # an event that comes again is encrypted anew, so the hash is that of the text inside
        event_id = str(event.get("eventid") or hashlib.sha256(plain).hexdigest())
        return Accepted(
            Answer(body=_success(envelope, request)), event_id=event_id, keep=event.get("eventtype") != URL_CHECK
        )

    def open(self, config: DingtalkConfig, request: Incoming) -> Opened:
        event = _event(_plain(envelope_of(config), request))
        name = str(event.get("eventtype", ""))
        stream = EVENTS.get(name)
        if stream is None:
            return Opened(nothing=f"event {name or 'without a name'}: no stream follows it")
        given = event.get("userid") or []
        people = given if isinstance(given, list) else [given]
        # without ids "something changed" is all that is known
        return Opened(bells=[Bell(stream, str(person)) for person in people] or [Bell(stream)])


def envelope_of(config: DingtalkConfig) -> Envelope:
    token = require_secret(config.callback_token, "callback_token")
    key = require_secret(config.callback_aes_key, "callback_aes_key")
    if not config.app_key:
        raise ConfigInvalid(
            "`app_key` is missing: callbacks are addressed to it", zh="请填写 app_key：回调以它为归属标识"
        )
    return Envelope(token.get_secret_value(), aes_key(key.get_secret_value(), "callback_aes_key"), config.app_key)


def _plain(envelope: Envelope, request: Incoming) -> bytes:
    if request.method != "POST":
        raise Refused("DingTalk calls by POST", zh="钉钉以 POST 方式回调", status=405)
    try:
        body = loads(request.body)
    except BadJson as error:
        raise Refused(f"the body is no JSON ({error})", zh=f"请求体不是 JSON（{error}）", status=400) from None
    encrypted = body.get("encrypt") if isinstance(body, dict) else None
    if not isinstance(encrypted, str):
        raise Refused("the body has no `encrypt`", zh="请求体缺少 encrypt", status=400)
    query = request.query
    # the page names it `signature`, real calls carry both with one value
    signature = query.get("msg_signature") or query.get("signature", "")
    return envelope.open(signature, query.get("timestamp", ""), query.get("nonce", ""), encrypted)


def _event(plain: bytes) -> dict[str, Any]:
    """The event with lower-case names: DingTalk writes UserId and userId alike."""
    try:
        event = loads(plain)
    except BadJson as error:
        raise Refused(f"the event is no JSON ({error})", zh=f"事件内容不是 JSON（{error}）", status=400) from None
    if not isinstance(event, dict):
        raise Refused("the event is no object", zh="事件内容不是对象", status=400)
    return {name.lower(): value for name, value in event.items()}


def _success(envelope: Envelope, request: Incoming) -> bytes:
    encrypted = envelope.encrypt(b"success")
    stamp = str(int(request.received_at.timestamp() * 1000))
    nonce = hashlib.sha256(encrypted.encode()).hexdigest()[:16]  # as random as the envelope
    return dumps(
        {
            "msg_signature": envelope.sign(stamp, nonce, encrypted),
            "timeStamp": stamp,
            "nonce": nonce,
            "encrypt": encrypted,
        }
    )
