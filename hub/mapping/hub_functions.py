"""The hub's own functions for expressions: few, documented in docs/mapping.md, null in gives null out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from stdnum.cn import uscc as stdnum_uscc
from stdnum.exceptions import ValidationError

from hub.mapping.functions import Function
from hub.mapping.grammar import ExpressionError
from hub.mapping.meter import bounded

_MOBILE: Final = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
_LANDLINE: Final = re.compile(r"(?:\+?86|0086)?(0[0-9]{2,3})([0-9]{7,8})")
_SERVICE: Final = re.compile(r"[48]00[0-9]{7}")
_DATE: Final = re.compile(r"([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})日?(?:[ T].*)?")


def _on_text(change: Callable[[str], Any]) -> Callable[[Any], Any]:
    def changed(value: Any) -> Any:
        return None if value is None else change(value)

    return changed


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def halfwidth(text: str) -> str:
    """Full-width letters, digits, signs and spaces become their plain forms."""
    return "".join(_HALF.get(character, character) for character in text)


_HALF: Final[Mapping[str, str]] = {
    "\u3000": " ",
    **{chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF01, 0xFF5F)},
}


def _digits(text: str) -> str:
    return "".join(character for character in halfwidth(text) if character in "0123456789")


def _uscc(text: str) -> str:
    try:
        return str(stdnum_uscc.validate(halfwidth(text).strip()))
    except ValidationError:
        raise ExpressionError(
            "不是有效的统一社会信用代码：请核对", "is not a valid unified social credit code; check it"
        ) from None


def _phone_cn(text: str) -> str:
    bare = re.sub(r"[\s()\-.]", "", halfwidth(text))
    if mobile := _MOBILE.fullmatch(bare):
        return mobile[1]
    if landline := _LANDLINE.fullmatch(bare):
        # Area codes are 010 and 02x with three digits, all others with four.
        whole = landline[1] + landline[2]
        area = 3 if whole[1] in "12" else 4
        return f"{whole[:area]}-{whole[area:]}"
    if _SERVICE.fullmatch(bare):
        return bare
    raise ExpressionError("不是中国的电话号码：请核对", "is not a Chinese phone number; check it")


def _date(text: Any, form: Any = None) -> str | None:
    if text is None:
        return None
    try:
        if form is not None:
            return datetime.strptime(text.strip(), form).date().isoformat()  # noqa: DTZ007  # a day has no zone
        found = _DATE.fullmatch(halfwidth(text).strip())
        if found:
            return datetime(*(int(part) for part in found.groups())).date().isoformat()  # type: ignore[arg-type]  # noqa: DTZ001
    except (ValueError, re.error):
        pass
    raise ExpressionError("不是日期：请核对，或写明格式", "is not a date; check it, or state its format")


def _concat(*values: Any) -> str:
    parts = [_plain(value) for value in values if value is not None]
    bounded(sum(map(len, parts)))
    return "".join(parts)


def _replace(text: Any, old: str, new: str) -> Any:
    if text is None or not old:
        return text
    bounded(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None and value != ""), None)


def _first(values: Any) -> Any:
    return None if values is None else next((value for value in values if value is not None), None)


_DIGITS: Final[Mapping[str, int]] = {
    **{character: index for index, character in enumerate("零一二三四五六七八九")},
    **{character: index for index, character in enumerate("〇壹贰叁肆伍陆柒捌玖")},
    "两": 2,
    "貳": 2,
    "參": 3,
    "陸": 6,
    "兩": 2,
}
_TENS: Final[Mapping[str, int]] = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_GROUPS: Final[Mapping[str, int]] = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
# 三万五 is 35000 when spoken and 30005 when written carelessly: nobody can tell.
_SPOKEN: Final = re.compile("[百佰千仟万萬亿億][^零〇十拾百佰千仟万萬亿億]$")
_CENTS: Final[Mapping[str, Decimal]] = {"角": Decimal("0.1"), "分": Decimal("0.01")}


def _no_number(text: str) -> ExpressionError:
    return ExpressionError(f"不是中文数字：{text[:20]}", f"is not a Chinese number: {text[:20]}")


def _chinese_whole(text: str) -> int:
    if _SPOKEN.search(text):
        raise _no_number(text)
    total = group = 0
    digit: int | None = None
    for character in text:
        if character in _DIGITS:
            if digit:
                raise _no_number(text)
            digit = _DIGITS[character]
        elif character in _TENS:
            group += (1 if digit is None else digit) * _TENS[character]
            digit = None
        else:
            unit = _GROUPS.get(character)
            if unit is None:
                raise _no_number(text)
            part = group + (digit or 0)
            total = (total + part) * unit if unit > total else total + part * unit
            group, digit = 0, None
    return total + group + (digit or 0)


def chinese_number(text: str) -> Decimal:
    """一千二百三十四 or 壹仟贰佰叁拾肆元伍角整 as a number."""
    bare = re.sub(r"\s|人民币|[整正]$", "", text)
    if not bare or len(bare) > 60:
        raise _no_number(text)
    whole, _, cents = re.sub("[圆圓块]", "元", bare).rpartition("元")
    if not whole and "角" not in cents and "分" not in cents:
        whole, cents = cents, ""
    amount = Decimal(_chinese_whole(whole))
    for digit, unit in re.findall("(.)([角分])", cents):
        if digit not in _DIGITS:
            raise _no_number(text)
        amount += _DIGITS[digit] * _CENTS[unit]
    if re.sub("零|(.)([角分])", "", cents):
        raise _no_number(text)
    return amount


_TEXT: Final = ("string", "null")
_SCALAR: Final = ("string", "number", "null")

HUB: Final[Mapping[str, Function]] = {
    "chinese_number": Function(_on_text(chinese_number), (_TEXT,)),
    "coalesce": Function(_coalesce, ((),), variadic=True),
    "concat": Function(_concat, (_SCALAR,), variadic=True),
    "date": Function(_date, (_TEXT, ("string",)), optional=1),
    "digits": Function(_on_text(_digits), (_TEXT,)),
    "first": Function(_first, (("array", "null"),)),
    "halfwidth": Function(_on_text(halfwidth), (_TEXT,)),
    "lower": Function(_on_text(str.lower), (_TEXT,)),
    "phone_cn": Function(_on_text(_phone_cn), (_TEXT,)),
    "replace": Function(_replace, (_TEXT, ("string",), ("string",))),
    "trim": Function(_on_text(str.strip), (_TEXT,)),
    "upper": Function(_on_text(str.upper), (_TEXT,)),
    "uscc": Function(_on_text(_uscc), (_TEXT,)),
}
