"""The sandbox's own idea of Kingdee's forms: fields, references, what must be filled in, base data it was born with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# What a field holds: text, number, day, system (not writable), or the set it refers to; "any" is an unchecked reference.
BASE_DATA: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "currency": {
        "PRE001": {"FName": "人民币", "FCODE": "CNY"},
        "PRE003": {"FName": "欧元", "FCODE": "EUR"},
        "PRE007": {"FName": "美元", "FCODE": "USD"},
    },
    "unit": {"Pcs": {"FName": "Pcs"}, "Tao": {"FName": "套"}, "KG": {"FName": "千克"}},
    "bill_type": {
        "XSDD01_SYS": {"FName": "标准销售订单"},
        "XSCKD01_SYS": {"FName": "标准销售出库单"},
        "YSD01_SYS": {"FName": "标准应收单"},
        "SKDLX01_SYS": {"FName": "销售收款单"},
        "SKDLX02_SYS": {"FName": "其他业务收款单"},
    },
    "stock": {"CK001": {"FName": "成品仓"}},
    "settle_type": {"JSFS04_SYS": {"FName": "电汇"}},
    "purpose": {"SFKYT01_SYS": {"FName": "销售收款"}, "SFKYT02_SYS": {"FName": "预收款"}},
}
FORM_OF = {"customer": "BD_Customer", "material": "BD_MATERIAL", "organization": "ORG_Organizations"}
PLAIN = frozenset({"text", "number", "day", "system", "amount"})  # amount: a number the server computes


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    fields: Mapping[str, str]
    required: tuple[str, ...]
    positive: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VendorForm:
    """`heads`: sub-head of the Model -> the fields that stand in it and nowhere else."""

    form_id: str
    key: str
    number: str
    prefix: str
    label: str
    fields: Mapping[str, str]
    required: tuple[str, ...]
    entry: Entry | None = None
    heads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    born: Mapping[str, str] = field(default_factory=dict)

    def kind(self, name: str) -> str | None:
        """What a header field holds; None when there is no such field."""
        return _kind(self.fields, name)

    def entry_kind(self, name: str) -> str | None:
        return None if self.entry is None else _kind(self.entry.fields, name)


def _kind(fields: Mapping[str, str], name: str) -> str | None:
    if name.startswith("F_"):
        return "text"  # a custom field; the sandbox lets every customer field exist
    return fields.get(name)


_BASE = {"FDocumentStatus": "system", "FForbidStatus": "system", "FCreateDate": "system", "FModifyDate": "system"}
_BILL = {
    "FBillNo": "text",
    "FDocumentStatus": "system",
    "FCancelStatus": "system",
    "FCreateDate": "system",
    "FModifyDate": "system",
}

_ALL = (
    VendorForm(
        "BD_Customer",
        "FCUSTID",
        "FNumber",
        "CUST",
        "客户",
        {
            **_BASE,
            "FNumber": "text",
            "FName": "text",
            "FShortName": "text",
            "FCreateOrgId": "organization",
            "FUseOrgId": "organization",
            "FTRADINGCURRID": "currency",
            "FTEL": "text",
            "FADDRESS": "text",
            "FINVOICETITLE": "text",
            "FTAXREGISTERCODE": "text",
            "FSOCIALCRECODE": "text",
        },
        required=("FName", "FCreateOrgId", "FUseOrgId"),
        born={"FForbidStatus": "A"},
    ),
    VendorForm(
        "BD_MATERIAL",
        "FMATERIALID",
        "FNumber",
        "MAT",
        "物料",
        {
            **_BASE,
            "FNumber": "text",
            "FName": "text",
            "FSpecification": "text",
            "FMaterialGroup": "any",
            "FCreateOrgId": "organization",
            "FUseOrgId": "organization",
            "FBaseUnitId": "unit",
            "FErpClsID": "text",
            "FCategoryID": "any",
        },
        required=("FName", "FCreateOrgId", "FUseOrgId", "FBaseUnitId"),
        heads={"SubHeadEntity": ("FBaseUnitId", "FErpClsID", "FCategoryID")},
        born={"FForbidStatus": "A"},
    ),
    VendorForm(
        "ORG_Organizations",
        "FORGID",
        "FNumber",
        "ORG",
        "组织机构",
        {**_BASE, "FNumber": "text", "FName": "text"},
        required=("FNumber", "FName"),
        born={"FForbidStatus": "A"},
    ),
    VendorForm(
        "SAL_SaleOrder",
        "FID",
        "FBillNo",
        "XSDD",
        "销售订单",
        {
            **_BILL,
            "FBillTypeID": "bill_type",
            "FDate": "day",
            "FSaleOrgId": "organization",
            "FCustId": "customer",
            "FSalerId": "any",
            "FCloseStatus": "system",
            "FNote": "text",
            "FSettleCurrId": "currency",
            "FBillAllAmount": "amount",
        },
        required=("FBillTypeID", "FDate", "FSaleOrgId", "FCustId", "FSettleCurrId"),
        entry=Entry(
            "FSaleOrderEntry",
            {
                "FMaterialId": "material",
                "FUnitID": "unit",
                "FQty": "number",
                "FPrice": "number",
                "FTaxPrice": "number",
                "FEntryTaxRate": "number",
                "FDeliveryDate": "day",
                "FAllAmount": "amount",
            },
            required=("FMaterialId", "FQty"),
            positive=("FQty",),
        ),
        heads={"FSaleOrderFinance": ("FSettleCurrId", "FBillAllAmount")},
        born={"FCancelStatus": "A", "FCloseStatus": "A"},
    ),
    VendorForm(
        "SAL_OUTSTOCK",
        "FID",
        "FBillNo",
        "XSCKD",
        "销售出库单",
        {
            **_BILL,
            "FBillTypeID": "bill_type",
            "FDate": "day",
            "FCustomerID": "customer",
            "FStockOrgId": "organization",
            "FSaleOrgId": "organization",
            "FCarriageNO": "text",
            "FSettleCurrID": "currency",
            "FSettleOrgID": "organization",
        },
        required=("FBillTypeID", "FDate", "FCustomerID", "FStockOrgId", "FSaleOrgId"),
        entry=Entry(
            "FEntity",
            {
                "FMaterialID": "material",
                "FRealQty": "number",
                "FStockID": "stock",
                "FTaxPrice": "number",
                "FSrcBillNo": "text",
                "FSoorDerno": "text",
                "FSOEntryId": "row",
            },
            required=("FMaterialID", "FRealQty", "FStockID"),
            positive=("FRealQty",),
        ),
        heads={"SubHeadEntity": ("FSettleCurrID", "FSettleOrgID")},
        born={"FCancelStatus": "A"},
    ),
    VendorForm(
        "AR_receivable",
        "FID",
        "FBillNo",
        "AR",
        "应收单",
        {
            **_BILL,
            "FBillTypeID": "bill_type",
            "FDATE": "day",
            "FENDDATE_H": "day",
            "FCUSTOMERID": "customer",
            "FCURRENCYID": "currency",
            "FSETTLEORGID": "organization",
            "FPAYORGID": "organization",
            "FALLAMOUNTFOR": "amount",
            "FWRITTENOFFSTATUS": "system",
            "FOPENSTATUS": "system",
            "FRelateHadPayAmount": "amount",
        },
        required=("FBillTypeID", "FDATE", "FCUSTOMERID", "FCURRENCYID", "FSETTLEORGID"),
        entry=Entry(
            "FEntityDetail",
            {
                "FMATERIALID": "material",
                "FPriceQty": "number",
                "FALLAMOUNTFOR_D": "number",
                "FNoTaxAmountFor_D": "number",
                "FTAXAMOUNTFOR_D": "number",
                "FORDERNUMBER": "text",
                "FORDERENTRYID": "row",
            },
            required=("FMATERIALID", "FALLAMOUNTFOR_D"),
            positive=(),
        ),
        born={"FCancelStatus": "A", "FWRITTENOFFSTATUS": "A", "FOPENSTATUS": "A"},
    ),
    VendorForm(
        "AR_RECEIVEBILL",
        "FID",
        "FBillNo",
        "SKD",
        "收款单",
        {
            **_BILL,
            "FBillTypeID": "bill_type",
            "FDATE": "day",
            "FCONTACTUNITTYPE": "text",
            "FCONTACTUNIT": "customer",
            "FPAYUNITTYPE": "text",
            "FPAYUNIT": "customer",
            "FCURRENCYID": "currency",
            "FSETTLEORGID": "organization",
            "FPAYORGID": "organization",
            "FTHIRDBILLNO": "text",
            "FREMARK": "text",
            "FWRITTENOFFSTATUS": "system",
        },
        required=(
            "FBillTypeID",
            "FDATE",
            "FCONTACTUNITTYPE",
            "FCONTACTUNIT",
            "FPAYUNITTYPE",
            "FPAYUNIT",
            "FCURRENCYID",
            "FSETTLEORGID",
            "FPAYORGID",
        ),
        entry=Entry(
            "FRECEIVEBILLENTRY",
            {
                "FSETTLETYPEID": "settle_type",
                "FPURPOSEID": "purpose",
                "FRECTOTALAMOUNTFOR": "number",
                "FRECAMOUNTFOR_E": "amount",
                "FHANDLINGCHARGEFOR": "number",
                "FACCOUNTID": "any",
                "FOPPOSITEBANKACCOUNT": "text",
                "FOPPOSITECCOUNTNAME": "text",
                "FOPPOSITEBANKNAME": "text",
                "FCOMMENT": "text",
            },
            required=("FSETTLETYPEID", "FPURPOSEID", "FRECTOTALAMOUNTFOR"),
            positive=("FRECTOTALAMOUNTFOR",),
        ),
        born={"FCancelStatus": "A", "FWRITTENOFFSTATUS": "A"},
    ),
)
VENDOR_FORMS: Mapping[str, VendorForm] = {form.form_id: form for form in _ALL}
