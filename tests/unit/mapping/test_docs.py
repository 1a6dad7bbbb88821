"""docs/mapping.md: its example compiles and passes its tests, every function's example holds, and every word is named."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.mapping import RecordError, check_mapping, keys
from hub.mapping.expression import parse_expression
from hub.mapping.faults import Findings
from hub.mapping.functions import STANDARD
from hub.mapping.hub_functions import HUB
from hub.mapping.shape import FIELD_TYPES
from hub.mapping.tables import Table, parse_table
from tests.unit.mapping.orders import compiled, fields, kinds

PAGE = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text("utf-8")
EXAMPLE, TABLE = (block.split("```")[0] for block in PAGE.split("```yaml\n")[1:])
RECORD: Any = json.loads(PAGE.split("```json\n")[1].split("```")[0], parse_float=Decimal)
ROWS = re.findall(r"^\| `(\w+\(.*\))` \| `(.*?)` \|", PAGE.split("### Functions")[1], re.MULTILINE)


def table(name: str) -> Table:
    findings = Findings()
    made = parse_table(TABLE, "docs/mapping.md", name, findings)
    assert findings.problems == []
    return made


def test_the_example_works() -> None:
    assert [str(problem) for problem in check_mapping(EXAMPLE, kinds=kinds, file="docs/mapping.md")] == []


@pytest.mark.parametrize(("text", "result"), ROWS)
def test_an_example_of_a_function_holds(text: str, result: str) -> None:
    found = parse_expression(text, tables=table).run(RECORD)
    assert found == json.loads(result, parse_float=Decimal)
    assert type(found) in (str, int, Decimal, list)


def test_every_function_has_an_example() -> None:
    assert {text.partition("(")[0] for text, _ in ROWS} >= HUB.keys()
    listed = PAGE.split("## Expressions")[1].split("### Functions")[0]
    assert [name for name in STANDARD if not re.search(rf"\b{name}\b", listed)] == []


def test_everything_is_named() -> None:
    words = keys.LINE | keys.TOP | keys.TARGET | keys.TEST | keys.CONSTANT | keys.MATCH
    spoken = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`\n]+`", PAGE))))
    assert sorted(words - spoken) == []
    assert [key for key in keys.TABLE if f"\n{key}:" not in f"\n{TABLE}"] == []
    assert [type_ for type_ in FIELD_TYPES if type_ not in ("list", "object") and f"\n| {type_} |" not in PAGE] == []


def test_the_sentence_shown_is_the_sentence_said() -> None:
    lines = "\n".join([*["# as long as the page's"] * 9, "total: {in: FBillAllAmount, currency: {const: CNY}}"])
    with pytest.raises(RecordError) as caught:
        fields(lines).read({"id": 1, "FBillAllAmount": "1,234.50元"})
    assert f"> {caught.value.sentence_zh}\n> {caught.value}\n" in PAGE


def test_the_line_that_grows_is_refused() -> None:
    line = re.search(r"\{in: \"join.*?\}\}", " ".join(PAGE.split()))
    assert line is not None
    text = f"mapping: t.t\nkind: order\nkey: id\nfields:\n  remark: {line[0]}\n"
    assert "grows" in {problem.rule for problem in check_mapping(text, kinds=kinds, file="t.yaml")}
    assert compiled(text).fields_out == {"remark"}
