"""What the WeCom sandbox enforces: limits, message forms, the shapes of its answers, its made-up secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from lxml import etree
from starlette.responses import Response

from hub.sdk.envelope import Envelope, aes_key
from hub.sdk.jsontext import dumps

SECRETS: Mapping[str, Any] = {  # made up, for the sandbox alone
    "corp_id": "wwsandbox00000001",
    "corp_secret": "sandbox-corp-secret-01",
    "agent_id": 1000002,
    "robot_key": "5a4d0b0c-0000-4000-8000-000000000001",
    "callback_token": "SandboxToken2026",
    "callback_aes_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
}
ECHO = "1616140317555161061"


@dataclass(frozen=True, slots=True)
class Settings:
    """The vendor's limits; a test may shrink them. Times in seconds."""

    token_life: int = 7200
    robot_per_minute: int = 20
    robot_block: int = 60  # by the general rule for minute limits; not stated for webhooks
    calls_per_minute: int = 10_000
    member_per_minute: int = 30


@dataclass(frozen=True, slots=True)
class Form:
    """What a message type must have, and the most bytes of one field (None: cut by the vendor, never refused)."""

    fields: tuple[str, ...]
    longest: tuple[str, int] | None = None


ROBOT_TYPES: Mapping[str, Form] = {
    "text": Form(("content",), ("content", 2048)),
    "markdown": Form(("content",), ("content", 4096)),
    "markdown_v2": Form(("content",), ("content", 4096)),
    "image": Form(("base64", "md5")),
    "news": Form(("articles",)),
    "file": Form(("media_id",)),
    "voice": Form(("media_id",)),
    "template_card": Form(("card_type", "card_action")),
}
APP_TYPES: Mapping[str, Form] = {
    "text": Form(("content",)),
    "markdown": Form(("content",), ("content", 2048)),
    "textcard": Form(("title", "description", "url"), ("description", 512)),
    "news": Form(("articles",)),
    "image": Form(("media_id",)),
    "voice": Form(("media_id",)),
    "video": Form(("media_id",)),
    "file": Form(("media_id",)),
    "template_card": Form(("card_type",)),
}


class Refusal(Exception):
    """An `errcode` other than 0."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        hint = f"hint: [{code}], from ip: 127.0.0.1, more info at /devtool/query?e={code}"
        self.answer = {"errcode": code, "errmsg": f"{words}, {hint}"}


def reply(answer: dict[str, Any]) -> Response:
    return Response(dumps(answer), media_type="application/json")


def content(body: dict[str, Any], types: Mapping[str, Form], too_long: int) -> dict[str, Any]:
    """The part of a message its `msgtype` names, with all it must have."""
    kind = str(body.get("msgtype", ""))
    form, part = types.get(kind), body.get(kind)
    if form is None:
        raise Refusal(40008, "invalid message type")
    if not isinstance(part, dict) or not all(part.get(name) for name in form.fields):
        raise Refusal(44004, "empty content")
    if form.longest:
        name, most = form.longest
        if len(str(part.get(name, "")).encode()) > most:
            raise Refusal(too_long, f"{kind}.{name} exceed max length {most}")
    return part


def shown(part: dict[str, Any]) -> tuple[str, str]:
    """Title and text as the reader sees them; of plain text the first line stands for a title."""
    if "content" in part:
        title, _, text = str(part["content"]).partition("\n")
        return title, text
    return str(part.get("title", "")), str(part.get("description", ""))


def cut_text(kind: str, part: dict[str, Any]) -> dict[str, Any]:
    """An app's text beyond 2048 bytes is cut, not refused."""
    if kind != "text":
        return part
    return {"content": str(part["content"]).encode()[:2048].decode("utf-8", "ignore")}


def xml_of(fields: Mapping[str, Any]) -> bytes:
    """`<xml>` with one element a field, texts as CDATA."""
    root = etree.Element("xml")
    for name, value in fields.items():
        child = etree.SubElement(root, name)
        child.text = str(value) if isinstance(value, int) else etree.CDATA(str(value))
    return bytes(etree.tostring(root, encoding="utf-8"))


def _signed(hook: Mapping[str, str], message: bytes, now: datetime, nonce: str) -> tuple[str, dict[str, str]]:
    envelope = Envelope(hook["token"], aes_key(hook["aes_key"], "aes_key"), SECRETS["corp_id"])
    encrypted, stamp = envelope.encrypt(message), str(int(now.timestamp()))
    signature = envelope.sign(stamp, nonce, encrypted)
    return encrypted, {"msg_signature": signature, "timestamp": stamp, "nonce": nonce}


def callback(hook: Mapping[str, str], event: Mapping[str, Any], now: datetime, nonce: str) -> tuple[str, bytes]:
    """Address and body of an encrypted event."""
    encrypted, query = _signed(hook, xml_of(event), now, nonce)
    outer = {"ToUserName": SECRETS["corp_id"], "AgentID": SECRETS["agent_id"], "Encrypt": encrypted}
    return f"{hook['url']}?{urlencode(query)}", xml_of(outer)


def address_check(hook: Mapping[str, str], now: datetime, nonce: str) -> str:
    """The address WeCom calls by GET when an administrator saves it; it expects `ECHO`, bare."""
    encrypted, query = _signed(hook, ECHO.encode(), now, nonce)
    return f"{hook['url']}?{urlencode({**query, 'echostr': encrypted})}"
