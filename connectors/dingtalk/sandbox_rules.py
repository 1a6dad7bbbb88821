"""What the DingTalk sandbox enforces: limits, message forms, the shapes of its answers, its made-up secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from connectors.dingtalk.client import robot_sign
from hub.sdk.auth import same
from hub.sdk.envelope import Envelope, aes_key
from hub.sdk.jsontext import dumps

CHINA = ZoneInfo("Asia/Shanghai")
SECRETS: Mapping[str, str] = {  # made up, for the sandbox alone
    "app_key": "dingsandboxappkey01",
    "app_secret": "sandbox-app-secret-01",
    "agent_id": "100200300",
    "robot_token": "sandboxrobottoken0001",
    "robot_secret": "SEC" + "0" * 60 + "box1",
    "callback_token": "SandboxToken2026",
    "callback_aes_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
}
CORP = "dingsandboxcorp"
ROBOT_TYPES: Mapping[str, tuple[str, ...]] = {
    "text": ("content",),
    "markdown": ("title", "text"),
    "link": ("title", "text", "messageUrl"),
    "actionCard": ("title", "text"),
    "feedCard": ("links",),
}
NOTICE_TYPES: Mapping[str, tuple[str, ...]] = {
    "text": ("content",),
    "markdown": ("title", "text"),
    "link": ("title", "text", "messageUrl", "picUrl"),
    "action_card": ("title", "markdown"),
    "oa": ("message_url", "body"),
    "image": ("media_id",),
    "voice": ("media_id", "duration"),
    "file": ("media_id",),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The vendor's limits; a test may shrink them. Times in seconds."""

    token_life: int = 7200
    robot_per_minute: int = 20
    robot_block: int = 600
    clock_tolerance: int = 3600
    calls_per_second: int = 20
    notices_per_day: int = 500


class Refusal(Exception):
    """An `errcode` other than 0."""

    def __init__(self, code: int, words: str, *, sub_code: str = "") -> None:
        super().__init__(words)
        self.answer: dict[str, Any] = {"errcode": code, "errmsg": words}
        if sub_code:
            self.answer |= {"sub_code": sub_code, "sub_msg": words}
            self.answer["errmsg"] = f"ding talk error[subcode={sub_code},submsg={words}]"


def reply(answer: dict[str, Any], status: int = 200) -> Response:
    return Response(dumps(answer), status, media_type="application/json")


def modern(status: int, code: str, words: str) -> Response:
    """A failure of the new API."""
    return reply({"code": code, "message": words, "requestid": "sandbox"}, status)


async def unknown(request: Request) -> Response:
    return modern(404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.")


def content(body: dict[str, Any], types: Mapping[str, tuple[str, ...]], code: int, words: str) -> dict[str, Any]:
    """The part of a message its `msgtype` names, with all it must have."""
    kind = str(body.get("msgtype", ""))
    if kind not in types:
        raise Refusal(code, words)
    part = body.get(kind)
    for name in types[kind]:
        if not isinstance(part, dict) or not part.get(name):
            raise Refusal(40035, f"缺少参数 {kind}.{name}")
    assert isinstance(part, dict)
    return part


def shown(message: dict[str, Any]) -> tuple[str, str]:
    """Title and text as the reader sees them; of plain text the first line stands for a title."""
    if "content" in message:
        title, _, text = str(message["content"]).partition("\n")
        return title, text
    return str(message.get("title", "")), str(message.get("text", message.get("markdown", "")))


def china_day(at: datetime) -> str:
    return at.astimezone(CHINA).date().isoformat()


def check_sign(query: Mapping[str, str], now: datetime, tolerance: int) -> None:
    """The robot's signature and how far its clock may be away."""
    stamp, sign = query.get("timestamp", ""), query.get("sign", "")
    seconds = int(stamp) // 1000 if stamp.isdigit() else 0
    if abs(now.timestamp() - seconds) > tolerance:
        raise Refusal(310000, "invalid timestamp")
    if not same(sign, robot_sign(SECRETS["robot_secret"], stamp)):
        raise Refusal(310000, "sign not match")


def callback(hook: Mapping[str, str], event: dict[str, Any], now: datetime, nonce: str) -> tuple[str, bytes]:
    """Address and body of an encrypted event."""
    envelope = Envelope(hook["token"], aes_key(hook["aes_key"], "aes_key"), SECRETS["app_key"])
    encrypted = envelope.encrypt(dumps(event))
    stamp = str(int(now.timestamp() * 1000))
    sign = envelope.sign(stamp, nonce, encrypted)
    query = urlencode({"signature": sign, "msg_signature": sign, "timestamp": stamp, "nonce": nonce})
    return f"{hook['url']}?{query}", dumps({"encrypt": encrypted})


def new_user(number: int, given: dict[str, Any]) -> dict[str, Any]:
    return {
        "userid": f"user{number:04d}",
        "unionid": f"union{number:04d}",
        "name": "",
        "active": True,
        "dept_id_list": [1],
        **given,
    }
