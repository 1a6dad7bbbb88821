"""What is said when a source's records look otherwise: a field gone that all had is told, a field that comes and goes is
not, and what is told stops a flow only when the mapping cannot do without it."""

from typing import Any

import pytest

from hub.sync.sketch import (
    MOST_PATHS,
    MOST_WORDS,
    Difference,
    Facet,
    Needs,
    Sketch,
    differences,
    merged,
    names,
    sketch,
    weight,
)

ENUMS = frozenset({("state",), ("lines", "kind")})
NEEDS = Needs(
    required=frozenset({("id",), ("customer", "no")}),
    read=frozenset({("id",), ("customer", "no"), ("note",), ("lines", "kind")}),
    enums=ENUMS,
)


def drawn(*records: dict[str, Any]) -> Sketch:
    return sketch(records, ENUMS)


def told(known: Sketch, *records: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(each.path, each.what, each.before, each.after) for each in differences(known, drawn(*records))]


def test_a_page_is_drawn_by_path() -> None:
    found = drawn(
        {"id": 1, "state": "A", "customer": {"no": "C1"}, "lines": [{"kind": "x"}, {"kind": "y", "size": 2}]},
        {"id": "2", "state": None, "customer": None, "lines": []},
    )
    assert found == {
        "id": Facet(frozenset({"number", "text"}), always=True),
        "state": Facet(frozenset({"text"}), always=True, words=frozenset({"A"})),
        "customer": Facet(frozenset({"object"}), always=True),
        "customer.no": Facet(frozenset({"text"}), always=True),
        "lines": Facet(frozenset({"list"}), always=True),
        "lines[].kind": Facet(frozenset({"text"}), always=True, words=frozenset({"x", "y"})),
        "lines[].size": Facet(frozenset({"number"}), always=False),
    }
    assert [names(path) for path in found][-1] == ("lines", "size")


def test_a_field_that_all_had_is_missed_and_one_that_some_had_is_not() -> None:
    known = drawn({"id": 1, "note": "a", "old": "b"}, {"id": 2, "note": "c"})
    assert told(known, {"id": 3}) == [("note", "vanished", "text", "")]


def test_what_a_record_does_not_speak_of_is_not_missed_in_it() -> None:
    known = drawn({"customer": {"no": "1"}, "lines": [{"kind": "x"}]})
    assert told(known, {"customer": None, "lines": []}) == []
    assert told(known, {"customer": {}, "lines": [{"size": 1}]}) == [
        ("lines[].size", "added", "", "number"),
        ("customer.no", "vanished", "text", ""),
        ("lines[].kind", "vanished", "text", ""),
    ]


def test_of_a_new_object_only_itself_is_told() -> None:
    assert told(drawn({"id": 1}), {"id": 1, "address": {"city": "Xiamen"}}) == [("address", "added", "", "object")]


def test_another_type_and_a_new_word() -> None:
    known = drawn({"id": 1, "state": "A", "note": None})
    assert told(known, {"id": "1", "state": "B", "note": "x"}) == [
        ("id", "retyped", "number", "text"),
        ("state", "enum", "", "B"),
    ]
    assert told(known, {"id": None, "state": "A", "note": None}) == [], "null is no type"
    full = {"state": Facet(frozenset({"text"}), True, frozenset(str(n) for n in range(MOST_WORDS)))}
    assert told(full, {"state": "new"}) == [], "so many words are no enum"


def test_what_is_known_grows_and_forgets_nothing() -> None:
    first = drawn({"id": 1, "state": "A", "customer": {"no": "1"}})
    both = merged(first, drawn({"id": "x", "state": "B", "extra": 1, "customer": None}))
    assert both["id"].types == {"number", "text"} and both["state"].words == {"A", "B"}
    assert both["id"].always and not both["extra"].always, "not every record had it: it is new"
    assert both["customer.no"].always, "nobody spoke of what is in a customer"
    assert not merged(first, drawn({"id": 1}))["state"].always
    assert not merged(first, drawn({"customer": {"name": "x"}}))["customer.no"].always
    many = {f"p{number}": Facet(frozenset({"text"}), True) for number in range(MOST_PATHS + 5)}
    assert len(merged(many, {})) == MOST_PATHS


@pytest.mark.parametrize(
    ("path", "what", "change", "records", "expected"),
    [
        ("id", "vanished", ("text", ""), 5, "breaking"),
        ("id", "vanished", ("text", ""), 4, "warning"),  # so few are bad records
        ("customer", "vanished", ("object", ""), 5, "breaking"),  # what is needed lies inside it
        ("note", "vanished", ("text", ""), 5, "warning"),
        ("other", "vanished", ("text", ""), 5, "harmless"),
        ("id", "retyped", ("number", "text"), 5, "breaking"),
        ("id", "retyped", ("number", "text"), 4, "warning"),
        ("id", "retyped", ("number", "number/text"), 5, "warning"),
        ("note", "retyped", ("text", "number"), 5, "warning"),
        ("note", "retyped", ("text", "object"), 5, "breaking"),
        ("note", "retyped", ("list", "text"), 5, "breaking"),
        ("other", "retyped", ("text", "object"), 5, "harmless"),
        ("lines[].kind", "enum", ("", "z"), 1, "warning"),
        ("other", "enum", ("", "z"), 5, "harmless"),
        ("other", "added", ("", "text"), 5, "harmless"),
    ],
)
def test_what_follows(path: str, what: Any, change: tuple[str, str], records: int, expected: str) -> None:
    assert weight(Difference(path, what, *change), NEEDS, records) == expected
