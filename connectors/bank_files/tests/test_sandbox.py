"""The bank that drops files: numbers and balances run on, and survive a kill."""

from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.bank_files.config import BankFilesConfig
from connectors.bank_files.reading import check_file
from connectors.bank_files.sandbox import BankSandbox, sandbox, sandbox_config
from hub.sdk.sandbox import Ledger
from tests.support.sdk import FixedClock

LINE = {"amount": "100.50", "counterparty_name": "A & B <有限公司>", "remittance": "SO-1"}


def bank(tmp_path: Path, ledger: Ledger) -> BankSandbox:
    return sandbox(ledger, FixedClock(), folder=tmp_path / "in", opening="10.00")


def test_statements_run_on_and_balance(tmp_path: Path) -> None:
    ledger = Ledger()
    first = bank(tmp_path, ledger).acts()["drop"]({"lines": [LINE, {"amount": "-0.50"}]})
    second = bank(tmp_path, ledger).acts()["drop"]({"lines": [LINE], "day": "2026-11-23"})
    assert (first["number"], first["opening"], first["closing"]) == (1, "10.00", "110.00")
    assert (second["number"], second["opening"], second["closing"]) == (2, "110.00", "210.50")
    for made, lines in ((first, 2), (second, 1)):
        body = (tmp_path / "in" / made["file"]).read_bytes()
        check = check_file(made["file"], body, ZoneInfo("Asia/Shanghai"))
        assert (check.status, check.lines, check.as_json()["closing"]) == ("ok", lines, made["closing"])
    assert not list((tmp_path / "in").glob("*.part"))


def test_a_bank_killed_before_it_wrote_writes_when_it_comes_back(tmp_path: Path) -> None:
    ledger, before = Ledger(), Ledger()
    made = bank(tmp_path, ledger).drop({"lines": [LINE]})
    path = tmp_path / "in" / made["file"]
    body = path.read_bytes()
    path.unlink()
    (stated,) = ledger.of("statement")
    before.append(stated.at, stated.event, stated.data)
    back = bank(tmp_path, before)
    assert path.read_bytes() == body
    assert [entry.event for entry in before] == ["statement", "written"]
    assert back.number == 1


def test_the_configuration_fits_the_connector(tmp_path: Path) -> None:
    config = BankFilesConfig.model_validate(sandbox_config("http://127.0.0.1:1", folder=tmp_path))
    assert config.done == tmp_path / "done"
