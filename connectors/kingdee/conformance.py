"""How the conformance checks drive this connector: a data centre under each way to log in, pages of two rows."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from connectors.kingdee.sandbox import sandbox, sandbox_config
from connectors.kingdee.sandbox_forms import VENDOR_FORMS
from hub.sdk import Record
from hub.sdk.conformance import Kit, Reads, Writes

BASE = {"FCreateOrgId": {"FNumber": "100"}, "FUseOrgId": {"FNumber": "100"}}
CURRENCY = {"FNumber": "PRE001"}


def _act(box: Any, act: str, **given: Any) -> str:
    return str(box.acts()[act](given)["id"])


def _customer(box: Any, number: int) -> str:
    return _act(box, "create_customer", name=f"客户{number}", number=f"CUST{number}")


def _material(box: Any, number: int) -> str:
    return _act(box, "create_material", name=f"控制器{number}", number=f"M{number}")


def _organization(box: Any, number: int) -> str:
    return _act(box, "create_organization", name=f"公司{number}", number=f"{100 + number}")


def _stocked(box: Any) -> None:
    """The customer CUST1 and the material M1."""
    if not box.books["BD_Customer"]:
        _customer(box, 1)
        _material(box, 1)


def _saved(box: Any, form_id: str, record: Record) -> str:
    """A document a person saves and has audited."""
    return str(box.save(VENDOR_FORMS[form_id], record, by="user", status="C")["id"])


def _order(box: Any, number: int) -> str:
    wanted = _wanted_order(box, "")
    finance = {"FSettleCurrId": wanted.pop("FSettleCurrId")}
    return _saved(box, "SAL_SaleOrder", {**wanted, "FBillNo": f"SO{number}", "FSaleOrderFinance": finance})


def _below(act: str, box: Any, number: int) -> str:
    """What is made from an order: a shipment or a receivable."""
    return _act(box, act, order=_order(box, number))


def _receipt(box: Any, number: int) -> str:
    return _saved(box, "AR_RECEIVEBILL", {**_wanted_receipt(box, ""), "FBillNo": f"SKD{number}"})


def _wanted_customer(box: Any, reference: str) -> Record:
    return {
        "FName": "福州云帆科技有限公司",
        "FNumber": "C-1",
        "F_HUB_REF": reference,
        "FTRADINGCURRID": CURRENCY,
        **BASE,
    }


def _wanted_material(box: Any, reference: str) -> Record:
    return {"FName": "传感器", "FNumber": "S-1", "F_HUB_REF": reference, "FBaseUnitId": {"FNumber": "Pcs"}, **BASE}


def _wanted_order(box: Any, reference: str) -> Record:
    _stocked(box)
    line = {"FMaterialId": {"FNumber": "M1"}, "FQty": Decimal(2), "FTaxPrice": Decimal("99.5")}
    return {
        "FBillTypeID": {"FNumber": "XSDD01_SYS"},
        "FDate": "2026-11-20",
        "FSaleOrgId": {"FNumber": "100"},
        "FCustId": {"FNumber": "CUST1"},
        "FSettleCurrId": CURRENCY,
        "F_HUB_REF": reference,
        "FSaleOrderEntry": [line],
    }


def _wanted_receipt(box: Any, reference: str) -> Record:
    _stocked(box)
    line = {"FSETTLETYPEID": {"FNumber": "JSFS04_SYS"}, "FPURPOSEID": {"FNumber": "SFKYT01_SYS"}}
    return {
        "FBillTypeID": {"FNumber": "SKDLX01_SYS"},
        "FDATE": "2026-11-20",
        "FCONTACTUNITTYPE": "BD_Customer",
        "FCONTACTUNIT": {"FNumber": "CUST1"},
        "FPAYUNITTYPE": "BD_Customer",
        "FPAYUNIT": {"FNumber": "CUST1"},
        "FCURRENCYID": CURRENCY,
        "FSETTLEORGID": {"FNumber": "100"},
        "FPAYORGID": {"FNumber": "100"},
        "F_HUB_REF": reference,
        "FRECEIVEBILLENTRY": [{**line, "FRECTOTALAMOUNTFOR": Decimal("199.00")}],
    }


def _made(form_id: str) -> Callable[[Any], int]:
    return lambda box: sum(e.data["form"] == form_id and e.data["created"] for e in box.ledger.of("saved"))


def _writes(stream: str, form_id: str, record: Callable[[Any, str], Record]) -> Writes:
    return Writes(stream, "F_HUB_REF", record, _made(form_id))


kit = Kit(
    config=partial(sandbox_config, page_size=2),
    sandbox=sandbox,
    wrong=[{"acct_id": "another"}, {"user": "another"}, {"app_secret": "another-secret"}],
    reads=[
        Reads("customers", "FCUSTID", _customer, 2, ("FNumber", "CUST1")),
        Reads("materials", "FMATERIALID", _material, 2, ("FNumber", "M1")),
        Reads("organizations", "FORGID", _organization, 2, ("FNumber", "101")),
        Reads("sales_orders", "FID", _order, 2, ("FBillNo", "SO1")),
        Reads("shipments", "FID", partial(_below, "ship"), 2, ("FBillNo", "XSCKD000001")),
        Reads("receivables", "FID", partial(_below, "invoice"), 2, ("FBillNo", "AR000001")),
        Reads("receipts", "FID", _receipt, 2, ("FBillNo", "SKD1")),
    ],
    writes=[
        _writes("customers", "BD_Customer", _wanted_customer),
        _writes("materials", "BD_MATERIAL", _wanted_material),
        _writes("sales_orders", "SAL_SaleOrder", _wanted_order),
        _writes("receipts", "AR_RECEIVEBILL", _wanted_receipt),
    ],
    nothing="[]",  # ExecuteBillQuery without a hit
    variants={"session": {"auth": "app_secret"}, "signed login": {"auth": "sign"}, "our numbers": {"numbering": "hub"}},
)
