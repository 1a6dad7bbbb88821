"""The checker: independent of the hub, and not to be deceived."""

import ast
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.cli.demo import checker
from hub.cli.demo.checker import CHECKS, Payment, World

ALLOWED = {"httpx"}


def test_imports_nothing_of_the_hub() -> None:
    tree = ast.parse(Path(checker.__file__).read_text(encoding="utf-8"))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).partition(".")[0])
    assert {"hub", "connectors", "importlib"}.isdisjoint(imported)
    assert not any(isinstance(node, ast.Name) and node.id == "__import__" for node in ast.walk(tree))
    from sys import stdlib_module_names

    assert imported - set(stdlib_module_names) == ALLOWED


def world() -> World:
    """One deal over 3 x 10.50 = 31.50, shipped in part, billed, paid in two parts."""
    deal = {
        "_id": "d1",
        "deal_no__c": "XS202600001",
        "account_id": "a1",
        "owner": ["1001"],
        "sales_stage": "won",
        "amount": "31.50",
        "erp_order_no__c": "XSDD000001",
        "shipping_status__c": "partial",
        "invoicing_status__c": "complete",
        "payment_status__c": "paid",
        "paid_amount__c": "31.5",
        "paid_date__c": 1795276800000,  # 2026-11-22 in China
    }
    order = {
        "FBillNo": "XSDD000001",
        "FDocumentStatus": "C",
        "FCustId.FNumber": "CUST000001",
        "FBillAllAmount": Decimal("31.50"),
        "F_HUB_REF": "order:1",
        "FSaleOrderEntry_FEntryID": 200001,
        "FMaterialId.FNumber": "MAT001",
        "FQty": Decimal(3),
        "FTaxPrice": Decimal("10.50"),
    }
    line = {"new_opportunity_id": "d1", "product_id": "p1", "quantity": "3", "sales_price": "10.50"}
    statements = [
        [Payment("2026-11-21", Decimal("10.00"), "预付 xs 2026 00001"), Payment("2026-11-21", Decimal(7), "往来款")],
        [Payment("2026-11-22", Decimal("21.50"), "尾款 ＸＳ２０２６００００１")],
    ]
    return World(
        deals=[deal],
        deal_lines=[line],
        accounts={"a1": {"name": "甲", "uscc__c": "CODE"}},
        people={"1001": {"phone": "13800000001"}},
        codes={"p1": "MAT001"},
        customers=[{"FNumber": "CUST000001", "FName": "甲", "FSOCIALCRECODE": "CODE", "FDocumentStatus": "C"}],
        orders={"XSDD000001": [order]},
        shipped=[{"FSOEntryId": 200001, "FRealQty": Decimal(1)}],
        invoiced=[{"FORDERENTRYID": 200001, "FPriceQty": Decimal(3)}],
        receipts=[
            _receipt("10.00", "2026-11-21", "预付 xs 2026 00001"),
            _receipt("21.50", "2026-11-22", "尾款 ＸＳ２０２６００００１"),
        ],
        statements=statements,
        users={"13800000001": "user0001"},
        notices=[_note("user0001"), _note("user0001")],
        team=[_note("")],
    )


def _receipt(amount: str, day: str, remark: str) -> dict[str, Any]:
    return {
        "FBillNo": "SKD",
        "FDocumentStatus": "C",
        "FDATE": f"{day}T00:00:00",
        "FCONTACTUNIT.FNumber": "CUST000001",
        "FRECTOTALAMOUNTFOR": Decimal(amount),
        "FREMARK": remark,
    }


def _note(to: str) -> dict[str, Any]:
    return {"to": to, "title": "回款进展：XS202600001", "text": ""}


def faults(found: World) -> set[str]:
    return {name for name, _, rule in CHECKS if list(rule(found))}


def test_a_world_in_order() -> None:
    assert faults(world()) == set()


def _deal(**fields: Any) -> Callable[[World], World]:
    return lambda found: replace(found, deals=[found.deals[0] | fields])


def _order(**fields: Any) -> Callable[[World], World]:
    return lambda found: replace(found, orders={"XSDD000001": [found.orders["XSDD000001"][0] | fields]})


HARM: dict[str, tuple[Callable[[World], World], str]] = {
    "an order nobody won": (
        lambda w: replace(w, orders=w.orders | {"X2": w.orders["XSDD000001"]}),
        "won deals and ERP orders",
    ),
    "a deal without order": (_deal(erp_order_no__c=None), "won deals and ERP orders"),
    "an order not audited": (_order(FDocumentStatus="B"), "won deals and ERP orders"),
    "a customer twice": (lambda w: replace(w, customers=w.customers * 2), "customers"),
    "another code": (lambda w: replace(w, accounts={"a1": {"name": "甲", "uscc__c": "OTHER"}}), "customers"),
    "another total": (_order(FBillAllAmount=Decimal("31.49")), "totals and lines"),
    "another price": (_order(FTaxPrice=Decimal("10.49")), "totals and lines"),
    "shipped but not said": (_deal(shipping_status__c="none"), "shipping and invoicing status"),
    "invoiced but not said": (lambda w: replace(w, invoiced=[]), "shipping and invoicing status"),
    "paid less than said": (lambda w: replace(w, statements=w.statements[:1]), "payment status, amount, date"),
    "another day": (_deal(paid_date__c=1795190400000), "payment status, amount, date"),
    "a receipt too many": (lambda w: replace(w, receipts=[*w.receipts, w.receipts[0]]), "ERP receipts"),
    "a receipt missing": (lambda w: replace(w, receipts=w.receipts[1:]), "ERP receipts"),
    "a receipt for nobody's money": (
        lambda w: replace(w, receipts=[*w.receipts, _receipt("7", "2026-11-21", "往来款")]),
        "ERP receipts",
    ),
    "the rep told twice": (lambda w: replace(w, notices=[*w.notices, _note("user0001")]), "messages"),
    "the wrong rep told": (lambda w: replace(w, notices=[w.notices[0], _note("user0002")]), "messages"),
    "the team not told": (lambda w: replace(w, team=[]), "messages"),
}


@pytest.mark.parametrize("harm", HARM)
def test_sees_what_is_wrong(harm: str) -> None:
    change, check = HARM[harm]
    assert check in faults(change(world()))
