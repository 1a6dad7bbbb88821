"""Lines without a key, late records nobody asked about, and two lines that look the same."""

from typing import Any

from hub.canon.merge import merge, pair_lines
from hub.db.kinds import parse_shape

SHAPE = parse_shape("thing", {"items": [{"what": "text", "size": "decimal"}]})


def test_a_line_without_a_key_is_known_by_none() -> None:
    """Else the next line without a key would be taken for this one."""
    new = {"items": [{"what": "u"}, {"_key": "k", "what": "v"}]}
    result = merge(SHAPE, {}, {}, new, allowed=lambda _name: True, line_ids={})
    assert [line["what"] for line in result.fields["items"]] == ["u", "v"]
    assert list(result.lines["items"]) == ["k"]


def test_a_list_is_late_only_when_somebody_says_so() -> None:
    new = {"items": [{"_key": "k", "what": "u"}]}
    result = merge(SHAPE, {}, {}, new, allowed=lambda _name: False, line_ids={})
    assert (result.withheld, result.late, result.fields) == (["items"], set(), {})


def test_two_equal_lines_are_two() -> None:
    """Two positions with the same product: the second must not be written over the first."""
    ours: list[dict[str, Any]] = [{"_id": 1, "what": "u", "size": "1"}, {"_id": 2, "what": "u", "size": "1"}]
    new = [{"_key": "a", "what": "u", "size": "1"}, {"_key": "b", "what": "u", "size": "1"}]
    assert pair_lines(ours, new, {}) == ours
    assert pair_lines(ours[:1], new, {}) == [ours[0], None]


def test_free_fields_that_say_nothing_new_do_not_hide_those_that_do() -> None:
    current = {"custom": {"p": "1"}}
    new = {"custom": {"p": "1", "q": "2"}}
    asked: list[str] = []
    result = merge(SHAPE, current, {}, new, allowed=lambda name: not asked.append(name), line_ids={})
    assert result.changed == {"custom.q": (None, "2")} and asked == ["custom.q"]
