"""What `order.yaml` says of reading, written by hand: the yardstick of mappings.

The same inputs are accepted, the results are the same bit for bit, and a bad value is refused with the same field, path,
value and rule (tests/unit/mapping/test_by_hand.py). Numbers, dates and texts are changed by the hub's own functions, as
anybody who wrote this inside the hub would do; what is by hand is everything around them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from hub.mapping import moments
from hub.mapping.canonical import currency_code
from hub.mapping.codecs import scalar_text
from hub.mapping.decimals import decimal_decoder, integer_of
from hub.mapping.faults import Fault
from hub.mapping.shape import ABSENT, LINE_KEY, Reading, Ref

ZONE: Final = ZoneInfo("Asia/Shanghai")
TYPES: Final = {"SO": "order", "CT": "contract"}
STATES: Final = {"new": "draft", "checking": "approving", "agreed": "confirmed", "void": "cancelled"}
DAY: Final = moments.date_decoder(ZONE, None, None)
MOMENT: Final = moments.instant_decoder(ZONE, None, None)
NUMBER: Final = decimal_decoder("decimal")
AMOUNT: Final = decimal_decoder("amount")


class Refused(Exception):
    def __init__(self, field: str, path: str, value: Any, rule: str) -> None:
        super().__init__(field, path, value, rule)
        self.field, self.path, self.value, self.rule = field, path, value, rule

    def of_line(self, index: int) -> Refused:
        field = f"lines[{index}].{self.field}".rstrip(".")
        path = self.path if self.path.startswith("$.") else f"lines[{index}].{self.path}".rstrip(".")
        return Refused(field, path, self.value, self.rule)


def refused(field: str, path: str, raw: Any, fault: Fault) -> Refused:
    unsaid = Fault("").value
    return Refused(field, path, raw if fault.value is unsaid else fault.value, fault.rule)


def text(raw: Any, field: str, path: str) -> str | None:
    if type(raw) is str:
        if not raw:
            return None
        if (raw.isascii() and "\0" not in raw) or raw.isprintable():
            return raw
    elif raw is None:
        return None
    try:
        return scalar_text(raw)
    except Fault as fault:
        raise refused(field, path, raw, fault) from fault


def by(change: Callable[[Any], Any], raw: Any, field: str, path: str) -> Any:
    if raw is None or raw == "":
        return None
    try:
        return change(raw)
    except Fault as fault:
        raise refused(field, path, raw, fault) from fault


def known(words: Mapping[str, Any], raw: Any, field: str, path: str) -> Any:
    if type(raw) is str and raw in words:
        return words[raw]
    if raw is None or raw == "":
        return None
    try:
        word = ("true" if raw else "false") if isinstance(raw, bool) else scalar_text(raw)
    except Fault as fault:
        raise refused(field, path, raw, fault) from fault
    if word in words:
        return words[word]
    raise Refused(field, path, raw, "enum")


def reference(kind: str, way: str, raw: Any, field: str, path: str) -> Ref | None:
    if raw is None or raw == "":
        return None
    try:
        name = raw if type(raw) is str and raw.isprintable() else scalar_text(raw, "ref")
    except Fault as fault:
        raise refused(field, path, raw, fault) from fault
    name = name.strip()
    if not name:
        raise Refused(field, path, raw, "ref")
    return Ref(kind, way, name)


def money(raw: Any, record: Mapping[str, Any], field: str, path: str) -> dict[str, str] | None:
    if raw is None or raw == "":
        return None
    try:
        amount = AMOUNT(raw)
        currency = record.get("currency")
        if currency is None or currency == "":
            raise Fault("no_currency")
        return {"amount": amount, "currency": currency_code(currency)}
    except Fault as fault:
        raise refused(field, path, raw, fault) from fault


def word_of(raw: Any) -> int:
    if type(raw) is int and -(2**63) <= raw < 2**63:
        return raw
    number = integer_of(raw)
    if not -(2**63) <= number < 2**63:
        raise Fault("range")
    return number


def truth(raw: Any) -> bool:
    if raw is True or raw is False:
        return bool(raw)
    said = raw.strip().lower() if isinstance(raw, str) else None
    if said not in ("true", "false"):
        raise Fault("bool")
    return said == "true"


def inside(record: Mapping[str, Any], name: str, field: str, path: str) -> Mapping[str, Any]:
    found = record.get(name)
    if type(found) is dict:
        return found
    if found is None or found in ("", []):
        return {}
    raise Refused(field, path, found, "shape")


def read(record: Any) -> Reading:
    if type(record) is not dict:
        raise Refused("record", "@", record, "record")
    key = text(record.get("id"), "key", "id")
    if key is None:
        raise Refused("key", "id", None, "key")
    entity = read_fields(record)
    version = None
    if (raw := record.get("modified_at", ABSENT)) is not ABSENT:
        try:
            version = moments.version_text(raw, ZONE)
        except Fault as fault:
            raise refused("version", "modified_at", raw, fault) from fault
    names = {}
    if (number := text(record.get("number"), "number", "number")) is not None:
        names["number"] = number
    return Reading(key, version, names, None, False, entity)


def read_fields(record: dict[str, Any]) -> dict[str, Any]:
    entity: dict[str, Any] = {}
    if (raw := record.get("company", ABSENT)) is not ABSENT:
        entity["company"] = reference("company", "number", raw, "company", "company")
    if (raw := record.get("number", ABSENT)) is not ABSENT:
        entity["number"] = text(raw, "number", "number")
    if (raw := record.get("kind", ABSENT)) is not ABSENT:
        entity["type"] = known(TYPES, raw, "type", "kind")
    if (raw := record.get("title", ABSENT)) is not ABSENT:
        entity["title"] = text(raw, "title", "title")
    customer = reference("customer", "key", record.get("customer_id"), "customer", "customer_id")
    if customer is None:
        raise Refused("customer", "customer_id", record.get("customer_id", ABSENT), "required")
    entity["customer"] = customer
    seller = inside(record, "seller", "owner", "seller.number")
    if (raw := seller.get("number", ABSENT)) is not ABSENT:
        entity["owner"] = reference("employee", "number", raw, "owner", "seller.number")
    elif record.get("seller", ABSENT) in (None, "", []):
        entity["owner"] = None
    if (raw := record.get("ordered_on", ABSENT)) is not ABSENT:
        entity["ordered_at"] = by(DAY, raw, "ordered_at", "ordered_on")
    if (raw := record.get("due_on", ABSENT)) is not ABSENT:
        entity["due_date"] = by(DAY, raw, "due_date", "due_on")
    if (raw := record.get("currency", ABSENT)) is not ABSENT:
        entity["currency"] = text(raw, "currency", "currency")
    if (raw := record.get("total", ABSENT)) is not ABSENT:
        entity["total"] = money(raw, record, "total", "total")
    if (raw := record.get("remark", ABSENT)) is not ABSENT:
        if raw is not None and type(raw) is not str:
            raise Refused("remark", "trim(remark)", raw, "expression")
        entity["remark"] = text(raw.strip() if raw else raw, "remark", "trim(remark)")
    if (raw := record.get("state", ABSENT)) is not ABSENT:
        entity["status"] = known(STATES, raw, "status", "state")
    custom = read_extra(record)
    if custom:
        entity["custom"] = custom
    if (raw := record.get("lines", ABSENT)) is not ABSENT:
        entity["lines"] = read_lines(raw, record)
    return entity


EXTRA: Final = ("channel", "region", "project", "incoterm", "weight", "parcels", "insured", "wanted_at")


def read_extra(record: Mapping[str, Any]) -> dict[str, Any]:
    extra = inside(record, "extra", "custom.channel", "extra.channel")
    if not extra and record.get("extra", ABSENT) in (None, "", []):
        return dict.fromkeys(EXTRA)
    custom: dict[str, Any] = {}
    if (raw := extra.get("channel", ABSENT)) is not ABSENT:
        custom["channel"] = text(raw, "custom.channel", "extra.channel")
    if (raw := extra.get("region", ABSENT)) is not ABSENT:
        custom["region"] = text(raw, "custom.region", "extra.region")
    if (raw := extra.get("project", ABSENT)) is not ABSENT:
        custom["project"] = text(raw, "custom.project", "extra.project")
    if (raw := extra.get("incoterm", ABSENT)) is not ABSENT:
        custom["incoterm"] = text(raw, "custom.incoterm", "extra.incoterm")
    if (raw := extra.get("weight", ABSENT)) is not ABSENT:
        custom["weight"] = by(NUMBER, raw, "custom.weight", "extra.weight")
    if (raw := extra.get("parcels", ABSENT)) is not ABSENT:
        custom["parcels"] = by(word_of, raw, "custom.parcels", "extra.parcels")
    if (raw := extra.get("insured", ABSENT)) is not ABSENT:
        custom["insured"] = by(truth, raw, "custom.insured", "extra.insured")
    if (raw := extra.get("wanted_at", ABSENT)) is not ABSENT:
        custom["wanted_at"] = by(MOMENT, raw, "custom.wanted_at", "extra.wanted_at")
    return custom


def read_lines(raw: Any, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    if raw is None or raw in ("", []):
        return []
    if type(raw) is not list:
        raise Refused("lines", "lines", raw, "list")
    if len(raw) > 100_000:
        raise Refused("lines", "lines", raw, "too_many")
    made = []
    for index, line in enumerate(raw):
        try:
            made.append(read_line(line, record))
        except Refused as error:
            raise error.of_line(index) from error
    return made


def read_line(line: Any, record: Mapping[str, Any]) -> dict[str, Any]:
    if type(line) is not dict:
        raise Refused("", "", line, "shape")
    key = text(line.get("id"), "key", "id")
    if key is None:
        raise Refused("key", "id", line.get("id", ABSENT), "key")
    made: dict[str, Any] = {LINE_KEY: key}
    if (raw := line.get("sku", ABSENT)) is not ABSENT:
        made["product"] = reference("product", "number", raw, "product", "sku")
    if (raw := line.get("note", ABSENT)) is not ABSENT:
        made["description"] = text(raw, "description", "note")
    if (raw := line.get("quantity", ABSENT)) is not ABSENT:
        made["quantity"] = by(NUMBER, raw, "quantity", "quantity")
    if (raw := line.get("unit", ABSENT)) is not ABSENT:
        made["unit"] = text(raw, "unit", "unit")
    if (raw := line.get("price", ABSENT)) is not ABSENT:
        made["unit_price"] = money(raw, record, "unit_price", "price")
    if (raw := line.get("amount", ABSENT)) is not ABSENT:
        made["amount"] = money(raw, record, "amount", "amount")
    return made
