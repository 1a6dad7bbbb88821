"""The parts by themselves: documents, spans, the catalogue, mapping texts, differences."""

from datetime import timedelta
from decimal import Decimal
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from hub.canon.kinds import Kinds
from hub.config.catalogue import GROUP, Catalogue
from hub.config.difference import MOST_LINES, spec_lines, text_lines
from hub.config.document import Document, read_document
from hub.config.model import ConnectionSpec, OwnerSpec, SyncSpec, duration_text, parse_duration, stored
from hub.config.problem import Problem
from hub.config.shipped import Text, shipped_mappings
from hub.config.stored import StoredMapping
from hub.config.texts import Noted, Texts, compiled
from hub.mapping import compile_mapping
from tests.unit.config.support import FILES, acme

MAPPING = FILES["mappings/orders.yaml"]


def read(text: str) -> Document:
    document = read_document("a.yaml", text)
    assert isinstance(document, Document)
    return document


def test_words_and_numbers_stay_what_was_written() -> None:
    text = 'a: 0123\nb: 1:30\nc: 2026-01-31\nd: 1.50\ne: 1e3\nf: "1"\ng: 7\nh: yes\ni: off\nj:\nk: -2\n"on": x\n'
    assert read(text).data == {
        "a": "0123",
        "b": "1:30",
        "c": "2026-01-31",
        "d": Decimal("1.50"),
        "e": "1e3",
        "f": "1",
        "g": 7,
        "h": True,
        "i": False,
        "j": None,
        "k": -2,
        "on": "x",
    }


def test_every_value_knows_its_line() -> None:
    document = read("a:\n  - b: 1\n  - b: 2\n\n# remark\nc: {d: 1}\n")
    assert document.line(("a", 1, "b")) == 3
    assert document.line(("c", "d")) == 6
    assert document.line(("c", "missing", "deeper")) == 6
    assert document.line(("nowhere",)) == 1


@pytest.mark.parametrize(
    "text", ["", "a", "[1]", "{[1]: 2}", "a: &x [*x]\n", "a: [" * 3000, "\x00", "a: 1\n---\nb: 2\n"]
)
def test_what_is_no_object_is_one_problem(text: str) -> None:
    assert isinstance(read_document("a.yaml", text), Problem)


def test_a_file_too_large_is_refused() -> None:
    found = read_document("a.yaml", "a: " + "x" * 1_000_000)
    assert isinstance(found, Problem)
    assert "1 MB" in found.sentence


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("1h", timedelta(hours=1)),
        ("2d", timedelta(days=2)),
        ("500ms", timedelta(milliseconds=500)),
    ],
)
def test_spans_are_read_and_written(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span
    assert duration_text(span) == text


@pytest.mark.parametrize("text", ["", "5", "5 m", "-5m", "0s", "99999999d", "1h30m", "٣s", 30, None, 1.5])
def test_what_is_no_span_is_refused(text: object) -> None:
    with pytest.raises(ValidationError, match="time span"):
        SyncSpec.model_validate({"sync": "a", "connection": "b", "stream": "c", "every": text})


def test_a_spec_is_kept_without_defaults_and_comes_back_equal() -> None:
    given = {"sync": "a", "connection": "b", "stream": "c", "mapping": "m", "every": "90s", "push": {"create": False}}
    spec = SyncSpec.model_validate(given)
    assert stored(spec) == given
    assert SyncSpec.model_validate(stored(spec)) == spec
    limits = ConnectionSpec(connection="a", connector="b", config={"x": Decimal("1.5")}, limits=({"calls": 3},))  # type: ignore[arg-type]
    assert stored(limits) == {
        "connection": "a",
        "connector": "b",
        "config": {"x": Decimal("1.5")},
        "limits": [{"calls": 3}],
    }


def test_an_owner_rule_has_one_form() -> None:
    spec = OwnerSpec(kind="x", fields={"a": "hub", "b": "latest", "c": "crm", "d": ["crm", "erp"]})
    assert spec.rules() == {"a": "hub", "b": "latest", "c": ["crm"], "d": ["crm", "erp"]}


def test_the_catalogue_imports_what_is_asked_for_and_survives_a_broken_one() -> None:
    entries = {
        "good": EntryPoint("good", f"{__name__}:GOOD", GROUP),
        "gone": EntryPoint("gone", "no_such_module_anywhere:connector", GROUP),
        "odd": EntryPoint("odd", f"{__name__}:ODD", GROUP),
    }
    catalogue = Catalogue(entries)
    assert catalogue["good"] is GOOD
    assert catalogue.broken == {}
    assert list(catalogue) == ["good"]
    assert len(catalogue) == 1
    assert catalogue.names == {"good", "gone", "odd"}
    assert set(catalogue.broken) == {"gone", "odd"}
    assert "no_such_module_anywhere" in catalogue.broken["gone"][0]
    assert catalogue.get("unheard") is None


GOOD = acme()
ODD = SimpleNamespace()


def test_a_mapping_that_extends_notes_what_it_is_made_of() -> None:
    texts = Texts({"acme.orders": Text("a.yaml", MAPPING)})
    over = Text(
        "b.yaml",
        "mapping: acme.orders.mine\nextends: acme.orders\nfields:\n  payment_status: null\n"
        '  status: {in: st, enum: {"1": draft, A: confirmed}}\n  remark: {in: note, default: "007"}\n',
    )
    noted = Noted(texts)
    whole = compiled(over, noted, Kinds(), "Asia/Shanghai", None)
    assert noted.used == {"mapping acme.orders": MAPPING}
    stored = StoredMapping(whole.name, 1, whole.digest, over.text, True, noted.used)
    again = compile_mapping(stored.body, kinds=Kinds().get, file="stored", load=stored.load)
    record = {"id": "1", "no": "SO-1", "sum": Decimal("12.50"), "cur": "CNY", "st": "1", "note": None}
    assert again.read(record) == whole.read(record)
    assert again.digest == whole.digest
    with pytest.raises(LookupError):
        stored.load("acme.other")


def test_a_mapping_that_extends_nothing_is_made_of_itself() -> None:
    noted = Noted(Texts({}))
    compiled(Text("a.yaml", MAPPING), noted, Kinds(), "Asia/Shanghai", None)
    assert noted.used == {}


def test_the_customers_mapping_comes_before_ours() -> None:
    name = next(iter(shipped_mappings()))
    mine = Text("mine.yaml", "mapping: x\n")
    assert Texts({}).get(name) == shipped_mappings()[name]
    assert Texts({name: mine}).get(name) == mine
    assert Texts({}).get("nobody.has_this") is None


def test_templates_are_not_shipped_as_mappings() -> None:
    assert all("/templates/" not in entry.file for entry in shipped_mappings().values())


def test_a_difference_names_paths_and_hides_secrets() -> None:
    old = {"config": {"url": "a", "app_secret": "old", "token": "${env:A}"}, "limits": [{"calls": 1}]}
    new = {"config": {"url": "b", "app_secret": "new", "token": "${env:B}"}, "limits": [{"calls": 2}], "hook": False}
    assert spec_lines(old, new) == [
        "config.app_secret: *** -> ***",
        'config.token: "${env:A}" -> "${env:B}"',
        'config.url: "a" -> "b"',
        "hook: (none) -> false",
        "limits[0].calls: 1 -> 2",
    ]


def test_a_long_difference_is_cut() -> None:
    lines = text_lines("", "\n".join(map(str, range(100))))
    assert len(lines) == MOST_LINES + 1
    assert lines[-1] == "… and 60 more lines"
