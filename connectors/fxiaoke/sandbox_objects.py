"""The tables of the sandbox: its objects, their fields, and what the vendor refuses to store."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Exists = Callable[[str, str], bool]  # (object, id) -> there is such a living row

WRONG = 32000  # 参数错误, the vendor's code for data it refuses
_NUMBER = re.compile(r"-?\d{1,14}(\.\d{1,8})?")


class Refusal(Exception):
    """What the vendor answers instead of doing it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Field:
    type: str
    label: str
    required: bool = False
    options: Mapping[str, str] | None = None
    refers: str = ""
    readonly: bool = False


def _select(label: str, required: bool = False, **options: str) -> Field:
    return Field("select_one", label, required=required, options=options)


def _refers(label: str, object_name: str, *, required: bool = True) -> Field:
    return Field("object_reference", label, required=required, refers=object_name)


_UNITS = {"Pcs": "个", "Set": "套", "kg": "千克", "h": "小时"}

SYSTEM: Mapping[str, Field] = {
    "_id": Field("text", "ID", readonly=True),
    "object_describe_api_name": Field("text", "对象", readonly=True),
    "owner": Field("employee", "负责人"),
    "life_status": _select(
        "生命状态", ineffective="未生效", under_review="审核中", normal="正常", in_change="变更中", invalid="作废"
    ),
    "created_by": Field("employee", "创建人", readonly=True),
    "create_time": Field("date_time", "创建时间", readonly=True),
    "last_modified_by": Field("employee", "最后修改人", readonly=True),
    "last_modified_time": Field("date_time", "最后修改时间", readonly=True),
}

OBJECTS: Mapping[str, Mapping[str, Field]] = {
    "PersonnelObj": {
        "name": Field("text", "姓名", required=True),
        "full_name": Field("text", "全名"),
        "employee_number": Field("text", "工号"),
        "phone": Field("phone_number", "手机"),
        "email": Field("email", "邮箱"),
        "job_title": Field("text", "职位"),
        "status": Field("select_one", "状态", options={"0": "启用", "1": "停用"}),
        "user_id": Field("text", "openUserId", readonly=True),
    },
    "ProductObj": {
        "name": Field("text", "产品名称", required=True),
        "product_code": Field("text", "产品编码"),
        "product_spec": Field("text", "规格属性"),
        "unit": Field("select_one", "单位", options=_UNITS),
        "price": Field("currency", "标准价格"),
        "product_status": Field("select_one", "上下架", options={"1": "已上架", "2": "已下架"}),
    },
    "AccountObj": {
        "name": Field("text", "客户名称", required=True),
        "account_no": Field("auto_number", "客户编号", readonly=True),
        "uscc__c": Field("text", "统一社会信用代码"),
        "hub_ref__c": Field("text", "业财通编号"),
        "tel": Field("phone_number", "电话"),
        "email": Field("email", "邮件"),
        "address": Field("text", "详细地址"),
        "remark": Field("long_text", "备注"),
    },
    "NewOpportunityObj": {
        "name": Field("text", "商机名称", required=True),
        "deal_no__c": Field("auto_number", "商机编号", readonly=True),
        "account_id": _refers("客户名称", "AccountObj"),
        "amount": Field("currency", "商机金额"),
        "mc_currency": _select("币种", CNY="人民币", USD="美元", EUR="欧元", HKD="港币"),
        "close_date": Field("date", "预计成交日期"),
        "sales_stage": _select(
            "销售阶段",
            required=True,
            qualify="初步接洽",
            proposal="方案报价",
            negotiation="商务谈判",
            won="赢单",
            lost="输单",
        ),
        "remark": Field("long_text", "备注"),
        "hub_ref__c": Field("text", "业财通编号"),
        "erp_order_no__c": Field("text", "ERP 订单号"),
        "shipping_status__c": _select("发货状态", none="未发货", partial="部分发货", complete="已发货"),
        "invoicing_status__c": _select("开票状态", none="未开票", partial="部分开票", complete="已开票"),
        "payment_status__c": _select("收款状态", unpaid="未收款", partial="部分收款", paid="已收清", overpaid="多收"),
        "paid_amount__c": Field("currency", "已收金额"),
        "paid_date__c": Field("date", "收款日期"),
    },
    "NewOpportunityLinesObj": {
        "new_opportunity_id": _refers("商机名称", "NewOpportunityObj"),
        "product_id": _refers("产品名称", "ProductObj"),
        "quantity": Field("number", "数量", required=True),
        "unit": Field("select_one", "单位", options=_UNITS),
        "sales_price": Field("currency", "销售单价", required=True),
        "total_amount": Field("currency", "小计"),
        "remark": Field("long_text", "备注"),
    },
}
DEAL, LINE = "NewOpportunityObj", "NewOpportunityLinesObj"


def fields_of(object_name: Any) -> Mapping[str, Field]:
    if object_name not in OBJECTS:
        raise Refusal(WRONG, f"对象[{object_name}]不存在")
    return {**SYSTEM, **OBJECTS[object_name]}


def check_row(object_name: str, data: Row, exists: Exists, *, creating: bool) -> None:
    """Refuse what the vendor refuses: unknown and read-only fields, wrong forms, options and references, gaps."""
    known = fields_of(object_name)
    for name, value in data.items():
        _check_field(name, value, known, exists)
    for name, field in known.items():
        if field.required and data.get(name, None if creating else "-") in (None, "", []):
            raise Refusal(WRONG, f"字段[{name}]({field.label})必填")


def _check_field(name: str, value: Any, known: Mapping[str, Field], exists: Exists) -> None:
    if name.rpartition("__")[2] in {"r", "l", "o", "v", "p"} and "__" in name:
        raise Refusal(WRONG, f"字段[{name}]只读")
    field = known.get(name)
    if field is None:
        raise Refusal(WRONG, f"字段[{name}]不存在")
    if field.readonly or name == "life_status":
        raise Refusal(WRONG, f"字段[{name}]({field.label})只读")
    if value in (None, "", []):
        return
    if not FORMS[field.type](value):
        raise Refusal(WRONG, f"字段[{name}]({field.label})的值类型不正确，应为 {field.type}")
    if field.options is not None and value not in field.options:
        raise Refusal(WRONG, f"字段[{name}]({field.label})没有选项[{value}]")
    people = value if field.type == "employee" else []
    for target, key in [("PersonnelObj", p) for p in people] or ([(field.refers, value)] if field.refers else []):
        if not exists(target, key):
            raise Refusal(WRONG, f"字段[{name}]({field.label})关联的数据[{key}]不存在或已作废")


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number_text(value: Any) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _epoch(value: Any) -> bool:
    return type(value) is int


def _people(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


FORMS: Mapping[str, Callable[[Any], bool]] = {
    "text": _text,
    "long_text": _text,
    "phone_number": _text,
    "email": _text,
    "auto_number": _text,
    "select_one": _text,
    "object_reference": _text,
    "currency": _number_text,
    "number": _number_text,
    "date": _epoch,
    "date_time": _epoch,
    "employee": _people,
}
