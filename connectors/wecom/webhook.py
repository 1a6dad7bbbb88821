"""WeCom's encrypted callbacks: the address check by GET, events as XML, a bell for each person who changed."""

import hashlib
from collections.abc import Mapping

from lxml import etree

from connectors.wecom.config import WecomConfig
from hub.sdk import Accepted, Answer, Bell, ConfigInvalid, Incoming, Opened, Refused
from hub.sdk.envelope import Envelope, aes_key
from hub.sdk.webhook import require_secret

EVENTS: Mapping[str, str] = {"change_contact": "users"}
PEOPLE = frozenset({"create_user", "update_user", "delete_user"})  # ChangeType; departments and tags are not read
PLAIN = "text/plain; charset=utf-8"


class WecomHook:
    """The address an administrator enters under "receive messages" of the app; the envelope's owner is the corp id."""

    events = EVENTS

    def check(self, config: WecomConfig) -> None:
        envelope_of(config)

    def accept(self, config: WecomConfig, request: Incoming) -> Accepted:
        if request.method == "GET":
            return Accepted(Answer(body=_echo(envelope_of(config), request), content_type=PLAIN), keep=False)
        plain = _plain(envelope_of(config), request)
        return Accepted(Answer(body=b"success", content_type=PLAIN), event_id=_event_id(fields_of(plain), plain))

    def open(self, config: WecomConfig, request: Incoming) -> Opened:
        event = fields_of(_plain(envelope_of(config), request))
        name, change = event.get("Event", ""), event.get("ChangeType", "")
        stream = EVENTS.get(name) if event.get("MsgType") == "event" else None
        if stream is None or change not in PEOPLE:
            shown = " ".join(part for part in (event.get("MsgType"), name, change) if part)
            return Opened(nothing=f"{shown or 'a message without a type'}: no stream follows it")
        # a changed user id is told as UserID -> NewUserID
        people = [event[key] for key in ("UserID", "NewUserID") if event.get(key)]
        return Opened(bells=[Bell(stream, person) for person in people] or [Bell(stream)])


def envelope_of(config: WecomConfig) -> Envelope:
    token = require_secret(config.callback_token, "callback_token")
    key = require_secret(config.callback_aes_key, "callback_aes_key")
    if not config.corp_id:
        raise ConfigInvalid(
            "`corp_id` is missing: callbacks are addressed to it", zh="请填写 corp_id：回调以它为归属标识"
        )
    return Envelope(token.get_secret_value(), aes_key(key.get_secret_value(), "callback_aes_key"), config.corp_id)


def _echo(envelope: Envelope, request: Incoming) -> bytes:
    # base64 knows no space: where there is one, a plus sign was decoded once too often
    return _opened(envelope, request, request.query.get("echostr", "").replace(" ", "+"))


def _plain(envelope: Envelope, request: Incoming) -> bytes:
    if request.method != "POST":
        raise Refused("WeCom calls by GET or POST", zh="企业微信以 GET 或 POST 方式回调", status=405)
    return _opened(envelope, request, fields_of(request.body).get("Encrypt", ""))


def _opened(envelope: Envelope, request: Incoming, encrypted: str) -> bytes:
    query = request.query
    names = ("msg_signature", "timestamp", "nonce")
    signature, timestamp, nonce = (query.get(name, "") for name in names)
    return envelope.open(signature, timestamp, nonce, encrypted)


def fields_of(body: bytes) -> dict[str, str]:
    """The texts directly under the root. Nothing outside the document is read, and no entity is expanded."""
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused(f"the body is no XML ({error})", zh=f"请求体不是 XML（{error}）", status=400) from None
    if root.getroottree().docinfo.doctype:
        raise Refused("XML with a DOCTYPE is not read", zh="不接受带有 DOCTYPE 的 XML", status=400)
    return {child.tag: child.text or "" for child in root if isinstance(child.tag, str)}


def _event_id(event: Mapping[str, str], plain: bytes) -> str:
    """Messages have an id. Events do not: sender, time and a hash of the text inside, which is encrypted anew each
    time it comes; two changes of one person in one second stay two."""
    if event.get("MsgId"):
        return event["MsgId"]
    parts = [event.get(name, "") for name in ("FromUserName", "CreateTime", "Event", "ChangeType")]
    return "-".join([*parts, hashlib.sha256(plain).hexdigest()[:16]])
