"""The hub's own functions in expressions."""

from decimal import Decimal
from typing import Any

import pytest

from hub.mapping import ExpressionError, compile_expression


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
    ],
)
def test_result(text: str, value: Any, result: Any) -> None:
    assert compile_expression(text)(value) == result


@pytest.mark.parametrize(
    "name", ["trim", "upper", "lower", "halfwidth", "digits", "uscc", "phone_cn", "date", "chinese_number", "first"]
)
def test_null_stays_null(name: str) -> None:
    assert compile_expression(f"{name}(@)")(None) is None


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
        ("trim(@)", 3),
        ("concat(@)", {"a": 1}),
    ],
)
def test_what_cannot_be_is_an_error_in_two_languages(text: str, value: Any) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)(value)
    assert caught.value.zh
    assert caught.value.en
