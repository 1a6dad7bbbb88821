"""A small order-to-cash story on a `House`, re-enterable: each act is done only if the vendor's ledger lacks it.

Two customers, one of them refused by the ERP until a person corrects it; two orders, one shipped in part; a statement
with two payments of one order, a fee and a line that names nothing, and a second statement.
"""

import os
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from hub.canon.write import PersonChange, person_change
from hub.sync.engine import Engine
from tests.support.house import House

GOOD, WRONG = "91310115MA1K4BQX0P", "91310115MA1K4BQX0X"
RIGHT = "91350100M000100Y43"


class Story:
    """One play of the story."""

    def __init__(self, house: House, engine: Engine) -> None:
        self.house = house
        self.engine = engine
        self.crm = house.vendors["crm"].acts()
        self.erp = house.vendors["erp"].acts()

    async def play(self) -> None:
        await self.master_data()
        await self.deals()
        await self.correct()
        await self.fulfil()
        await self.statement(1, [("400.00", 0), ("-5.00", None), ("77.00", None)])
        await self.statement(2, [("600.00", 0), ("250.50", 1)])
        for _ in range(4):
            await self.house.pass_time(self.engine, seconds=90)

    async def settle(self, *pulled: str) -> None:
        """Let the hub work; `pulled`: the syncs whose time to ask has come."""
        async with self.house.db.begin("time to pull") as conn:
            await conn.execute(
                text("UPDATE sync SET next_pull_at = NULL WHERE name = ANY(:names)"), {"names": list(pulled)}
            )
        await self.house.pass_time(self.engine, seconds=5)

    def once(self, vendor: str, mark: str) -> bool:
        """True the first time, on this data: the mark is written beside the ledger after the act was done."""
        return not (self.house.folder / f"{vendor}-{mark}.done").exists()

    def did(self, vendor: str, mark: str, answer: Any) -> None:
        (self.house.folder / f"{vendor}-{mark}.done").write_text(str(answer), encoding="utf-8")

    def made(self, vendor: str, mark: str) -> str:
        return (self.house.folder / f"{vendor}-{mark}.done").read_text(encoding="utf-8")

    def create(self, mark: str, object_name: str, data: dict[str, Any]) -> str:
        if self.once("crm", mark):
            self.did("crm", mark, self.crm["create"]({"object": object_name, "data": data})["id"])
        return self.made("crm", mark)

    async def master_data(self) -> None:
        if self.once("crm", "hook"):
            self.crm["set_hook"]({"url": "http://hub.test/hooks/crm", "token": "sandbox-hook-token"})
            self.house.vendors["dingtalk"].acts()["add_user"]({"name": "韩梅", "mobile": "13800001111"})
            self.erp["create_material"]({"number": "MAT001", "name": "温度传感器"})
            self.did("crm", "hook", "")
        self.create("rep", "PersonnelObj", {"name": "韩梅", "phone": "13800001111"})
        self.create("product", "ProductObj", {"name": "温度传感器", "product_code": "MAT001"})
        await self.settle()

    async def deals(self) -> None:
        rep, product = self.made("crm", "rep"), self.made("crm", "product")
        for mark, name, uscc, quantity, price, total in (
            ("0", "上海云帆科技有限公司", GOOD, "10", "100.00", "1000.00"),
            ("1", "福州远航电子有限公司", WRONG, "3", "83.50", "250.50"),
        ):
            customer = self.create(f"customer-{mark}", "AccountObj", {"name": name, "uscc__c": uscc, "owner": [rep]})
            line = {"product_id": product, "quantity": quantity, "sales_price": price, "total_amount": total}
            deal = self.create(
                f"deal-{mark}",
                "NewOpportunityObj",
                {
                    "name": f"{name} 年度采购",
                    "account_id": customer,
                    "owner": [rep],
                    "amount": total,
                    "sales_stage": "negotiation",
                    "close_date": 1795276800000,
                    "lines": [line],
                },
            )
            if self.once("crm", f"won-{mark}"):
                self.crm["win"]({"id": deal})
                self.did("crm", f"won-{mark}", "")
            await self.settle()

    async def correct(self) -> None:
        """A person gives the refused customer its right code."""
        rows = await self.house.rows(
            "SELECT entity_id, kind FROM delivery WHERE state = 'parked' AND stream = 'customers'"
        )
        for row in rows:
            async with self.house.db.begin("correct") as conn:
                wish = PersonChange(row.kind, row.entity_id, {"uscc": RIGHT}, "test", "the code was wrong", "correct")
                await person_change(conn, self.engine.kinds, wish, self.engine.match_sets, self.engine.now())
        await self.settle()

    async def fulfil(self) -> None:
        for (number,) in await self.orders():
            if self.once("erp", f"fulfil-{number}"):
                self.erp["ship"]({"order": number})
                self.erp["invoice"]({"order": number})
                self.did("erp", f"fulfil-{number}", "")
        await self.settle("erp-shipments", "erp-invoices")

    async def orders(self) -> list[Any]:
        return await self.house.rows(
            "SELECT value FROM link_name WHERE stream = 'sales_orders' AND name = 'number' ORDER BY 1"
        )

    async def statement(self, number: int, lines: list[tuple[str, int | None]]) -> None:
        numbers = [row.number for row in await self.house.rows("SELECT number FROM k_order ORDER BY id")]
        if self.once("bank", str(number)):
            self.house.vendors["bank"].acts()["drop"](
                {
                    "lines": [
                        {"amount": amount, "remittance": f"货款 {numbers[order]}" if order is not None else "无附言"}
                        for amount, order in lines
                    ]
                }
            )
            self.did("bank", str(number), "")
        age(self.house.folder / "bank")
        await self.settle("erp-receipts")


def age(folder: Path) -> None:
    """The files were written a while ago: complete."""
    for file in folder.glob("*.xml"):
        os.utime(file, (time.time() - 60, time.time() - 60))
