"""Texts in expressions: widths, parts, and numbers people are known by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from stdnum.cn import uscc as stdnum_uscc
from stdnum.exceptions import ValidationError

from hub.mapping.arithmetic import number_of, whole_of
from hub.mapping.grammar import ExpressionError
from hub.mapping.meter import bounded, charge

_MOBILE: Final = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
_LANDLINE: Final = re.compile(r"(?:\+?86|0086)?(0[0-9]{2,3})([0-9]{7,8})")
_SERVICE: Final = re.compile(r"[48]00[0-9]{7}")
_HALF: Final[Mapping[int, str]] = {
    0x3000: " ",
    **{code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF01, 0xFF5F)},
}
_FULL: Final[Mapping[int, str]] = {ord(plain): chr(full) for full, plain in _HALF.items()}
_NO_DIGITS: Final = re.compile("[^0-9]+")
_LONGEST: Final = 64
"""Of codes and telephone numbers: what is longer is none, and its rest not looked at."""


def halfwidth(text: str) -> str:
    """Full-width letters, digits, signs and spaces become their plain forms."""
    charge(len(text) >> 1)
    return text.translate(_HALF)


def fullwidth(text: str) -> str:
    """Plain letters, digits, signs and spaces become full-width."""
    charge(len(text) >> 1)
    return text.translate(_FULL)


def digits(text: str) -> str:
    return _NO_DIGITS.sub("", halfwidth(text))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def uscc(text: str) -> str:
    try:
        return str(stdnum_uscc.validate(halfwidth(_short(text)).strip()))
    except ValidationError:
        raise ExpressionError(
            "不是有效的统一社会信用代码：请核对", "is not a valid unified social credit code; check it"
        ) from None


def phone_cn(text: str) -> str:
    bare = re.sub(r"[\s()\-.]", "", halfwidth(_short(text)))
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


def _plain(value: Any) -> str:
    """Numbers as their digits stand, without an exponent."""
    if isinstance(value, Decimal):
        return format(number_of(value), "f")
    return str(value)


def concat(*values: Any) -> str:
    parts = [_plain(value) for value in values if value is not None]
    bounded(sum(map(len, parts)))
    return "".join(parts)


def replace(text: Any, old: str, new: str) -> Any:
    if text is None or not old:
        return text
    bounded(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def split(text: Any, separator: str) -> list[str] | None:
    if text is None:
        return None
    if not separator:
        raise ExpressionError("split 的分隔符不能为空", "split() needs a separator")
    charge(text.count(separator) << 1)
    parts: list[str] = text.split(separator)
    return parts


def substring(text: Any, start: Any, end: Any = None) -> str | None:
    """Counted from 0; negative from the end; `end` is not part of it."""
    if text is None or start is None:
        return None
    found: str = text[whole_of(start) : None if end is None else whole_of(end)]
    bounded(len(found))
    return found


def pad(text: Any, width: Any, fill: str = " ") -> str | None:
    """Filled up on the left, on the right where the width is negative."""
    if text is None or width is None:
        return None
    if len(fill) != 1:
        raise ExpressionError("pad 只能用一个字符填充", "pad() fills with one character")
    plain, wide = concat(text), whole_of(width)
    bounded(abs(wide))
    return plain.ljust(-wide, fill) if wide < 0 else plain.rjust(wide, fill)
