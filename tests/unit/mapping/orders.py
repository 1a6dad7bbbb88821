"""A small order kind and a mapping of it, as the tests of this folder share them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hub.mapping import CompiledMapping, Field, Shape, compile_mapping

ORDER = Shape(
    "order",
    {
        "order_no": Field("text"),
        "company": Field("ref", ref="company"),
        "customer": Field("ref", ref="customer"),
        "seller": Field("ref", ref="employee"),
        "total": Field("money"),
        "paid": Field("money"),
        "status": Field("enum", values=("draft", "approving", "confirmed", "reopened", "closed")),
        "payment_status": Field("enum", values=("unpaid", "part_paid", "paid")),
        "ordered_at": Field("date"),
        "changed_at": Field("instant"),
        "rush": Field("bool"),
        "copies": Field("integer"),
        "rate": Field("decimal"),
        "remark": Field("text"),
        "address": Field("object", fields={"city": Field("text"), "street": Field("text")}),
        "lines": Field(
            "list",
            fields={
                "product": Field("ref", ref="product"),
                "quantity": Field("decimal"),
                "price": Field("money"),
                "due": Field("date"),
                "note": Field("text"),
            },
        ),
    },
)

MAPPING = """\
mapping: kingdee.sales_orders
kind: order
key: FID
names: {number: FBillNo}
reference: F_HUB_REF
version: FModifyDate
deleted: FCancelStatus == 'B'
where: "FBillTypeID.FNumber == 'XSDD01_SYS'"
match: [[company, order_no], {weak: [customer, total]}]
constants:
  FBillTypeID.FNumber: XSDD01_SYS
  FSource: {value: hub, only: always}
fields:
  order_no: FBillNo
  company: {ref: company, by: number, path: FSaleOrgId.FNumber}
  customer: {ref: customer, by: number, path: FCustId.FNumber, required: yes}
  seller: {ref: employee, by: key, path: FSalerId, as: number}
  total: {in: FBillAllAmount, currency: FSettleCurrId.FCODE}
  paid: {path: F_PAID, currency: FSettleCurrId.FCODE}
  status: {in: FDocumentStatus, enum: {Z: draft, A: draft, B: approving, C: confirmed, D: reopened}}
  payment_status: {out: F_PAY, enum: {0: unpaid, 1: part_paid, 2: paid}}
  ordered_at: FDate
  changed_at: {path: FChanged, format: "%Y-%m-%d %H:%M:%S"}
  rush: {path: FRush, enum: {Y: true, N: false}}
  copies: FCopies
  rate: {path: FRate, as: text}
  remark: FNote
  address.city: FAddress.City
  custom.region: {path: F_REGION, type: text}
  lines:
    each: FSaleOrderEntry
    key: {path: FEntryID, as: number}
    fields:
      product: {ref: product, by: number, path: FMaterialId.FNumber}
      quantity: FQty
      price: {path: FPrice, currency: $.FSettleCurrId.FCODE}
      due: {path: FPlan, epoch: ms}
      note: {in: trim(FEntryNote)}
"""

RECORD: dict[str, Any] = {
    "FID": 100012,
    "FBillNo": "XSDD000123",
    "FModifyDate": "2026-01-31T10:00:00.5",
    "FCancelStatus": "A",
    "FBillTypeID": {"FNumber": "XSDD01_SYS"},
    "FSaleOrgId": {"FNumber": "100"},
    "FCustId": {"FNumber": "CUST001"},
    "FSalerId": 77,
    "FBillAllAmount": Decimal("1234.50"),
    "F_PAID": Decimal("0.00"),
    "FSettleCurrId": {"FCODE": "CNY"},
    "FDocumentStatus": "C",
    "FDate": "2026-01-31T00:00:00",
    "FChanged": "2026-01-31 10:00:00",
    "FRush": "Y",
    "FCopies": 2,
    "FRate": "1.10",
    "FNote": "",
    "FAddress": {"City": "上海"},
    "F_REGION": "华东",
    "FUnmapped": "x",
    "FSaleOrderEntry": [
        {
            "FEntryID": 1,
            "FMaterialId": {"FNumber": "M1"},
            "FQty": Decimal("10.500"),
            "FPrice": 100,
            "FPlan": 1769788800000,
            "FEntryNote": " 急 ",
            "FSeq": 1,
        },
        {
            "FEntryID": 2,
            "FMaterialId": {"FNumber": "M2"},
            "FQty": 3,
            "FPrice": Decimal("61.5"),
            "FPlan": None,
        },
    ],
}


def kinds(name: str) -> Shape | None:
    return {"order": ORDER}.get(name)


def compiled(text: str = MAPPING, **options: Any) -> CompiledMapping:
    return compile_mapping(text, kinds=kinds, file="orders.yaml", **options)


def fields(lines: str, **options: Any) -> CompiledMapping:
    """A mapping of these lines and nothing else."""
    body = "\n".join("  " + line for line in lines.strip("\n").splitlines())
    return compiled(f"mapping: t.t\nkind: order\nkey: id\nfields:\n{body}\n", **options)
