"""Tokens, envelopes and the error table."""

import json

import httpx
import pytest
from pydantic import ValidationError

from connectors.fxiaoke.connector import connector
from connectors.fxiaoke.errors import CODES, TIMED_OUT
from connectors.fxiaoke.sandbox import MOBILE, sandbox_config
from hub.sdk import AuthFailed, ConfigInvalid, Push, Rejected, Throttled, Unavailable, Uncertain
from hub.sdk.sandbox import Fault
from tests.support.sdk import make_context

CUSTOMERS = connector.streams["customers"]


def planned(crm, match: str, code: int, times: int = 1) -> None:
    text = json.dumps({"errorCode": code, "errorMessage": f"话 {code}", "traceId": "E-O.1"})
    crm.box.faults.append(Fault(match=match, kind="body", text=text, times=times))


async def test_the_probe_passes(either):
    await connector.probe(either)


async def test_the_old_scheme_finds_its_user_by_mobile(crm):
    ctx = crm.context("old", user="", user_mobile=MOBILE)
    await connector.probe(ctx)
    with pytest.raises(ConfigInvalid, match="user_mobile"):
        await connector.probe(crm.context("old", user="", user_mobile="13900000000"))


@pytest.mark.parametrize("field", ["app_id", "app_secret", "permanent_code"])
@pytest.mark.parametrize("scheme", ["new", "old"])
async def test_a_wrong_credential_is_told(crm, scheme, field):
    with pytest.raises(AuthFailed) as caught:
        await connector.probe(crm.context(scheme, **{field: "wrong-secret-value"}))
    assert caught.value.code == "10006"
    assert "wrong-secret-value" not in str(caught.value) + caught.value.zh


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ReadTimeout("late")])
async def test_a_dead_network_is_unavailable(crm, error):
    def dead(request: httpx.Request) -> httpx.Response:
        raise error

    ctx = make_context(connector, sandbox_config("http://crm"), httpx.MockTransport(dead), crm.clock)
    with pytest.raises(Unavailable):
        await connector.probe(ctx)


async def test_a_user_without_account_is_a_matter_of_configuration(crm):
    with pytest.raises(ConfigInvalid) as caught:
        await connector.probe(crm.context(user="4711"))
    assert caught.value.code == "20012"


async def test_one_token_serves_its_life_and_is_then_renewed(either, crm, clock):
    for _ in range(3):
        await connector.probe(either)
    assert len(crm.box.ledger.of("token_issued")) == 1
    clock.advance(seconds=7200)
    await connector.probe(either)
    assert len(crm.box.ledger.of("token_issued")) == 2


async def test_a_refused_token_is_renewed_once(ctx, crm):
    await connector.probe(ctx)
    planned(crm, "object/list", 20016)
    await connector.probe(ctx)
    planned(crm, "object/list", 20016, times=2)
    with pytest.raises(AuthFailed):
        await connector.probe(ctx)


async def test_asked_again_the_same_token_comes_back_then_a_new_one_and_both_live(crm, clock):
    first, second, third = crm.context(), crm.context(), crm.context()
    await connector.probe(first)
    clock.advance(seconds=6599)
    await connector.probe(second)
    assert len(crm.box.ledger.of("token_issued")) == 1
    clock.advance(seconds=2)
    await connector.probe(third)
    assert len(crm.box.ledger.of("token_issued")) == 2
    await connector.probe(first)


@pytest.mark.parametrize("code", sorted(CODES))
async def test_every_row_of_the_table_on_a_read(ctx, crm, code):
    await connector.probe(ctx)
    planned(crm, "data/query", code, times=2)
    with pytest.raises(CODES[code]) as caught:
        await CUSTOMERS.find(ctx, "name", "x")
    assert caught.value.code == str(code)
    assert f"话 {code}" in caught.value.zh


async def test_what_is_not_in_the_table_is_rejected_on_a_write(ctx, crm):
    planned(crm, "data/update", 42)
    key = crm.account()
    with pytest.raises(Rejected, match="话 42"):
        await CUSTOMERS.push(ctx, Push("update", {"tel": "1"}, "r", "k", key=key))


async def test_a_time_out_there_is_uncertain_on_a_write(ctx, crm):
    planned(crm, "data/update", TIMED_OUT)
    with pytest.raises(Uncertain):
        await CUSTOMERS.push(ctx, Push("update", {"tel": "1"}, "r", "k", key=crm.account()))


async def test_a_spent_day_waits_until_midnight_in_china(ctx, crm, clock):
    planned(crm, "data/query", 30002)
    with pytest.raises(Throttled) as caught:
        await CUSTOMERS.find(ctx, "name", "x")
    assert caught.value.retry_after == 14 * 3600  # 02:00 UTC is 10:00 there


async def test_the_sandbox_keeps_its_limits(crm, clock):
    crm.box.counter.limits = type(crm.box.counter.limits)(calls=3, per=20.0, daily=5)
    ctx = crm.context()
    for _ in range(3):
        await connector.probe(ctx)
    with pytest.raises(Throttled) as caught:
        await connector.probe(ctx)
    assert (caught.value.code, caught.value.retry_after) == ("30004", 20.0)
    await CUSTOMERS.find(ctx, "name", "x")  # each interface by itself; the fifth call of the day
    with pytest.raises(Throttled) as caught:
        await CUSTOMERS.find(ctx, "name", "x")
    assert caught.value.code == "30002"


async def test_token_calls_are_limited(crm):
    for _ in range(10):
        await connector.probe(crm.context())
    with pytest.raises(Throttled) as caught:
        await connector.probe(crm.context())
    assert caught.value.code == "14001"


@pytest.mark.parametrize("status", [302, 404])
async def test_a_web_page_is_no_api_address(ctx, crm, status):
    crm.box.faults.append(Fault(match="oauth2.0", kind="status", status=status, text="<html>"))
    with pytest.raises(ConfigInvalid, match="base_url"):
        await connector.probe(ctx)


async def test_a_page_of_html_on_a_read_is_unavailable(ctx, crm):
    crm.box.faults.append(Fault(match="data/query", kind="body", text="<html>"))
    with pytest.raises(Unavailable):
        await CUSTOMERS.find(ctx, "name", "x")


@pytest.mark.parametrize("text", ['{"errorCode": 0}', '{"data": {}}', "[]", '{"errorCode": 0, "data": {}}'])
async def test_an_answer_without_rows_is_no_empty_answer(ctx, crm, text):
    crm.box.faults.append(Fault(match="data/query", kind="body", text=text))
    with pytest.raises(Unavailable):
        await CUSTOMERS.find(ctx, "name", "x")


async def test_a_create_without_an_id_is_uncertain(ctx, crm):
    crm.box.faults.append(Fault(match="data/create", kind="body", text='{"errorCode": 0}'))
    with pytest.raises(Uncertain):
        await CUSTOMERS.push(ctx, Push("create", {"name": "云帆"}, "r", "k"))


@pytest.mark.parametrize(
    "wrong", [{"user": ""}, {"base_url": "https://www.fxiaoke.com"}, {"scheme": "old", "user": ""}]
)
def test_a_connection_that_cannot_work_is_not_saved(wrong):
    with pytest.raises(ValidationError):
        connector.config.model_validate({**sandbox_config("http://crm"), **wrong})


def test_secrets_do_not_show():
    config = connector.config.model_validate(sandbox_config("http://crm"))
    shown = repr(config)
    for name in ("app_secret", "permanent_code", "hook_token"):
        assert sandbox_config("")[name] not in shown
