"""A Kingdee sandbox in process and a context that talks to it."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connectors.kingdee.connector import connector
from connectors.kingdee.sandbox import KingdeeSandbox, sandbox_config
from hub.sdk import Context, Push
from hub.sdk.sandbox import Fault, Ledger
from tests.support.sdk import FixedClock, make_context

USCC = "91350100M000100Y43"
BASE_URL = "http://erp.test"


@dataclass
class Erp:
    """The sandbox, its clock, and everything a test does with them."""

    clock: FixedClock
    sandbox: KingdeeSandbox

    def context(self, **config: Any) -> Context:
        transport = httpx.ASGITransport(app=self.sandbox.app)
        return make_context(connector, sandbox_config(BASE_URL) | config, transport, self.clock)

    def act(self, act: str, /, **given: Any) -> Any:
        return self.sandbox.acts()[act](given)

    def fault(self, **fault: Any) -> None:
        self.sandbox.faults.append(Fault(**fault))

    def creates(self, form: str) -> int:
        return sum(e.data["form"] == form and e.data["created"] for e in self.sandbox.ledger.of("saved"))

    def steps(self) -> list[str]:
        """What the API did, in order."""
        done = [e for e in self.sandbox.ledger if e.event in {"saved", "moved", "marked", "deleted"}]
        return [e.data.get("operation", e.event) for e in done if e.data["by"] == "api"]

    def status(self, form: str, key: str) -> str:
        return str(self.sandbox.books[form][int(key)]["fields"]["FDocumentStatus"])


@pytest.fixture
def erp() -> Erp:
    clock = FixedClock()
    return Erp(clock, KingdeeSandbox(Ledger(), clock))


@pytest.fixture
def stocked(erp: Erp) -> Erp:
    """With a customer CUST1 and the materials M1, M2."""
    erp.act("create_customer", name="福州云帆科技有限公司", number="CUST1", uscc=USCC)
    erp.act("create_material", name="控制器", number="M1")
    erp.act("create_material", name="传感器", number="M2")
    return erp


@pytest.fixture
def order() -> Callable[..., dict[str, Any]]:
    def build(quantities: tuple[int, ...] = (3, 2), reference: str = "order:1") -> dict[str, Any]:
        lines = [
            {"FMaterialId": {"FNumber": f"M{i}"}, "FQty": Decimal(q), "FTaxPrice": Decimal("99.5")}
            for i, q in enumerate(quantities, 1)
        ]
        return {
            "FBillTypeID": {"FNumber": "XSDD01_SYS"},
            "FDate": "2026-11-20",
            "FCustId": {"FNumber": "CUST1"},
            "FSettleCurrId": {"FNumber": "PRE001"},
            "F_HUB_REF": reference,
            "FSaleOrderEntry": lines,
        }

    return build


@pytest.fixture
def create() -> Callable[..., Push]:
    def build(record: dict[str, Any], *, key: str | None = None, reference: str = "order:1") -> Push:
        return Push("create", record, reference, "once", key=key)

    return build
