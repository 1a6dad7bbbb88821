"""A base we ship is extended by a customer's file: an upgrade of ours brings our new lines and leaves theirs alone."""

from pathlib import Path

import pytest

from hub.canon.kinds import Kinds
from hub.config import texts
from hub.config.shipped import Text
from hub.mapping import CompiledMapping, RecordError, compile_mapping
from tests.unit.config.support import FILES, checked, problems, write_files

SHIPPED = """\
mapping: acme.orders
kind: order
key: id
names: {number: no}
fields:
  number: no
  title: {in: no}
  payment_status: {out: paid}
"""
UPGRADED = """\
mapping: acme.orders
kind: order
key: id
names: {number: no}
version: no
fields:
  number: no
  # our new lines
  currency: cur
  title: {in: "concat('new ', no)"}
  payment_status: {out: paid, only: change}
"""
MINE = """\
mapping: acme.orders.mine
extends: acme.orders
fields:
  title: {in: trim(no)}
  total:
    in: sum
    currency: {const: CNY}
  payment_status: null
"""
SYNC = FILES["syncs/shop_orders.yaml"].replace("acme.orders", "acme.orders.mine").replace("both", "in")
CHANGES = {
    "mappings/orders.yaml": None,
    "mappings/mine.yaml": MINE,
    "syncs/shop_orders.yaml": SYNC.replace("push: {when: \"status == 'confirmed'\", create: false}\n", ""),
}


def ship(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(texts, "shipped_mappings", lambda: {"acme.orders": Text("mappings/acme/orders.yaml", text)})


def mine(root: Path) -> tuple[CompiledMapping, dict[str, str]]:
    draft, found = checked(write_files(root, CHANGES))
    assert found == []
    stored = draft.mappings["acme.orders.mine"]
    assert stored.body == MINE
    load = {name.removeprefix("mapping "): text for name, text in stored.sources.items()}.__getitem__
    return compile_mapping(stored.body, kinds=Kinds().get, file="stored", load=load), dict(stored.sources)


def test_an_upgrade_brings_our_lines_and_leaves_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"id": "1", "no": " A1 ", "sum": 5, "cur": "USD"}
    ship(monkeypatch, SHIPPED)
    before, sources = mine(tmp_path)
    assert sources == {"mapping acme.orders": SHIPPED}
    assert before.read(record).entity == {
        "number": " A1 ",
        "title": "A1",
        "total": {"amount": "5", "currency": "CNY"},
    }
    ship(monkeypatch, UPGRADED)
    after, sources = mine(tmp_path)
    assert sources == {"mapping acme.orders": UPGRADED}
    assert after.read(record).entity == {**before.read(record).entity, "currency": "USD"}
    assert before.fields_out == after.fields_out - {"currency"} == {"number"}
    assert after.digest != before.digest


def test_lines_in_errors_name_the_right_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch, UPGRADED)
    mapping, _ = mine(tmp_path)
    with pytest.raises(RecordError, match=r'^line 5, total: path sum: "x" is not an amount'):
        mapping.read({"id": "1", "sum": "x"})
    with pytest.raises(RecordError, match=r"^acme\.orders line 9, currency: path cur: ") as caught:
        mapping.read({"id": "1", "cur": True})
    assert caught.value.sentence_zh.startswith("acme.orders 第 9 行 currency：路径 cur 的值 ")


def test_a_base_that_no_longer_fits_is_told_at_its_own_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ship(monkeypatch, UPGRADED.replace("currency: cur", "curency: cur"))
    (found,) = problems(write_files(tmp_path, CHANGES))
    assert (found.file, found.line) == ("acme.orders", 9)
    ship(monkeypatch, UPGRADED)
    (typo,) = problems(write_files(tmp_path, {**CHANGES, "mappings/mine.yaml": MINE.replace("payment_s", "payment_")}))
    assert (typo.file, typo.line) == ("mappings/mine.yaml", 8)
    assert "did you mean payment_status?" in typo.sentence
