"""Our own values as an author writes them in a file (`default`, `const`, tests), checked and made canonical."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from hub.mapping.codecs import scalar_text
from hub.mapping.decimals import decimal_of, decimal_text, integer_of
from hub.mapping.faults import Fault
from hub.mapping.moments import day_of_canonical, instant_text, moment_of_canonical
from hub.mapping.shape import FieldType, Ref, RefBy

CURRENCY_LETTERS: Final = 3


def currency_code(raw: Any) -> str:
    if isinstance(raw, str):
        code = raw.strip()
        if len(code) == CURRENCY_LETTERS and code.isascii() and code.isalpha() and code.isupper():
            return code
    raise Fault("currency", value=raw)


def money(amount: str, currency: str) -> dict[str, str]:
    return {"amount": amount, "currency": currency}


def _money(literal: Any) -> dict[str, str]:
    if isinstance(literal, str):
        amount, _, currency = literal.rpartition(" ")
    elif isinstance(literal, dict) and literal.keys() == {"amount", "currency"}:
        amount, currency = literal["amount"], literal["currency"]
    else:
        raise Fault("money")
    return money(decimal_text(decimal_of(amount, "amount")), currency_code(currency))


def _date(literal: Any) -> str:
    return day_of_canonical(literal).isoformat()


def _bool(literal: Any) -> bool:
    if not isinstance(literal, bool):
        raise Fault("bool")
    return literal


_BY_TYPE: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": scalar_text,
    "enum": scalar_text,
    "integer": integer_of,
    "decimal": lambda literal: decimal_text(decimal_of(literal)),
    "money": _money,
    "date": _date,
    "instant": lambda literal: instant_text(moment_of_canonical(literal)),
    "bool": _bool,
}


def ref_to(ref: RefBy, text: str) -> Ref:
    kind, by, system = ref
    return Ref(kind, by, text, system)


def ref_of(literal: Any, ref: RefBy) -> Ref:
    """`customer:number:CUST001`, `customer:erp/number:CUST001`, or just the text where the line says the rest."""
    if isinstance(literal, Ref):
        return literal
    parts = literal.split(":", 2) if isinstance(literal, str) else []
    if len(parts) == 3 and parts[0] == ref[0]:
        system, _, by = parts[1].rpartition("/")
        return Ref(parts[0], by, parts[2], system)
    return ref_to(ref, scalar_text(literal, "ref"))


def canonical(type_: FieldType, literal: Any, *, values: tuple[str, ...] = (), ref: RefBy = ("", "", "")) -> Any:
    """The canonical value of what an author wrote. Raises Fault."""
    if literal is None:
        return None
    if type_ == "ref":
        return ref_of(literal, ref)
    value = _BY_TYPE[type_](literal)
    if values and value not in values:
        raise Fault("enum", known=", ".join(values))
    return value
