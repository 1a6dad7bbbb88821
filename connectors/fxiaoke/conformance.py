"""How the conformance checks drive this connector: a tenant under both token schemes, its workflows calling us."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from connectors.fxiaoke.config import FxiaokeConfig
from connectors.fxiaoke.query import PAGE
from connectors.fxiaoke.sandbox import USER_ID, FxiaokeSandbox, sandbox, sandbox_config
from connectors.fxiaoke.sandbox_store import OPEN_USER
from hub.sdk import Clock, Incoming, Record
from hub.sdk.conformance import HookCalls, Kit, Reads, Writes
from hub.sdk.sandbox import Ledger


def _create(box: Any, kind: str, /, **data: Any) -> str:
    return str(box.acts()["create"]({"object": kind, "data": data})["id"])


def _employee(box: Any, number: int) -> str:
    return _create(box, "PersonnelObj", name=f"员工{number}", employee_number=f"E{number:04}")


def _product(box: Any, number: int) -> str:
    return _create(box, "ProductObj", name=f"传感器{number}", product_code=f"P{number:04}", unit="Pcs", price="12.50")


def _customer(box: Any, number: int) -> str:
    return _create(box, "AccountObj", name=f"客户{number}", tel=f"021-{number:04}")


def _deal(box: Any, number: int) -> str:
    header = {"name": f"商机{number}", "account_id": _customer(box, number), "sales_stage": "qualify"}
    return _create(box, "NewOpportunityObj", **header, lines=_lines(box, number))


def _lines(box: Any, number: int) -> list[Record]:
    product = _product(box, number)
    return [{"product_id": product, "quantity": "2", "sales_price": "12.50"} for _ in range(2)]


def _wanted_customer(box: Any, reference: str) -> Record:
    return {"name": "苏州海纳自动化", "tel": "0512-1", "hub_ref__c": reference}


def _wanted_deal(box: Any, reference: str) -> Record:
    header = {"name": "年度采购", "account_id": _customer(box, 1), "sales_stage": "won", "hub_ref__c": reference}
    return {**header, "lines": _lines(box, 1)}


def _made(name: str) -> Callable[[Any], int]:
    return lambda box: sum(entry.data["object"] == name for entry in box.ledger.of("created"))


def _sandbox(ledger: Ledger, clock: Clock) -> FxiaokeSandbox:
    return sandbox(ledger, clock, calls=10_000)


def _call(config: FxiaokeConfig, payload: bytes, at: datetime) -> Incoming:
    token = config.hook_token.get_secret_value() if config.hook_token else ""
    return Incoming(payload, at, headers={"content-type": "application/json", "authorization": f"Bearer {token}"})


kit = Kit(
    config=sandbox_config,
    sandbox=_sandbox,
    wrong=[{"app_id": "FSAID_other"}, {"app_secret": "another-secret"}, {"permanent_code": "ANOTHERCODE"}],
    reads=[
        Reads("employees", "_id", _employee, PAGE, find=("employee_number", "E0001")),
        Reads("products", "_id", _product, PAGE, find=("product_code", "P0001")),
        Reads("customers", "_id", _customer, PAGE, find=("tel", "021-0001")),
        Reads("deals", "_id", _deal, PAGE, find=("name", "商机1")),
    ],
    writes=[
        Writes("customers", "hub_ref__c", _wanted_customer, _made("AccountObj")),
        Writes("deals", "hub_ref__c", _wanted_deal, _made("NewOpportunityObj")),
    ],
    hook=HookCalls(
        call=_call,
        event=lambda payload: str(json.loads(payload)["event"]),
        unknown=b'{"event": "weather_changed", "id": "1"}',
        wrong={"hook_token": "another-token"},
        former="hook_token_old",
    ),
    variants={"old scheme": {"scheme": "old", "user": OPEN_USER.format(USER_ID)}},
)
