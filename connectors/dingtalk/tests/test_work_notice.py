"""Work notices and people: mobile -> user id -> notice -> result, tokens, duplicates, limits."""

from typing import Any

import httpx
import pytest

from connectors.dingtalk.connector import connector
from connectors.dingtalk.sandbox import DingtalkSandbox, sandbox, sandbox_config
from connectors.dingtalk.streams import NOTICE_BYTES, Users, WorkNotice
from hub.sdk import AuthFailed, Busy, ConfigInvalid, Context, Message, Rejected, Throttled, Unavailable, Uncertain
from hub.sdk.sandbox import Fault, Ledger
from tests.support.sdk import FixedClock, make_context

BASE = "https://ding.test"
MOBILE = "13800000001"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def box(clock: FixedClock) -> DingtalkSandbox:
    box = sandbox(Ledger(), clock)
    box.acts()["add_user"]({"name": "张三", "mobile": MOBILE})
    return box


def context(box: DingtalkSandbox, clock: FixedClock, **changes: object) -> Context:
    return make_context(connector, sandbox_config(BASE) | changes, httpx.ASGITransport(app=box.app), clock)


def message(to: str = MOBILE, text: str = "订单 SO-1 已付款") -> Message:
    return Message(to=to, title="回款通知", text=text, key="k1")


def calls(box: DingtalkSandbox, part: str) -> int:
    return sum(part in entry.data["path"] for entry in box.ledger.of("call"))


@pytest.mark.parametrize("to", [MOBILE, f"+86-{MOBILE}", "user0001"])
async def test_reaches_the_person(box: DingtalkSandbox, clock: FixedClock, to: str) -> None:
    assert await WorkNotice().message(context(box, clock), message(to)) == "1"
    (sent,) = box.ledger.of("message_sent")
    assert (sent.data["channel"], sent.data["to"]) == ("work_notice", "user0001")
    assert (sent.data["title"], sent.data["text"]) == ("回款通知", "订单 SO-1 已付款")


@pytest.mark.parametrize(
    ("to", "words"), [("13999999999", "13999999999"), ("nobody", "没有该用户"), ("", "没有接收人")]
)
async def test_nobody_there(box: DingtalkSandbox, clock: FixedClock, to: str, words: str) -> None:
    with pytest.raises(Rejected) as rejected:
        await WorkNotice().message(context(box, clock), message(to))
    assert words in rejected.value.zh
    assert rejected.value.fields[0].path == "to"
    assert not box.ledger.of("message_sent")


async def test_a_leaver_is_not_found(box: DingtalkSandbox, clock: FixedClock) -> None:
    box.acts()["remove_user"]({"userid": "user0001"})
    with pytest.raises(Rejected):
        await WorkNotice().message(context(box, clock), message())


async def test_answer_lost_then_repeated_is_one_notice(box: DingtalkSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock)
    box.faults.append(Fault(match="asyncsend_v2", kind="drop_after"))
    with pytest.raises(Uncertain):
        await WorkNotice().message(ctx, message())
    await WorkNotice().message(ctx, message())
    assert len(box.ledger.of("message_sent")) == 1
    clock.advance(days=1)
    await WorkNotice().message(ctx, message())
    assert len(box.ledger.of("message_sent")) == 2


async def test_result_unreadable_then_repeated_is_one_notice(box: DingtalkSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock)
    box.faults.append(Fault(match="getsendresult", kind="body", text="<html>"))
    with pytest.raises(Unavailable):
        await WorkNotice().message(ctx, message())
    await WorkNotice().message(ctx, message())
    assert len(box.ledger.of("message_sent")) == 1


async def test_duplicate_told_at_once_counts_as_delivered(clock: FixedClock) -> None:
    ctx = answering(clock, {"asyncsend_v2": {"errcode": 143106, "errmsg": "重复内容"}})
    assert await WorkNotice().message(ctx, message("user0001")) == ""


async def test_daily_cap_of_a_person_holds_back_nobody_else(clock: FixedClock) -> None:
    box = sandbox(Ledger(), clock, notices_per_day=1)
    box.acts()["add_user"]({"name": "张三", "mobile": MOBILE})
    ctx = context(box, clock)
    await WorkNotice().message(ctx, message(text="一"))
    with pytest.raises(Busy):
        await WorkNotice().message(ctx, message(text="二"))


async def test_failed_delivery_is_read_off_the_result(clock: FixedClock) -> None:
    result = {"errcode": 0, "send_result": {"failed_user_id_list": ["user0001"]}}
    ctx = answering(clock, {"asyncsend_v2": {"errcode": "0", "task_id": 5}, "getsendresult": result})
    with pytest.raises(Rejected, match="could not deliver"):
        await WorkNotice().message(ctx, message("user0001"))


async def test_long_text_is_cut_at_a_character(box: DingtalkSandbox, clock: FixedClock) -> None:
    await WorkNotice().message(context(box, clock), message(text="款" * 3_000))
    (sent,) = box.ledger.of("message_sent")
    assert sent.data["text"].endswith("款…")
    assert NOTICE_BYTES - 100 < len(sent.data["text"].encode()) < NOTICE_BYTES


async def test_one_token_for_many_calls_renewed_before_it_ends(box: DingtalkSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock)
    for text in "一二三":
        await WorkNotice().message(ctx, message(text=text))
    assert calls(box, "accessToken") == 1
    clock.advance(seconds=6500)
    await WorkNotice().message(ctx, message(text="四"))
    assert calls(box, "accessToken") == 2


@pytest.mark.parametrize("answer", [{"errcode": 42001, "errmsg": "超时"}, {"errcode": 88, "sub_code": "40014"}])
async def test_token_ended_early_is_fetched_once(box: DingtalkSandbox, clock: FixedClock, answer: Any) -> None:
    ctx = context(box, clock)
    await Users().fetch(ctx, ["user0001"])
    box.faults.append(Fault(match="user/get", kind="body", text=httpx.Response(200, json=answer).text))
    (user,) = await Users().fetch(ctx, ["user0001"])
    assert user["name"] == "张三"
    assert calls(box, "accessToken") == 2


async def test_sandbox_ends_tokens(box: DingtalkSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock)
    await Users().fetch(ctx, ["user0001"])
    url = f"{BASE}/topapi/v2/user/get"
    clock.advance(seconds=7201)
    for token, errcode in (("sandbox-token-0001", 42001), ("wrong", 88), ("", 88)):
        reply = await ctx.http.request(
            "POST", url, interface="x", writes=False, params={"access_token": token}, json={"userid": "user0001"}
        )
        assert reply.json()["errcode"] == errcode


async def test_bad_credentials_stop(box: DingtalkSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock, app_secret="wrong")
    with pytest.raises(AuthFailed) as failed:
        await connector.probe(ctx)
    assert failed.value.scope is None
    assert "clientId" in failed.value.zh
    with pytest.raises(AuthFailed):
        await WorkNotice().message(ctx, message())
    assert calls(box, "topapi") == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"app_secret": None}, "app_secret"), ({"agent_id": ""}, "agent_id"), ({"agent_id": "7"}, "agent_id")],
)
async def test_wrong_configuration(
    box: DingtalkSandbox, clock: FixedClock, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(ConfigInvalid, match=field):
        await WorkNotice().message(context(box, clock, **changes), message())


async def test_probe_and_dead_network(box: DingtalkSandbox, clock: FixedClock) -> None:
    await connector.probe(context(box, clock))

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(Unavailable):
        await connector.probe(make_context(connector, sandbox_config(BASE), httpx.MockTransport(refuse), clock))


async def test_too_many_calls_a_second(clock: FixedClock) -> None:
    box = sandbox(Ledger(), clock, calls_per_second=2)
    ctx = context(box, clock)
    await Users().find(ctx, "userid", "a")
    await Users().find(ctx, "userid", "b")
    with pytest.raises(Throttled) as throttled:
        await Users().find(ctx, "userid", "c")
    assert (throttled.value.retry_after, throttled.value.scope) == (1, None)


async def test_users_by_key_and_mobile(box: DingtalkSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock)
    box.acts()["add_user"]({"name": "李四", "mobile": "13800000002", "email": "li@example.com"})
    assert [user["name"] for user in await Users().fetch(ctx, ["user0002", "gone", "user0001"])] == ["李四", "张三"]
    (found,) = await Users().find(ctx, "mobile", "+86 13800000002")
    assert found["userid"] == "user0002"
    assert set(found) <= {path.removesuffix("[]") for path in Users.schema}
    assert await Users().find(ctx, "mobile", "13999999999") == []
    with pytest.raises(ConfigInvalid, match="email"):
        await Users().find(ctx, "email", "li@example.com")


async def test_sandbox_comes_back_as_it_was(box: DingtalkSandbox, clock: FixedClock) -> None:
    await WorkNotice().message(context(box, clock), message())
    again = sandbox(box.ledger, clock)
    assert (again.users, again.token, again.tasks) == (box.users, box.token, box.tasks)
    await WorkNotice().message(context(again, clock), message())
    assert len(again.ledger.of("message_sent")) == 1


def answering(clock: FixedClock, answers: dict[str, Any]) -> Context:
    """A context whose server knows a token and these answers by the end of the path."""
    answers = {"accessToken": {"accessToken": "t", "expireIn": 7200}} | answers

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answers[request.url.path.rsplit("/", 1)[-1]])

    return make_context(connector, sandbox_config(BASE), httpx.MockTransport(answer), clock)
