"""The declared hook: signature or token, rotated; events into records and bells."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from connectors.rest.config import RestConfig
from connectors.rest.connector import connector
from connectors.rest.sandbox_tables import HOOK_SECRET
from connectors.rest.tests.made import config, world
from hub.sdk import Accepted, ConfigInvalid, Hook, Incoming, Opened, Refused, jsontext
from tests.support.sdk import START

OTHER = "whsec_b3RoZXI="


def hook() -> Hook:
    assert connector.hook is not None
    return connector.hook


def made(**changes: Any) -> RestConfig:
    return RestConfig.model_validate(config(**changes))


async def posted(secret: str = HOOK_SECRET) -> Incoming:
    """What the sandbox really sends when a customer is saved."""
    there = world().there
    there.set_hook({"url": "http://hub.test/hooks/x", "secret": secret})
    there.act_save({"table": "customers", "record": {"name": "甲", "credit": jsontext.loads("1.50")}})
    got: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        got.append(request)
        return httpx.Response(200)

    assert await there.deliver_posts(httpx.MockTransport(take)) == 1
    return Incoming(got[0].content, START, headers={name.lower(): value for name, value in got[0].headers.items()})


async def test_a_signed_call_becomes_a_record() -> None:
    request = await posted()
    accepted: Accepted = hook().accept(made(), request)
    assert accepted.event_id == request.headers["webhook-id"]
    (arrived,) = hook().open(made(), request).records
    assert arrived.stream == "customers" and arrived.record["id"] == "1" and str(arrived.record["credit"]) == "1.50"


async def test_signatures_missing_wrong_old_and_rotated() -> None:
    request = await posted()
    bare = replace(request, headers={})
    late = replace(request, received_at=START + timedelta(minutes=6))
    touched = replace(request, body=request.body + b" ")
    for bad in (bare, late, touched):
        with pytest.raises(Refused) as caught:
            hook().accept(made(), bad)
        assert caught.value.status == 401
    with pytest.raises(Refused):
        hook().accept(made(hook_secret=OTHER), request)
    assert hook().accept(made(hook_secret=OTHER, hook_secret_old=HOOK_SECRET), request).event_id


async def test_a_token_as_bearer_or_in_the_path_and_rotated() -> None:
    request = await posted(secret="plain-token")
    assert request.headers["authorization"] == "Bearer plain-token"
    token = made(hook_secret="plain-token")
    assert hook().accept(token, request).event_id is None
    in_path = replace(request, headers={}, path="plain-token")
    assert hook().accept(token, in_path)
    rotated = made(hook_secret="new-token", hook_secret_old="plain-token")
    assert hook().accept(rotated, request)
    for bad in (replace(request, headers={}), replace(request, headers={"authorization": "Bearer x"})):
        with pytest.raises(Refused):
            hook().accept(rotated, bad)


def cut(body: Any, **hooked: Any) -> Opened:
    spec = {"events": {"c.saved": {"stream": "customers", "record": "data"}, **hooked.pop("events", {})}, **hooked}
    return hook().open(made(hook=spec), Incoming(jsontext.dumps(body), START))


def test_one_bad_record_of_many_harms_no_other() -> None:
    items: list[Any] = [{"type": "c.saved", "data": {"id": number}} for number in range(1, 501)]
    items[7] = {"type": "c.saved", "data": {"name": "no id"}}
    opened = cut(items)
    assert len(opened.records) == 499
    (flaw,) = opened.flaws
    assert (flaw.position, flaw.stream) == (7, "customers") and "event 8 holds no record with an id" in flaw.sentence
    assert "no id" in flaw.raw


def test_bells_with_and_without_a_key() -> None:
    events = {"o.moved": {"stream": "orders", "id": "order"}, "all": {"stream": "products"}}
    opened = cut({"events": [{"type": "o.moved", "order": 5}, {"type": "all"}]}, items="events", events=events)
    assert [(bell.stream, bell.key) for bell in opened.bells] == [("orders", "5"), ("products", None)]
    assert cut({"type": "o.moved"}, events=events).flaws[0].sentence == "event 1 holds no id at `order`"


def test_equal_bells_at_two_moments_are_two() -> None:
    spec = {"events": {"all": {"stream": "products"}}}
    given = made(hook=spec, hook_secret="t")
    request = Incoming(b'{"type": "all"}', START, headers={"authorization": "Bearer t"})
    later = replace(request, received_at=START + timedelta(seconds=9))
    ids = {hook().accept(given, one).event_id for one in (request, later)}
    assert len(ids) == 2
    named = made(hook={**spec, "event_id": "n"}, hook_secret="t")
    assert hook().accept(named, replace(request, body=b'{"type": "all", "n": 4}')).event_id == "4"


@pytest.mark.parametrize("items", [{"type": "unknown"}, [], {}, 5, None, ["x"]])
def test_what_is_not_for_us_is_nothing_and_no_error(items: Any) -> None:
    opened = cut(items)
    assert opened.nothing and not opened.records and not opened.flaws


def test_a_body_that_is_no_json_and_another_method_are_refused() -> None:
    given = made(hook_secret="t")
    request = Incoming("名".encode("gb18030"), START, headers={"authorization": "Bearer t"})
    with pytest.raises(Refused) as caught:
        hook().accept(given, request)
    assert caught.value.status == 400
    with pytest.raises(Refused) as caught:
        hook().accept(given, replace(request, method="GET"))
    assert caught.value.status == 405


@pytest.mark.parametrize(
    "changes", [{"hook_secret": None}, {"hook_secret": ""}, {"hook": None}, {"hook_secret": "whsec_!"}]
)
def test_a_hook_anybody_could_call_cannot_be_saved(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigInvalid):
        hook().check(made(**changes))
    hook().check(made())
