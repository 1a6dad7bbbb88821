"""A tenant of the sandbox, a context on it, and the few things its people do."""

import httpx
import pytest

from connectors.fxiaoke.connector import connector
from connectors.fxiaoke.sandbox import FxiaokeSandbox, sandbox, sandbox_config
from hub.sdk import Context
from hub.sdk.sandbox import Ledger
from tests.support.sdk import FixedClock, make_context


class Crm:
    """The sandbox and shorthands for its acts."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.box: FxiaokeSandbox = sandbox(Ledger(), clock, calls=10_000)

    def context(self, scheme: str = "new", **config) -> Context:
        transport = httpx.ASGITransport(app=self.box.app)
        return make_context(connector, {**sandbox_config("http://crm", scheme), **config}, transport, self.clock)

    def act(self, act: str, /, **data) -> dict:
        return self.box.acts()[act](data)

    def create(self, kind: str, /, **data) -> str:
        return self.act("create", object=kind, data=data)["id"]

    def account(self, name: str = "上海云帆科技有限公司", **data) -> str:
        return self.create("AccountObj", name=name, **data)

    def product(self) -> str:
        return self.create("ProductObj", name="传感器", product_code="P1", unit="Pcs", price="12.50")

    def deal(self, lines: int = 2, **data) -> dict:
        product = self.product()
        rows = [{"product_id": product, "quantity": "2", "sales_price": "12.50"} for _ in range(lines)]
        header = {"name": "年度采购", "account_id": self.account(), "sales_stage": "qualify"}
        return self.act("create", object="NewOpportunityObj", data={**header, "lines": rows, **data})

    def rows(self, name: str) -> list[dict]:
        return list(self.box.store.rows[name].values())

    def calls(self, verb: str) -> int:
        return sum(1 for entry in self.box.ledger.of("call") if entry.data["path"].endswith(f"/{verb}"))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def crm(clock: FixedClock) -> Crm:
    return Crm(clock)


@pytest.fixture
def ctx(crm: Crm) -> Context:
    return crm.context()


@pytest.fixture(params=["new", "old"])
def either(request: pytest.FixtureRequest, crm: Crm) -> Context:
    """A context of each scheme."""
    return crm.context(request.param)
