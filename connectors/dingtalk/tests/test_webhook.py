"""Encrypted callbacks: verification, the encrypted answer, people who changed, everything else stored and left."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from connectors.dingtalk.config import DingtalkConfig
from connectors.dingtalk.connector import connector
from connectors.dingtalk.sandbox import sandbox, sandbox_config
from connectors.dingtalk.webhook import EVENTS, DingtalkHook, envelope_of
from hub.sdk import Bell, ConfigInvalid, Incoming, Refused
from hub.sdk.sandbox import Ledger
from tests.support.sdk import START, FixedClock

FIXTURES = Path(__file__).parent.parent / "fixtures"
CONFIG = DingtalkConfig.model_validate(sandbox_config("https://ding.test"))
HOOK = DingtalkHook()


def incoming(event: Any, **query: str) -> Incoming:
    envelope = envelope_of(CONFIG)
    encrypted = envelope.encrypt(event if isinstance(event, bytes) else json.dumps(event).encode())
    sign = envelope.sign("1767225600000", "n1", encrypted)
    given = {"signature": sign, "msg_signature": sign, "timestamp": "1767225600000", "nonce": "n1"} | query
    return Incoming(json.dumps({"encrypt": encrypted}).encode(), START, query=given)


def answer_text(body: bytes) -> bytes:
    answer = json.loads(body)
    assert set(answer) == {"msg_signature", "timeStamp", "nonce", "encrypt"}
    return envelope_of(CONFIG).open(answer["msg_signature"], answer["timeStamp"], answer["nonce"], answer["encrypt"])


def fixture(event: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FIXTURES / f"{event}.json").read_text(encoding="utf-8"))
    return loaded


def test_each_event_has_its_fixture_and_the_manifest_agrees() -> None:
    assert {path.stem for path in FIXTURES.glob("*.json")} == set(EVENTS) == set(connector.manifest.events)
    assert dict(EVENTS) == connector.manifest.events


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_changed_people_ring(event: str) -> None:
    request = incoming(fixture(event))
    accepted = HOOK.accept(CONFIG, request)
    assert (accepted.event_id, accepted.keep) == (fixture(event)["eventId"], True)
    assert answer_text(accepted.answer.body) == b"success"
    assert HOOK.open(CONFIG, request).bells == [Bell("users", "user0001")]


def test_url_check_is_answered_and_not_kept() -> None:
    accepted = HOOK.accept(CONFIG, incoming({"EventType": "check_url"}))
    assert (accepted.keep, accepted.answer.status) == (False, 200)
    assert answer_text(accepted.answer.body) == b"success"


def test_the_sheets_handshake_vector() -> None:
    config = CONFIG.model_copy(
        update={"app_key": "dinghubappkey000001", "callback_token": type(CONFIG.callback_token)("HubTok2026Ding")}
    )
    encrypted = (
        "4j/AuRx71kQlxVlzbpsMWN8XtjwRdOcH+n7e3hsaZgEMcwZUcfF7dIDeZ037cZxfZsJhmYmw8Qg4eU9iixzwjXeSy6xGIY64tYs2guA7P09"
        "qeB3NO1hhfNGFjPDem+IE"
    )
    query = {"signature": "70b6fdc7070ff6fd408e31b26f1636f602697336", "timestamp": "1767225600000", "nonce": "6clubcaE"}
    accepted = HOOK.accept(config, Incoming(json.dumps({"encrypt": encrypted}).encode(), START, query=query))
    assert not accepted.keep


@pytest.mark.parametrize("event", [{"EventType": "bpms_instance_change", "eventId": "e1"}, {"EventType": "new"}, {}])
def test_other_events_are_nothing_for_us(event: dict[str, str]) -> None:
    accepted = HOOK.accept(CONFIG, incoming(event))
    assert accepted.keep
    opened = HOOK.open(CONFIG, incoming(event))
    assert opened.nothing
    assert not opened.bells


def test_names_are_read_in_any_case_and_people_may_be_missing() -> None:
    event = {"eventType": "user_add_org", "eventID": "e9", "userId": "u1"}
    assert HOOK.accept(CONFIG, incoming(event)).event_id == "e9"
    assert HOOK.open(CONFIG, incoming(event)).bells == [Bell("users", "u1")]
    assert HOOK.open(CONFIG, incoming({"EventType": "user_add_org"})).bells == [Bell("users")]


def test_a_repetition_is_known_although_encrypted_anew() -> None:
    first, again = incoming({"EventType": "user_add_org"}), incoming({"EventType": "user_add_org"})
    assert first.body != again.body
    assert HOOK.accept(CONFIG, first).event_id == HOOK.accept(CONFIG, again).event_id


@pytest.mark.parametrize("name", ["signature", "msg_signature"])
def test_either_name_of_the_signature(name: str) -> None:
    request = incoming({"EventType": "check_url"})
    query = {key: value for key, value in request.query.items() if "signature" not in key}
    HOOK.accept(CONFIG, Incoming(request.body, START, query=query | {name: request.query["signature"]}))


@pytest.mark.parametrize(
    ("request_", "words", "status"),
    [
        (incoming({}, signature="0" * 40, msg_signature="0" * 40), "signature does not match", 401),
        (incoming({}, signature="", msg_signature=""), "missing", 400),
        (incoming({}, timestamp="1767225600001"), "signature does not match", 401),
        (incoming(b"no json"), "event is no JSON", 400),
        (incoming(b"[1]"), "event is no object", 400),
        (incoming("订单".encode("gb18030")), "event is no JSON", 400),
        (Incoming(b"<xml/>", START), "body is no JSON", 400),
        (Incoming(b'{"encrypt": 1}', START), "no `encrypt`", 400),
        (Incoming(b"[]", START), "no `encrypt`", 400),
        (Incoming(b"", START, method="GET"), "by POST", 405),
    ],
)
def test_refused(request_: Incoming, words: str, status: int) -> None:
    with pytest.raises(Refused, match=words) as refused:
        HOOK.accept(CONFIG, request_)
    assert refused.value.status == status
    assert refused.value.zh != refused.value.sentence


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"callback_token": None}, "callback_token"),
        ({"callback_aes_key": None}, "callback_aes_key"),
        ({"callback_aes_key": "short"}, "callback_aes_key"),
        ({"app_key": ""}, "app_key"),
    ],
)
def test_a_hook_without_its_secrets_cannot_be_saved(changes: dict[str, Any], field: str) -> None:
    config = DingtalkConfig.model_validate(sandbox_config("https://ding.test") | changes)
    with pytest.raises(ConfigInvalid, match=field):
        HOOK.check(config)


async def test_the_sandbox_calls_the_hook() -> None:
    box = sandbox(Ledger(), FixedClock())
    box.acts()["set_hook"]({"url": "https://hub.test/hooks/ding"})
    box.acts()["add_user"]({"name": "张三", "mobile": "13800000001"})
    box.acts()["change_user"]({"userid": "user0001", "mobile": "13800000002"})
    box.acts()["remove_user"]({"userid": "user0001"})
    box.acts()["post_event"]({"EventType": "bpms_instance_change"})
    arrived: list[Incoming] = []

    def receive(request: httpx.Request) -> httpx.Response:
        query = dict(parse_qsl(urlsplit(str(request.url)).query))
        arrived.append(Incoming(request.content, START, query=query))
        return httpx.Response(200, content=HOOK.accept(CONFIG, arrived[-1]).answer.body)

    assert await box.deliver_posts(httpx.MockTransport(receive)) == 5
    assert [HOOK.accept(CONFIG, request).keep for request in arrived] == [False, True, True, True, True]
    bells = [list(HOOK.open(CONFIG, request).bells) for request in arrived]
    assert bells == [[], *[[Bell("users", "user0001")]] * 3, []]
