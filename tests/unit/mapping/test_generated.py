"""The Python that mappings become: nothing an author writes is in it, and it ends whatever it is given."""

import ast
import time
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.mapping import ExpressionError, Field, RecordError, Shape, compile_expression, compile_mapping
from hub.mapping.emitter import Emitter
from hub.mapping.levels import MAX_ELEMENTS
from tests.unit.mapping.orders import RECORD, compiled, fields

OURS = {"here", "whole", "made", "creating", "wanted", "known", "raw", "at", "room", "fault", "error", "m"}
PYTHON = {"type", "dict", "list", "str", "int", "len", "enumerate"}
WORDS = {"", "\0", "amount", "currency"}


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every source that is compiled from here on."""
    seen: list[str] = []
    run = Emitter.run

    def watched(self: Emitter) -> dict[str, Any]:
        seen.append(self.source)
        return run(self)

    monkeypatch.setattr(Emitter, "run", watched)
    return seen


def assert_ours(source: str) -> None:
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, ast.Import | ast.ImportFrom | ast.Lambda | ast.ClassDef | ast.JoinedStr)
        if isinstance(node, ast.Name):
            numbered = node.id[0] in "kvfi" and node.id[1:].isdigit()
            assert numbered or node.id in OURS | PYTHON, node.id
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value in WORDS, node.value


def test_only_our_words_are_in_it(sources: list[str]) -> None:
    mapping = compiled()
    entity = mapping.read(RECORD).entity
    mapping.differences(mapping.write(entity, creating=False), RECORD)
    for text in ("a.b[*].c | [?d == 'x'].{y: e, z: concat(f, '!')}", 'sort_by(a, &b)[-1] || `{"k": [1]}`', "a.*.b[1:]"):
        compile_expression(text)
    assert len(sources) > 5
    for source in sources:
        assert_ours(source)


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn", "Co", "Zl", "Zp"]), min_size=1, max_size=12
).map(lambda text: f"x{text}")
HOSTILE = ["'", '"', "\\", "k1", "'); raise SystemExit #", '""" + 1 #', "__import__('os')", "{0}", "{here}", "x y", "é"]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _in_single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _lines(one: str, other: str, word: str) -> str:
    path, computed = f"{_quoted(one)}.{_quoted(other)}", f"{_quoted(one)}.{_quoted(other)} || {_quoted(word)}"
    return (
        f"remark: {_in_single(path)}\n"
        f"order_no: {{in: {_in_single(computed)}}}\n"
        f"custom.a: {{path: p, type: text, enum: {{{_in_single(word)}: {_in_single(other)}}}}}"
    )


@given(st.lists(st.one_of(st.sampled_from(HOSTILE), TEXTS), min_size=3, max_size=3, unique=True))
@settings(max_examples=150, deadline=None)
def test_the_source_is_the_same_whatever_the_author_writes(words: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        seen: list[str] = []
        run = Emitter.run
        patch.setattr(Emitter, "run", lambda self: (seen.append(self.source), run(self))[1])
        one, other, word = words
        found = fields(_lines(one, other, word)).read({"id": 1, one: {other: "v"}, "p": word}).entity
        assert found == {"remark": "v", "order_no": "v", "custom": {"a": other}}
        plain = fields(_lines("aa", "bb", "cc")).read({"id": 1, "aa": {"bb": "v"}, "p": "cc"}).entity
        assert plain == {"remark": "v", "order_no": "v", "custom": {"a": "bb"}}
        assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 60 + "a" + ")" * 60,
        "!" * 100 + "a",
        "a" + "[*]" * 100,
        "a" + "[]" * 200,
        "||".join(["a.b"] * 150),
        "[" * 60 + "a" + "]" * 60,
        "{a: " * 50 + "@" + "}" * 50,
        "a[?" * 40 + "b" + "]" * 40,
        "map(&" * 30 + "a" + ", @)" * 30,
    ],
)
def test_deep_expressions_compile_and_end(text: str) -> None:
    started = time.perf_counter()
    with suppress(ExpressionError):
        compile_expression(text)({"a": [[{"b": [1]}]]})
    assert time.perf_counter() - started < 2


def test_a_result_is_bounded() -> None:
    twice = "|".join(["[@, @]"] * 40)
    with pytest.raises(ExpressionError):
        compile_expression(twice)("x")
    assert compile_expression("[@, @] | [@, @]")("x") == [["x", "x"], ["x", "x"]]


def test_pythons_own_errors_are_told() -> None:
    with pytest.raises(ExpressionError):
        compile_expression("a > `1`")({"a": Decimal("sNaN")})


def test_too_many_lines_are_refused_both_ways() -> None:
    mapping = fields("lines: {each: l, fields: {note: n}}")
    most = [{"n": "x"}] * MAX_ELEMENTS
    assert len(mapping.read({"id": 1, "l": most}).entity["lines"]) == MAX_ELEMENTS
    for call in (
        lambda: mapping.read({"id": 1, "l": [*most, {}]}),
        lambda: mapping.write({"lines": [{"note": "x"}] * (MAX_ELEMENTS + 1)}, creating=True),
    ):
        with pytest.raises(RecordError) as caught:
            call()
        assert (caught.value.field, caught.value.rule) == ("lines", "too_many")


def test_lists_in_lists() -> None:
    inner = Field("text")
    for _ in range(8):
        inner = Field("list", fields={"x": inner, "note": Field("text")})
    text = "mapping: t.t\nkind: deep\nkey: id\nfields:\n"
    for depth in range(8):
        pad = "  " * (2 * depth + 1)
        text += f"{pad}x:\n{pad}  each: l\n{pad}  fields:\n{pad}    note: {{in: upper(n)}}\n"
    text += "  " * 17 + "x: v\n"
    mapping = compile_mapping(text, kinds=lambda _: Shape("deep", {"x": inner}), file="deep.yaml")
    record: Any = {"v": "end", "n": "a"}
    for _ in range(8):
        record = {"n": "a", "l": [{"n": "b", "l": []}, record]}
    found = mapping.read({"id": 1, **record}).entity
    for _ in range(8):
        found = found["x"][1]
    assert found == {"note": "A", "x": "end"}
    spoilt: Any = {"v": [], "n": 5}
    for _ in range(8):
        spoilt = {"n": "a", "l": [{}, spoilt]}
    with pytest.raises(RecordError) as caught:
        mapping.read({"id": 1, **spoilt})
    assert caught.value.field == ".".join(["x[1]"] * 8) + ".note"
    assert caught.value.path == ".".join(["l[1]"] * 8) + ".upper(n)"


def test_a_mapping_is_compiled_when_it_is_used_and_once(sources: list[str]) -> None:
    mapping = compiled()
    assert sources == []
    mapping.read(RECORD)
    made = len(sources)
    mapping.read(RECORD)
    assert len(sources) == made
