"""Words that people read or type: each says what the glossary says, and none is missing from a list."""

import pytest

from hub.mapping.shape import Field
from hub.sync import health
from hub.sync.attempt import PERHAPS_CREATED, PERHAPS_SENT
from hub.sync.disputes import DISPUTED
from hub.sync.message import OF_FIELD, WORDS, fill
from hub.sync.overlook import WORST_FIRST
from hub.sync.troubles import QUESTIONS
from hub.sync.typed import typed

STATES = {
    "none": ("未开始", "none"),
    "complete": ("已完成", "complete"),
    "unpaid": ("未收款", "unpaid"),
    "partial": ("部分收款", "partly paid"),
    "paid": ("已收清", "paid"),
    "overpaid": ("多收", "overpaid"),
    "open": ("未收款", "open"),
    "settled": ("已结清", "settled"),
    "draft": ("草稿", "draft"),
    "confirmed": ("已审核", "confirmed"),
    "cancelled": ("已作废", "cancelled"),
}
STEPS = ("none", "partial", "complete")


@pytest.mark.parametrize("state", STATES)
def test_a_state_in_a_message(state: str) -> None:
    assert fill("{status|zh} {status|en} {status}", {"status": state}) == " ".join([*STATES[state], state])


@pytest.mark.parametrize(("field", "said"), [("shipping_status", "ship"), ("invoicing_status", "invoic")])
def test_shipping_and_invoicing_have_words_of_their_own(field: str, said: str) -> None:
    told = [fill(f"{{{field}|en}}|{{{field}|zh}}", {field: state}) for state in STEPS]
    assert len(set(told)) == 3 and all(said in one for one in told)
    assert not [one for one in told if WORDS["partial"][0] in one], "not a word of payments"
    assert set(OF_FIELD[field]) == set(STEPS)


def test_every_health_has_its_place_in_the_list_and_the_worst_is_first() -> None:
    """A word without a place would be sorted among the failing ones."""
    said = dict.fromkeys(word for word, _ in health._WORDS)
    assert set(said) == set(WORST_FIRST) and len(WORST_FIRST) == len(set(WORST_FIRST))
    assert list(WORST_FIRST) == ["failing", "behind", "drifting", "paused", "observing", "unverified", "reconciled"]


def test_what_asks_a_person_is_no_failure() -> None:
    """Else the owner hears that a sync fails, where it only waits for an answer."""
    asking = {DISPUTED, PERHAPS_CREATED.error_class, PERHAPS_SENT.error_class, "Held", "Ambiguous", "NobodyToTell"}
    assert asking == QUESTIONS


@pytest.mark.parametrize(("yes", "no"), [("true", "false"), ("Yes", "no"), ("是", "否"), (" TRUE ", "No")])
def test_yes_and_no_as_people_type_them(yes: str, no: str) -> None:
    assert typed(Field("bool"), yes) is True and typed(Field("bool"), no) is False
