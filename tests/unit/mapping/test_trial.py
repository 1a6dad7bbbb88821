"""Inline tests run both ways, and the round-trip law finds lines that lose something."""

import pytest

from hub.mapping import check_mapping, round_trip, run_tests
from tests.unit.mapping.orders import MAPPING, compiled, fields, kinds

TESTS = """\
tests:
  - record:
      FID: 1
      FBillNo: A1
      FCustId: {FNumber: CUST001}
      FSettleCurrId: {FCODE: CNY}
      FBillAllAmount: 12.50
      FDocumentStatus: Z
      FSource: hub
      F_REGION: east
      FSaleOrderEntry: [{FEntryID: 5, FMaterialId: {FNumber: M1}, FQty: 2.0}]
    entity:
      order_no: A1
      customer: customer:number:CUST001
      total: 12.5 CNY
      status: draft
      remark: null
      custom: {region: east}
      lines: [{product: product:number:M1, quantity: 2}]
"""


def rules(text: str) -> list[str]:
    return [problem.rule for problem in check_mapping(text, kinds=kinds, file="orders.yaml")]


def test_a_right_test_passes() -> None:
    assert run_tests(compiled(MAPPING + TESTS)) == []
    assert rules(MAPPING + TESTS) == []


@pytest.mark.parametrize(
    ("old", "new", "path", "rule"),
    [
        ("status: draft", "status: closed", "tests[0].entity.status", "test"),
        ("total: 12.5 CNY", "total: 12.6 CNY", "tests[0].entity.total.amount", "test"),
        ("total: 12.5 CNY", "total: {amount: 12.5, currency: USD}", "tests[0].entity.total.currency", "test"),
        ("total: 12.5 CNY", "total: a lot", "tests[0].entity.total", "amount"),
        ("quantity: 2}", "quantity: 3}", "tests[0].entity.lines[0].quantity", "test"),
        ("lines: [{product: product:number:M1, quantity: 2}]", "lines: []", "tests[0].entity.lines", "test"),
        ("number:CUST001\n", "number:CUST002\n", "tests[0].entity.customer", "test"),
        ("FSource: hub", "FSource: crm", "tests[0].record.FSource", "test"),
        ("status: draft", "ordr_no: draft", "tests[0].entity.ordr_no", "test"),
        ("FQty: 2.0", "FQty: two", "tests[0]", "test_error"),
    ],
)
def test_a_wrong_test_says_where(old: str, new: str, path: str, rule: str) -> None:
    found = run_tests(compiled(MAPPING + TESTS.replace(old, new)))
    assert (path, rule) in {(problem.path, problem.rule) for problem in found}
    assert all(problem.sentence_zh and problem.line > 30 for problem in found)


def test_a_test_may_be_one_way() -> None:
    one_way = TESTS.replace("FSource: hub", "FSource: crm").replace("  - record", "  - way: in\n    record")
    assert run_tests(compiled(MAPPING + one_way)) == []


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("changed_at: {path: v, format: '%Y-%m-%d'}", "round_trip"),
        ("remark: v\norder_no: {path: w, as: number}", ""),
        ("remark: {out: {path: v, value: uscc(remark)}}\nlines: {each: l, fields: {note: {in: upper(n)}}}", ""),
        ("status: {path: s, enum: {A: draft}, unknown: pass}\nrate: {path: r, clean: yes, as: text}", ""),
        ("status: {in: s, out: s, enum: {A: draft}}", ""),
        ("status: {path: s, enum: {Z: draft, A: draft, B: closed}}", ""),
        ("total: {path: t, currency: c, currency_enum: {RMB: CNY}}", ""),
        ("lines: {each: l, key: k, fields: {price: {path: p, currency: $.c}, due: {path: d, epoch: ms}}}", ""),
        ("lines: {each: l, fields: {price: {path: p, currency: $.c.n, currency_enum: {RMB: CNY}}}}", ""),
        ("remark: {path: v, only: create}\ncopies: {path: n, only: change, as: text}", ""),
        ("changed_at: {path: v, epoch: s, as: text}\nordered_at: {path: w, format: '%d/%m/%Y'}", ""),
        ("remark: {path: v, when: copies}", ""),
    ],
)
def test_the_law_of_two_way_lines(line: str, rule: str) -> None:
    assert {problem.rule for problem in round_trip(fields(line))} == ({rule} if rule else set())


def test_checking_reports_what_compiling_finds() -> None:
    assert rules(MAPPING.replace("order_no: FBillNo", "ordr_no: FBillNo")) == ["match_field", "unknown_field"]
