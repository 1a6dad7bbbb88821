"""The hub's own functions in expressions."""

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from hub.mapping import ExpressionError, compile_expression
from hub.mapping.chinese_numbers import chinese_amount, chinese_number, chinese_numeral
from hub.mapping.hub_functions import HUB


@pytest.mark.parametrize(
    ("text", "value", "result"),
    [
        ("trim(@)", "  x ", "x"),
        ("upper(@)", "ab", "AB"),
        ("lower(@)", "AB", "ab"),
        ("halfwidth(@)", "（ＡＢ１２）　。", "(AB12) 。"),
        ("digits(@)", "No. １２-34", "1234"),
        ("concat(a, '-', b, `2`)", {"a": "x", "b": None}, "x-2"),
        ("replace(@, ',', '')", "1,234", "1234"),
        ("coalesce(a, b, c)", {"a": None, "b": "", "c": 0}, 0),
        ("first(@)", [None, "x"], "x"),
        ("first(@)", None, None),
        ("uscc(@)", " 91110000600037341l ", "91110000600037341L"),
        ("phone_cn(@)", "+86 138-0013-8000", "13800138000"),
        ("phone_cn(@)", "（010）12345678", "010-12345678"),
        ("phone_cn(@)", "0571-87654321", "0571-87654321"),
        ("phone_cn(@)", "400-123-4567", "4001234567"),
        ("date(@)", "2026年1月31日", "2026-01-31"),
        ("date(@)", "20260131", "2026-01-31"),
        ("date(@)", "2026/1/31 08:00", "2026-01-31"),
        ("date(@, '%d.%m.%Y')", "31.01.2026", "2026-01-31"),
        ("chinese_number(@)", "壹仟贰佰叁拾肆元伍角整", Decimal("1234.5")),
        ("chinese_number(@)", "人民币壹佰万零伍仟元整", Decimal("1005000")),
        ("chinese_number(@)", "壹元零伍分", Decimal("1.05")),
        ("chinese_number(@)", "一亿二千万", Decimal("120000000")),
        ("chinese_number(@)", "十二", Decimal("12")),
        ("chinese_number(@)", "十二点零五", Decimal("12.05")),
        ("chinese_number(@)", "负叁元贰角整", Decimal("-3.2")),
        ("chinese_amount(@)", 0, "零元整"),
        ("chinese_amount(@)", Decimal("0.05"), "伍分"),
        ("chinese_amount(@)", Decimal("1.05"), "壹元零伍分"),
        ("chinese_amount(@)", "107000.53", "壹拾万柒仟元伍角叁分"),
        ("chinese_amount(@)", Decimal("-16409.02"), "负壹万陆仟肆佰零玖元零贰分"),
        ("chinese_amount(@)", 100010000, "壹亿零壹万元整"),
        ("chinese_numeral(@)", 0, "零"),
        ("chinese_numeral(@)", 12, "十二"),
        ("chinese_numeral(@)", 100000, "十万"),
        ("chinese_numeral(@)", 100005000, "一亿零五千"),
        ("chinese_numeral(@)", Decimal("12.50"), "十二点五"),
        ("fullwidth(@)", "(AB12) 。", "（ＡＢ１２）\u3000。"),
        ("split(@, '-')", "a--b", ["a", "", "b"]),
        ("substring(@, '-2')", "abc", "bc"),
        ("substring(@, '1', '99')", "abc", "bc"),
        ("pad(@, '2')", "abc", "abc"),
        ("concat(@)", Decimal("12.50"), "12.50"),
        ("concat(@)", Decimal("1E+3"), "1000"),
        ("add(@, '0.20')", Decimal("0.1"), Decimal("0.3")),
        ("add(@, '1')", Decimal("99999999.00000000000000000001"), Decimal("100000000.00000000000000000001")),
        ("multiply(@, @)", Decimal("123456789.123456789"), Decimal("15241578780673678.515622620750190521")),
        ("divide(`1`, @)", 3, Decimal("0.333333333333")),
        ("divide(`2`, @, '0')", 4, 1),
        ("round(@, '2')", Decimal("1.005"), Decimal("1.01")),
        ("round(@)", Decimal("-2.5"), -3),
        ("number(@)", "￥ 1，234.50 元", Decimal("1234.5")),
        ("format_date(@, '%d/%m/%y')", "2026-01-31", "31/01/26"),
        ("format_date(@, '%Y%m%d')", "2026-01-31", "20260131"),
        ("format_date(@, '%Y/%m/%d')", "0900-01-05", "0900/01/05"),
        ("format_date(@, '%%Y %Y')", "0007-01-05", "%Y 0007"),
        ("add_days(@, '-31')", "2026-01-31", "2025-12-31"),
        ("add_months(@, '-2')", "2026-01-31", "2025-11-30"),
        ("add_months(@, '1')", "2024-01-31", "2024-02-29"),
        ("month_end(@)", "20240203", "2024-02-29"),
        ("days_between(@, '2026-01-01')", "2026-01-31", -30),
    ],
)
def test_result(text: str, value: Any, result: Any) -> None:
    assert compile_expression(text)(value) == result


@pytest.mark.parametrize("name", sorted(HUB.keys() - {"concat", "coalesce", "lookup"}))
def test_null_stays_null(name: str) -> None:
    rest = {"replace": ", 'a', 'b'", "split": ", 'a'", "format_date": ", '%Y'"}.get(name)
    needed = len(HUB[name].takes) - HUB[name].optional
    assert compile_expression(f"{name}(@{rest or ', @' * (needed - 1)})")(None) is None


def amounts() -> Iterator[Decimal]:
    random = Random(1)
    for _ in range(3000):
        digits = [c if random.random() < 0.6 else "0" for c in str(random.randrange(10 ** random.randrange(1, 17)))]
        yield Decimal(int("".join(digits))).scaleb(-2)


def test_chinese_numbers_read_back_as_they_were_written() -> None:
    for amount in amounts():
        assert chinese_number(chinese_amount(amount)) == amount
        assert chinese_number(chinese_numeral(amount)) == amount
        assert chinese_number(chinese_numeral(amount * 100)) == amount * 100


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("uscc(@)", "911100006000373410"),
        ("phone_cn(@)", "12345"),
        ("date(@)", "2026-02-30"),
        ("date(@)", "yesterday"),
        ("date(@, '%Q')", "2026-01-31"),
        ("chinese_number(@)", "三万五"),
        ("chinese_number(@)", "二〇二六"),
        ("chinese_number(@)", "若干"),
        ("chinese_number(@)", "负"),
        ("chinese_number(@)", "十二点"),
        ("chinese_number(@)", "点五"),
        ("chinese_amount(@)", Decimal("1.005")),
        ("chinese_amount(@)", 10**16),
        ("chinese_numeral(@)", Decimal("1E+999999")),
        ("chinese_numeral(@)", Decimal("1E-999999")),
        ("add(@, '1')", "1,000"),
        ("add(@, '1')", True),
        ("add(@, '1')", Decimal("1E+99")),
        ("multiply(@, @)", Decimal("1E+29")),
        ("divide(@, '0')", 1),
        ("divide(@, '3', '99')", 1),
        ("round(@, '-1')", 15),
        ("round(@, '1.5')", 15),
        ("number(@)", "about 5"),
        ("split(@, '')", "ab"),
        ("substring(@, 'x')", "ab"),
        ("pad(@, '9999999')", "ab"),
        ("pad(@, '5', 'xx')", "ab"),
        ("format_date(@, '%B')", "2026-01-31"),
        ("format_date(@, '%')", "2026-01-31"),
        ("add_days(@, '99999999')", "2026-01-31"),
        ("add_days(@, '0.5')", "2026-01-31"),
        ("add_months(@, '99999999')", "2026-01-31"),
        ("add_months(@, '-99999')", "2026-01-31"),
        ("days_between(@, 'soon')", "2026-01-31"),
        ("trim(@)", 3),
        ("concat(@)", {"a": 1}),
    ],
)
def test_what_cannot_be_is_an_error_in_two_languages(text: str, value: Any) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)(value)
    assert caught.value.zh
    assert caught.value.en
