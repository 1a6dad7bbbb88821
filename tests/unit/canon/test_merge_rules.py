"""Merging and ownership, case by case: who may set what, and what becomes of lines."""

from datetime import UTC, datetime
from typing import Any

import pytest

from hub.canon.entity import Entity
from hub.canon.merge import Merged, merge, pair_lines
from hub.canon.ownership import may_set, stamp_of
from hub.db.kinds import parse_shape

SHAPE = parse_shape("thing", {"a": "text", "n": "integer", "items": [{"what": "text", "size": "decimal"}]})
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
TOLD = "2026-11-22T02:00:00.000000+00:00"
BEFORE = {"items": [{"_id": 1, "what": "u", "size": "1"}, {"_id": 2, "what": "v", "size": "2"}]}
BASE = {"items": [{"_key": "k1", "what": "u", "size": "1"}, {"_key": "k2", "what": "v", "size": "2"}]}
IDS = {"items": {"k1": 1, "k2": 2}}


def no(_name: str) -> bool:
    return False


def yes(_name: str) -> bool:
    return True


def of(current: Any, base: Any, new: Any, allowed: Any = yes, late: Any = no, ids: Any = None) -> Merged:
    return merge(SHAPE, current, base, new, allowed=allowed, line_ids=IDS if ids is None else ids, late=late)


def line(number: int, **changes: Any) -> dict[str, Any]:
    return {**BASE["items"][number], **changes}


# --- one value -----------------------------------------------------------------------------------------------------


def test_only_what_differs_from_before_is_offered() -> None:
    result = of({"a": "x"}, {"a": "y"}, {"a": "y"})
    assert (result.fields, result.changed, result.withheld) == ({"a": "x"}, {}, [])


def test_a_change_that_may_not_be_is_told() -> None:
    result = of({"a": "x"}, {"a": "x"}, {"a": "z"}, no)
    assert (result.fields, result.changed, result.withheld) == ({"a": "x"}, {}, ["a"])
    assert of({"a": "z"}, {"a": "x"}, {"a": "z"}, no).withheld == [], "it is so already"


def test_an_emptied_value_goes() -> None:
    result = of({"a": "x", "n": 1}, {"a": "x"}, {"a": None})
    assert result.fields == {"n": 1} and result.changed == {"a": ("x", None)}


def test_free_fields_are_merged_one_by_one() -> None:
    current = {"custom": {"p": "1", "q": "2", "r": "3"}}
    result = of(current, current, {"custom": {"p": None, "q": "9", "r": "8"}}, lambda name: name != "custom.r")
    assert result.fields == {"custom": {"q": "9", "r": "3"}}
    assert result.changed == {"custom.p": ("1", None), "custom.q": ("2", "9")} and result.withheld == ["custom.r"]


# --- lines ---------------------------------------------------------------------------------------------------------


def test_a_list_that_may_not_be_set_keeps_its_keys() -> None:
    result = of(BEFORE, BASE, {"items": [line(0, size="7"), line(1)]}, no)
    assert result.fields == BEFORE and result.withheld == ["items"] and result.changed == {} and result.late == set()
    assert {key: each["_id"] for key, each in result.lines["items"].items()} == {"k1": 1, "k2": 2}
    assert of(BEFORE, BASE, BASE, no).withheld == []


def test_a_late_list_counts_where_nobody_else_spoke() -> None:
    theirs = {"items": [{"_id": 1, "what": "u", "size": "5"}, {"_id": 2, "what": "v", "size": "2"}]}
    new = {"items": [line(0, size="7"), line(1, size="8"), {"_key": "k3", "what": "w", "size": "3"}]}
    result = of(theirs, BASE, new, no, yes)
    said = [(each["what"], each["size"]) for each in result.fields["items"]]
    assert said == [("u", "5"), ("v", "8"), ("w", "3")]
    assert result.late == {"items"} and result.withheld == [] and "items" in result.changed
    assert of(theirs, BASE, new, yes, yes).late == set(), "in time it is not late"


def test_a_late_list_takes_away_only_what_nobody_touched() -> None:
    touched = {"items": [{"_id": 1, "what": "u", "size": "5"}, {"_id": 2, "what": "v", "size": "2"}]}
    result = of(touched, BASE, {"items": []}, no, yes)
    assert [each["_id"] for each in result.fields["items"]] == [1]
    assert of(touched, BASE, {"items": []}).fields["items"] == []


def test_a_late_list_does_not_bring_back_what_was_taken_away() -> None:
    without = {"items": BEFORE["items"][:1]}
    changed = {"items": [line(0), line(1, size="9")]}
    assert of(without, BASE, changed, no, yes).changed == {}
    assert [each["size"] for each in of(without, BASE, changed).fields["items"]] == ["1", "9"]


def test_a_value_of_a_line_is_emptied() -> None:
    result = of(BEFORE, BASE, {"items": [line(0, size=None), line(1)]})
    assert result.fields["items"][0] == {"_id": 1, "what": "u"}
    old, new = result.changed["items"]
    assert old == BEFORE["items"] and new == result.fields["items"]


def test_the_first_lines_come_from_nothing() -> None:
    result = of({}, {}, {"items": [{"_key": "k9", "what": "u"}]}, ids={})
    assert result.changed == {"items": (None, [{"what": "u"}])} and result.lines["items"]["k9"] == {"what": "u"}


@pytest.mark.parametrize(
    ("ids", "new", "paired"),
    [
        ({}, {"what": "u", "size": "9"}, 1),  # at first contact the most alike will do
        ({"other": 3}, {"what": "u", "size": "9"}, None),  # later only one that says nothing else
        ({"other": 3}, {"what": "u", "size": "1"}, 1),
        ({"k": 1}, {"_key": "k", "what": "x", "size": "y"}, 1),
        ({"k": 5}, {"_key": "k", "what": "u", "size": "1"}, None),  # its line was taken away
        ({"other": 1}, {"what": "u", "size": "1"}, None),  # that one is somebody else's already
        ({}, {"what": "x", "size": "y"}, None),
        ({}, {"what": None, "size": "2"}, 2),
    ],
)
def test_lines_are_paired(ids: dict[str, int], new: dict[str, Any], paired: int | None) -> None:
    (found,) = pair_lines(BEFORE["items"], [new], ids)
    assert (found and found["_id"]) == paired


def test_another_product_is_another_line() -> None:
    ours = [{"_id": 1, "product": 7, "size": "1"}, {"_id": 2, "product": 8, "size": "1"}]
    (found,) = pair_lines(ours, [{"product": 8, "size": "1"}], {})
    assert found is ours[1]
    assert pair_lines(ours, [{"product": 9, "size": "1"}], {}) == [None]
    flags = [{"_id": 1, "flag": True, "size": "1"}]
    assert pair_lines(flags, [{"flag": False, "size": "1"}], {}) == flags, "a flag is no reference"


# --- who may -------------------------------------------------------------------------------------------------------


def entity(fields: dict[str, Any] | None = None, **setters: tuple[str, str | None]) -> Entity:
    return Entity(1, "thing", 1, "left", {"a": "x", "custom": {"p": "1"}} if fields is None else fields, setters)


@pytest.mark.parametrize(
    ("rule", "who", "of", "stamp", "may"),
    [
        ("hub", "left", entity(), None, False),
        ("hub", "left", None, None, False),
        (None, "left", entity(), None, True),
        (None, "right", entity(), None, False),
        (None, "right", entity({}), None, True),
        (None, "right", entity({"a": []}), None, True),
        (None, "right", entity({"a": {"amount": "1"}}), None, False),
        (None, "right", entity({"a": {}}), None, True),
        (None, "right", entity({"a": ""}), None, True),
        (None, "right", entity(a=("right", None)), None, True),
        (None, "right", None, None, True),
        ("latest", "right", None, None, True),
        (["left"], "right", None, None, False),
        (["left"], "left", None, None, True),
        ("latest", "right", entity(), None, True),
        ("latest", "right", entity(a=("left", "5")), "4", False),
        ("latest", "right", entity(a=("left", "5")), "5", True),
        ("latest", "right", entity(a=("left", "5")), None, True),
        ("latest", "left", entity(a=("left", "5")), "4", True),
        ("right", "right", entity(), None, True),
        (["right", "left"], "left", entity(a=("right", None)), None, False),
        (["right", "left"], "left", entity(a=("left", None)), None, True),
        (["right", "left"], "right", entity(a=("left", None)), None, True),
        (["right", "left"], "left", entity({}, a=("right", None)), None, True),
        (["right", "left"], "left", entity(a=("person:anna", None)), None, True),
        (["right"], "left", entity({}), None, False),
    ],
)
def test_who_may_set_a_field(rule: Any, who: str, of: Entity | None, stamp: str | None, may: bool) -> None:
    assert may_set({} if rule is None else {"a": rule}, "a", who, of, stamp) is may


def test_a_rule_for_all_free_fields_or_for_one() -> None:
    assert may_set({"custom": ["right"]}, "custom.p", "right", entity(), None)
    assert not may_set({"custom.p": ["left"], "custom": ["right"]}, "custom.p", "right", entity(), None)
    assert may_set({}, "custom.q", "right", entity(), None), "empty"
    assert may_set({}, "custom.q", "right", entity({}), None), "nothing free at all"
    assert not may_set({}, "custom.p", "right", entity(), None)


@pytest.mark.parametrize(
    ("version", "stamp"),
    [
        (None, None),
        ("7", TOLD),
        ("not a time", TOLD),
        ("2026-11-22 02:00:00Z?", TOLD),
        ("nonsenseZ", TOLD),
        ("2026-11-22T01:00:00", TOLD),
        ("1000000000000000", TOLD),
        ("2026-11-22T01:00:00Z", "2026-11-22T01:00:00.000000+00:00"),
        ("2099-01-01T00:00:00Z", TOLD),
        ("1700000000", "2023-11-14T22:13:20.000000+00:00"),
        ("1700000000500", "2023-11-14T22:13:20.500000+00:00"),
        ("1000000000", "2001-09-09T01:46:40.000000+00:00"),
        ("1000000000000", "2001-09-09T01:46:40.000000+00:00"),
        ("999999999", TOLD),
    ],
)
def test_a_version_that_is_a_time_is_compared_as_one(version: str | None, stamp: str | None) -> None:
    assert stamp_of(version, NOW) == stamp
