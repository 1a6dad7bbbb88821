"""Checks several vendors share: a token in two places, Standard Webhooks with time and rotation."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from hub.sdk import ConfigInvalid, Incoming, Refused
from hub.sdk.webhook import (
    check_bearer_or_path,
    check_standard_webhook,
    require_secret,
    standard_signature,
)
from tests.support.sdk import START

TOKEN = SecretStr("hook-token")
# the example of the Standard Webhooks specification's libraries
SECRET = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
OTHER = SecretStr("whsec_b3RoZXItc2VjcmV0LW9mLXRoZS10ZXN0cw==")
BODY = b'{"test": 2432232314}'


def incoming(path: str = "", **headers: str) -> Incoming:
    return Incoming(BODY, START, path=path, headers=headers)


def signed(secret: SecretStr = SECRET, *, seconds: int = 0, more: str = "", body: bytes = BODY) -> Incoming:
    stamp = str(int((START + timedelta(seconds=seconds)).timestamp()))
    signature = standard_signature(secret, f"msg_1.{stamp}.".encode() + BODY)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": f"{more}v1,{signature}"}
    return Incoming(body, START, headers=headers)


@pytest.mark.parametrize("secret", [None, SecretStr("")])
def test_a_hook_without_a_secret_cannot_be_saved(secret: SecretStr | None) -> None:
    with pytest.raises(ConfigInvalid, match="set `hook_token`") as caught:
        require_secret(secret, "hook_token")
    assert "hook_token" in caught.value.zh


def test_a_secret_is_given_back() -> None:
    assert require_secret(TOKEN, "hook_token") is TOKEN


@pytest.mark.parametrize(
    "request_",
    [
        incoming(authorization="Bearer hook-token"),
        incoming(authorization="bearer hook-token"),
        incoming("hook-token"),
        incoming("/hook-token/"),
        incoming("hook-token", authorization="Basic eDp5"),
    ],
)
def test_a_token_in_either_place(request_: Incoming) -> None:
    check_bearer_or_path(TOKEN, request_)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (incoming(), "no token"),
        (incoming(authorization="Bearer "), "no token"),
        (incoming(authorization="Bearer other"), "does not match"),
        (incoming("other"), "does not match"),
        (incoming("hook-token", authorization="Bearer other"), "does not match"),
        (incoming("hook-token/more"), "does not match"),
        (incoming("hook-tökén"), "does not match"),
    ],
)
def test_anybody_else_is_refused(request_: Incoming, words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        check_bearer_or_path(TOKEN, request_)
    assert caught.value.status == 401
    assert "hook-token" not in str(caught.value)


def test_the_published_vector() -> None:
    signature = standard_signature(SECRET, b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + BODY)
    assert signature == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("seconds", [0, -300, 300])
def test_a_signed_call_tells_its_id(seconds: int) -> None:
    assert check_standard_webhook([SECRET], signed(seconds=seconds), START) == "msg_1"


@pytest.mark.parametrize("seconds", [-301, 301, -86_400])
def test_an_old_or_early_call(seconds: int) -> None:
    with pytest.raises(Refused, match="5 minutes"):
        check_standard_webhook([SECRET], signed(seconds=seconds), START)


@pytest.mark.parametrize("stamp", ["soon", "-1", "1.5", "１７"])
def test_a_time_that_is_none(stamp: str) -> None:
    headers = {**signed().headers, "webhook-timestamp": stamp}
    with pytest.raises(Refused):
        check_standard_webhook([SECRET], Incoming(BODY, START, headers=headers), START)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header(missing: str) -> None:
    headers = {name: value for name, value in signed().headers.items() if name != missing}
    with pytest.raises(Refused, match="missing"):
        check_standard_webhook([SECRET], Incoming(BODY, START, headers=headers), START)


@pytest.mark.parametrize("request_", [signed(OTHER), signed(body=BODY + b" ")])
def test_strangers(request_: Incoming) -> None:
    with pytest.raises(Refused, match="does not match"):
        check_standard_webhook([SECRET], request_, START)


def test_one_of_several_signatures_is_enough() -> None:
    assert check_standard_webhook([OTHER, SECRET], signed(more="v1a,xx v2,yy v1,zz "), START) == "msg_1"


def test_the_former_secret_still_counts() -> None:
    assert check_standard_webhook([SECRET, OTHER], signed(OTHER), START) == "msg_1"


@pytest.mark.parametrize("signature", ["", "v2,abc", "v1", "v1,", "v1,密"])
def test_signatures_of_another_kind(signature: str) -> None:
    headers = {**signed().headers, "webhook-signature": signature}
    with pytest.raises(Refused):
        check_standard_webhook([SECRET], Incoming(BODY, START, headers=headers), START)


def test_a_secret_that_is_no_base64() -> None:
    with pytest.raises(ConfigInvalid, match="whsec_"):
        standard_signature(SecretStr("whsec_not base64!"), b"")
