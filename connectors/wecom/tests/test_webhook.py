"""Encrypted callbacks: the address check, XML read safely, people who changed, everything else stored and left."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from connectors.wecom.config import WecomConfig
from connectors.wecom.connector import connector
from connectors.wecom.sandbox import sandbox, sandbox_config
from connectors.wecom.sandbox_rules import xml_of
from connectors.wecom.webhook import EVENTS, PEOPLE, WecomHook, envelope_of
from hub.sdk import Bell, ConfigInvalid, Incoming, Refused
from hub.sdk.sandbox import Ledger
from tests.support.sdk import START, FixedClock

FIXTURES = Path(__file__).parent.parent / "fixtures"
CONFIG = WecomConfig.model_validate(sandbox_config("https://wecom.test"))
HOOK = WecomHook()
BILLION = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><xml><Event>&b;</Event></xml>'
OUTSIDE = b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><UserID>&f;</UserID></xml>'


def incoming(message: bytes, **changes: str) -> Incoming:
    envelope = envelope_of(CONFIG)
    encrypted = envelope.encrypt(message)
    query = {"msg_signature": envelope.sign("1767225600", "n1", encrypted), "timestamp": "1767225600", "nonce": "n1"}
    return Incoming(xml_of({"ToUserName": "x", "Encrypt": encrypted}), START, query=query | changes)


def fixture(name: str) -> bytes:
    return (FIXTURES / f"{name}.xml").read_bytes()


def address_check(query: dict[str, str]) -> Incoming:
    return Incoming(b"", START, method="GET", query=query)


def test_each_event_has_its_fixture_and_the_manifest_agrees() -> None:
    names = {path.stem for path in FIXTURES.glob("*.xml")}
    assert {name.partition("__")[0] for name in names} == set(EVENTS) == set(connector.manifest.events)
    assert {f"change_contact__{change}" for change in PEOPLE} < names


@pytest.mark.parametrize(
    ("name", "people"),
    [("create_user", ["zhangsan"]), ("update_user", ["zhangsan", "zhangsan001"]), ("delete_user", ["zhangsan"])],
)
def test_changed_people_ring(name: str, people: list[str]) -> None:
    request = incoming(fixture(f"change_contact__{name}"))
    accepted = HOOK.accept(CONFIG, request)
    assert (accepted.keep, accepted.answer.status, accepted.answer.body) == (True, 200, b"success")
    assert HOOK.open(CONFIG, request).bells == [Bell("users", person) for person in people]


@pytest.mark.parametrize(
    "message",
    [
        fixture("change_contact__update_tag"),
        b"<xml><MsgType>event</MsgType><Event>template_card_event</Event></xml>",
        b"<xml><MsgType>text</MsgType><Event>change_contact</Event><ChangeType>create_user</ChangeType></xml>",
        b"<xml/>",
    ],
)
def test_others_are_nothing_for_us(message: bytes) -> None:
    request = incoming(message)
    assert HOOK.accept(CONFIG, request).keep
    opened = HOOK.open(CONFIG, request)
    assert opened.nothing
    assert not opened.bells


def test_a_person_without_an_id_rings_for_all() -> None:
    fields = {"MsgType": "event", "Event": "change_contact", "ChangeType": "create_user"}
    assert HOOK.open(CONFIG, incoming(xml_of(fields))).bells == [Bell("users")]


def test_a_repetition_is_known_although_encrypted_anew() -> None:
    message = fixture("change_contact__update_user")
    first, again = incoming(message), incoming(message)
    other = incoming(fixture("change_contact__delete_user"))
    assert first.body != again.body
    assert HOOK.accept(CONFIG, first).event_id == HOOK.accept(CONFIG, again).event_id
    assert HOOK.accept(CONFIG, first).event_id != HOOK.accept(CONFIG, other).event_id
    text = b"<xml><MsgType>text</MsgType><MsgId>77</MsgId></xml>"
    assert HOOK.accept(CONFIG, incoming(text)).event_id == "77"


SHEET = CONFIG.model_copy(
    update={"corp_id": "ww0123456789abcdef", "callback_token": SecretStr("HubTok2026Wecom")},
)
W1 = {
    "msg_signature": "6e3808507738a74562538226ff6e4dd545a52c70",
    "timestamp": "1767225600",
    "nonce": "nonce0001",
    "echostr": "4j/AuRx71kQlxVlzbpsMWFHe92iq4VdHki6B+j5nrtgcS54Mj3xQTtZ/FUl+1TNkgHFEtNbC6UD+fm58bt1m+w==",
}


@pytest.mark.parametrize("echostr", [W1["echostr"], W1["echostr"].replace("+", " ")], ids=["plus", "space"])
def test_address_check_answers_the_bare_text(echostr: str) -> None:
    accepted = HOOK.accept(SHEET, address_check(W1 | {"echostr": echostr}))
    assert (accepted.keep, accepted.answer.status, accepted.answer.body) == (False, 200, b"1616140317555161061")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"msg_signature": "0" * 40}, "signature does not match"),
        ({"echostr": "5" + W1["echostr"][1:]}, "signature does not match"),
        ({"echostr": ""}, "missing"),
        ({"nonce": ""}, "missing"),
    ],
)
def test_address_check_refused(changes: dict[str, str], words: str) -> None:
    with pytest.raises(Refused, match=words):
        HOOK.accept(SHEET, address_check(W1 | changes))


def test_another_corporation_is_refused() -> None:
    other = SHEET.model_copy(update={"corp_id": "ww9999999999999999"})
    with pytest.raises(Refused, match="not addressed to ww9999999999999999"):
        HOOK.accept(other, address_check(W1))


@pytest.mark.parametrize(
    ("request_", "words", "status"),
    [
        (incoming(b"<xml/>", msg_signature="0" * 40), "signature does not match", 401),
        (incoming(b"<xml/>", msg_signature=""), "missing", 400),
        (incoming(b"<xml/>", timestamp="1767225601"), "signature does not match", 401),
        (incoming(b"{}"), "no XML", 400),
        (incoming(b""), "no XML", 400),
        (incoming(BILLION), "DOCTYPE", 400),
        (incoming(OUTSIDE), "DOCTYPE", 400),
        (Incoming(BILLION, START), "DOCTYPE", 400),
        (Incoming(BILLION.decode().encode("utf-16"), START), "DOCTYPE", 400),
        (Incoming(b'{"encrypt":"x"}', START), "no XML", 400),
        (Incoming(b"<xml><Encrypt>&nbsp;</Encrypt></xml>", START), "no XML", 400),
        (Incoming(b"<xml><AgentID>1</AgentID></xml>", START), "missing", 400),
        (Incoming("<xml>订单</xml>".encode("gb18030"), START), "no XML", 400),
        (Incoming(b"", START, method="PUT"), "GET or POST", 405),
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
        ({"corp_id": ""}, "corp_id"),
    ],
)
def test_a_hook_without_its_secrets_cannot_be_saved(changes: dict[str, Any], field: str) -> None:
    config = WecomConfig.model_validate(sandbox_config("https://wecom.test") | changes)
    with pytest.raises(ConfigInvalid, match=field):
        HOOK.check(config)


async def test_the_sandbox_checks_and_calls_the_hook() -> None:
    box = sandbox(Ledger(), FixedClock())
    check = box.acts()["set_hook"]({"url": "https://hub.test/hooks/wecom"})
    echo = HOOK.accept(CONFIG, address_check(dict(parse_qsl(urlsplit(check["get"]).query))))
    assert echo.answer.body == check["expects"].encode()
    box.acts()["add_user"]({"userid": "a", "name": "张三"})
    box.acts()["change_user"]({"userid": "a", "new_userid": "b"})
    box.acts()["remove_user"]({"userid": "b"})
    box.acts()["post_event"]({"Event": "enter_agent"})
    arrived: list[Incoming] = []

    def receive(request: httpx.Request) -> httpx.Response:
        query = dict(parse_qsl(urlsplit(str(request.url)).query))
        arrived.append(Incoming(request.content, START, query=query))
        return httpx.Response(200, content=HOOK.accept(CONFIG, arrived[-1]).answer.body)

    assert await box.deliver_posts(httpx.MockTransport(receive)) == 4
    bells = [[bell.key for bell in HOOK.open(CONFIG, request).bells] for request in arrived]
    assert bells == [["a"], ["a", "b"], ["b"], []]
