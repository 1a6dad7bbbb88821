"""The sandbox's rules about documents: what a Model may hold, what must be filled in, what may be done when."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from stdnum.cn import uscc

from connectors.kingdee.sandbox_forms import BASE_DATA, FORM_OF, Entry, VendorForm

Doc = dict[str, Any]  # {"id": 100001, "fields": {...}, "lines": [{"FEntryID": 200001, ...}]}
Books = Mapping[str, Mapping[int, Doc]]

DEFAULT_RATE = Decimal(13)
CENT = Decimal("0.01")


class Refusal(Exception):
    """A business refusal: MsgCode, words, the field at fault."""

    def __init__(self, code: int, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class Step:
    """One operation: from which statuses, to which, and what it is called."""

    before: frozenset[str]
    after: str
    word: str


STEPS: Mapping[str, Step] = {
    "Submit": Step(frozenset("AD"), "B", "提交"),
    "CancelAssign": Step(frozenset("B"), "A", "撤销"),
    "Audit": Step(frozenset("B"), "C", "审核"),
    "UnAudit": Step(frozenset("C"), "D", "反审核"),
}
EDITABLE = frozenset("ZAD")
# opNumber -> (field, value, statuses it needs)
OPERATIONS: Mapping[str, tuple[str, str, frozenset[str]]] = {
    "Forbid": ("FForbidStatus", "B", frozenset("C")),
    "Enable": ("FForbidStatus", "A", frozenset("C")),
    "Cancel": ("FCancelStatus", "B", EDITABLE),
    "UnCancel": ("FCancelStatus", "A", EDITABLE),
}


def first_organization(name: str) -> Doc:
    """Organisation 100, which every data centre is set up with."""
    born = "2020-01-01T00:00:00"
    fields = {"FNumber": "100", "FName": name, "FDocumentStatus": "C", "FForbidStatus": "A"}
    return {"id": 1, "fields": {**fields, "FCreateDate": born, "FModifyDate": born}, "lines": []}


def laid_over(
    form: VendorForm, doc: Doc, model: Mapping[str, Any], *, drop_lines: bool, new_id: Callable[[], int]
) -> Doc:
    """The document with a Model laid over it, checked whole."""
    fields = dict(doc["fields"]) | _header(form, model)
    lines = doc["lines"]
    if form.entry is not None and form.entry.name in model:
        lines = _lines(form.entry, form, lines, model[form.entry.name] or [], drop_lines, new_id)
    return {"id": doc["id"], "fields": fields, "lines": lines}


def _header(form: VendorForm, model: Mapping[str, Any]) -> dict[str, Any]:
    in_head = {name: head for head, names in form.heads.items() for name in names}
    fields: dict[str, Any] = {}
    for name, value in model.items():
        if name == form.key or (form.entry is not None and name == form.entry.name):
            continue
        if name in form.heads:
            fields |= {inner: _value(form.kind(inner), inner, v) for inner, v in (value or {}).items()}
        elif name in in_head:
            raise Refusal(9, f"元数据中标识为{name}的字段不存在（应放在 {in_head[name]} 中）", name)
        else:
            fields[name] = _value(form.kind(name), name, value)
    return fields


def _lines(
    entry: Entry, form: VendorForm, old: list[Doc], rows: list[Any], drop: bool, new_id: Callable[[], int]
) -> list[Doc]:
    by_id = {line["FEntryID"]: line for line in old}
    lines = []
    for row in rows:
        ident = int(row.get("FEntryID") or 0)
        if ident and ident not in by_id:
            raise Refusal(11, f"分录内码 {ident} 不存在", "FEntryID")
        given = {n: _value(form.entry_kind(n), n, v) for n, v in row.items() if n != "FEntryID"}
        lines.append({**by_id.get(ident, {}), **given, "FEntryID": ident or new_id()})
    named = {line["FEntryID"] for line in lines}
    kept = [] if drop else [line for line in old if line["FEntryID"] not in named]
    return sorted(kept + lines, key=lambda line: int(line["FEntryID"])) if kept else lines


def _value(kind: str | None, name: str, value: Any) -> Any:
    if kind is None:
        raise Refusal(9, f"元数据中标识为{name}的字段不存在", name)
    if kind == "system":
        raise Refusal(9, f"字段{name}不允许写入", name)
    if kind in {"number", "amount", "row"}:
        return _as_number(name, value)
    if kind == "day":
        return f"{str(value)[:10]}T00:00:00" if value else None
    if kind == "text":
        return value if isinstance(value, dict) or value is None else str(value)
    return _reference(name, value)


def _as_number(name: str, value: Any) -> Decimal:
    try:
        return Decimal(0 if value is None else value)
    except (InvalidOperation, TypeError):
        raise Refusal(8, f"字段{name}的值“{value}”不是数值", name) from None


def _reference(name: str, value: Any) -> dict[str, str] | None:
    if value is None or value == {}:
        return None
    if not isinstance(value, dict):
        raise Refusal(8, f'字段{name}应为 {{"FNumber": …}}', name)
    number = value.get("FNumber", value.get("FNUMBER"))
    return {"FNumber": str(number)} if number else None


def check(form: VendorForm, doc: Doc, books: Books) -> None:
    """What the form's own checks say about a document before it is saved."""
    for name in form.required:
        if not doc["fields"].get(name):
            raise Refusal(11, f"字段“{name}”是必填项", name)
    for name, value in doc["fields"].items():
        _check_reference(form.kind(name), name, value, books)
    _check_number(form, doc, books)
    code = doc["fields"].get("FSOCIALCRECODE")
    if code and not uscc.is_valid(code):
        raise Refusal(11, f"统一社会信用代码“{code}”不正确，应为 18 位有效代码", "FSOCIALCRECODE")
    if form.entry is not None:
        _check_lines(form, form.entry, doc["lines"], books)


def _check_lines(form: VendorForm, entry: Entry, lines: list[Doc], books: Books) -> None:
    if not lines:
        raise Refusal(11, f"{form.label}的明细不能为空", entry.name)
    for place, line in enumerate(lines, 1):
        for name in entry.required:
            if line.get(name) in (None, ""):
                raise Refusal(11, f"第{place}行分录，字段“{name}”是必填项", name)
        for name in entry.positive:
            if line[name] <= 0:
                raise Refusal(11, f"第{place}行分录，字段“{name}”必须大于 0", name)
        for name, value in line.items():
            _check_reference(form.entry_kind(name), name, value, books)


def _check_reference(kind: str | None, name: str, value: Any, books: Books) -> None:
    if kind is None or not isinstance(value, dict):
        return
    number = value.get("FNumber")
    if kind in BASE_DATA and number not in BASE_DATA[kind]:
        raise Refusal(9, f"字段{name}的值“{number}”在系统中不存在", name)
    if kind in FORM_OF:
        found = [d["fields"] for d in books[FORM_OF[kind]].values() if d["fields"]["FNumber"] == number]
        if not found:
            raise Refusal(9, f"字段{name}的值“{number}”在系统中不存在", name)
        if found[0]["FForbidStatus"] == "B":
            raise Refusal(11, f"字段{name}的值“{number}”已禁用", name)


def _check_number(form: VendorForm, doc: Doc, books: Books) -> None:
    number = doc["fields"].get(form.number)
    for other in books[form.form_id].values():
        if number and other["id"] != doc["id"] and other["fields"][form.number] == number:
            rule = "单据编号唯一" if form.number == "FBillNo" else "编码唯一"
            raise Refusal(11, f"违反字段唯一性要求：{rule}。{form.label}编号“{number}”已存在", form.number)


def _computed_order(doc: Doc, books: Books) -> None:
    for line in doc["lines"]:
        rate = line.setdefault("FEntryTaxRate", DEFAULT_RATE)
        share = 1 + Decimal(rate) / 100
        if line.get("FTaxPrice") is None:
            line["FTaxPrice"] = Decimal(line.get("FPrice") or 0) * share
        line["FPrice"] = (Decimal(line["FTaxPrice"]) / share).quantize(Decimal("0.000001"), ROUND_HALF_UP)
        line["FAllAmount"] = (Decimal(line["FQty"]) * Decimal(line["FTaxPrice"])).quantize(CENT, ROUND_HALF_UP)
        line.setdefault("FDeliveryDate", doc["fields"]["FDate"])
        if not line.get("FUnitID"):
            line["FUnitID"] = _unit_of(line["FMaterialId"]["FNumber"], books)
    doc["fields"]["FBillAllAmount"] = sum((line["FAllAmount"] for line in doc["lines"]), Decimal(0))


def _unit_of(material: str, books: Books) -> Any:
    found = next(d for d in books["BD_MATERIAL"].values() if d["fields"]["FNumber"] == material)
    return found["fields"]["FBaseUnitId"]


def _computed_receivable(doc: Doc, books: Books) -> None:
    doc["fields"]["FALLAMOUNTFOR"] = sum((Decimal(x["FALLAMOUNTFOR_D"]) for x in doc["lines"]), Decimal(0))


def _computed_receipt(doc: Doc, books: Books) -> None:
    for line in doc["lines"]:
        line["FRECAMOUNTFOR_E"] = Decimal(line["FRECTOTALAMOUNTFOR"]) - Decimal(line.get("FHANDLINGCHARGEFOR") or 0)


COMPUTED: Mapping[str, Callable[[Doc, Books], None]] = {
    "SAL_SaleOrder": _computed_order,
    "AR_receivable": _computed_receivable,
    "AR_RECEIVEBILL": _computed_receipt,
}
