"""How the conformance checks drive this connector: a corporation with one app, one group webhook, one callback."""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectors.wecom.config import WecomConfig
from connectors.wecom.sandbox import sandbox, sandbox_config
from connectors.wecom.sandbox_rules import callback
from connectors.wecom.webhook import fields_of
from hub.sdk import Incoming, Message
from hub.sdk.conformance import HookCalls, Kit, Reads, Sends

OTHER_KEY = "BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def _user(box: Any, number: int) -> str:
    return str(box.acts()["add_user"]({"name": f"员工{number}", "mobile": f"138{number:08}"})["userid"])


def _message(box: Any) -> Message:
    _user(box, 1)
    return Message(to="13800000001", title="回款通知", text="订单 SO-1 已付款", key="conformance-1")


def _sent(box: Any) -> int:
    return len(box.ledger.of("message_sent"))


def _call(config: WecomConfig, payload: bytes, at: datetime) -> Incoming:
    secrets = (config.callback_token, config.callback_aes_key)
    token, key = (secret.get_secret_value() if secret else "" for secret in secrets)
    hook = {"url": "http://hub.test", "token": token, "aes_key": key}
    url, body = callback(hook, fields_of(payload), at, "n1")
    return Incoming(body, at, query=dict(parse_qsl(urlsplit(url).query)))


kit = Kit(
    config=sandbox_config,
    sandbox=sandbox,
    wrong=[{"corp_id": "wwother"}, {"corp_secret": "another-secret"}],
    reads=[Reads("users", "userid", _user, find=("mobile", "13800000001"))],
    sends=[Sends("robot", _message, _sent), Sends("app_message", _message, _sent)],
    hook=HookCalls(
        call=_call,
        event=lambda payload: fields_of(payload)["Event"],
        unknown=b"<xml><MsgType>event</MsgType><Event>weather_changed</Event></xml>",
        wrong={"callback_token": "AnotherToken2026", "callback_aes_key": OTHER_KEY},
        signs=frozenset({"body"}),
    ),
)
