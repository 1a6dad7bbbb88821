"""What people do in the sandbox's client: ship, invoice, make base data, edit, lock a document."""

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from connectors.kingdee.sandbox_books import CENT, Doc, Refusal
from connectors.kingdee.sandbox_forms import VENDOR_FORMS

if TYPE_CHECKING:
    from connectors.kingdee.sandbox import KingdeeSandbox

Given = dict[str, Any]
Act = Callable[["KingdeeSandbox", Given], Any]


def user_acts(sandbox: "KingdeeSandbox") -> Mapping[str, Callable[[Given], Any]]:
    """The acts of one sandbox by name."""

    def bound(act: Act) -> Callable[[Given], Any]:
        def run(given: Given) -> Any:
            try:
                return act(sandbox, given)
            except Refusal as refusal:
                return {"refused": refusal.message, "field": refusal.field, "code": refusal.code}

        return run

    return {name: bound(act) for name, act in _ACTS.items()}


def _document(sandbox: "KingdeeSandbox", form_id: str, name: Any) -> Doc:
    """A document by id or by number."""
    if form_id not in VENDOR_FORMS:
        raise Refusal(9, f"业务对象不存在：{form_id}")
    number = VENDOR_FORMS[form_id].number
    for doc in sandbox.books[form_id].values():
        if str(name) in {str(doc["id"]), doc["fields"][number]}:
            return doc
    raise Refusal(10, f"{VENDOR_FORMS[form_id].label} {name} 不存在")


def _made(sandbox: "KingdeeSandbox", form_id: str, model: Given) -> Given:
    """A new audited document, made by a person."""
    form = VENDOR_FORMS[form_id]
    doc = sandbox.save(form, model, by="user", status="C")
    return {"form": form_id, "id": doc["id"], "number": doc["fields"][form.number]}


def _approved_order(sandbox: "KingdeeSandbox", name: Any) -> Doc:
    order = _document(sandbox, "SAL_SaleOrder", name)
    if order["fields"]["FDocumentStatus"] != "C":
        raise Refusal(12, f"销售订单 {order['fields']['FBillNo']} 未审核，不能下推")
    return order


def _done(sandbox: "KingdeeSandbox", form_id: str, source: str, quantity: str) -> dict[int, Decimal]:
    """Order row -> quantity already on documents of a form."""
    done: dict[int, Decimal] = {}
    for doc in sandbox.books[form_id].values():
        for line in doc["lines"] if doc["fields"]["FCancelStatus"] != "B" else ():
            row = int(line.get(source) or 0)
            done[row] = done.get(row, Decimal(0)) + Decimal(line.get(quantity) or 0)
    return done


def _ship(sandbox: "KingdeeSandbox", given: Given) -> Given:
    """`{order, lines?: [{FEntryID, FQty}]}`: what is left of the order, or the given part of it."""
    order = _approved_order(sandbox, given["order"])
    shipped = _done(sandbox, "SAL_OUTSTOCK", "FSOEntryId", "FRealQty")
    left = {x["FEntryID"]: Decimal(x["FQty"]) - shipped.get(x["FEntryID"], Decimal(0)) for x in order["lines"]}
    wanted = {int(x["FEntryID"]): Decimal(x["FQty"]) for x in given["lines"]} if given.get("lines") else left
    for row, quantity in wanted.items():
        if quantity > left.get(row, Decimal(0)):
            raise Refusal(11, f"分录 {row} 的发货数量超过未发货数量", "FRealQty")
    fields = order["fields"]
    lines = [_shipped_line(order, x, wanted[x["FEntryID"]]) for x in order["lines"] if wanted.get(x["FEntryID"])]
    model = {
        "FBillTypeID": {"FNumber": "XSCKD01_SYS"},
        "FDate": given.get("date") or sandbox.stamp()[:10],
        "FCustomerID": fields["FCustId"],
        "FStockOrgId": fields["FSaleOrgId"],
        "FSaleOrgId": fields["FSaleOrgId"],
        "SubHeadEntity": {"FSettleCurrID": fields["FSettleCurrId"], "FSettleOrgID": fields["FSaleOrgId"]},
        "FEntity": lines,
    }
    return _made(sandbox, "SAL_OUTSTOCK", model)


def _shipped_line(order: Doc, line: Given, quantity: Decimal) -> Given:
    return {
        "FMaterialID": line["FMaterialId"],
        "FRealQty": quantity,
        "FStockID": {"FNumber": "CK001"},
        "FTaxPrice": line["FTaxPrice"],
        "FSrcBillNo": order["fields"]["FBillNo"],
        "FSoorDerno": order["fields"]["FBillNo"],
        "FSOEntryId": line["FEntryID"],
    }


def _invoice(sandbox: "KingdeeSandbox", given: Given) -> Given:
    """`{order, due?}`: a receivable over what is not yet on one."""
    order = _approved_order(sandbox, given["order"])
    billed = _done(sandbox, "AR_receivable", "FORDERENTRYID", "FPriceQty")
    lines = [
        _billed_line(order, x, Decimal(x["FQty"]) - billed.get(x["FEntryID"], Decimal(0)))
        for x in order["lines"]
        if Decimal(x["FQty"]) > billed.get(x["FEntryID"], Decimal(0))
    ]
    day = given.get("date") or sandbox.stamp()[:10]
    model = {
        "FBillTypeID": {"FNumber": "YSD01_SYS"},
        "FDATE": day,
        "FENDDATE_H": given.get("due") or day,
        "FCUSTOMERID": order["fields"]["FCustId"],
        "FCURRENCYID": order["fields"]["FSettleCurrId"],
        "FSETTLEORGID": order["fields"]["FSaleOrgId"],
        "FPAYORGID": order["fields"]["FSaleOrgId"],
        "FEntityDetail": lines,
    }
    return _made(sandbox, "AR_receivable", model)


def _billed_line(order: Doc, line: Given, quantity: Decimal) -> Given:
    amount = (quantity * Decimal(line["FTaxPrice"])).quantize(CENT, ROUND_HALF_UP)
    net = (amount / (1 + Decimal(line["FEntryTaxRate"]) / 100)).quantize(CENT, ROUND_HALF_UP)
    return {
        "FMATERIALID": line["FMaterialId"],
        "FPriceQty": quantity,
        "FALLAMOUNTFOR_D": amount,
        "FNoTaxAmountFor_D": net,
        "FTAXAMOUNTFOR_D": amount - net,
        "FORDERNUMBER": order["fields"]["FBillNo"],
        "FORDERENTRYID": line["FEntryID"],
    }


_ORGANIZATION = {"FCreateOrgId": {"FNumber": "100"}, "FUseOrgId": {"FNumber": "100"}}


def _create_material(sandbox: "KingdeeSandbox", given: Given) -> Given:
    """`{name, number?, specification?, unit?}`"""
    model = {
        **_ORGANIZATION,
        "FNumber": given.get("number"),
        "FName": given["name"],
        "FSpecification": given.get("specification", ""),
        "SubHeadEntity": {"FBaseUnitId": {"FNumber": given.get("unit", "Pcs")}},
    }
    return _made(sandbox, "BD_MATERIAL", model)


def _create_customer(sandbox: "KingdeeSandbox", given: Given) -> Given:
    """`{name, number?, uscc?, phone?}`"""
    model = {
        **_ORGANIZATION,
        "FNumber": given.get("number"),
        "FName": given["name"],
        "FSOCIALCRECODE": given.get("uscc", ""),
        "FTEL": given.get("phone", ""),
        "FTRADINGCURRID": {"FNumber": "PRE001"},
    }
    return _made(sandbox, "BD_Customer", model)


def _create_organization(sandbox: "KingdeeSandbox", given: Given) -> Given:
    """`{number, name}`"""
    return _made(sandbox, "ORG_Organizations", {"FNumber": given["number"], "FName": given["name"]})


def _edit(sandbox: "KingdeeSandbox", given: Given) -> Given:
    """`{form, id, fields}`: header fields as in a Model; a person un-audits, edits and audits in one go."""
    form, doc = VENDOR_FORMS.get(given["form"]), _document(sandbox, given["form"], given["id"])
    assert form is not None
    again = doc["fields"]["FDocumentStatus"] == "C"
    if again:
        sandbox.apply(form, doc, "UnAudit", by="user")
    sandbox.save(form, {form.key: doc["id"], **given["fields"]}, by="user", drop_lines=False)
    for step in ("Submit", "Audit") if again else ():
        sandbox.apply(form, sandbox.books[form.form_id][doc["id"]], step, by="user")
    return {"id": doc["id"]}


def _operate(sandbox: "KingdeeSandbox", given: Given) -> Given:
    """`{form, id, operation}`: Submit, Audit, UnAudit, Cancel, Forbid, Delete … by a person."""
    doc = _document(sandbox, given["form"], given["id"])
    sandbox.apply(VENDOR_FORMS[given["form"]], doc, given["operation"], by="user")
    return {"id": doc["id"]}


def _lock(sandbox: "KingdeeSandbox", given: Given) -> Given:
    doc = _document(sandbox, given["form"], given["id"])
    sandbox.commit("locked", form=given["form"], id=doc["id"])
    return {"locked": doc["id"]}


def _unlock(sandbox: "KingdeeSandbox", given: Given) -> Given:
    doc = _document(sandbox, given["form"], given["id"])
    sandbox.commit("unlocked", form=given["form"], id=doc["id"])
    return {"unlocked": doc["id"]}


def _expire_session(sandbox: "KingdeeSandbox", given: Given) -> Given:
    ended = len(sandbox.sessions)
    sandbox.commit("sessions_expired")
    return {"ended": ended}


_ACTS: Mapping[str, Act] = {
    "ship": _ship,
    "invoice": _invoice,
    "create_material": _create_material,
    "create_customer": _create_customer,
    "create_organization": _create_organization,
    "edit": _edit,
    "operate": _operate,
    "lock": _lock,
    "unlock": _unlock,
    "expire_session": _expire_session,
}
