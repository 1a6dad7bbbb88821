"""Webhook and app messages: people by mobile, duplicates, limits, the lists in the answer, tokens."""

from typing import Any

import httpx
import pytest

from connectors.wecom.connector import connector
from connectors.wecom.sandbox import WecomSandbox, sandbox, sandbox_config
from connectors.wecom.streams import TEXT_BYTES, AppMessage, Robot, Users, cut
from hub.sdk import AuthFailed, ConfigInvalid, Context, Message, Rejected, Throttled, Unavailable, Uncertain
from hub.sdk.sandbox import Fault, Ledger
from tests.support.sdk import FixedClock, make_context

BASE = "https://wecom.test"
MOBILE = "13800000001"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def box(clock: FixedClock) -> WecomSandbox:
    box = sandbox(Ledger(), clock)
    box.acts()["add_user"]({"userid": "ZhangSan", "name": "张三", "mobile": MOBILE, "email": "zhang@example.com"})
    return box


def context(box: WecomSandbox, clock: FixedClock, **changes: object) -> Context:
    return make_context(connector, sandbox_config(BASE) | changes, httpx.ASGITransport(app=box.app), clock)


def message(to: str = MOBILE, text: str = "订单 SO_1_2 已付款") -> Message:
    return Message(to=to, title="回款通知", text=text, key="k1")


def calls(box: WecomSandbox, part: str) -> int:
    return sum(part in entry.data["path"] for entry in box.ledger.of("call"))


def answering(clock: FixedClock, answers: dict[str, Any], **changes: object) -> Context:
    """A context whose server knows a token and these answers by the end of the path."""
    answers = {"gettoken": {"errcode": 0, "access_token": "t", "expires_in": 7200}} | answers

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answers[request.url.path.rsplit("/", 1)[-1]])

    return make_context(connector, sandbox_config(BASE) | changes, httpx.MockTransport(answer), clock)


def refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize("to", [MOBILE, f"+86 {MOBILE}", "ZhangSan", "zhangsan"])
async def test_reaches_the_person(box: WecomSandbox, clock: FixedClock, to: str) -> None:
    assert await AppMessage().message(context(box, clock), message(to)) != ""
    (sent,) = box.ledger.of("message_sent")
    assert (sent.data["channel"], sent.data["to"]) == ("app_message", "ZhangSan")
    assert (sent.data["title"], sent.data["text"]) == ("回款通知", "订单 SO_1_2 已付款")


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("13999999999", "13999999999"),
        ("nobody", "接收人全部无效"),
        ("", "一个人"),
        ("@all", "一个人"),
        ("a|b", "一个人"),
    ],
)
async def test_nobody_or_everybody(box: WecomSandbox, clock: FixedClock, to: str, words: str) -> None:
    with pytest.raises(Rejected) as rejected:
        await AppMessage().message(context(box, clock), message(to))
    assert words in rejected.value.zh
    assert not box.ledger.of("message_sent")


@pytest.mark.parametrize("name", ["invaliduser", "unlicenseduser"])
async def test_lists_in_a_success_are_read(clock: FixedClock, name: str) -> None:
    ctx = answering(clock, {"send": {"errcode": 0, "errmsg": "ok", name: "zhangsan", "msgid": "m"}})
    with pytest.raises(Rejected) as rejected:
        await AppMessage().message(ctx, message("zhangsan"))
    assert rejected.value.fields[0].path == "to"
    assert "zhangsan" in rejected.value.fields[0].sentence


async def test_success_without_errcode(clock: FixedClock) -> None:
    assert await AppMessage().message(answering(clock, {"send": {"msgid": "m7"}}), message("zhangsan")) == "m7"


async def test_answer_lost_then_repeated_is_one_message(box: WecomSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock)
    box.faults.append(Fault(match="message/send", kind="drop_after"))
    with pytest.raises(Uncertain):
        await AppMessage().message(ctx, message())
    clock.advance(hours=3, minutes=59)
    await AppMessage().message(ctx, message())
    assert len(box.ledger.of("message_sent")) == 1
    clock.advance(minutes=1)
    await AppMessage().message(ctx, message())
    assert len(box.ledger.of("message_sent")) == 2


async def test_surplus_to_one_member_is_dropped_silently(clock: FixedClock) -> None:
    box = sandbox(Ledger(), clock, member_per_minute=1)
    box.acts()["add_user"]({"userid": "a"})
    for text in "一二":
        await AppMessage().message(context(box, clock), message("a", text))
    assert len(box.ledger.of("message_sent")) == len(box.ledger.of("message_dropped")) == 1


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [("款款款", 9, "款款款"), ("款款款", 8, "款…"), ("ab款", 5, "ab款"), ("ab款x", 5, "ab…"), ("", 3, "")],
)
def test_cut_at_a_character(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected
    assert len(cut(text, limit).encode()) <= limit


@pytest.mark.parametrize("stream", [Robot(), AppMessage()], ids=["robot", "app"])
async def test_long_text(box: WecomSandbox, clock: FixedClock, stream: Robot | AppMessage) -> None:
    await stream.message(context(box, clock), message(text="款" * 2_000))
    (sent,) = box.ledger.of("message_sent")
    assert sent.data["text"].endswith("款…")
    assert TEXT_BYTES - 20 < len(sent.data["text"].encode()) < TEXT_BYTES


@pytest.mark.parametrize(("to", "named"), [("", ""), (MOBILE, MOBILE), ("ZhangSan", "ZhangSan")])
async def test_group_and_mention(box: WecomSandbox, clock: FixedClock, to: str, named: str) -> None:
    assert await Robot().message(context(box, clock), message(to)) == ""
    (sent,) = box.ledger.of("message_sent")
    assert (sent.data["channel"], sent.data["to"], sent.data["title"]) == ("robot", named, "回款通知")
    assert calls(box, "gettoken") == 0


async def test_more_than_20_a_minute(box: WecomSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock)
    for _ in range(20):
        await Robot().message(ctx, message(""))
    with pytest.raises(Throttled) as throttled:
        await Robot().message(ctx, message(""))
    assert (throttled.value.scope, throttled.value.retry_after) == ("robot", 60)
    clock.advance(seconds=61)
    await Robot().message(ctx, message(""))
    assert len(box.ledger.of("message_sent")) == 21


async def test_lost_answer_of_the_webhook_is_uncertain(box: WecomSandbox, clock: FixedClock) -> None:
    box.faults.append(Fault(match="webhook/send", kind="half"))
    with pytest.raises(Uncertain):
        await Robot().message(context(box, clock), message(""))
    assert len(box.ledger.of("message_sent")) == 1


@pytest.mark.parametrize(
    ("changes", "stream", "error", "scope"),
    [
        ({"robot_key": "wrong"}, Robot(), AuthFailed, "robot"),
        ({"robot_key": None}, Robot(), ConfigInvalid, "robot"),
        ({"corp_secret": "wrong"}, AppMessage(), AuthFailed, None),
        ({"corp_id": "wrong"}, AppMessage(), AuthFailed, None),
        ({"corp_secret": None}, AppMessage(), ConfigInvalid, None),
        ({"agent_id": None}, AppMessage(), ConfigInvalid, "app_message"),
        ({"agent_id": 7}, AppMessage(), ConfigInvalid, "app_message"),
    ],
)
async def test_wrong_configuration(
    box: WecomSandbox, clock: FixedClock, changes: Any, stream: Any, error: Any, scope: str | None
) -> None:
    with pytest.raises(error) as raised:
        await stream.message(context(box, clock, **changes), message())
    assert raised.value.scope == scope
    assert not box.ledger.of("message_sent")


async def test_probe_tells_bad_credentials_from_a_dead_network(box: WecomSandbox, clock: FixedClock) -> None:
    await connector.probe(context(box, clock))
    with pytest.raises(AuthFailed):
        await connector.probe(context(box, clock, corp_secret="wrong"))
    with pytest.raises(Unavailable):
        await connector.probe(make_context(connector, sandbox_config(BASE), httpx.MockTransport(refuse), clock))


async def test_probe_of_a_webhook_alone_sends_nothing(box: WecomSandbox, clock: FixedClock) -> None:
    alone = {"corp_id": "", "corp_secret": None, "agent_id": None}
    await connector.probe(context(box, clock, **alone))
    assert not box.ledger.of("message_sent")
    with pytest.raises(ConfigInvalid):
        await connector.probe(context(box, clock, **alone, robot_key=None))
    with pytest.raises(Unavailable):
        config = sandbox_config(BASE) | alone
        await connector.probe(make_context(connector, config, httpx.MockTransport(refuse), clock))


async def test_one_token_for_many_calls_renewed_before_it_ends(box: WecomSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock)
    for _ in range(3):
        await Users().fetch(ctx, ["ZhangSan"])
    assert calls(box, "gettoken") == 1
    clock.advance(seconds=6500)
    await Users().fetch(ctx, ["ZhangSan"])
    clock.advance(seconds=800)
    await Users().fetch(ctx, ["ZhangSan"])
    assert len(box.ledger.of("token_issued")) == 2


@pytest.mark.parametrize("code", [42001, 40014])
async def test_token_ended_early_is_fetched_once(box: WecomSandbox, clock: FixedClock, code: int) -> None:
    ctx = context(box, clock)
    await Users().fetch(ctx, ["ZhangSan"])
    box.faults.append(Fault(match="user/get", kind="body", text=f'{{"errcode":{code},"errmsg":"expired"}}'))
    (user,) = await Users().fetch(ctx, ["ZhangSan"])
    assert user["name"] == "张三"
    assert calls(box, "gettoken") == 2


async def test_sandbox_ends_tokens_and_knows_its_limits(clock: FixedClock) -> None:
    box = sandbox(Ledger(), clock, calls_per_minute=4)
    ctx = context(box, clock)
    await Users().fetch(ctx, ["x"])
    clock.advance(seconds=7200)
    seen = []
    for token in ("sandbox-token-0001", "wrong", "", "", ""):
        params = {"access_token": token, "userid": "x"}
        reply = await ctx.http.request("GET", f"{BASE}/cgi-bin/user/get", interface="x", writes=False, params=params)
        seen.append(reply.json()["errcode"])
    assert seen == [42001, 40014, 41001, 41001, 45009]


async def test_users_by_key_mobile_and_mail(box: WecomSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock)
    (user,) = await Users().fetch(ctx, ["gone", "ZhangSan"])
    assert user == {"userid": "ZhangSan", "name": "张三", "department": [1], "main_department": 1, "status": 1}
    assert set(user) <= {path.removesuffix("[]") for path in Users.schema}
    for path, text in (("mobile", f"+86{MOBILE}"), ("email", "zhang@example.com"), ("userid", "ZhangSan")):
        assert await Users().find(ctx, path, text) == [user]
    assert await Users().find(ctx, "mobile", "13999999999") == []
    with pytest.raises(ConfigInvalid, match="alias"):
        await Users().find(ctx, "alias", "x")


async def test_sandbox_comes_back_as_it_was(box: WecomSandbox, clock: FixedClock) -> None:
    await AppMessage().message(context(box, clock), message())
    again = sandbox(box.ledger, clock)
    assert (again.users, again.token, again.app_sent) == (box.users, box.token, box.app_sent)
    await AppMessage().message(context(again, clock), message())
    assert len(again.ledger.of("message_sent")) == 1
