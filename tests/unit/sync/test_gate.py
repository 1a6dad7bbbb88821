"""One closed door is enough: what is claimed and not yet sent goes back, instead of failing record by record."""

from types import SimpleNamespace
from typing import Any

import pytest

from hub.sdk.errors import AuthFailed, Rejected, Throttled, Unavailable, Uncertain
from hub.sync.gate import DOUBTS, Gate
from hub.sync.outgoing import Outcome, Plan

ROW: Any = SimpleNamespace(id=1)
ENTITY: Any = SimpleNamespace(id=1)


def plan(stream: str = "orders", trial: str | None = None) -> Plan:
    sync: Any = SimpleNamespace(name="erp", stream=stream)
    return Plan(ROW, sync, ENTITY, trial=trial)


def came(gate: Gate, error: BaseException | None, of: Plan | None = None) -> Outcome:
    of = of or plan()
    return gate.passed(Outcome(ROW, of.sync, "failed" if error else "done", plan=of, error=error))


@pytest.mark.parametrize(
    ("error", "orders", "customers"),
    [
        (None, False, False),
        (Rejected("no"), False, False),
        (Uncertain("who knows"), False, False),
        (Unavailable("away"), True, True),
        (Throttled("slow down", scope="orders"), True, False),
        (AuthFailed("not you", scope="customers"), False, True),
        (AuthFailed("who are you"), True, True),
        (ZeroDivisionError("ours"), False, False),
    ],
)
def test_what_closes_it(error: BaseException | None, orders: bool, customers: bool) -> None:
    gate = Gate()
    assert not came(gate, error).breaks
    assert (gate.is_closed(plan("orders")), gate.is_closed(plan("customers"))) == (orders, customers)


def test_five_doubts_in_a_row_are_a_target_that_is_down() -> None:
    gate = Gate()
    assert [came(gate, Uncertain("?")).breaks for _ in range(DOUBTS)] == [False] * 4 + [True]
    assert gate.is_closed(plan("anything"))


def test_an_answer_between_them_begins_the_count_anew() -> None:
    gate = Gate()
    for error in [*[Uncertain("?")] * 4, None, *[Uncertain("?")] * 4, Rejected("no"), *[Uncertain("?")] * 4]:
        assert not came(gate, error).breaks
    came(gate, Throttled("later", scope="customers"))
    assert came(gate, Uncertain("?")).breaks, "to be sent away says nothing of the doubts"


def test_a_doubt_about_the_push_that_tries_the_door_keeps_it_shut() -> None:
    gate = Gate()
    assert came(gate, Uncertain("?"), plan(trial="")).breaks and gate.is_closed(plan())
