"""`hub map` without a database: files and shipped names, their tests, a record tried."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hub.cli.main import cli
from hub.cli.mapping_shown import as_written
from hub.sdk import jsontext
from tests.support.drafts import ORDERS

RECORD = """{"id": 7, "no": "A1", "type": "SO", "cust": "C1", "amount": 1234567890123.10, "cur": "CNY",
 "rows": [{"row_id": 1, "qty": 0.1, "item": "P1"}]}"""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HUB_LANG", "en")
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")  # nothing may ask it
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    Path("orders.yaml").write_text(ORDERS, encoding="utf-8")
    Path("record.json").write_text(RECORD, encoding="utf-8")

    def run(*args: str, told: str | None = None) -> Result:
        return CliRunner().invoke(cli, ["map", *args], input=told, catch_exceptions=True)

    return run


def test_files_folders_and_shipped_names_are_tested(hub: Any) -> None:
    result = hub("test", "orders.yaml", "kingdee.sales_orders", ".")
    assert result.exit_code == 0, result.output
    assert "shop.orders ↔ order, 0 tests" in result.output
    assert result.output.splitlines()[-1].startswith("3 files, ")
    assert result.output.splitlines()[-1].endswith(", 0 problems")
    rows = jsontext.loads(hub("test", "orders.yaml", "--json").output)
    assert rows == [{"file": "orders.yaml", "mapping": "shop.orders", "tests": 0, "problems": []}]


def test_every_problem_is_told_with_its_line_and_the_exit_code_says_so(hub: Any) -> None:
    bad = ORDERS.replace("quantity: qty", "quantty: qty").replace("number: no\n  customer", "numbr: no\n  customer")
    Path("bad.yaml").write_text(bad, encoding="utf-8")
    result = hub("test", "bad.yaml")
    assert result.exit_code == 1
    assert "bad.yaml:7: fields.numbr: kind order has no field numbr; did you mean number?" in result.output
    assert "bad.yaml:14: fields.lines.fields.quantty" in result.output
    assert "2 problems" in result.output


def test_a_failing_inline_test_is_a_problem(hub: Any) -> None:
    Path("tested.yaml").write_text(
        ORDERS + "tests:\n  - {way: in, record: {id: 7, no: A1}, entity: {number: A2}}\n", encoding="utf-8"
    )
    result = hub("test", "tested.yaml")
    assert (result.exit_code, "1 test" in result.output) == (1, True)
    assert "tested.yaml:17" in result.output
    assert '"A1"' in result.output


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_record_is_tried_as_a_table(hub: Any, monkeypatch: pytest.MonkeyPatch, lang: str) -> None:
    monkeypatch.setenv("HUB_LANG", lang)
    result = hub("try", "orders.yaml", "--record", "record.json", "--out", "--trace")
    assert result.exit_code == 0, result.output
    for text in ("1234567890123.1 CNY", "lines[0].quantity", "rows[0].qty", "customer:number:C1", "currency: cur"):
        assert text in result.output
    assert ("nothing to send" if lang == "en" else "没有要推送的") in result.output


def test_a_record_from_stdin_for_programs(hub: Any) -> None:
    result = hub("try", "orders.yaml", "--record", "-", "--json", "--trace", told=RECORD)
    told = jsontext.loads(result.output)
    assert told["entity"]["total"] == {"amount": "1234567890123.1", "currency": "CNY"}
    assert (told["concerns"], told["errors"]) == (True, [])
    trace = {each["field"]: each for each in told["trace"]["reading"]}
    assert (trace["total"]["raw"], trace["total"]["line"]) == ("1234567890123.10", 9)


def test_what_fails_is_shown_and_the_exit_code_says_so(hub: Any) -> None:
    result = hub("try", "orders.yaml", "--record", "-", "--json", told=RECORD.replace("0.1", '"two"'))
    assert result.exit_code == 1
    (error,) = jsontext.loads(result.output)["errors"]
    assert (error["field"], error["error"]["rule"]) == ("lines[0].quantity", "decimal")
    result = hub("try", "orders.yaml", "--record", "-", told=RECORD.replace('"SO"', '"XX"'))
    assert "the record is ignored" in result.output


def test_an_entity_is_written(hub: Any) -> None:
    entity = '{"number": "A1", "customer": "customer:number:C9", "total": "12.5 CNY", "lines": [{"quantity": 2}]}'
    result = hub("try", "orders.yaml", "--entity", "-", "--creating", "--json", told=entity)
    told = jsontext.loads(result.output)
    assert told["record"] == {"no": "A1", "cust": "C9", "amount": "12.5", "cur": "CNY", "rows": [{"qty": "2"}]}
    assert told["creating"] is True
    result = hub("try", "orders.yaml", "--entity", "-", told='{"total": "much"}')
    assert result.exit_code == 1
    assert "much" in result.output


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["test", "nowhere.yaml"], "there is no file nowhere.yaml"),
        (["try", "orders.yaml"], "give --record or --entity"),
        (["try", "orders.yaml", "--record", "nowhere.json"], "cannot be read"),
        (["try", "orders.yaml", "--record", "orders.yaml"], "is no JSON"),
        (["try", "kingdee.sales_order", "--record", "record.json"], "did you mean kingdee.sales_orders?"),
    ],
)
def test_what_cannot_be_done_is_said_plainly(hub: Any, args: list[str], told: str) -> None:
    result = hub(*args)
    assert result.exit_code == 2
    assert told in result.output


def test_a_configuration_gives_kinds_zone_and_schema(hub: Any) -> None:
    files = {
        "kinds/asset.yaml": "kind: asset\nfields: {name: text, bought: instant}\n",
        "mappings/assets.yaml": "mapping: assets\nkind: asset\nkey: FCUSTID\nfields: {name: FNam, bought: {in: FModifyDate}}\n",
        "connections/erp.yaml": """
connection: erp
connector: kingdee
config: {base_url: https://erp.test/k3cloud/, acct_id: a, user: u, app_id: 300017_bWFkZSB1cCBzYW5kYm94IGtleSAyNGJ5, app_secret: "${env:ERP}", zone: Asia/Tokyo}
""",
        "syncs/erp-assets.yaml": "sync: erp-assets\nconnection: erp\nstream: customers\nmapping: assets\n",
    }
    for name, text in files.items():
        path = Path("conf") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert "there is no kind asset" in hub("test", "conf/mappings/assets.yaml").output
    result = hub("test", "conf/mappings/assets.yaml", "--config", "conf")
    assert "the stream has no path FNam; did you mean FName?" in result.output  # the stream it is bound to
    path = Path("conf/mappings/assets.yaml")
    path.write_text(path.read_text(encoding="utf-8").replace("FNam,", "FName,"), encoding="utf-8")
    result = hub(
        "try",
        "conf/mappings/assets.yaml",
        "--config",
        "conf",
        "--record",
        "-",
        "--json",
        told='{"FCUSTID": 1, "FModifyDate": "2026-01-01 09:00:00"}',
    )
    assert jsontext.loads(result.output)["entity"]["bought"] == "2026-01-01T00:00:00Z"


def test_lines_are_shown_as_people_write_them() -> None:
    assert as_written('{"path": "FNote"}') == "FNote"
    assert as_written('{"in": "a == \'b\'", "enum": {"A": true, "B": 1.50}}') == (
        "{in: \"a == 'b'\", enum: {A: true, B: 1.50}}"
    )
    assert as_written("FCancelStatus == 'B'") == "FCancelStatus == 'B'"
    assert as_written("7") == "7"
