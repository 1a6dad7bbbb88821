"""What the people of the story do at the vendors. Each act leaves evidence and is done only where that is missing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from hub.cli.demo.evidence import Evidence
from hub.cli.demo.story import Customer, Deal, Movement, Story, remittance
from hub.sdk.context import Clock
from hub.sdk.sandbox import SystemClock

CHINA = ZoneInfo("Asia/Shanghai")
PERSON, PRODUCT, ACCOUNT, DEAL = "PersonnelObj", "ProductObj", "AccountObj", "NewOpportunityObj"
Row = dict[str, Any]


class Scenery(Protocol):
    """Where the hub and its vendors are found."""

    @property
    def hub_url(self) -> str: ...

    def config(self, connection: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Cast:
    """The vendors' users, working by the book of the story."""

    story: Story
    stage: Scenery
    evidence: Evidence
    clock: Clock = field(default_factory=SystemClock)

    def _crm_id(self, name: str, field: str, value: str) -> str | None:
        rows = self.evidence.crm(name).items()
        return next((key for key, row in rows if row.get(field) == value), None)

    def deal_row(self, deal: Deal) -> Row:
        """The deal as it stands in the CRM; empty before it is there."""
        return next((row for row in self.evidence.crm(DEAL).values() if row["name"] == deal.name), {})

    def order_number(self, deal: Deal) -> str | None:
        """The ERP's number, once the CRM shows it."""
        number: str | None = self.deal_row(deal).get("erp_order_no__c")
        return number

    def hang_the_hook(self) -> None:
        """An admin gives the CRM's workflow the hub's address."""
        url = f"{self.stage.hub_url}/hooks/crm"
        known = [data["url"] for data in self.evidence.of("crm", "hook_set")]
        if known[-1:] != [url]:
            token = self.stage.config("crm")["hook_token"]
            self.evidence.act("crm", "set_hook", url=url, token=token, events=["deal_won"])

    def keep_books(self) -> None:
        """Reps and products, in the systems that know them."""
        mobiles = {data["user"].get("mobile") for data in self.evidence.of("dingtalk", "user_added")}
        for rep in self.story.reps:
            if self._crm_id(PERSON, "phone", rep.mobile) is None:
                row = {"name": rep.name, "full_name": rep.name, "employee_number": rep.number, "phone": rep.mobile}
                self.evidence.act("crm", "create", object=PERSON, data=row)
            if rep.mobile not in mobiles:
                self.evidence.act("dingtalk", "add_user", name=rep.name, mobile=rep.mobile)
        materials = {document["FNumber"] for document in self.evidence.erp("BD_MATERIAL")}
        for product in self.story.products:
            names = {"name": product.name, "number": product.number, "specification": product.specification}
            if product.number not in materials:
                self.evidence.act("erp", "create_material", **names, unit="Pcs")
            if self._crm_id(PRODUCT, "product_code", product.number) is None:
                row = {"name": product.name, "product_code": product.number, "product_spec": product.specification}
                row |= {"unit": "Pcs", "price": str(product.price), "product_status": "1"}
                self.evidence.act("crm", "create", object=PRODUCT, data=row)

    def find_customers(self) -> None:
        """The reps enter customers and their deals, not won yet."""
        for deal in self.story.deals:
            customer = self.story.customers[deal.customer]
            owner = [self._crm_id(PERSON, "phone", self.story.reps[customer.rep].mobile)]
            if self._crm_id(ACCOUNT, "name", customer.name) is None:
                self.evidence.act("crm", "create", object=ACCOUNT, data=_account(customer, owner))
            if not self.deal_row(deal):
                self.evidence.act("crm", "create", object=DEAL, data=self._deal(deal, customer, owner))

    def _deal(self, deal: Deal, customer: Customer, owner: list[str | None]) -> Row:
        midnight = self.clock.now().astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
        products = [self.story.products[line.product].number for line in deal.lines]
        lines = [
            {
                "product_id": self._crm_id(PRODUCT, "product_code", number),
                "quantity": str(line.quantity),
                "unit": "Pcs",
                "sales_price": str(line.price),
            }
            for line, number in zip(deal.lines, products, strict=True)
        ]
        return {
            "name": deal.name,
            "account_id": self._crm_id(ACCOUNT, "name", customer.name),
            "close_date": int(midnight.timestamp()) * 1000,
            "sales_stage": "negotiation",
            "owner": owner,
            "lines": lines,
        }

    def win(self) -> None:
        """Deals are won in the story's order; the silent one is only edited, so that no workflow tells."""
        for number in self.story.order:
            deal = self.story.deals[number]
            row = self.deal_row(deal)
            if row["sales_stage"] == "won":
                continue
            if deal.posted:
                self.evidence.act("crm", "win", id=row["_id"])
            else:
                self.evidence.act("crm", "edit", object=DEAL, id=row["_id"], data={"sales_stage": "won"})

    def ship(self, trip: int) -> None:
        """The warehouse's first or second trip for each order."""
        for deal, order in self._ordered():
            way = deal.shipping[trip] if trip < len(deal.shipping) else "nothing"
            if way == "nothing" or self.evidence.shipments_of(order["FBillNo"]) > trip:
                continue
            first = order["lines"][0]
            part = [{"FEntryID": first["FEntryID"], "FQty": str(int(first["FQty"]) // 2)}]
            self.evidence.act("erp", "ship", order=order["FBillNo"], **({"lines": part} if way == "part" else {}))

    def invoice(self) -> None:
        """Accounting bills what the story says, each order once."""
        for deal, order in self._ordered():
            if deal.invoiced and not self.evidence.invoiced(order["FBillNo"]):
                self.evidence.act("erp", "invoice", order=order["FBillNo"])

    def _ordered(self) -> Iterator[tuple[Deal, Row]]:
        orders = {document["FBillNo"]: document for document in self.evidence.erp("SAL_SaleOrder")}
        for deal in self.story.deals:
            yield deal, orders[str(self.order_number(deal))]

    def book(self, day: int) -> None:
        """The bank writes its statement of a day and drops the file."""
        if len(list(self.evidence.of("bank", "statement"))) > day:
            return
        last = self.clock.now().astimezone(CHINA).date()
        date = last - timedelta(days=len(self.story.statements) - 1 - day)
        lines = [self._movement(movement) for movement in self.story.statements[day]]
        self.evidence.act("bank", "drop", day=date.isoformat(), lines=lines)

    def _movement(self, movement: Movement) -> Row:
        deal = None if movement.deal is None else self.deal_row(self.story.deals[movement.deal])
        return {
            "amount": str(movement.amount),
            "counterparty_name": movement.payer,
            "counterparty_account": movement.account,
            "remittance": remittance(movement, deal["deal_no__c"] if deal else ""),
        }


def _account(customer: Customer, owner: list[str | None]) -> Row:
    return {"name": customer.name, "uscc__c": customer.typed, "tel": customer.phone, "owner": owner}
