"""What is known of a record after a push: else the next pull would take our own words for somebody's change."""

from types import SimpleNamespace
from typing import Any

import pytest

from hub.mapping import CompiledMapping
from hub.sdk.records import Push, Pushed
from hub.sync.keep import known_after, unread
from hub.sync.outgoing import Plan
from tests.unit.mapping.orders import compiled

MAPPING = compiled("mapping: m\nkind: order\nkey: id\nfields:\n  order_no: no\n  remark: note\n")
KNOWN = {"id": "7", "no": "N1", "note": "old"}


def plan(action: Any, record: dict[str, Any], known: dict[str, Any] | None, mapping: CompiledMapping = MAPPING) -> Plan:
    link: Any = SimpleNamespace(known=known) if known is not None else None
    sync: Any = SimpleNamespace(mapping=mapping)
    row: Any = SimpleNamespace(id=1)
    entity: Any = SimpleNamespace(id=1)
    push = Push(action=action, record=record, reference="order-1", idempotency_key="i", key="7", known=known)
    return Plan(row, sync, entity, link=link, push=push, wanted=record)


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        (None, {**KNOWN, "note": "new"}),  # laid over what was known
        ({**KNOWN, "note": "new"}, {**KNOWN, "note": "new"}),
        ({**KNOWN, "note": "new", "no": "N2"}, {**KNOWN, "note": "new"}),  # somebody's N2 is still to be read
    ],
)
def test_after_a_change(answer: dict[str, Any] | None, known: dict[str, Any]) -> None:
    changed = plan("update", {"note": "new"}, KNOWN)
    assert known_after(changed, Pushed("7", answer), MAPPING) == known
    more = answer is not None and answer != known
    assert unread(changed, Pushed("7", answer)) == (answer if more else None)


def test_after_a_create_without_an_answer_it_is_what_was_sent() -> None:
    created = plan("create", {"no": "N1", "note": "x"}, None)
    assert known_after(created, Pushed("7", None), MAPPING) == {"no": "N1", "note": "x"}


def test_after_an_end_it_is_what_the_target_says() -> None:
    ended = plan("cancel", {}, KNOWN)
    assert known_after(ended, Pushed("7", {**KNOWN, "note": "cancelled"}), MAPPING) == {**KNOWN, "note": "cancelled"}
