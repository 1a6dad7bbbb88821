"""What `order.yaml` says of writing, by hand like `by_hand`; and both ways once more without any check, for orientation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from hub.mapping import moments
from hub.mapping.canonical import currency_code
from hub.mapping.codecs import scalar_text
from hub.mapping.decimals import exact, integer_of
from hub.mapping.faults import Fault
from hub.mapping.shape import ABSENT, LINE_KEY, Ref
from tests.bench.by_hand import MOMENT, STATES, TYPES, ZONE, Refused, refused

TYPES_OUT: Final = {ours: theirs for theirs, ours in TYPES.items()}
STATES_OUT: Final = {ours: theirs for theirs, ours in STATES.items()}
DAY_OUT: Final = moments.date_encoder(ZONE, None, None)
MOMENT_OUT: Final = moments.instant_encoder(ZONE, None, None)


def said(value: Any, creating: bool) -> bool:
    """Whether an empty value is written: what the entity does not speak of never, "empty" only as a change."""
    return value is not ABSENT and not creating


def put_text(value: Any, target: dict[str, Any], name: str, creating: bool, at: tuple[str, str]) -> None:
    if value is None or value is ABSENT or value == "":
        if said(value, creating):
            target[name] = None
        return
    if type(value) is str and ((value.isascii() and "\0" not in value) or value.isprintable()):
        target[name] = value
        return
    try:
        target[name] = scalar_text(value)
    except Fault as fault:
        raise refused(*at, value, fault) from fault


def put_by(
    change: Callable[[Any], Any], value: Any, target: dict[str, Any], name: str, creating: bool, at: tuple[str, str]
) -> None:
    if value is None or value is ABSENT or value == "":
        if said(value, creating):
            target[name] = None
        return
    try:
        target[name] = change(value)
    except Fault as fault:
        raise refused(*at, value, fault) from fault


def put_word(
    words: Mapping[str, str], value: Any, target: dict[str, Any], name: str, creating: bool, at: tuple[str, str]
) -> None:
    if type(value) is str and value in words:
        target[name] = words[value]
    elif value is None or value is ABSENT or value == "":
        if said(value, creating):
            target[name] = None
    else:
        raise Refused(*at, value, "enum_out")


def put_reference(
    kind: str, way: str, value: Any, target: dict[str, Any], name: str, creating: bool, at: tuple[str, str]
) -> None:
    if value is None or value is ABSENT or value == "":
        if said(value, creating):
            target[name] = None
        return
    if not isinstance(value, Ref) or value.kind != kind:
        raise Refused(*at, str(value) if isinstance(value, Ref) else value, "ref")
    if value.by != way or value.system:
        raise Refused(*at, str(value), "ref_by")
    said_text = value.text
    if type(said_text) is str and said_text.isprintable():
        target[name] = said_text
        return
    try:
        target[name] = scalar_text(said_text)
    except Fault as fault:
        raise refused(*at, value, fault) from fault


def put_money(
    value: Any, target: dict[str, Any], name: str, record: dict[str, Any], creating: bool, at: tuple[str, str]
) -> None:
    if value is None or value is ABSENT or value == "":
        if said(value, creating):
            target[name] = None
        return
    try:
        if type(value) is not dict:
            target[name] = exact(value)
            return
        target[name] = exact(value.get("amount"))
        code = currency_code(value.get("currency"))
        there = record.get("currency")
        if there is not None and there != code:
            raise Fault("other_currency", value=code)
        if target is record:
            record["currency"] = code
    except Fault as fault:
        raise refused(*at, value, fault) from fault


def write_truth(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise Fault("bool")


def write(entity: Mapping[str, Any], *, creating: bool) -> dict[str, Any]:
    record: dict[str, Any] = {}
    get = entity.get
    put_reference("company", "number", get("company", ABSENT), record, "company", creating, ("company", "company"))
    put_text(get("number", ABSENT), record, "number", creating, ("number", "number"))
    put_word(TYPES_OUT, get("type", ABSENT), record, "kind", creating, ("type", "kind"))
    put_text(get("title", ABSENT), record, "title", creating, ("title", "title"))
    customer = get("customer")
    if customer is None or customer == "":
        raise Refused("customer", "customer_id", get("customer", ABSENT), "required_out")
    put_reference("customer", "key", customer, record, "customer_id", creating, ("customer", "customer_id"))
    seller: dict[str, Any] = {}
    put_reference("employee", "number", get("owner", ABSENT), seller, "number", creating, ("owner", "seller.number"))
    if seller:
        record["seller"] = seller
    put_by(DAY_OUT, get("ordered_at", ABSENT), record, "ordered_on", creating, ("ordered_at", "ordered_on"))
    put_by(DAY_OUT, get("due_date", ABSENT), record, "due_on", creating, ("due_date", "due_on"))
    put_text(get("currency", ABSENT), record, "currency", creating, ("currency", "currency"))
    put_money(get("total", ABSENT), record, "total", record, creating, ("total", "total"))
    put_text(get("remark", ABSENT), record, "remark", creating, ("remark", "remark"))
    put_word(STATES_OUT, get("status", ABSENT), record, "state", creating, ("status", "state"))
    custom = entity.get("custom")
    extra = write_extra(custom if type(custom) is dict else {}, creating)
    if extra:
        record["extra"] = extra
    write_lines(get("lines", ABSENT), record, creating)
    return record


def write_extra(custom: Mapping[str, Any], creating: bool) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    get = custom.get
    put_text(get("channel", ABSENT), extra, "channel", creating, ("custom.channel", "extra.channel"))
    put_text(get("region", ABSENT), extra, "region", creating, ("custom.region", "extra.region"))
    put_text(get("project", ABSENT), extra, "project", creating, ("custom.project", "extra.project"))
    put_text(get("incoterm", ABSENT), extra, "incoterm", creating, ("custom.incoterm", "extra.incoterm"))
    put_by(exact, get("weight", ABSENT), extra, "weight", creating, ("custom.weight", "extra.weight"))
    put_by(integer_of, get("parcels", ABSENT), extra, "parcels", creating, ("custom.parcels", "extra.parcels"))
    put_by(write_truth, get("insured", ABSENT), extra, "insured", creating, ("custom.insured", "extra.insured"))
    put_by(MOMENT_OUT, get("wanted_at", ABSENT), extra, "wanted_at", creating, ("custom.wanted_at", "extra.wanted_at"))
    return extra


def write_lines(lines: Any, record: dict[str, Any], creating: bool) -> None:
    if lines is ABSENT:
        return
    if lines is None or lines in ("", []):
        record["lines"] = []
        return
    if type(lines) is not list:
        raise Refused("lines", "lines", lines, "list")
    if len(lines) > 100_000:
        raise Refused("lines", "lines", lines, "too_many")
    made = []
    for index, line in enumerate(lines):
        try:
            made.append(write_line(line, record, creating))
        except Refused as error:
            raise error.of_line(index) from error
    record["lines"] = made


def write_line(line: Any, record: dict[str, Any], creating: bool) -> dict[str, Any]:
    if type(line) is not dict:
        raise Refused("", "", line, "shape")
    made: dict[str, Any] = {}
    get = line.get
    key = get(LINE_KEY)
    if key is None:
        creating = True
    else:
        try:
            made["id"] = scalar_text(key)
        except Fault as fault:
            raise refused("key", "id", key, fault) from fault
    put_reference("product", "number", get("product", ABSENT), made, "sku", creating, ("product", "sku"))
    put_text(get("description", ABSENT), made, "note", creating, ("description", "note"))
    put_by(exact, get("quantity", ABSENT), made, "quantity", creating, ("quantity", "quantity"))
    put_text(get("unit", ABSENT), made, "unit", creating, ("unit", "unit"))
    put_money(get("unit_price", ABSENT), made, "price", record, creating, ("unit_price", "price"))
    put_money(get("amount", ABSENT), made, "amount", record, creating, ("amount", "amount"))
    return made


def read_unchecked(record: Any) -> dict[str, Any]:
    """No checks, no absent fields, no other forms."""
    code, extra = record["currency"], record["extra"]
    return {
        "company": Ref("company", "number", record["company"]),
        "number": record["number"],
        "type": TYPES[record["kind"]],
        "title": record["title"],
        "customer": Ref("customer", "key", record["customer_id"]),
        "owner": Ref("employee", "number", record["seller"]["number"]),
        "ordered_at": record["ordered_on"],
        "due_date": record["due_on"],
        "currency": code,
        "total": {"amount": str(record["total"]), "currency": code},
        "remark": record["remark"].strip(),
        "status": STATES[record["state"]],
        "custom": {**extra, "weight": str(extra["weight"]), "wanted_at": MOMENT(extra["wanted_at"])},
        "lines": [
            {
                LINE_KEY: line["id"],
                "product": Ref("product", "number", line["sku"]),
                "description": line["note"],
                "quantity": str(line["quantity"]),
                "unit": line["unit"],
                "unit_price": {"amount": str(line["price"]), "currency": code},
                "amount": {"amount": str(line["amount"]), "currency": code},
            }
            for line in record["lines"]
        ],
    }


def write_unchecked(entity: Mapping[str, Any]) -> dict[str, Any]:
    custom = entity["custom"]
    return {
        "company": entity["company"].text,
        "number": entity["number"],
        "kind": TYPES_OUT[entity["type"]],
        "title": entity["title"],
        "customer_id": entity["customer"].text,
        "seller": {"number": entity["owner"].text},
        "ordered_on": entity["ordered_at"],
        "due_on": entity["due_date"],
        "currency": entity["currency"],
        "total": Decimal(entity["total"]["amount"]),
        "remark": entity["remark"],
        "state": STATES_OUT[entity["status"]],
        "extra": {**custom, "weight": Decimal(custom["weight"]), "wanted_at": MOMENT_OUT(custom["wanted_at"])},
        "lines": [
            {
                "id": line[LINE_KEY],
                "sku": line["product"].text,
                "note": line["description"],
                "quantity": Decimal(line["quantity"]),
                "unit": line["unit"],
                "price": Decimal(line["unit_price"]["amount"]),
                "amount": Decimal(line["amount"]["amount"]),
            }
            for line in entity["lines"]
        ],
    }
