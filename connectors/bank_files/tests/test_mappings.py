"""Our base mappings against the kinds, the streams' schemas, their own tests and what a file is really cut into."""

from pathlib import Path
from typing import Any

import pytest

from connectors.bank_files.connector import connector
from connectors.bank_files.tests.made import CONFIG, arrived, movement, paper
from hub.db.kinds import OURS
from hub.mapping import CompiledMapping, Reading, check_mapping, compile_mapping

FOLDER = Path(__file__).parents[3] / "mappings" / "bank_files"


def given(stream: str) -> dict[str, Any]:
    return {"kinds": OURS.get, "file": f"{stream}.yaml", "schema": connector.streams[stream].schema}


def mapping(stream: str) -> CompiledMapping:
    return compile_mapping((FOLDER / f"{stream}.yaml").read_text(encoding="utf-8"), **given(stream))


def readings(body: bytes, stream: str) -> list[Reading]:
    assert connector.inbox is not None
    opened = connector.inbox.open(CONFIG, arrived(body))
    compiled = mapping(stream)
    return [compiled.read(found.record) for found in opened.records if found.stream == stream]


def test_every_stream_has_a_mapping() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(connector.streams)


@pytest.mark.parametrize("stream", connector.streams)
def test_mapping_is_sound(stream: str) -> None:
    problems = check_mapping((FOLDER / f"{stream}.yaml").read_text(encoding="utf-8"), **given(stream))
    assert [str(problem) for problem in problems] == []


@pytest.mark.parametrize("stream", connector.streams)
def test_whatever_a_file_is_cut_into_can_be_read(stream: str, samples: Path) -> None:
    for path in sorted((samples / "bank").glob("*.xml")):
        found = readings(path.read_bytes(), stream)
        assert len({reading.key for reading in found}) == len(found), path.name


def test_a_held_statement_and_its_lines() -> None:
    body = paper([movement("88.00", "K1", remittance="SO-1")], closing="1.00")
    (statement,), (line,) = readings(body, "statements"), readings(body, "transactions")
    assert statement.entity["status"] == "held" and "应为 188.00 CNY" in statement.entity["reason"]
    assert line.entity["held"] is True and line.entity["amount"] == {"amount": "88", "currency": "CNY"}
    assert line.entity["statement"].text == statement.key


def test_versions_order_the_copies_of_one_line() -> None:
    good = paper([movement("88.00", "K1")])
    broken = good.replace(b">188.00<", b">1.00<")
    intraday = good.replace(b"BkToCstmrStmt", b"BkToCstmrAcctRpt").replace(b"Stmt>", b"Rpt>")
    versions = [readings(body, "transactions")[0].version for body in (intraday, broken, good)]
    assert versions == sorted(str(version) for version in versions) and len(set(versions)) == 3
