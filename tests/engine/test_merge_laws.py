"""The laws of the three-way merge, on generated entities: what one system did not say it does not undo."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.canon.merge import Merged, merge
from hub.db.kinds import parse_shape

SHAPE = parse_shape(
    "thing", {"a": "text", "b": "text", "c": "integer", "d": "money", "lines": [{"what": "text", "size": "decimal"}]}
)
NAMES = ("a", "b", "c", "d")
WORDS = st.sampled_from(["", "x", "y", "z"]).map(lambda word: word or None)
MONEY = st.none() | st.sampled_from(["1", "2"]).map(lambda amount: {"amount": amount, "currency": "CNY"})
FREE = st.dictionaries(st.sampled_from(["p", "q"]), WORDS)
FIELDS = st.fixed_dictionaries(
    {}, optional={"a": WORDS, "b": WORDS, "c": st.none() | st.integers(1, 3), "d": MONEY, "custom": FREE}
)
LINE = st.fixed_dictionaries({"what": st.sampled_from("uvw"), "size": st.sampled_from("123")})
KEYS = ("k1", "k2", "k3")
IDS = {"k1": 1, "k2": 2, "k3": 3}
QUICK = settings(max_examples=150, deadline=None)


def merged(current: Any, base: Any, new: Any, allowed: Any = lambda _name: True, ids: Any = None) -> Merged:
    given_before = copy.deepcopy((current, base, new))
    result = merge(SHAPE, current, base, new, allowed=allowed, line_ids={"lines": ids or {}})
    assert (current, base, new) == given_before, "arguments are not altered"
    return result


def full(fields: dict[str, Any]) -> dict[str, Any]:
    """An entity holds no None, nor an empty `custom`."""
    kept = {name: value for name, value in fields.items() if value is not None}
    free = {name: value for name, value in kept.pop("custom", {}).items() if value is not None}
    return {**kept, **({"custom": free} if free else {})}


@QUICK
@given(FIELDS.map(full), FIELDS)
def test_who_says_nothing_new_changes_nothing(current: dict[str, Any], record: dict[str, Any]) -> None:
    result = merged(current, record, record)
    assert result.changed == {} and result.fields == current and result.withheld == []


@QUICK
@given(FIELDS.map(full), FIELDS, FIELDS)
def test_who_may_set_nothing_changes_nothing(
    current: dict[str, Any], base: dict[str, Any], new: dict[str, Any]
) -> None:
    result = merged(current, base, new, allowed=lambda _name: False)
    assert result.changed == {} and result.fields == current


@QUICK
@given(FIELDS.map(full), FIELDS, FIELDS)
def test_what_one_changed_is_taken_and_the_rest_stays(
    current: dict[str, Any], base: dict[str, Any], new: dict[str, Any]
) -> None:
    result = merged(current, base, new)
    for name in NAMES:
        said = name in new and new[name] != base.get(name)
        assert result.fields.get(name) == (new[name] if said else current.get(name)), name
    for name in ("p", "q"):
        ours, theirs, before = (each.get("custom", {}) for each in (current, new, base))
        said = name in theirs and theirs[name] != before.get(name)
        assert result.fields.get("custom", {}).get(name) == (theirs[name] if said else ours.get(name)), name


@QUICK
@given(FIELDS.map(full), FIELDS, FIELDS)
def test_changed_is_exactly_the_difference(current: dict[str, Any], base: dict[str, Any], new: dict[str, Any]) -> None:
    result = merged(current, base, new)
    differing = {name for name in NAMES if current.get(name) != result.fields.get(name)}
    differing |= {
        f"custom.{name}"
        for name in ("p", "q")
        if current.get("custom", {}).get(name) != result.fields.get("custom", {}).get(name)
    }
    assert set(result.changed) == differing
    assert all(old != now for old, now in result.changed.values())


@QUICK
@given(FIELDS.map(full), FIELDS, FIELDS)
def test_a_record_that_was_merged_says_nothing_new(
    current: dict[str, Any], base: dict[str, Any], new: dict[str, Any]
) -> None:
    once = merged(current, base, new)
    assert merged(once.fields, new, new).changed == {}
    assert merged(once.fields, base, new).changed == {}, "not even when it is applied twice"


@QUICK
@given(FIELDS.map(full), FIELDS, FIELDS, st.sets(st.sampled_from(NAMES)))
def test_changes_of_different_fields_commute(
    current: dict[str, Any], left: dict[str, Any], right: dict[str, Any], mine: set[str]
) -> None:
    """Two systems that both knew `current` change different fields: whoever comes first, both survive."""
    a = {**current, **{name: value for name, value in left.items() if name in mine}}
    b = {**current, **{name: value for name, value in right.items() if name not in mine and name != "custom"}}
    one = merged(merged(current, current, a).fields, current, b)
    other = merged(merged(current, current, b).fields, current, a)
    assert one.fields == other.fields
    for name in NAMES:
        assert one.fields.get(name) == (a if name in mine else b).get(name)


LINES = st.lists(LINE, min_size=3, max_size=3)
EDITS = st.lists(st.none() | LINE, min_size=3, max_size=3)
"""What a system makes of each of three lines: another one, or None when it takes the line away."""


def keyed(lines: list[Any]) -> list[dict[str, Any]]:
    return [{"_key": key, **line} for key, line in zip(KEYS, lines, strict=True) if line is not None]


def ours(lines: list[Any]) -> list[dict[str, Any]]:
    return [{"_id": IDS[key], **line} for key, line in zip(KEYS, lines, strict=True) if line is not None]


def bare(lines: Any) -> list[tuple[Any, Any]]:
    return [(line.get("what"), line.get("size")) for line in lines or []]


@QUICK
@given(LINES, EDITS)
def test_lines_follow_the_one_who_changed_them(before: list[Any], after: list[Any]) -> None:
    result = merged({"lines": ours(before)}, {"lines": keyed(before)}, {"lines": keyed(after)}, ids=IDS)
    assert bare(result.fields.get("lines")) == bare(keyed(after))
    kept = {line["_id"] for line in result.fields.get("lines", [])}
    assert kept == {IDS[key] for key, line in zip(KEYS, after, strict=True) if line is not None}, "lines keep their ids"


@QUICK
@given(LINES, LINES, st.sets(st.sampled_from(range(3))), st.sets(st.sampled_from(range(3))))
def test_lines_that_two_systems_changed_both_survive(
    before: list[Any], after: list[Any], mine: set[int], gone: set[int]
) -> None:
    """One system changes some lines and takes some away, the other changes the rest: both are kept, in any order."""
    a = [None if n in gone & mine else after[n] if n in mine else before[n] for n in range(3)]
    b = [after[n] if n not in mine else before[n] for n in range(3)]
    start = {"lines": ours(before)}
    first = merged(merged(start, {"lines": keyed(before)}, {"lines": keyed(a)}, ids=IDS).fields,
                   {"lines": keyed(before)}, {"lines": keyed(b)}, ids=IDS)  # fmt: skip
    second = merged(merged(start, {"lines": keyed(before)}, {"lines": keyed(b)}, ids=IDS).fields,
                    {"lines": keyed(before)}, {"lines": keyed(a)}, ids=IDS)  # fmt: skip
    expected = [line for n, line in enumerate(after) if n not in gone & mine]
    assert bare(first.fields.get("lines")) == bare(expected)
    assert bare(second.fields.get("lines")) == bare(expected)


@QUICK
@given(LINES, LINE, LINE)
def test_lines_added_on_both_sides_are_both_there(before: list[Any], mine: Any, yours: Any) -> None:
    base = {"lines": keyed(before)}
    once = merged({"lines": ours(before)}, base, {"lines": [*keyed(before), {"_key": "new-a", **mine}]}, ids=IDS)
    once.fields["lines"][-1]["_id"] = 4
    both = merged(once.fields, base, {"lines": [*keyed(before), {"_key": "new-b", **yours}]}, ids=IDS)
    added = bare(both.fields["lines"])[3:]
    assert added == bare([mine] if mine == yours else [mine, yours])


def test_a_line_that_was_taken_away_comes_back_whole_when_the_other_side_changed_it() -> None:
    before = [{"what": "u", "size": "1"}, {"what": "v", "size": "2"}, {"what": "w", "size": "3"}]
    without = {"lines": ours([before[0], None, before[2]])}
    changed = [before[0], {"what": "v", "size": "9"}, before[2]]
    result = merged(without, {"lines": keyed(before)}, {"lines": keyed(changed)}, ids=IDS)
    assert bare(result.fields["lines"]) == [("u", "1"), ("w", "3"), ("v", "9")]
    untouched = merged(without, {"lines": keyed(before)}, {"lines": keyed(before)}, ids=IDS)
    assert untouched.changed == {}


@QUICK
@given(LINES)
def test_first_contact_pairs_lines_by_what_they_say(lines: list[Any]) -> None:
    """Both systems had the document already: no line is doubled, each keeps its id and gets its key."""
    result = merged({"lines": ours(lines)}, {}, {"lines": list(reversed(keyed(lines)))})
    assert result.changed == {}
    paired = {key: line["_id"] for key, line in result.lines["lines"].items()}
    assert sorted(paired.values()) == [1, 2, 3]
    assert all(lines[number - 1] == lines[IDS[key] - 1] for key, number in paired.items())
