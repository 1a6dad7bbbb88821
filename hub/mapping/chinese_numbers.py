"""Chinese numerals and 大写金额, read and written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from hub.mapping.grammar import ExpressionError

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
_LONGEST: Final = 60

MAX_WRITTEN: Final = 10**16
_PLAIN: Final = ("零一二三四五六七八九", ("", "十", "百", "千"))
_FORMAL: Final = ("零壹贰叁肆伍陆柒捌玖", ("", "拾", "佰", "仟"))


def _no_number(text: str) -> ExpressionError:
    return ExpressionError(f"不是中文数字：{text[:20]}", f"is not a Chinese number: {text[:20]}")


def _whole(text: str) -> int:
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
    """一千二百三十四, 十二点五 or 壹仟贰佰叁拾肆元伍角整 as a number."""
    bare = re.sub(r"\s|人民币|[整正]$", "", text) if len(text) <= 2 * _LONGEST else ""
    if not bare or len(bare) > _LONGEST:
        raise _no_number(text)
    if bare[0] in "负負":
        return -chinese_number(bare[1:])
    number, point, fraction = bare.partition("点")
    if point:
        return _with_fraction(number, fraction, text)
    whole, _, cents = re.sub("[圆圓块]", "元", bare).rpartition("元")
    if not whole and "角" not in cents and "分" not in cents:
        whole, cents = cents, ""
    amount = Decimal(_whole(whole))
    for digit, unit in re.findall("(.)([角分])", cents):
        if digit not in _DIGITS:
            raise _no_number(text)
        amount += _DIGITS[digit] * _CENTS[unit]
    if re.sub("零|(.)([角分])", "", cents):
        raise _no_number(text)
    return amount


def _with_fraction(number: str, fraction: str, text: str) -> Decimal:
    if not number or not fraction or any(digit not in _DIGITS for digit in fraction):
        raise _no_number(text)
    return Decimal(f"{_whole(number)}.{''.join(str(_DIGITS[digit]) for digit in fraction)}")


def _group(number: int, letters: str, tens: tuple[str, ...]) -> str:
    """Four digits; a 零 for any run of zeros between two others, and before the first."""
    written = ""
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit:
            written += letters[digit] + tens[place]
        elif not written.endswith("零"):
            written += "零"
    return written.rstrip("零")


def _written(number: int, style: tuple[str, tuple[str, ...]]) -> str:
    letters, tens = style
    if not number:
        return letters[0]
    over, rest = divmod(number, 10**8)
    high, low = divmod(rest, 10**4)
    text = (_written(over, style) + "亿" if over else "") + (_group(high, letters, tens) + "万" if high else "")
    if over and not high and low >= 10**3:
        text += "零"  # 一亿零五千; a group that begins with zeros has its 零 already
    text += _group(low, letters, tens)
    return text if over else text.removeprefix("零")


def _exact(number: Decimal) -> tuple[int, str]:
    """The whole part and the digits behind the point; refuses what is too long to write."""
    if abs(number) >= MAX_WRITTEN or number.adjusted() < -_LONGEST:
        raise ExpressionError("数字过大，无法写成中文", "the number is too long to be written in Chinese")
    whole, _, fraction = format(abs(number), "f").partition(".")
    return int(whole), fraction.rstrip("0")


def chinese_numeral(number: Decimal) -> str:
    """1234 as 一千二百三十四."""
    whole, fraction = _exact(number)
    text = _written(whole, _PLAIN)
    if text.startswith("一十"):
        text = text.removeprefix("一")
    if fraction:
        text += "点" + "".join(_PLAIN[0][int(digit)] for digit in fraction)
    return _sign(number) + text


def chinese_amount(number: Decimal) -> str:
    """1234.5 as 壹仟贰佰叁拾肆元伍角整."""
    whole, fraction = _exact(number)
    if len(fraction) > 2:
        raise ExpressionError("金额多于两位小数：请先用 round", "has more than two decimals; round it first")
    jiao, fen = (int(digit) for digit in fraction.ljust(2, "0"))
    letters = _FORMAL[0]
    text = _written(whole, _FORMAL) + "元" if whole or not (jiao or fen) else ""
    if jiao:
        text += letters[jiao] + "角"
    elif fen and text:
        text += "零"
    return _sign(number) + text + (letters[fen] + "分" if fen else "整")


def _sign(number: Decimal) -> str:
    return "负" if number < 0 else ""
