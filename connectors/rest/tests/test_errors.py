"""Every answer that is no success ends in one of the nine; bad credentials and a dead network are told apart."""

from typing import Any

import httpx
import pytest

from connectors.rest.config import ErrorSpec
from connectors.rest.connector import connector
from connectors.rest.errors import BY_NAME, BY_STATUS, error_of
from connectors.rest.tests.made import changed, config, create, world
from hub.sdk import AuthFailed, Busy, ConfigInvalid, Rejected, Reply, Throttled, Unavailable, Uncertain
from hub.sdk.errors import ERRORS
from tests.support.sdk import make_context

SPEC = ErrorSpec(sentence="error.message", code="error.code", codes={"locked": "Busy"})


def reply(status: int, body: bytes = b"", *, writes: bool = False, **headers: str) -> Reply:
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, writes)


@pytest.mark.parametrize("status", BY_STATUS)
def test_every_listed_status(status: int) -> None:
    error = error_of(reply(status, b'{"error": {"message": "so"}}'), SPEC, "orders")
    assert type(error) is BY_STATUS[status]
    assert error is not None and error.sentence == "so" and error.code == str(status)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (reply(200), None),
        (reply(204), None),
        (reply(400), Rejected),
        (reply(422), Rejected),
        (reply(500), Unavailable),
        (reply(500, writes=True), Uncertain),
        (reply(408), Unavailable),
        (reply(408, writes=True), Uncertain),
        (reply(503), Unavailable),
        (reply(503, writes=True, retry_after="3"), Throttled),
        (reply(302, location="https://login"), ConfigInvalid),
        (reply(400, b'{"error": {"code": "locked"}}'), Busy),
        (reply(500, b"<html>", writes=True), Uncertain),
        (reply(400, b"[1]"), Rejected),
    ],
)
def test_the_rest_goes_by_its_hundred(given: Reply, expected: type[Exception] | None) -> None:
    error = error_of(given, SPEC, "orders")
    assert (None if error is None else type(error)) == expected


def test_every_class_can_be_named() -> None:
    assert set(BY_NAME.values()) == set(ERRORS)
    for name in BY_NAME:
        spec = ErrorSpec(code="c", codes={"x": name})  # type: ignore[dict-item]
        assert type(error_of(reply(400, b'{"c": "x"}'), spec, None)) is BY_NAME[name]


def test_401_is_everybodys_and_403_one_streams() -> None:
    scopes = [getattr(error_of(reply(status), SPEC, "orders"), "scope", "?") for status in (401, 403)]
    assert scopes == [None, "orders"]


async def test_the_limit_says_how_long() -> None:
    made = world(calls=2, per=60)
    await made.pull("customers")
    with pytest.raises(Throttled) as caught:
        for _ in range(3):
            await made.pull("customers")
    assert caught.value.retry_after == 60
    made.clock.advance(seconds=61)
    await connector.probe(made.ctx)


async def test_refused_fields_keep_their_sentences() -> None:
    made = world()
    with pytest.raises(Rejected) as caught:
        await made.stream("orders").push(made.ctx, create({"number": "SO-1"}))
    assert [(field.path, field.sentence) for field in caught.value.fields] == [
        ("customer_id", "customer_id is required"),
        ("lines", "lines is required"),
    ]
    assert caught.value.code == "invalid"


async def test_a_locked_record_waits_alone() -> None:
    made = world()
    made.save("customers", name="x", locked=True)
    with pytest.raises(Busy) as caught:
        await made.stream("customers").push(made.ctx, create({"name": "y"}, key="1"))
    assert caught.value.retry_after == 30


@pytest.mark.parametrize(
    ("changes", "fine"),
    [
        ({}, True),
        ({"auth": "basic", "user": "hub", "password": "sandbox-rest-password"}, True),
        ({"token": "wrong"}, False),
        ({"auth": "basic", "user": "hub", "password": "wrong"}, False),
        ({"auth": "none"}, False),
        ({"probe": "/api/products"}, True),
    ],
)
async def test_credentials(changes: dict[str, Any], fine: bool) -> None:
    made = world(config(**changes))
    if fine:
        await connector.probe(made.ctx)
    else:
        with pytest.raises(AuthFailed) as caught:
            await connector.probe(made.ctx)
        assert caught.value.scope is None and "wrong" not in str(caught.value)


async def test_a_dead_network_is_no_matter_of_credentials() -> None:
    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    ctx = make_context(connector, config(), httpx.MockTransport(dead))
    with pytest.raises(Unavailable):
        await connector.probe(ctx)


async def test_an_answer_that_is_no_json_is_no_answer() -> None:
    page = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>please log in</html>"))
    ctx = make_context(connector, changed("customers"), page)
    with pytest.raises(Unavailable, match="no JSON"):
        await connector.probe(ctx)
