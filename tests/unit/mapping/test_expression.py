"""JMESPath: the official cases, positions of errors, bounds, and what an expression reads."""

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.mapping import ExpressionError, compile_expression
from hub.mapping.expression import parse_expression
from tests.support.results import write_result


def test_official_cases(samples: Path) -> None:
    failed = []
    count = 0
    for file in sorted((samples / "jmespath").glob("*.json")):
        for group in json.loads(file.read_text("utf-8"), parse_float=Decimal):
            for case in group["cases"]:
                count += 1
                if not _agrees(group["given"], case):
                    failed.append((file.name, case["expression"]))
    write_result("mapping-compliance", {"cases": count, "agree": count - len(failed), "disagree": len(failed)})
    assert failed == []
    assert count > 850


def _agrees(given: Any, case: dict[str, Any]) -> bool:
    try:
        found = compile_expression(case["expression"])(given)
    except ExpressionError:
        return "error" in case
    return "error" not in case and ("result" not in case or found == case["result"])


@pytest.mark.parametrize(
    ("text", "position"),
    [("a.b[", 4), ("a ! b", 2), ("trim(", 5), ("a.b..c", 4), ("a.`x", 2), ("", 0), ("a = b", 2)],
)
def test_syntax_errors_say_where(text: str, position: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text)
    assert caught.value.position == position
    assert caught.value.zh


@pytest.mark.parametrize("text", ["nothing(a)", "length(a, b)", "a[::0]", "join(',')"])
def test_wrong_calls_are_found_when_compiled(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(text)


def test_literals_are_exact() -> None:
    found = compile_expression("`0.1234567890123456789`")(None)
    assert found == Decimal("0.1234567890123456789")
    assert isinstance(found, Decimal)


@pytest.mark.parametrize(
    "text",
    ["a" * 5000, "[" * 65 + "a" + "]" * 65, "!" * 3000 + "a", "`" + "[" * 2000 + "]" * 2000 + "`", "`NaN`a"],
)
def test_too_large_expressions_are_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        compile_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "|".join(["[@,@][]"] * 60),
        "|".join(["[@,@]"] * 60) + "|to_string(@)",
        "|".join(["[@,@]"] * 60) + "| length(@) == `2` && to_string([@, @])",
        "|".join(["{a: @, b: @}"] * 60) + "|to_string(@)",
        "|".join(["concat(@,@)"] * 60),
        "|".join(["replace(@, 'x', 'xxxxxxxxxx')"] * 30),
        "|".join(["join('', [@,@,@,@])"] * 30),
    ],
)
def test_work_is_bounded(text: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ExpressionError):
        compile_expression(text)("x")
    assert time.perf_counter() - started < 1


def test_huge_exponents_do_no_harm() -> None:
    with pytest.raises(ExpressionError):
        compile_expression("ceil(@)")(Decimal("1E+999999999"))
    assert compile_expression("abs(@)")(Decimal("-123456789012345678901234567890.5")) == Decimal(
        "123456789012345678901234567890.5"
    )


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("a.b.c", {("a", "b", "c")}),
        ("a.b || c", {("a", "b"), ("c",)}),
        ("lines[?a == 'x'].b | [0]", {("lines",)}),
        ("concat(a, '-', b.c)", {("a",), ("b", "c")}),
        ("{x: a, y: b}.x", {("a",), ("b",)}),
        ("type(@)", {()}),
        ("(type == 'A') && code", {("type",), ("code",)}),
        ("map(&a, list)", {("list",)}),
        ("a[0].b", {("a",)}),
        ("'x'", set()),
        ("a.b | c", {("a", "b", "c")}),
        ("*.a", {()}),
    ],
)
def test_reads(text: str, reads: set[tuple[str, ...]]) -> None:
    assert set(parse_expression(text).reads) == reads


def test_numbers_and_texts_are_not_compared() -> None:
    assert compile_expression("a < b")({"a": 1, "b": "2"}) is None
    assert compile_expression("a == b")({"a": 1, "b": True}) is False
    assert compile_expression("sum(@)")([Decimal("0.1"), 2, Decimal("1e-6")]) == Decimal("2.100001")
    assert compile_expression("avg(@)")([1, 2]) == Decimal("1.5")
