"""How the conformance checks drive this connector: a declared interface with all its ways of paging."""

import json
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from connectors.rest.config import RestConfig
from connectors.rest.sandbox import sandbox, sandbox_config
from connectors.rest.sandbox_tables import PASSWORD, USER
from hub.sdk import Incoming, Record
from hub.sdk.conformance import HookCalls, Kit, Reads, Writes
from hub.sdk.webhook import standard_signature

OTHER_SECRET = "whsec_b3RoZXItc2VjcmV0LW9mLXRoZS1yZXN0LWhvb2s="  # noqa: S105  belongs to no system


def _record(table: str, number: int) -> Record:
    extra = {"orders": {"customer_id": "1", "lines": [{"quantity": 1}]}}.get(table, {})
    return {"number": f"N{number}", "name": f"第 {number} 条", **extra}


def _reads(table: str) -> Reads:
    def make(box: Any, number: int) -> str:
        return str(box.act_save({"table": table, "record": _record(table, number)})["id"])

    return Reads(table, key="id", make=make, page=2, find=("number", "N1"))


def _writes(table: str) -> Writes:
    def made(box: Any) -> int:
        return sum(entry.data["table"] == table for entry in box.ledger.of("created"))

    return Writes(table, "hub_ref", lambda _, reference: {**_record(table, 1), "hub_ref": reference}, made)


def _call(config: RestConfig, payload: bytes, at: datetime) -> Incoming:
    stamp = str(int(at.timestamp()))
    secret = config.hook_secret or SecretStr("")
    signature = standard_signature(secret, f"evt_1.{stamp}.".encode() + payload)
    headers = {"webhook-id": "evt_1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}
    return Incoming(payload, at, headers={"content-type": "application/json", **headers})


kit = Kit(
    config=sandbox_config,
    sandbox=sandbox,
    wrong=[
        {"auth": "bearer", "token": "another-token"},
        {"auth": "basic", "user": USER, "password": "another-password"},
    ],
    reads=[_reads(table) for table in ("customers", "products", "orders")],
    writes=[_writes(table) for table in ("customers", "products", "orders")],
    hook=HookCalls(
        call=_call,
        event=lambda payload: str(json.loads(payload)["type"]),
        unknown=b'{"id": "evt_1", "type": "weather.changed", "data": {}}',
        wrong={"hook_secret": OTHER_SECRET},
        former="hook_secret_old",
        signs=frozenset({"body", "time"}),
    ),
    variants={"basic": {"auth": "basic", "token": None, "user": USER, "password": PASSWORD}},
)
