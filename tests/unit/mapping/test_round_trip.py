"""Lines that read what they write must come to rest: those that do not are shown with the record and the values."""

import time

import pytest

from hub.mapping import Problem, check_mapping, compile_mapping, round_trip
from hub.mapping.settling import settling
from tests.support.shipped import NAMES, given, text_of
from tests.unit.mapping.orders import fields, kinds

JOINED = "join(' ', [FNote, FRemark])"
GROWS = {
    f'remark: {{in: "{JOINED}", out: FNote}}': "remark",
    f'remark: {{in: "{JOINED}", out: {{path: FNote, value: remark}}}}': "remark",
    f'remark: {{in: "{JOINED}", out: {{FNote: remark}}}}': "remark",
    "remark: {in: \"concat(n, '-', m)\", out: [m, other]}": "remark",
    'remark: {in: "concat(n, m)", out: n, when: copies}': "remark",
    'remark: {in: "concat(n, m)", out: n, only: change}': "remark",
    'custom.all: {type: text, in: "concat(a.b, a.c)", out: a.c}': "custom.all",
    'lines: {each: l, key: k, fields: {note: {in: "concat(n, m)", out: n}}}': "lines.fields.note",
    'lines: {each: l, key: {path: k, as: number}, fields: {note: {in: "concat(n, m)", out: m}}}': "lines.fields.note",
    # By a detour over another line.
    "remark: {in: \"concat(x, '!')\", out: z}\norder_no: {in: z, out: x}": "remark",
    # The line itself is a plain path, but what it writes comes from another field.
    "remark: {in: \"concat(x, '!')\"}\norder_no: {in: w, out: {path: x, value: remark}}": "remark",
}
NEVER_RESTS = {
    "copies: {in: 'sum([n, `1`])', out: n}": "copies",
    'rate: {in: "sum([r, s])", out: r}': "rate",
    'total: {in: "sum([t, u])", currency: c, out: t}': "total",
    'rush: {in: "!flag", out: flag}': "rush",
    "remark: {in: reverse(code), out: code}": "remark",
    "remark: {in: a, out: b}\norder_no: {in: b, out: a}": "order_no",
}
UNREADABLE = {
    "ordered_at: {in: \"date(day, '%Y%m%d')\", out: day}": "ordered_at",
    "total: {in: chinese_number(t), currency: c, out: t}": "total",
    "custom.tags: {type: text, in: \"join(',', tags)\", out: tags}": "custom.tags",
}
RESTS = [
    "remark: {in: trim(note), out: note}",
    "remark: {in: \"replace(a, '-', '')\", out: a}",
    "remark: {in: upper(a), out: a}",
    'remark: {in: "coalesce(n, m)", out: n}',
    'remark: {in: "n || m", out: [n, m]}',
    'remark: {in: "first([n, m])", out: n}',
    "remark: {in: uscc(code), out: code}",
    "remark: {in: digits(phone), out: phone}",
    'remark: {in: "concat(n, m)", out: other}',
    'remark: {in: "concat(n, m)", out: n, only: create}',
    # The condition itself ends it.
    "remark: {in: \"concat(n, '!')\", out: n, when: \"!contains(remark, '!')\"}",
    'remark: {in: "concat(x, y)", out: z}\norder_no: {in: z, out: w}',
    "remark: {in: a, out: b}\norder_no: {in: b, out: c}",
    # The other part is emptied with the same write.
    "remark: {in: \"trim(concat(n, ' ', m))\", out: [n, {path: m, value: \"''\", type: text}]}",
    'ordered_at: {in: "date(day)", out: day}',
    "ordered_at: {in: \"date(day, '%Y%m%d')\", out: {path: day, value: \"replace(ordered_at, '-', '')\", type: text}}",
    "copies: {in: to_number(n), out: {path: n, as: text}}",
    'rate: {in: "abs(r)", out: r}',
    "status: {in: \"c == 'B' && 'closed' || s\", out: s, enum: {Z: draft, A: draft, B: confirmed, closed: closed}}",
    'status: {in: "s || t", out: s, enum: {Z: draft, A: draft}, unknown: pass}',
    "rush: {in: \"flag == 'Y'\", out: {path: flag, value: \"rush && 'Y' || 'N'\", type: text}}",
    'seller: {ref: employee, by: key, in: "owner[0]", out: {path: owner, value: seller}}',
    'lines: {each: l, key: k, fields: {note: {in: trim(n), out: n}, quantity: {in: "q || p", out: q}}}',
]


def problems(line: str) -> list[tuple[str, str]]:
    return [(problem.rule, problem.path) for problem in round_trip(fields(line))]


@pytest.mark.parametrize("rule", ["grows", "unsettled", "unreadable"])
def test_what_never_rests_is_refused(rule: str) -> None:
    table = {"grows": GROWS, "unsettled": NEVER_RESTS, "unreadable": UNREADABLE}[rule]
    for line, path in table.items():
        assert (rule, f"fields.{path}") in problems(line), line


@pytest.mark.parametrize("line", RESTS)
def test_what_comes_to_rest_is_let_alone(line: str) -> None:
    assert problems(line) == []


def test_growth_is_shown_step_by_step() -> None:
    (problem,) = round_trip(fields(f'order_no: no\nremark: {{in: "{JOINED}", out: FNote}}'))
    assert (problem.line, problem.path, problem.rule) == (6, "fields.remark", "grows")
    assert problem.value == "'a b' → 'a b b' → 'a b b b'"
    assert problem.sentence_zh.startswith("会越写越长：'a b' → 'a b b' → 'a b b b'。")
    assert '{"FNote": "a", "FRemark": "b"} 读出 \'a b\'，写入 FNote 后读出 \'a b b\'' in problem.sentence_zh
    assert problem.sentence_en.startswith("grows with every write: 'a b' → 'a b b' → 'a b b b'.")
    assert "written to FNote it reads as 'a b b', written again as 'a b b b'" in problem.sentence_en


def test_the_steps_are_true() -> None:
    """The same steps by the mapping's own read, write and overlay."""
    mapping = fields(f'remark: {{in: "{JOINED}", out: FNote}}')
    record = {"id": 1, "FNote": "a", "FRemark": "b"}
    seen = []
    for _ in range(3):
        entity = mapping.read(record).entity
        seen.append(entity["remark"])
        record = mapping.overlay(record, mapping.write(entity, creating=False))
    assert seen == ["a b", "a b b", "a b b b"]


def test_checking_refuses_it() -> None:
    text = f'mapping: t.t\nkind: order\nkey: id\nfields:\n  remark: {{in: "{JOINED}", out: FNote}}\n'
    found: list[Problem] = check_mapping(text, kinds=kinds, file="t.yaml")
    assert [(problem.rule, problem.line) for problem in found] == [("grows", 5)]


@pytest.mark.parametrize("name", NAMES)
def test_shipped_mappings_come_to_rest_quickly(name: str) -> None:
    mapping = compile_mapping(text_of(name), **given(name))
    assert [str(problem) for problem in round_trip(mapping)] == []
    started = time.thread_time()
    settling(mapping)
    assert time.thread_time() - started < 0.02


def test_the_worst_case_is_quick() -> None:
    lines = "\n".join(
        f'custom.c{index}: {{type: text, in: "concat(p{index}, q)", out: p{index}}}' for index in range(20)
    )
    mapping = fields(lines)
    started = time.thread_time()
    found = settling(mapping)
    assert time.thread_time() - started < 0.05
    assert len(found) == 20
