"""Values a person typed, as canonical values of a field; wrong ones get a sentence that says what is expected."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from hub.mapping.shape import Field


class WrongValue(ValueError):
    """A value the field cannot hold."""

    def __init__(self, sentence: str, zh: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh


def typed(field: Field, value: Any) -> Any:
    """The canonical value; empty text and None empty the field. Text is read by the field's type, other values pass
    when they have that type already."""
    if value is None or value == "":
        return None
    return _READERS[field.type](field, value)


def _text(_field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise WrongValue("text is expected", "应为文本")
    return value


def _integer(_field: Field, value: Any) -> int:
    number = _number(value)
    if number != number.to_integral_value():
        raise WrongValue(f"{value!r} is not a whole number", f"{value!r} 不是整数")
    return int(number)


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise WrongValue("a number is expected, such as 12.50", "应为数字，例如 12.50")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise WrongValue(
            f"{value!r} is not a number; write digits only, such as 12.50",
            f"{value!r} 不是数字，请只填数字，例如 12.50",
        )
    return number


def _plain(number: Decimal) -> str:
    return "0" if number == 0 else format(number.normalize(), "f")


def _decimal(_field: Field, value: Any) -> str:
    return _plain(_number(value))


def _money(_field: Field, value: Any) -> dict[str, str]:
    amount, currency = _money_parts(value)
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise WrongValue(
            f"{currency!r} is no currency; write amount and currency, such as 100.00 CNY",
            f"{currency!r} 不是币种，请填写金额和币种，例如 100.00 CNY",
        )
    return {"amount": _plain(_number(amount)), "currency": currency.upper()}


def _money_parts(value: Any) -> tuple[Any, str]:
    if isinstance(value, Mapping) and set(value) == {"amount", "currency"}:
        return value["amount"], str(value["currency"])
    parts = value.split() if isinstance(value, str) else []
    if len(parts) != 2:
        raise WrongValue(
            "write amount and currency, such as 100.00 CNY", "请填写金额和币种，中间空一格，例如 100.00 CNY"
        )
    return parts[0], parts[1]


def _date(_field: Field, value: Any) -> str:
    try:
        return date.fromisoformat(_text(_field, value).strip()).isoformat()
    except ValueError:
        raise WrongValue(
            f"{value!r} is not a date; write 2026-01-31", f"{value!r} 不是日期，请写成 2026-01-31"
        ) from None


def _instant(_field: Field, value: Any) -> str:
    try:
        moment = datetime.fromisoformat(_text(_field, value).strip())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise WrongValue(
            f"{value!r} is not a moment with its zone; write 2026-01-31T10:00:00+08:00",
            f"{value!r} 不是带时区的时间，请写成 2026-01-31T10:00:00+08:00",
        )
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_BOOLS: Final = {"true": True, "yes": True, "是": True, "false": False, "no": False, "否": False}


def _bool(_field: Field, value: Any) -> bool:
    found = value if isinstance(value, bool) else _BOOLS.get(str(value).strip().lower())
    if found is None:
        raise WrongValue(f"{value!r} is neither yes nor no", f"{value!r} 应为 是 或 否")
    return found


def _enum(field: Field, value: Any) -> str:
    if value not in (field.values or ()):
        allowed = field.values or ()
        raise WrongValue(f"{value!r} is none of {', '.join(allowed)}", f"{value!r} 不可用，可选：{'、'.join(allowed)}")
    return str(value)


def _ref(field: Field, value: Any) -> int:
    text = str(value).strip()
    if not text.isdecimal():
        raise WrongValue(
            f"{value!r} is not the hub's number of a {field.ref}; search for it and give its id",
            f"{value!r} 不是 {field.ref} 在本系统中的编号，请先搜索再填写编号",
        )
    return int(text)


def _object(_field: Field, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise WrongValue("an object with names and values is expected", "应为键值对")
    return dict(value)


def _list(_field: Field, value: Any) -> Any:
    raise WrongValue(
        "lines are corrected in their own system, or by correcting the record they came with",
        "明细行请在来源系统中修改，或更正带来它们的源记录",
    )


_READERS: Final[Mapping[str, Callable[[Field, Any], Any]]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "money": _money,
    "date": _date,
    "instant": _instant,
    "bool": _bool,
    "enum": _enum,
    "ref": _ref,
    "object": _object,
    "list": _list,
}
