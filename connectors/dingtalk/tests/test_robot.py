"""The group's robot: signature, idempotency, limits, errors told apart."""

import urllib.parse

import httpx
import pytest

from connectors.dingtalk.client import robot_sign
from connectors.dingtalk.connector import connector
from connectors.dingtalk.sandbox import DingtalkSandbox, sandbox, sandbox_config
from connectors.dingtalk.streams import ROBOT_BYTES, Robot
from hub.sdk import AuthFailed, ConfigInvalid, Context, Message, Throttled, Unavailable, Uncertain
from hub.sdk.sandbox import Fault, Ledger
from tests.support.sdk import FixedClock, make_context

BASE = "https://ding.test"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def box(clock: FixedClock) -> DingtalkSandbox:
    return sandbox(Ledger(), clock)


def context(box: DingtalkSandbox, clock: FixedClock, **changes: object) -> Context:
    return make_context(connector, sandbox_config(BASE) | changes, httpx.ASGITransport(app=box.app), clock)


def message(key: str = "k1", to: str = "", text: str = "订单 SO_1_2 已付款 100.50 元") -> Message:
    return Message(to=to, title="回款通知", text=text, key=key)


@pytest.mark.parametrize(
    ("secret", "stamp", "sign", "quoted"),
    [
        (
            "SEC000000000000000000000000000000000000000000000000000000000000hub1",
            "1767225600000",
            "5K0j4fB6AkeAtnkFTJavsKIsV6CmLuvqDYBsnmhF7+A=",
            "5K0j4fB6AkeAtnkFTJavsKIsV6CmLuvqDYBsnmhF7%2BA%3D",
        ),
        (
            "this is secret",
            "1577262236757",
            "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM=",
            "hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D",
        ),
        (
            "SECa1b2c3",
            "1767225601234",
            "o6qdZBL9b/jbTpQQuMz4dGvXmjVKAJ41rib7ejbmQQo=",
            "o6qdZBL9b%2FjbTpQQuMz4dGvXmjVKAJ41rib7ejbmQQo%3D",
        ),
    ],
)
def test_sign_vectors(secret: str, stamp: str, sign: str, quoted: str) -> None:
    assert robot_sign(secret, stamp) == sign
    url = httpx.URL(BASE, params={"sign": sign})
    assert url.params["sign"] == sign
    assert urllib.parse.quote(urllib.parse.unquote(url.query.decode().removeprefix("sign=")), safe="") == quoted
    assert "+" not in url.query.decode()


async def test_sends_to_the_group_once(box: DingtalkSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock)
    assert await Robot().message(ctx, message()) == ""
    assert await Robot().message(ctx, message()) == ""
    (sent,) = box.ledger.of("message_sent")
    assert (sent.data["channel"], sent.data["to"]) == ("robot", "")
    assert (sent.data["title"], sent.data["text"]) == ("回款通知", "订单 SO_1_2 已付款 100.50 元")


@pytest.mark.parametrize(("to", "named"), [("+86 13800000001", "13800000001"), ("user0001", "user0001")])
async def test_mentions_a_person(box: DingtalkSandbox, clock: FixedClock, to: str, named: str) -> None:
    await Robot().message(context(box, clock), message(to=to))
    (sent,) = box.ledger.of("message_sent")
    assert sent.data["to"] == named
    assert sent.data["text"].endswith(f"@{named}")


async def test_answer_lost_then_repeated_is_one_message(box: DingtalkSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock)
    box.faults.append(Fault(match="/robot/send", kind="drop_after"))
    with pytest.raises(Uncertain):
        await Robot().message(ctx, message())
    await Robot().message(ctx, message())
    assert len(box.ledger.of("message_sent")) == 1


async def test_long_text_is_cut_at_a_character(box: DingtalkSandbox, clock: FixedClock) -> None:
    await Robot().message(context(box, clock), message(to="user0001", text='款"\n' * 8_000))
    (sent,) = box.ledger.of("message_sent")
    head, _, tail = sent.data["text"].rpartition("\n")
    assert tail == "@user0001"
    assert head.endswith("…")
    assert ROBOT_BYTES // 2 < len(head.encode()) < ROBOT_BYTES


async def test_more_than_20_a_minute_blocks_for_ten(box: DingtalkSandbox, clock: FixedClock) -> None:
    ctx = context(box, clock)
    for number in range(20):
        await Robot().message(ctx, message(f"k{number}"))
    for minutes in (0, 9):
        clock.advance(minutes=minutes)
        with pytest.raises(Throttled) as throttled:
            await Robot().message(ctx, message("k20"))
        assert (throttled.value.scope, throttled.value.retry_after) == ("robot", 600)
    clock.advance(minutes=1, seconds=1)
    await Robot().message(ctx, message("k20"))
    assert len(box.ledger.of("message_sent")) == 21


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"robot_token": "another"}, AuthFailed, "token is not exist"),
        ({"robot_secret": "SECanother"}, ConfigInvalid, "sign not match"),
        ({"robot_secret": None}, ConfigInvalid, "invalid timestamp"),
        ({"robot_token": None}, ConfigInvalid, "robot_token"),
    ],
)
async def test_wrong_credentials(
    box: DingtalkSandbox, clock: FixedClock, changes: dict[str, object], error: type[AuthFailed], words: str
) -> None:
    with pytest.raises(error) as raised:
        await Robot().message(context(box, clock, **changes), message())
    assert words in raised.value.zh
    assert raised.value.scope == "robot"
    assert not box.ledger.of("message_sent")


@pytest.mark.parametrize(("minutes", "refused"), [(59, False), (61, True)])
async def test_clock_may_be_an_hour_away(box: DingtalkSandbox, clock: FixedClock, minutes: int, refused: bool) -> None:
    late = FixedClock()
    late.advance(minutes=minutes)
    ctx = context(box, late)
    if not refused:
        await Robot().message(ctx, message())
        return
    with pytest.raises(ConfigInvalid, match="clock"):
        await Robot().message(ctx, message())


async def test_dead_network_is_not_bad_credentials(clock: FixedClock) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    ctx = make_context(connector, sandbox_config(BASE), httpx.MockTransport(refuse), clock)
    with pytest.raises(Unavailable):
        await Robot().message(ctx, message())


ROBOT_ALONE = {"app_key": "", "app_secret": None, "agent_id": ""}


async def test_probe_of_a_robot_alone_sends_nothing(box: DingtalkSandbox, clock: FixedClock) -> None:
    await connector.probe(context(box, clock, **ROBOT_ALONE))
    assert not box.ledger.of("message_sent")
    assert [entry.data["method"] for entry in box.ledger.of("call")] == ["GET"]


async def test_probe_of_a_robot_alone_passes_on_what_is_wrong(clock: FixedClock) -> None:
    answer = httpx.Response(200, json={"errcode": 300005, "errmsg": "token is not exist"})
    transport = httpx.MockTransport(lambda request: answer)
    ctx = make_context(connector, sandbox_config(BASE) | ROBOT_ALONE, transport, clock)
    with pytest.raises(AuthFailed) as failed:
        await connector.probe(ctx)
    assert failed.value.scope is None
