"""The short way for new entities says what the merge says."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hub.canon.fresh import FirstWord, taken_whole
from hub.canon.kinds import Kinds
from hub.canon.merge import merge
from hub.canon.ownership import may_set

SHAPE = Kinds().shape("order")
VALUES = st.none() | st.text(max_size=3) | st.integers(0, 3) | st.booleans()
LINE = st.dictionaries(st.sampled_from(["_key", "quantity", "product", "name"]), VALUES, max_size=4)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "number": VALUES,
        "currency": VALUES,
        "total": st.none() | st.fixed_dictionaries({"amount": st.just("1"), "currency": st.just("CNY")}),
        "custom": st.none() | st.dictionaries(st.sampled_from(["region", "level"]), VALUES, max_size=2),
        "lines": st.none() | st.lists(LINE, max_size=3),
    },
)
RULES = st.dictionaries(
    st.sampled_from(["number", "currency", "total", "custom", "custom.region", "lines"]),
    st.sampled_from(["hub", "latest", "crm", "erp", ["crm", "erp"], ["erp", "bank"]]),
)


@given(RECORDS, RULES)
def test_it_says_what_the_merge_says(record: dict[str, Any], rules: dict[str, Any]) -> None:
    long = merge(SHAPE, {}, {}, record, allowed=lambda name: may_set(rules, name, "crm", None, None), line_ids={})
    short = taken_whole(record, FirstWord(rules, "crm"))
    assert (short.fields, short.changed, short.withheld, short.lines) == (
        long.fields,
        long.changed,
        long.withheld,
        long.lines,
    )


def test_the_lines_that_are_keyed_are_the_lines_that_are_written() -> None:
    """They get their ids when they are written, and the link must see them."""
    taken = taken_whole({"lines": [{"_key": "a", "quantity": "1"}]}, FirstWord({}, "crm"))
    assert taken.lines["lines"]["a"] is taken.fields["lines"][0]
