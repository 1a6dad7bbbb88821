"""What people read: words in two languages, tables, proof chains, corrections."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click
import pytest

from hub.canon.explain import Step
from hub.cli import render
from hub.cli.desk import pairs
from hub.cli.explaining import lines, show
from hub.cli.words import say, state

STEP: dict[str, Any] = {
    "depth": 0,
    "kind": "order",
    "entity_id": 7,
    "name": "SO-1",
    "field": "payment_status",
    "value": "paid",
    "before": "partial",
    "change": 42,
    "version": 5,
    "at": datetime(2026, 11, 22, 2, 0, tzinfo=UTC),
    "who": "bank",
    "connection": "bank",
    "stream": "transactions",
    "key": "T1",
    "path": "amount",
    "raw": Decimal("100.00"),
    "mapping": "bank.transactions",
    "mapping_version": 3,
    "receipt": 9,
    "file": "2026-11.xml",
    "reason": "SO-1 named",
}


def test_a_step_names_value_change_record_mapping_and_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_LANG", "en")
    text = "\n".join(lines(Step(**STEP)))
    assert "order SO-1 · payment_status: partial → paid" in text
    assert "change 42 v5" in text and "bank" in text
    assert "from bank transactions T1 · mapping bank.transactions v3" in text
    assert "raw amount = 100.00" in text
    assert "file 2026-11.xml" in text and "receipt 9" in text and "reason SO-1 named" in text


def test_a_created_entity_tells_what_it_is() -> None:
    step = Step(**{**STEP, "field": None, "value": {"number": "P-1", "amount": {"amount": "5", "currency": "CNY"}}})
    assert next(iter(lines(step))).endswith("number P-1, amount 5 CNY")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "—"), ({"amount": "5", "currency": "CNY"}, "5 CNY"), ("x", "x"), (3, "3")],
)
def test_values_are_shown_as_people_write_them(value: Any, shown: str) -> None:
    assert show(value) == shown


def test_the_language_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUB_LANG", raising=False)
    assert (say("好", "good"), state("parked")) == ("好  good", "待人工处理 parked")
    assert say("长" * 90, "long") == "长" * 90
    monkeypatch.setenv("HUB_LANG", "en")
    assert (say("好", "good"), state("parked")) == ("good", "parked")


def test_json_keeps_amounts_exact_and_leaves_bytes_out(capsys: pytest.CaptureFixture[str]) -> None:
    render.listing([{"id": 1, "seconds": Decimal("0.10"), "body": b"x"}], ("id",), True)
    assert capsys.readouterr().out == '[{"id":1,"seconds":"0.10"}]\n'


def test_a_table_shows_brackets_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    render.listing([{"id": 1, "path": "[red]lines[0]"}], ("id", "path"), False)
    assert "[red]lines[0]" in capsys.readouterr().out


def test_corrections_are_names_and_values() -> None:
    assert pairs(("a.b=1=2", "c=")) == {"a.b": "1=2", "c": ""}
    with pytest.raises(click.UsageError):
        pairs(("nonsense",))
