"""Signatures, sessions, envelopes, and that every failure ends in the right one of the nine errors."""

from typing import Any

import httpx
import pytest

from connectors.kingdee.client import operate, query
from connectors.kingdee.config import KingdeeConfig
from connectors.kingdee.connector import connector, probe
from connectors.kingdee.errors import GATEWAY_CODES, MSG_CODES
from connectors.kingdee.forms import FORMS
from connectors.kingdee.signing import client_secret, header_signature, login_sign
from hub.sdk import (
    AuthFailed,
    Busy,
    ConfigInvalid,
    ConnectorError,
    NotFound,
    Rejected,
    Throttled,
    Unavailable,
    Uncertain,
)
from hub.sdk.jsontext import dumps
from tests.support.sdk import make_context

ORDERS = FORMS["sales_orders"]

# A made-up account; the figures were checked against the maker's own client.
ACCOUNT = {
    "acct_id": "65a1b2c3d4e5f6",
    "user": "hub",
    "app_id": "200000_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY",
    "app_secret": "0123456789abcdef0123456789abcdef",
}


def test_header_signature_vector() -> None:
    url = "https://erp.example.com/k3cloud/Kingdee.BOS.WebApi.ServicesStub.DynamicFormService.ExecuteBillQuery.common.kdsvc"
    headers = header_signature(url, **ACCOUNT, lcid=2052, organization="0", now=1700000000)
    assert client_secret(ACCOUNT["app_id"]) == "MTI2MGM1Pj9qPDk/OT04KHMiKnd0IXMr"
    assert headers == {
        "X-Api-ClientID": "200000",
        "X-Api-Auth-Version": "2.0",
        "x-api-timestamp": "1700000000",
        "x-api-nonce": "1700000000",
        "x-api-signheaders": "x-api-timestamp,x-api-nonce",
        "X-Api-Signature": "ZDQ4NTViM2EzY2VjYjI1OTY2MmZjZjVhNjE0OTZiNDA3MmY4M2VjYzNlZDQ1YTNkMmY1NDdlNzQxYzI4OWMzYw==",
        "X-Kd-Appkey": ACCOUNT["app_id"],
        "X-Kd-Appdata": "NjVhMWIyYzNkNGU1ZjYsaHViLDIwNTIsMA==",
        "X-Kd-Signature": "MjBiMmViNGJlYTcyN2RjYWFjYWJhYzRmZGRlM2Q5OWY0ZDI1Yjg3YjMyMzUwNjQxOTliMzAzZjMyYzBjYzYwMA==",
    }


def test_login_sign_vector() -> None:
    sign = login_sign(*ACCOUNT.values(), "1700000000")
    assert sign == "a89ced77e1c8dd3275b89614f182c59282b6f142f9c175f4acd82324b80f6974"


@pytest.mark.parametrize("auth", ["signature", "app_secret", "sign"])
async def test_each_way_to_authenticate(erp: Any, auth: str) -> None:
    await probe(erp.context(auth=auth))


@pytest.mark.parametrize("auth", ["signature", "app_secret", "sign"])
@pytest.mark.parametrize("wrong", [{"app_secret": "x" * 32}, {"acct_id": "000000"}, {"user": "nobody"}])
async def test_bad_credentials(erp: Any, auth: str, wrong: dict[str, str]) -> None:
    with pytest.raises(AuthFailed) as caught:
        await probe(erp.context(auth=auth, **wrong))
    assert caught.value.scope is None
    assert "x" * 32 not in caught.value.sentence


async def test_signed_call_is_refused_when_the_clocks_are_apart(erp: Any) -> None:
    context = erp.context()
    erp.sandbox.clock = type(erp.clock)()
    erp.clock.advance(minutes=20)
    with pytest.raises(AuthFailed):
        await probe(context)


async def test_a_dead_network_is_no_bad_password(erp: Any) -> None:
    def dead(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    config = {"base_url": "http://erp.test/k3cloud/", **ACCOUNT}
    with pytest.raises(Unavailable):
        await probe(make_context(connector, config, httpx.MockTransport(dead)))


async def test_a_lost_session_is_renewed_once_for_a_read(erp: Any) -> None:
    context = erp.context(auth="app_secret")
    await probe(context)
    erp.act("expire_session")
    await probe(context)
    assert len(erp.sandbox.ledger.of("login")) == 2


async def test_one_login_serves_many_calls(erp: Any) -> None:
    context = erp.context(auth="sign")
    for _ in range(3):
        await probe(context)
    assert len(erp.sandbox.ledger.of("login")) == 1


@pytest.mark.parametrize("auth", ["signature", "app_secret"])
async def test_a_session_lost_during_a_write_is_uncertain(erp: Any, auth: str) -> None:
    context = erp.context(auth=auth)
    await probe(context)
    erp.act("expire_session")
    if auth == "signature":
        erp.fault(kind="body", text=_refusal(1).decode())
    with pytest.raises(Uncertain):
        await operate(context, ORDERS, "Save", {"Model": {"FDate": "2026-11-22"}})
    await probe(context)


async def test_no_right_costs_no_second_login(erp: Any) -> None:
    context = erp.context(auth="app_secret")
    erp.fault(match="ExecuteBillQuery", kind="body", text=f"[[{_refusal(2).decode()}]]")
    with pytest.raises(AuthFailed) as caught:
        await probe(context)
    assert caught.value.scope == "customers"
    assert len(erp.sandbox.ledger.of("login")) == 1


def _refusal(code: int, message: str = "不行", field: str | None = "FName") -> bytes:
    errors = [{"FieldName": field, "Message": message, "DIndex": 0}]
    return dumps({"Result": {"ResponseStatus": {"IsSuccess": False, "Errors": errors, "MsgCode": code}}})


# MsgCode -> (after a write, scope), as the vendor sheet has it
EXPECTED: dict[int, tuple[type[ConnectorError], str | None]] = {
    0: (Rejected, None),
    1: (Uncertain, None),
    2: (AuthFailed, "sales_orders"),
    3: (ConfigInvalid, "sales_orders"),
    4: (Unavailable, None),
    5: (ConfigInvalid, "sales_orders"),
    6: (Unavailable, None),
    7: (AuthFailed, None),
    8: (Rejected, None),
    9: (Rejected, None),
    10: (NotFound, None),
    11: (Rejected, None),
    12: (Rejected, None),
    13: (Busy, None),
    14: (Throttled, None),
    15: (AuthFailed, None),
}


def test_every_code_is_expected() -> None:
    assert EXPECTED.keys() == MSG_CODES.keys()


@pytest.mark.parametrize("code", EXPECTED)
async def test_codes_after_a_write(erp: Any, code: int) -> None:
    kind, scope = EXPECTED[code]
    erp.fault(kind="body", text=_refusal(code).decode())
    with pytest.raises(kind) as caught:
        await operate(erp.context(), ORDERS, "Save", {})
    assert type(caught.value) is kind
    assert getattr(caught.value, "scope", None) == scope
    assert caught.value.code == str(code)
    if code != 1:
        assert caught.value.zh == "不行"


@pytest.mark.parametrize("code", [8, 9, 11, 12])
async def test_a_refused_reading_is_our_configuration(erp: Any, code: int) -> None:
    erp.fault(kind="body", text=f"[[{_refusal(code).decode()}]]")
    with pytest.raises(ConfigInvalid) as caught:
        await query(erp.context(), ORDERS, ["FID"], where="", order="FID asc")
    assert caught.value.scope == "sales_orders"


async def test_a_rejection_names_field_and_sentence(erp: Any) -> None:
    erp.fault(kind="body", text=_refusal(11, "名称必录").decode())
    with pytest.raises(Rejected) as caught:
        await operate(erp.context(), ORDERS, "Save", {})
    assert [(f.path, f.sentence) for f in caught.value.fields] == [("FName", "名称必录")]


async def test_an_unknown_field_is_our_configuration(erp: Any) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        await query(erp.context(), ORDERS, ["FNOPE"], where="", order="FID asc")
    assert "FNOPE" in caught.value.zh


@pytest.mark.parametrize("shape", ["[[{}]]", "[{}]", "{}"])
async def test_a_failed_query_is_seen_in_every_shape(erp: Any, shape: str) -> None:
    erp.fault(kind="body", text=shape.replace("{}", _refusal(6).decode()))
    with pytest.raises(Unavailable):
        await query(erp.context(), ORDERS, ["FID"], where="", order="FID asc")


@pytest.mark.parametrize("code", GATEWAY_CODES)
async def test_gateway_codes(erp: Any, code: int) -> None:
    erp.fault(kind="status", status=519, text=f'{{"errcode": {code}}}')
    with pytest.raises(GATEWAY_CODES[code]):
        await probe(erp.context())


HTTP: list[tuple[dict[str, Any], type[ConnectorError], type[ConnectorError]]] = [
    ({"kind": "status", "status": 500}, Unavailable, Uncertain),
    ({"kind": "status", "status": 519, "text": '{"errcode": 1}'}, Unavailable, Uncertain),
    ({"kind": "status", "status": 429}, Throttled, Throttled),
    ({"kind": "status", "status": 401}, AuthFailed, AuthFailed),
    ({"kind": "status", "status": 404}, ConfigInvalid, ConfigInvalid),
    ({"kind": "status", "status": 302}, ConfigInvalid, ConfigInvalid),
    ({"kind": "body", "text": "<html>login</html>"}, Unavailable, Uncertain),
    ({"kind": "body", "text": "response_error: 服务异常"}, Unavailable, Uncertain),
    ({"kind": "body", "text": "{}"}, Unavailable, Uncertain),
    ({"kind": "drop_before"}, Unavailable, Uncertain),
    ({"kind": "half"}, Unavailable, Uncertain),
]


@pytest.mark.parametrize(("fault", "reading", "writing"), HTTP)
async def test_what_http_says(
    erp: Any, fault: dict[str, Any], reading: type[ConnectorError], writing: type[ConnectorError]
) -> None:
    context = erp.context()
    erp.fault(**fault)
    with pytest.raises(reading):
        await probe(context)
    erp.fault(**fault)
    with pytest.raises(writing):
        await operate(context, ORDERS, "Audit", {"Ids": "1"})


async def test_too_many_calls(erp: Any) -> None:
    erp.sandbox.calls_per_minute = 2
    context = erp.context()
    await probe(context)
    await probe(context)
    with pytest.raises(Throttled):
        await probe(context)
    erp.clock.advance(minutes=2)
    await probe(context)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "erp.example.com"},
        {"app_id": "200000"},
        {"reference_field": "F X"},
        {"page_size": 5000},
        {"extra_fields": {"customers": ["a;b"]}},
        {"unknown": 1},
    ],
)
def test_config_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        KingdeeConfig.model_validate({"base_url": "http://erp.test/k3cloud/", **ACCOUNT} | wrong)
