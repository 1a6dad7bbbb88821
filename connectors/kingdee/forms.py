"""The forms this connector reads and writes, as tables: which fields, of which type, where they stand in a Model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

LINE_ID = "FEntryID"


@dataclass(frozen=True, slots=True)
class Lines:
    """The entry (单据体) that holds a document's lines."""

    key: str
    fields: Mapping[str, str]  # field key -> type word

    @property
    def id_column(self) -> str:
        """How a query names the row id: `<EntityKey>_FEntryID`."""
        return f"{self.key}_{LINE_ID}"


@dataclass(frozen=True, slots=True)
class Form:
    """One form. The order of `fields` is the order of keys in a Model: organisation and type come before what
    depends on them. `heads`: field -> the sub-head of the Model it belongs to (queries name it without)."""

    stream: str
    form_id: str
    key: str
    number: str
    fields: Mapping[str, str]
    lines: Lines | None = None
    heads: Mapping[str, str] = field(default_factory=dict)
    organizations: tuple[str, ...] = ()
    # Line fields that a record shows at its top too, so that a payment of one line is one flat thing: sum or first.
    lifted: Mapping[str, str] = field(default_factory=dict)
    is_bill: bool = True  # a bill is cancelled (Cancel), base data is disabled (Forbid)


# Type words: text, id (a number there, text here; 0 means none), decimal, date (a day), stamp (verbatim text).
_CUSTOMER = Form(
    stream="customers",
    form_id="BD_Customer",
    key="FCUSTID",
    number="FNumber",
    fields={
        "FCreateOrgId.FNumber": "text",
        "FUseOrgId.FNumber": "text",
        "FNumber": "text",
        "FName": "text",
        "FShortName": "text",
        "FTRADINGCURRID.FNumber": "text",
        "FTEL": "text",
        "FADDRESS": "text",
        "FINVOICETITLE": "text",
        "FTAXREGISTERCODE": "text",
        "FSOCIALCRECODE": "text",
        "FDocumentStatus": "text",
        "FForbidStatus": "text",
        "FModifyDate": "stamp",
    },
    organizations=("FCreateOrgId", "FUseOrgId"),
    is_bill=False,
)

_MATERIAL = Form(
    stream="materials",
    form_id="BD_MATERIAL",
    key="FMATERIALID",
    number="FNumber",
    fields={
        "FCreateOrgId.FNumber": "text",
        "FUseOrgId.FNumber": "text",
        "FNumber": "text",
        "FName": "text",
        "FSpecification": "text",
        "FMaterialGroup.FNumber": "text",
        "FBaseUnitId.FNumber": "text",
        "FErpClsID": "text",
        "FCategoryID.FNumber": "text",
        "FDocumentStatus": "text",
        "FForbidStatus": "text",
        "FModifyDate": "stamp",
    },
    heads={"FBaseUnitId": "SubHeadEntity", "FErpClsID": "SubHeadEntity", "FCategoryID": "SubHeadEntity"},
    organizations=("FCreateOrgId", "FUseOrgId"),
    is_bill=False,
)

_ORGANIZATION = Form(
    stream="organizations",
    form_id="ORG_Organizations",
    key="FORGID",
    number="FNumber",
    fields={
        "FNumber": "text",
        "FName": "text",
        "FDocumentStatus": "text",
        "FForbidStatus": "text",
        "FModifyDate": "stamp",
    },
    is_bill=False,
)

_SALES_ORDER = Form(
    stream="sales_orders",
    form_id="SAL_SaleOrder",
    key="FID",
    number="FBillNo",
    fields={
        "FSaleOrgId.FNumber": "text",
        "FBillTypeID.FNumber": "text",
        "FBillNo": "text",
        "FDate": "date",
        "FCustId.FNumber": "text",
        "FSalerId.FNumber": "text",
        "FSettleCurrId.FNumber": "text",
        "FBillAllAmount": "decimal",
        "FDocumentStatus": "text",
        "FCloseStatus": "text",
        "FCancelStatus": "text",
        "FModifyDate": "stamp",
    },
    lines=Lines(
        "FSaleOrderEntry",
        {
            "FMaterialId.FNumber": "text",
            "FMaterialId.FName": "text",
            "FUnitID.FNumber": "text",
            "FQty": "decimal",
            "FPrice": "decimal",
            "FTaxPrice": "decimal",
            "FEntryTaxRate": "decimal",
            "FDeliveryDate": "date",
            "FAllAmount": "decimal",
        },
    ),
    heads={"FSettleCurrId": "FSaleOrderFinance", "FBillAllAmount": "FSaleOrderFinance"},
    organizations=("FSaleOrgId",),
)

_SHIPMENT = Form(
    stream="shipments",
    form_id="SAL_OUTSTOCK",
    key="FID",
    number="FBillNo",
    fields={
        "FSaleOrgId.FNumber": "text",
        "FStockOrgId.FNumber": "text",
        "FBillNo": "text",
        "FDate": "date",
        "FCustomerID.FNumber": "text",
        "FCarriageNO": "text",
        "FDocumentStatus": "text",
        "FCancelStatus": "text",
        "FModifyDate": "stamp",
    },
    lines=Lines(
        "FEntity",
        {
            "FMaterialID.FNumber": "text",
            "FRealQty": "decimal",
            "FStockID.FNumber": "text",
            "FTaxPrice": "decimal",
            "FSrcBillNo": "text",
            # Source order number and entry id: to be checked on the customer's data centre (README).
            "FSoorDerno": "text",
            "FSOEntryId": "id",
        },
    ),
)

_RECEIVABLE = Form(
    stream="receivables",
    form_id="AR_receivable",
    key="FID",
    number="FBillNo",
    fields={
        "FSETTLEORGID.FNumber": "text",
        "FPAYORGID.FNumber": "text",
        "FBillTypeID.FNumber": "text",
        "FBillNo": "text",
        "FDATE": "date",
        "FENDDATE_H": "date",
        "FCUSTOMERID.FNumber": "text",
        "FCURRENCYID.FNumber": "text",
        "FALLAMOUNTFOR": "decimal",
        "FWRITTENOFFSTATUS": "text",
        "FOPENSTATUS": "text",
        "FRelateHadPayAmount": "decimal",
        "FDocumentStatus": "text",
        "FCancelStatus": "text",
        "FModifyDate": "stamp",
    },
    lines=Lines(
        "FEntityDetail",
        {
            "FMATERIALID.FNumber": "text",
            "FPriceQty": "decimal",
            "FALLAMOUNTFOR_D": "decimal",
            "FNoTaxAmountFor_D": "decimal",
            "FTAXAMOUNTFOR_D": "decimal",
            # Source order number and entry id: to be checked on the customer's data centre (README).
            "FORDERNUMBER": "text",
            "FORDERENTRYID": "id",
        },
    ),
)

_RECEIPT = Form(
    stream="receipts",
    form_id="AR_RECEIVEBILL",
    key="FID",
    number="FBillNo",
    fields={
        "FSETTLEORGID.FNumber": "text",
        "FPAYORGID.FNumber": "text",
        "FBillTypeID.FNumber": "text",
        "FBillNo": "text",
        "FDATE": "date",
        "FCONTACTUNITTYPE": "text",
        "FCONTACTUNIT.FNumber": "text",
        "FPAYUNITTYPE": "text",
        "FPAYUNIT.FNumber": "text",
        "FCURRENCYID.FNumber": "text",
        "FTHIRDBILLNO": "text",
        "FREMARK": "text",
        "FWRITTENOFFSTATUS": "text",
        "FDocumentStatus": "text",
        "FCancelStatus": "text",
        "FModifyDate": "stamp",
    },
    lines=Lines(
        "FRECEIVEBILLENTRY",
        {
            "FSETTLETYPEID.FNumber": "text",
            "FPURPOSEID.FNumber": "text",
            "FRECTOTALAMOUNTFOR": "decimal",
            "FRECAMOUNTFOR_E": "decimal",
            "FHANDLINGCHARGEFOR": "decimal",
            "FACCOUNTID.FNumber": "text",
            "FOPPOSITEBANKACCOUNT": "text",
            "FOPPOSITECCOUNTNAME": "text",  # the vendor's spelling
            "FOPPOSITEBANKNAME": "text",
            "FCOMMENT": "text",
        },
    ),
    organizations=("FSETTLEORGID", "FPAYORGID"),
    lifted={
        "FSETTLETYPEID.FNumber": "first",
        "FPURPOSEID.FNumber": "first",
        "FRECTOTALAMOUNTFOR": "sum",
        "FACCOUNTID.FNumber": "first",
        "FOPPOSITEBANKACCOUNT": "first",
        "FOPPOSITECCOUNTNAME": "first",
        "FOPPOSITEBANKNAME": "first",
        "FCOMMENT": "first",
    },
)

FORMS: Mapping[str, Form] = {
    form.stream: form for form in (_CUSTOMER, _MATERIAL, _ORGANIZATION, _SALES_ORDER, _SHIPMENT, _RECEIVABLE, _RECEIPT)
}
WRITTEN = frozenset({"customers", "materials", "sales_orders", "receipts"})

_SCHEMA_WORDS = {"id": "text", "stamp": "text"}


def schema_of(form: Form, more: Iterable[str]) -> dict[str, str]:
    """The stream's schema: dotted path -> type word. `more`: header fields read besides the form's own."""
    schema = {**dict.fromkeys(more, "text"), form.key: "text"}
    schema |= {path: _SCHEMA_WORDS.get(word, word) for path, word in form.fields.items()}
    if form.lines is not None:
        schema[f"{form.lines.key}[].{LINE_ID}"] = "text"
        for path, word in form.lines.fields.items():
            schema[f"{form.lines.key}[].{path}"] = _SCHEMA_WORDS.get(word, word)
        schema |= {path: _SCHEMA_WORDS.get(form.lines.fields[path], form.lines.fields[path]) for path in form.lifted}
    return schema
