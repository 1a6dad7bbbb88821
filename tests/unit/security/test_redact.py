"""No secret passes, by name or by value; ordinary data stays byte for byte."""

import json
from decimal import Decimal

import pytest

from hub.security.redact import MASK, redact, secret_name


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "proxy-authorization", "X-Api-Key", "api_key", "apikey", "appSecret", "corpsecret"),
        *("access_token", "accessToken", "refreshToken", "Set-Cookie", "password", "user_pwd", "sign", "key"),
        *(
            "msg_signature",
            "EncodingAESKey",
            "private_key",
            "client_secret",
            "kdservice-sessionid",
            "SECRET",
            "SessionId",
        ),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("design", "monkey", "secretary", "author", "sign_date", "ticket_id", "record_key", "primary_key", "FID"),
        *("order_no", "session_count", "签名", "keyword", "assignee", "tokenless", ""),
    ],
)
def test_ordinary_names(name: str) -> None:
    assert not secret_name(name)


def test_headers_and_nested_bodies() -> None:
    given = {
        "headers": {"Authorization": "Bearer abc.def", "Accept": "json"},
        "body": {"auth": {"user": "x", "password": "p"}, "lines": [{"token": 1, "amount": Decimal("1.50")}]},
        "none": {"token": None, "secret": ""},
    }
    assert redact(given) == {
        "headers": {"Authorization": MASK, "Accept": "json"},
        "body": {"auth": {"user": "x", "password": MASK}, "lines": [{"token": MASK, "amount": Decimal("1.50")}]},
        "none": {"token": None, "secret": ""},
    }
    assert given["body"]["auth"]["password"] == "p"  # type: ignore[index, call-overload]


@pytest.mark.parametrize(
    ("given", "masked"),
    [
        ("https://x.cn/send?access_token=abc123&a=1", f"https://x.cn/send?access_token={MASK}&a=1"),
        ("https://x.cn/robot?key=1-2-3&sign=a%2Fb", f"https://x.cn/robot?key={MASK}&sign={MASK}"),
        ("postgresql://hub:geheim@127.0.0.1:1/hub", f"postgresql://hub:{MASK}@127.0.0.1:1/hub"),
        ("said: Bearer abcdefgh123", f"said: Bearer {MASK}"),
        ("grant_type=client&client_secret=zzz", f"grant_type=client&client_secret={MASK}"),
        ('{"appSecret":"zz","n":1.10}', f'{{"appSecret":"{MASK}","n":1.10}}'),
        ('{"n": 1.10,  "a":"b"}', '{"n": 1.10,  "a":"b"}'),
        ("2 = 1 + 1; a=b", "2 = 1 + 1; a=b"),
        ("{not json", "{not json"),
    ],
)
def test_texts(given: str, masked: str) -> None:
    assert redact(given) == masked


def test_known_values_go_in_every_spelling() -> None:
    secret = 'pä/ss"wörd+1'
    texts = {
        "plain": f"a {secret} b",
        "url": "u=p%C3%A4%2Fss%22w%C3%B6rd%2B1",
        "json": json.dumps({"x": secret}),
        "deep": [{"y": secret}],
    }
    shown = repr(redact(texts, {secret}))
    assert "wörd" not in shown
    assert "w%C3%B6rd" not in shown
    assert "w\\u00f6rd" not in shown
    assert shown.count(MASK) == 4


def test_short_values_do_not_blank_everything() -> None:
    assert redact("a b c 12", {"a", "12"}) == "a b c 12"
