"""The story, played: act by act, waiting after each for what the hub makes of it."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import httpx

from hub.cli.demo.api import HubApi, away
from hub.cli.demo.cast import Cast
from hub.cli.demo.checker import VendorError, check
from hub.cli.demo.configuration import template_files
from hub.cli.demo.evidence import ActRefused, Evidence
from hub.cli.demo.scene import Counts, Played, Step, Stuck
from hub.cli.demo.stage import VENDORS, Stage, StageError
from hub.cli.demo.story import Deal, Story

PATIENCE_SECONDS = 90.0  # for one effect; a hub that was killed is back after a few
LOOK_SECONDS = 0.15
T = TypeVar("T")


@dataclass(slots=True)
class Play:
    """Re-enterable: begun again on the same data, it does what is missing and waits for the rest."""

    story: Story
    stage: Stage
    checks: list[dict[str, Any]] = field(default_factory=list)
    _cast: Cast | None = None
    _hub: HubApi | None = None

    @property
    def cast(self) -> Cast:
        assert self._cast is not None
        return self._cast

    @property
    def evidence(self) -> Evidence:
        return self.cast.evidence

    @property
    def hub(self) -> HubApi:
        assert self._hub is not None
        return self._hub

    def steps(self) -> Iterator[Step]:
        """The scenes in the story's order."""
        yield Step("start sandboxes, hub, configuration", "启动沙箱与业财通，应用配置", self._start)
        yield Step("sales reps and products", "员工与产品就绪", self._books)
        yield Step("customers go to the ERP; one is refused", "客户进入 ERP，其中一家被拒绝", self._customers)
        yield Step("deals are won, orders appear in the ERP", "赢单，ERP 出现已审核订单", self._win)
        yield Step("the refused customer is corrected", "更正被拒绝的客户，订单随之通过", self._correct)
        money = Step("first bank statement", "第一份银行对账单：部分收款、核销、通知", lambda: self._book(0))
        ship = Step("shipped and invoiced", "发货、开票，状态回到 CRM", self._ship)
        yield from (money, ship) if self.story.money_first else (ship, money)
        yield Step("second bank statement", "第二份银行对账单：收清", lambda: self._book(1))
        yield Step("what nobody can match waits, visibly", "无法匹配的收款在等待中，清楚可见", self._waiting)
        yield Step("do both ends agree?", "两端是否一致", self._agree)

    def perform(self, step: Step) -> Played:
        """Play one scene; what goes wrong is told, not raised."""
        started = time.monotonic()
        try:
            counts, error = step.act(), None
        except (Stuck, StageError, ActRefused, VendorError, httpx.HTTPError) as caught:
            counts, error = {}, getattr(caught, "zh", None) or str(caught)
        return Played(step.name, step.zh, error is None, round(time.monotonic() - started, 2), counts, error)

    def close(self) -> None:
        if self._cast is not None:
            self.evidence.close()
        if self._hub is not None:
            self._hub.close()

    # the scenes

    def _start(self) -> Counts:
        self.stage.open()
        evidence = Evidence({name: self.stage.url(name) for name in VENDORS})
        self._cast = Cast(self.story, self.stage, evidence)
        self._hub = HubApi(self.stage.hub_url, self.stage.token_file)
        evidence.look()
        plan = self._insist("/config/apply", {"files": template_files()})
        if plan["problems"]:
            raise Stuck("; ".join(problem["sentence_zh"] for problem in plan["problems"]))
        self.cast.hang_the_hook()
        syncs = {line["name"] for line in plan["lines"] if line["kind"] == "sync"}
        return {"processes": len(VENDORS) + 1, "syncs": len(syncs)}

    def _books(self) -> Counts:
        self.cast.keep_books()
        story = self.story
        self._until(
            lambda: (
                self._known("product", "erp") == len(story.products)
                and self._known("product", "crm") == len(story.products)
                and self._known("employee", "crm") > len(story.reps)
            ),
            "reps and products read",
        )
        return {"reps": len(story.reps), "products": len(story.products)}

    def _known(self, kind: str, connection: str) -> int:
        """How many of a kind the hub has linked to a connection."""
        found = [self.hub.get(f"/entities/{kind}/{row['id']}") for row in self.hub.all(f"/entities/{kind}")]
        return sum(any(link["connection"] == connection for link in row["links"]) for row in found)

    def _customers(self) -> Counts:
        self.cast.find_customers()
        count = len(self.story.customers)
        self._until(
            lambda: (
                self.evidence.audited("BD_Customer") == count
                or (self.evidence.audited("BD_Customer") == count - 1 and bool(self._refused()))
            ),
            "customers in the ERP and one refused",
        )
        parked = self._asked(self._refused, "what is parked")
        return {"customers": self.evidence.audited("BD_Customer"), "parked": len(parked)}

    def _refused(self) -> list[dict[str, Any]]:
        return [row for row in self.hub.all("/failed") if (row["what"], row["stream"]) == ("delivery", "customers")]

    def _win(self) -> Counts:
        self.cast.win()
        expected = [deal for i, deal in enumerate(self.story.deals) if deal.customer != self.story.refused]
        self._until(lambda: all(map(self.cast.order_number, expected)), "orders in the ERP, their numbers in the CRM")
        silent = sum(not deal.posted for deal in self.story.deals)
        orders = self.evidence.audited("SAL_SaleOrder")
        return {"won": len(self.story.deals), "by_polling": silent, "orders": orders}

    def _correct(self) -> Counts:
        """What `hub correct delivery ID uscc=…` does."""
        customer = self.story.customers[self.story.refused]
        for row in self._asked(self._refused, "what is parked"):
            self._insist(f"/deliveries/{row['id']}/correct", {"values": {"uscc": customer.code}})
        self._until(lambda: all(map(self.cast.order_number, self.story.deals)), "the corrected customer's order")
        return {
            "corrected": 1,
            "customers": self.evidence.audited("BD_Customer"),
            "orders": self.evidence.audited("SAL_SaleOrder"),
        }

    def _ship(self) -> Counts:
        self.cast.invoice()
        for trip in (0, 1):
            self.cast.ship(trip)
            self._until(lambda: all(map(self._shows_fulfilment, self.story.deals)), "shipping status in the CRM")
        return {
            "shipments": len(self.evidence.erp("SAL_OUTSTOCK")),
            "invoices": len(self.evidence.erp("AR_receivable")),
        }

    def _shows_fulfilment(self, deal: Deal) -> bool:
        row = self.cast.deal_row(deal)
        trips = self.evidence.shipments_of(str(row.get("erp_order_no__c")))
        shipped = _SHOWN[deal.shipping[trips - 1] if trips else "nothing"]
        invoiced = "complete" if deal.invoiced else "none"
        return (row.get("shipping_status__c"), row.get("invoicing_status__c")) == (shipped, invoiced)

    def _book(self, day: int) -> Counts:
        self.cast.book(day)
        days = max(day + 1, len(list(self.evidence.of("bank", "statement"))))
        self._until(lambda: self._shows_payments(days), "payments in the CRM, in the ERP and told")
        return {
            "lines": len(self.story.statements[day]),
            "receipts": self.evidence.audited("AR_RECEIVEBILL"),
            "rep_messages": sum(self.evidence.told("dingtalk").values()),
            "team_messages": sum(self.evidence.told("wecom").values()),
        }

    def _shows_payments(self, days: int) -> bool:
        """Everything that must have come of the first statements has come of them."""
        payments = 0
        for number, deal in enumerate(self.story.deals):
            row, paid, changes = self.cast.deal_row(deal), Decimal(0), 0
            for movements in self.story.statements[:days]:
                amounts = [movement.amount for movement in movements if movement.deal == number]
                paid += sum(amounts, Decimal(0))
                changes += bool(amounts)
                payments += len(amounts)
            whole = paid == deal.total
            status = "unpaid" if not paid else "paid" if whole else "partial"
            shown = (row.get("payment_status__c"), Decimal(row.get("paid_amount__c") or 0))
            said = (self.evidence.told("dingtalk")[row["deal_no__c"]], self.evidence.told("wecom")[row["deal_no__c"]])
            if shown != (status, paid) or said[0] < changes or said[1] < whole:
                return False
        return self.evidence.audited("AR_RECEIVEBILL") >= payments

    def _waiting(self) -> Counts:
        unnamed = sum(m.deal is None and m.amount > 0 for day in self.story.statements for m in day)
        self._until(lambda: len(self._unmatched()) == unnamed, "payments that name nothing, waiting")
        payments = self._asked(lambda: list(self.hub.all("/entities/payment")), "the payments")
        return {"waiting": unnamed, "payments": len(payments)}

    def _unmatched(self) -> list[dict[str, Any]]:
        return [row for row in self.hub.all("/entities/payment") if row["fields"].get("matched") == "waiting"]

    def _agree(self) -> Counts:
        self._until(lambda: not self._unsettled(), "all work done")
        self.checks = [*check(self.state()), self._asked(self._own_books, "the hub's own records")]
        faults = [fault for answer in self.checks for fault in answer["faults"]]
        if faults:
            raise Stuck("; ".join(faults[:3]))
        return {"checks": len(self.checks)}

    def _own_books(self) -> dict[str, Any]:
        """Between the two ends: nothing twice in the hub, and nothing left for a person."""
        incoming = sum(movement.amount > 0 for day in self.story.statements for movement in day)
        wanted = {"customer": len(self.story.customers), "order": len(self.story.deals), "payment": incoming}
        found = {kind: len(list(self.hub.all(f"/entities/{kind}"))) for kind in wanted}
        faults = [
            f"the hub has {found[kind]} of {kind}, not {count}"
            for kind, count in wanted.items()
            if found[kind] != count
        ]
        faults += [f"parked: {row['connection']}/{row['stream']}: {row['error']}" for row in self.hub.all("/failed")]
        return {"name": "the hub's own records", "zh": "业财通内无重复、无遗留", "ok": not faults, "faults": faults}

    def _unsettled(self) -> bool:
        return any(left["count"] for left in self.hub.get("/status")["work"] if left["state"] in {"due", "running"})

    def state(self) -> dict[str, Any]:
        """Where the checker finds both ends."""
        configs = {name: self.stage.config(name) for name in ("crm", "erp")}
        return configs | {name: self.stage.url(name) for name in ("bank", "dingtalk", "wecom")}

    # waiting

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._holds(holds):
            if time.monotonic() > deadline:
                raise Stuck(f"did not come within {PATIENCE_SECONDS:.0f} s: {what}{self._hint()}")
            time.sleep(LOOK_SECONDS)

    def _holds(self, holds: Callable[[], bool]) -> bool:
        self.stage.tend()
        self.evidence.look()
        try:
            self._look_after_messages()
            return holds()
        except httpx.HTTPError as error:
            if not away(error):
                raise
            return False

    def _look_after_messages(self) -> None:
        """A message perhaps sent when the hub was killed: look in the group, as a person would, then dismiss or retry."""
        for row in self.hub.all("/failed"):
            if row["what"] == "delivery" and row["connection"] == "wecom":
                order = self.hub.get(f"/entities/order/{row['entity_id']}")["fields"]["number"]
                if self.evidence.told("wecom")[order]:
                    self.hub.post("/deliveries/dismiss", {"ids": [row["id"]], "reason": "it is there in the group"})
                else:
                    self.hub.post("/deliveries/retry", {"ids": [row["id"]]})

    def _insist(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post until the hub is there to answer; a key of its own keeps a lost answer from doing it twice."""
        key = f"demo-{time.time_ns()}"
        return self._asked(lambda: self.hub.post(path, body, key=key), f"an answer to {path}")

    def _asked(self, ask: Callable[[], T], what: str) -> T:
        """What the hub says, as soon as it is there to say it."""
        answers: list[T] = []

        def answered() -> bool:
            answers.append(ask())
            return True

        self._until(answered, what)
        return answers[0]

    def _hint(self) -> str:
        """What stands in the way, when the hub knows."""
        try:
            parked = [f"{row['connection']}/{row['stream']}: {row['error_zh']}" for row in self.hub.all("/failed")]
        except httpx.HTTPError:
            return ""
        return f" ({'; '.join(parked[:3])})" if parked else ""


_SHOWN: Mapping[str, str] = {"nothing": "none", "part": "partial", "rest": "complete", "whole": "complete"}
