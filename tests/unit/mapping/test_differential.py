"""100,000 random pairs of an expression and a record: our closures and the jmespath library give the same.

What makes the comparison fair: the library gets floats where we get Decimals, so numbers with a point are whole eighths,
which both hold exactly, and a number of ours must be the library's to the bit once it is made a float. What we do otherwise
on purpose is RULES; a pair in which one of them decides is counted apart, and compared with the library corrected by
that rule alone."""

from __future__ import annotations

import re
import time
from collections import Counter
from decimal import Decimal
from random import Random
from typing import Any, Final

import jmespath
import pytest
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from jmespath.visitor import Options, TreeInterpreter

from hub.mapping import ExpressionError, compile_expression
from hub.mapping.functions import STANDARD
from tests.support.expressions import FAILED, Grower, record, with_floats
from tests.support.productions import PRODUCTIONS, productions
from tests.support.results import write_result

PAIRS: Final = 100_000
RECORDS: Final = 600
EACH: Final = 9
"""Records each expression is run over: the one it was grown on, and others."""
LEAST: Final = 100

RULES: Final = {
    "order": "'a' < `1` is null, as the specification says; the library fails with Python's TypeError",
    "contains": "contains('a', `1`) is false; the library fails with Python's TypeError",
    "truth": "[0] and [false] differ, as they do outside a list; in Python 0 == False",
    "to_number": "a text is a number when JSON would call it one; the library takes Python's int(' 1_0 ')",
    "spelling": "to_string(avg([`2`, `4`])) is '3', a mean has up to 28 digits, and 1e2 stays 1E+2; a float's text is Python's",
}
CORRECTED: Final = RULES.keys() - {"spelling"}
_JSON_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")


def strictly_equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(strictly_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(strictly_equal(one[key], other[key]) for key in one)
    return bool(one == other)


class _Called(Functions):
    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle

    def call_function(self, function_name: str, resolved_args: list[Any]) -> Any:
        watch = getattr(self, f"watch_{function_name}", None)
        answer = watch(*resolved_args) if watch is not None and resolved_args else FAILED
        if answer is FAILED or not self.oracle.corrected:
            answer = super().call_function(function_name, resolved_args)
        self.oracle.called.add(function_name)
        return answer

    def watch_contains(self, subject: Any, search: Any = None, *_: Any) -> Any:
        if isinstance(subject, str) and not isinstance(search, str):
            self.oracle.notes.add("contains")
            return False
        if isinstance(subject, list) and (search in subject) != any(strictly_equal(search, one) for one in subject):
            self.oracle.notes.add("truth")
            return False
        return FAILED

    def watch_to_number(self, text: Any, *_: Any) -> Any:
        if isinstance(text, str) and not _JSON_NUMBER.fullmatch(text) and self._func_to_number(text) is not None:
            self.oracle.notes.add("to_number")
            return None
        return FAILED

    def watch_to_string(self, subject: Any = None, *_: Any) -> Any:
        # The library's own spelling stands; only a pair that differs is looked at again.
        if _has_float(subject) and self.oracle.called & {"avg", "to_number"}:
            self.oracle.notes.add("spelling")
        return FAILED


class Oracle(TreeInterpreter):  # type: ignore[misc]  # jmespath ships no types
    """The library itself, which besides says which of the rules above decided; `corrected` follows them."""

    def __init__(self) -> None:
        super().__init__(Options(custom_functions=_Called(self)))
        self.notes: set[str] = set()
        self.called: set[str] = set()
        self.corrected = False
        self.COMPARATOR_FUNC = {
            sign: self._equality(sign) if sign in self._EQUALITY_OPS else self._order(sign)
            for sign in TreeInterpreter.COMPARATOR_FUNC
        }

    def _order(self, sign: str) -> Any:
        theirs = TreeInterpreter.COMPARATOR_FUNC[sign]

        def order(one: Any, other: Any) -> Any:
            if isinstance(one, str) != isinstance(other, str):
                self.notes.add("order")
                if self.corrected:
                    return None
            return theirs(one, other)

        return order

    def _equality(self, sign: str) -> Any:
        theirs = TreeInterpreter.COMPARATOR_FUNC[sign]

        def equality(one: Any, other: Any) -> Any:
            answer, strict = theirs(one, other), strictly_equal(one, other) is (sign == "eq")
            if answer != strict:
                self.notes.add("truth")
            return strict if self.corrected else answer

        return equality

    def search(self, tree: Any, data: Any, corrected: bool = False) -> Any:
        self.notes, self.called, self.corrected = set(), set(), corrected
        try:
            return self.visit(tree, data)
        except (JMESPathError, TypeError, ValueError):
            return FAILED


def ours(run: Any, data: Any) -> Any:
    try:
        return run(data)
    except ExpressionError:
        return FAILED


def same(mine: Any, theirs: Any) -> bool:
    """Equal as JSON; a number of ours is never a float, and the library's float is the one nearest to it."""
    if isinstance(theirs, float):
        return type(mine) in (int, Decimal) and float(mine) == theirs
    if type(mine) is Decimal:
        return type(theirs) is int and mine == theirs
    if type(mine) is not type(theirs):
        return False
    if isinstance(mine, list):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    if isinstance(mine, dict):
        return list(mine) == list(theirs) and all(same(mine[key], theirs[key]) for key in mine)
    return bool(mine == theirs)


def _has_float(data: Any) -> bool:
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return isinstance(data, float) or any(map(_has_float, inner))


class Comparison:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.by_rule: Counter[str] = Counter()
        self.productions: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()
        self.differences: list[str] = []
        self.oracle = Oracle()

    def expression(self, text: str, pairs: list[tuple[Any, Any]]) -> None:
        """One expression over records: each exact for us, with floats for the library."""
        tree = jmespath.compile(text).parsed
        run, uses = compile_expression(text), productions(text, tree)
        self.counts["expressions"] += 1
        for exact, floats in pairs:
            self._pair(text, tree, run, uses, exact, floats)

    def _pair(self, text: str, tree: Any, run: Any, uses: set[str], exact: Any, floats: Any) -> None:
        theirs, mine = self.oracle.search(tree, floats), ours(run, exact)
        called, notes = self.oracle.called, self.oracle.notes
        if notes & CORRECTED:
            self.by_rule.update(notes & CORRECTED)
            theirs = self.oracle.search(tree, floats, corrected=True)
            notes |= self.oracle.notes
        if not same(mine, theirs):
            if "spelling" in notes:
                self.by_rule["spelling"] += 1
            else:
                self.differences.append(f"{text}\n  {exact}\n  {mine} not {theirs}")
        elif not notes & CORRECTED:
            self.counts["pairs"] += 1
            self.counts["errors" if mine is FAILED else "null" if mine is None else "found"] += 1
            self.productions.update(uses)
            self.functions.update(called if mine is not FAILED else ())

    def report(self, seconds: float) -> dict[str, Any]:
        least = {name: min(counter.values()) for name, counter in self._used().items()}
        return {
            **self.counts,
            "differences": len(self.differences),
            "by_rule": dict(self.by_rule),
            "least": least,
            "productions": dict(sorted(self.productions.items())),
            "functions": dict(sorted(self.functions.items())),
            "seconds": round(seconds, 1),
        }

    def _used(self) -> dict[str, Counter[str]]:
        return {"production": self.productions, "function": self.functions}


def test_agrees_with_the_library() -> None:
    random, comparison, started = Random(20261122), Comparison(), time.perf_counter()
    records = [(one, with_floats(one)) for one in (record(random) for _ in range(RECORDS))]
    grower, seen = Grower(random), set()
    while comparison.counts["pairs"] < PAIRS:
        grown_on, *others = random.sample(range(RECORDS), EACH)
        text = grower.expression(records[grown_on][1])
        if text not in seen:
            seen.add(text)
            comparison.expression(text, [records[index] for index in (grown_on, *others)])
    report = comparison.report(time.perf_counter() - started)
    write_result("mapping-differential", report)
    assert comparison.differences == []
    assert comparison.counts["found"] * 2 >= comparison.counts["pairs"]
    assert {name: count for name, count in comparison.productions.items() if count < LEAST} == {}
    assert set(comparison.productions) == PRODUCTIONS
    assert {name: comparison.functions[name] for name in STANDARD if comparison.functions[name] < LEAST} == {}
    assert set(comparison.functions) == set(Functions.FUNCTION_TABLE)
    assert comparison.counts["expressions"] >= 10_000
    assert sum(comparison.by_rule.values()) < PAIRS / 50


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("sum(nums)", lambda data: float(sum(data["nums"]))),
        ("sum(nums)", lambda data: sum(data["nums"]) + Decimal("0.5")),
        ("nums[0] == nums[0]", lambda data: 1),
        ("sort(words)", lambda data: data["words"]),
        ("nums[9]", lambda data: FAILED),
        ("keys(@)", sorted),
        ("length(n)", lambda data: None),
    ],
)
def test_the_comparison_sees_what_is_wrong(text: str, wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"nums": [Decimal("1.5"), 2], "words": ["b", "a"], "n": 1}
    right, spoilt = Comparison(), Comparison()
    right.expression(text, [(data, with_floats(data))])
    monkeypatch.setattr(f"{__name__}.compile_expression", lambda _: wrong)
    spoilt.expression(text, [(data, with_floats(data))])
    assert (len(right.differences), len(spoilt.differences)) == (0, 1)
