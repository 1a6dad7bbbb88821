"""The hook: who may call, what is inside, what is refused with which sentence."""

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from connectors.fxiaoke.connector import connector
from connectors.fxiaoke.sandbox import HOOK_TOKEN, sandbox_config
from connectors.fxiaoke.webhook import hook
from hub.sdk import Arrived, Bell, ConfigInvalid, Incoming, Refused
from tests.support.sdk import START

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures").glob("*.json"))
WHOLE = {"_id": "a1", "name": "云帆", "last_modified_time": 1795312800000, "life_status": "normal"}


def config(**changes):
    return connector.config.model_validate({**sandbox_config("http://crm"), **changes})


def call(said, token: str | None = HOOK_TOKEN, path: str = "", **headers) -> Incoming:
    body = said if isinstance(said, bytes) else json.dumps(said, ensure_ascii=False).encode()
    auth = {"authorization": f"Bearer {token}"} if token is not None else {}
    return Incoming(body, START, path=path, headers={"content-type": "application/json", **auth, **headers})


def opened(said, **headers):
    return hook.open(config(), call(said, **headers))


BELL = {"event": "deal_changed", "object": "NewOpportunityObj", "id": "d1"}


@pytest.mark.parametrize("request_", [call(BELL), call(BELL, None, HOOK_TOKEN), call(BELL, "old-token")])
def test_a_token_as_bearer_or_path_or_the_one_before(request_):
    accepted = hook.accept(config(hook_token_old="old-token"), request_)
    assert accepted.answer.status == 200


@pytest.mark.parametrize(
    "request_", [call(BELL, None), call(BELL, "wrong"), call(BELL, None, "wrong"), call(BELL, "old-token")]
)
def test_anybody_else_is_refused(request_):
    with pytest.raises(Refused) as caught:
        hook.accept(config(), request_)
    assert caught.value.status == 401


@pytest.mark.parametrize("token", [None, ""])
def test_a_hook_without_a_token_cannot_be_saved(token):
    with pytest.raises(ConfigInvalid, match="hook_token"):
        hook.check(config(hook_token=token))
    hook.check(config())


def test_a_browser_is_told_to_post():
    request = Incoming(b"", START, method="GET", headers={"authorization": f"Bearer {HOOK_TOKEN}"})
    with pytest.raises(Refused) as caught:
        hook.accept(config(), request)
    assert caught.value.status == 405


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_every_fixture_is_of_a_declared_event_and_opens(fixture: Path):
    said = json.loads(fixture.read_bytes())
    assert fixture.stem.partition("__")[0] == said["event"]
    assert said["event"] in hook.events
    inside = hook.open(config(), call(fixture.read_bytes()))
    assert inside.records or inside.bells
    assert inside.flaws == []


def test_every_declared_event_has_a_fixture():
    assert {path.stem.partition("__")[0] for path in FIXTURES} == set(hook.events)


def test_a_whole_record_arrives_and_an_id_rings():
    inside = opened({"event": "customer_changed", "object": "AccountObj", "id": "a1", "data": WHOLE})
    assert inside.records == [Arrived("customers", WHOLE)]
    assert opened(BELL).bells == [Bell("deals", "d1")]


@pytest.mark.parametrize("missing", ["lines", "last_modified_time", "life_status"])
def test_a_record_cut_down_rings_instead(missing):
    data = {**WHOLE, "lines": []}
    del data[missing]
    inside = opened({"event": "deal_won", "id": "a1", "data": data})
    assert (inside.records, inside.bells) == ([], [Bell("deals", "a1")])


def test_an_unknown_event_is_nothing():
    inside = opened({"event": "lead_made", "id": "1"})
    assert inside.nothing is not None
    assert (inside.records, inside.bells, inside.flaws) == ((), (), ())


def test_numbers_are_exact():
    record = opened(b'{"event":"customer_changed","data":' + json.dumps(WHOLE).encode()[:-1] + b',"x__c":1.10}}')
    assert str(record.records[0].record["x__c"]) == "1.10"


@pytest.mark.parametrize(
    "bad", [None, "text", 7, {}, {"id": ""}, {"id": "1", "data": []}, {"id": "1", "data": {"_id": "2"}}]
)
def test_one_bad_among_five_hundred(bad):
    records = [{**WHOLE, "_id": f"a{number}"} for number in range(500)]
    records[250] = bad
    inside = opened({"event": "customer_changed", "records": records})
    assert len(inside.records) == 499
    assert [(flaw.position, flaw.stream) for flaw in inside.flaws] == [(250, "customers")]
    assert inside.flaws[0].zh


def test_records_may_be_whole_or_ids():
    inside = opened({"event": "customer_changed", "records": [WHOLE, {"id": "a2"}, {"id": "a1", "data": WHOLE}]})
    assert [one.record["_id"] for one in inside.records] == ["a1", "a1"]
    assert inside.bells == [Bell("customers", "a2")]


def test_the_wrong_object_is_a_flaw():
    inside = opened({**BELL, "object": "AccountObj"})
    assert [flaw.position for flaw in inside.flaws] == [0]
    assert "NewOpportunityObj" in inside.flaws[0].zh


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "JSON"),
        (b'{"event": NaN}', "JSON"),
        (b"[]", "event"),
        (b'{"id": "1"}', "event"),
        (json.dumps({"event": "deal_won", "name": "云帆"}, ensure_ascii=False).encode("gb18030"), "charset=gb18030"),
        (json.dumps({"event": "customer_changed", "records": [{}] * 501}).encode(), "500"),
        (b'{"event": "customer_changed", "records": {}}', "500"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(body, words):
    with pytest.raises(Refused) as caught:
        hook.accept(config(), call(body))
    assert caught.value.status == 400
    assert words in caught.value.sentence
    assert words in caught.value.zh


@pytest.mark.parametrize("charset", ["gb18030", "GBK"])
def test_chinese_encodings_are_read_when_named(charset):
    said = {"event": "customer_changed", "data": {**WHOLE, "name": "苏州恒远"}}
    body = json.dumps(said, ensure_ascii=False).encode("gb18030")
    inside = hook.open(config(), call(body, **{"content-type": f"application/json; charset={charset}"}))
    assert inside.records[0].record["name"] == "苏州恒远"


def test_a_bell_rung_twice_is_two_a_record_sent_twice_is_one():
    def event_id(said, seconds: int) -> str | None:
        first = call(said)
        later = Incoming(first.body, START + timedelta(seconds=seconds), headers=first.headers)
        return hook.accept(config(), later).event_id

    assert event_id(BELL, 0) != event_id(BELL, 5)
    whole = {"event": "customer_changed", "data": WHOLE}
    assert event_id(whole, 0) is None  # the hub takes the hash of the body
    assert event_id(whole, 5) is None


async def test_the_workflow_of_a_won_deal_arrives_whole(crm):
    got: list[Incoming] = []

    def hub(request: httpx.Request) -> httpx.Response:
        got.append(Incoming(request.content, START, headers={k.lower(): v for k, v in request.headers.items()}))
        return httpx.Response(200)

    crm.act("set_hook", url="http://hub/hooks/crm", token=HOOK_TOKEN)
    made = crm.deal()
    crm.act("win", id=made["id"])
    assert await crm.box.deliver_posts(httpx.MockTransport(hub)) == 1
    hook.accept(config(), got[0])
    inside = hook.open(config(), got[0])
    pulled = await connector.streams["deals"].fetch(crm.context(), [made["id"]])
    assert [one.record for one in inside.records] == list(pulled)
    assert inside.records[0].record["sales_stage"] == "won"
