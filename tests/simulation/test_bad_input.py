"""Bad input ends well: a clear sentence, nothing lost, neighbours go on. Through the whole hub, on the demo's template."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.db.session import Database
from hub.sync.engine import Engine
from tests.simulation.crash import quiet_directory
from tests.simulation.story import age
from tests.support.house import HookDoor, House

FIXTURES = Path("connectors/bank_files/fixtures")
STAMP = 1795312800000


@pytest.fixture
async def house(db: Database, tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / "bank").mkdir()
    built = House(db, tmp_path, quiet_directory(tmp_path))
    built.open_sandboxes()
    await built.configure()
    yield built
    built.close()


@pytest.fixture
async def engine(house: House) -> Engine:
    engine = await house.engine()
    await house.work(engine)
    return engine


def deal(number: int, **said: Any) -> dict[str, Any]:
    """A whole won deal without lines, as the workflow sends it."""
    return {
        "_id": f"{number:024}",
        "deal_no__c": f"XS2026{number:05}",
        "name": f"采购 {number}",
        "sales_stage": "won",
        "life_status": "normal",
        "close_date": STAMP,
        "mc_currency": "CNY",
        "amount": "100.00",
        "lines": [],
        "last_modified_time": STAMP,
        **said,
    }


async def post(house: House, engine: Engine, *records: dict[str, Any]) -> None:
    """The CRM's workflow calls our webhook with these records."""
    body = json.dumps({"event": "deal_won", "records": list(records)}).encode()
    request = httpx.Request(
        "POST",
        "http://hub.test/hooks/crm",
        content=body,
        headers={"authorization": "Bearer sandbox-hook-token", "content-type": "application/json"},
    )
    answer = await HookDoor(house, engine).handle_async_request(request)
    assert answer.status_code == 200
    await house.work(engine)


async def parked(house: House) -> list[Any]:
    return await house.rows(
        "SELECT key, error_class, error, error_zh, error_fields FROM inbox WHERE state = 'parked' ORDER BY id"
    )


@pytest.mark.parametrize(
    ("said", "words", "zh"),
    [
        ({"amount": "1,234.50元"}, ["total", "1,234.50元"], "金额"),
        ({"life_status": "sleeping"}, ["status", "sleeping"], "status"),
        ({"close_date": "soon"}, ["ordered_at", "soon"], "ordered_at"),
    ],
)
async def test_a_value_that_cannot_be_read_parks_its_record_alone(
    house: House, engine: Engine, said: dict[str, Any], words: list[str], zh: str
) -> None:
    await post(house, engine, deal(1), deal(2, **said), deal(3))
    rows = await parked(house)
    assert [row.key for row in rows] == [f"{2:024}"]
    assert rows[0].error_class == "MappingError"
    assert all(word in rows[0].error for word in words)
    assert zh in rows[0].error_zh
    assert rows[0].error_fields[0]["path"]
    numbers = await house.rows("SELECT number FROM k_order ORDER BY number")
    assert [row.number for row in numbers] == ["XS202600001", "XS202600003"]


async def test_a_record_of_more_than_a_megabyte_is_parked_and_not_kept_whole(house: House, engine: Engine) -> None:
    await post(house, engine, deal(1), deal(2, remark="x" * 1_100_000), deal(3))
    rows = await parked(house)
    assert [row.key for row in rows] == [f"{2:024}"]
    assert "1.1 MB" in rows[0].error and "1.1 MB" in rows[0].error_zh
    (kept,) = await house.rows("SELECT record FROM inbox WHERE state = 'parked'")
    assert kept.record["deal_no__c"] == "XS202600002" and "remark" not in kept.record
    assert await count(house, "k_order") == 2
    await post(house, engine, deal(2, remark="x" * 1_100_000))
    assert len(await parked(house)) == 1


async def test_one_bad_record_among_five_hundred(house: House, engine: Engine) -> None:
    records = [deal(number) for number in range(1, 501)]
    del records[249]["_id"]
    await post(house, engine, *records)
    assert (await house.rows("SELECT count(*) AS n FROM k_order"))[0].n == 499
    rows = await parked(house)
    assert len(rows) == 1
    assert "_id" in rows[0].error or "id" in rows[0].error


async def test_the_same_bad_record_comes_back_only_when_it_changed(house: House, engine: Engine) -> None:
    await post(house, engine, deal(1, amount="abc"))
    await post(house, engine, deal(1, amount="abc", not_ours__c="7"))
    assert len(await parked(house)) == 1
    await post(house, engine, deal(1, amount="abd", last_modified_time=STAMP + 500))
    assert [row.error for row in await parked(house)] != []
    assert len(await parked(house)) == 1
    await post(house, engine, deal(1, amount="120.00", last_modified_time=STAMP + 1000))
    assert await parked(house) == []
    assert str((await house.rows("SELECT total FROM k_order"))[0].total) == "120"


async def drop(house: House, engine: Engine, name: str, *, as_name: str | None = None) -> None:
    shutil.copy(FIXTURES / name, house.folder / "bank" / (as_name or name))
    age(house.folder / "bank")
    await house.pass_time(engine, seconds=5)


async def count(house: House, table: str) -> int:
    return int((await house.rows(f"SELECT count(*) AS n FROM {table}"))[0].n)


async def test_a_statement_delivered_twice_and_overlapping_counts_each_line_once(house: House, engine: Engine) -> None:
    await drop(house, engine, "statement__balances.xml")
    lines, payments = await count(house, "k_bank_transaction"), await count(house, "k_payment")
    assert lines > 0 and payments > 0
    await drop(house, engine, "statement__balances.xml", as_name="again.xml")
    assert (await count(house, "k_bank_transaction"), await count(house, "k_payment")) == (lines, payments)
    verdicts = await house.rows("SELECT verdict FROM receipt WHERE source = 'file' ORDER BY id")
    assert [row.verdict for row in verdicts] == ["accepted", "duplicate"]
    await drop(house, engine, "statement__overlaps_the_first.xml")
    keys = await house.rows("SELECT key FROM link WHERE stream = 'transactions'")
    assert len({row.key for row in keys}) == len(keys) == await count(house, "k_bank_transaction")
    assert await count(house, "k_bank_transaction") > lines


async def test_a_statement_that_does_not_add_up_is_held_and_makes_no_payment(house: House, engine: Engine) -> None:
    await drop(house, engine, "statement__wrong_closing.xml")
    statement = (await house.rows("SELECT status, reason FROM k_statement"))[0]
    assert statement.status == "held"
    assert any(letter.isdigit() for letter in statement.reason)
    assert await count(house, "k_bank_transaction") > 0
    assert await count(house, "k_payment") == 0


async def test_a_statement_cut_in_half_is_refused_with_a_sentence(house: House, engine: Engine) -> None:
    await drop(house, engine, "statement__cut_in_half.xml")
    rows = await house.rows("SELECT state, error_class, error, error_zh FROM receipt WHERE source = 'file'")
    assert [(row.state, row.error_class) for row in rows] == [("parked", "Refused")]
    assert rows[0].error and rows[0].error_zh
    assert await count(house, "k_bank_transaction") == 0
    assert not list((house.folder / "bank").glob("*.xml"))
    await drop(house, engine, "statement__balances.xml")
    assert await count(house, "k_bank_transaction") > 0
