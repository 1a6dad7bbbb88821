"""The words of a message: a state is said as its field says it."""

import pytest

from hub.sync.message import fill


@pytest.mark.parametrize(
    ("field", "state", "zh", "en"),
    [
        ("payment_status", "partial", "部分收款", "partly paid"),
        ("shipping_status", "partial", "部分发货", "partly shipped"),
        ("shipping_status", "complete", "已发货", "shipped"),
        ("invoicing_status", "none", "未开票", "not invoiced"),
        ("status", "cancelled", "已作废", "cancelled"),
    ],
)
def test_states(field: str, state: str, zh: str, en: str) -> None:
    assert fill(f"{{{field}|zh}}/{{{field}|en}}", {field: state}) == f"{zh}/{en}"
    assert fill(f"{{order.{field}|zh}}", {"order": {field: state}}) == zh


def test_what_is_not_known_reads_as_a_dash_and_money_with_its_currency() -> None:
    assert fill("{paid} {owner.name}", {"paid": {"amount": "12.5", "currency": "CNY"}}) == "12.5 CNY -"
