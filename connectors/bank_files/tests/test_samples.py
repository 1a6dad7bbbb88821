"""Real files of real banks: status, counts and balances as two independent scripts found them (SOURCES.md)."""

from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connectors.bank_files.reading import check_file, read_file
from hub.sdk.statement import Line, Statement

CET = ZoneInfo("Europe/Brussels")
OK, HELD, REFUSED = "ok", "held", "refused"

# file -> format, status, statements, lines, opening, closing, words of the sentence
CAMT = {
    "iso__business_sample_camt.052.001.04.xml": ("camt.052.001.04", OK, 1, 2, None, None, ""),
    "iso__business_sample_camt.053.001.04.xml": ("camt.053.001.04", OK, 1, 3, "500000", "435678.50", ""),
    "iso__business_sample_camt.054.001.04.xml": ("camt.054.001.04", OK, 1, 1, None, None, ""),
    "abnamro__camt.053.001.02.xml": ("camt.053.001.02", OK, 1, 13, "1000.01", "100.01", ""),
    "ing__camt.053.001.02.xml": ("camt.053.001.02", OK, 1, 9, "1000.00", "1605.00", ""),
    "nordea__camt.053.001.02.xml": ("camt.053.001.02", OK, 1, 6, "200.50", "8800.50", ""),
    "subite__camt.053.001.02.month-2024-11.xml": ("camt.053.001.02", OK, 1, 268, "59370.37", "87539.12", ""),
    "subite__camt.053.001.02.month-2024-12.xml": ("camt.053.001.02", OK, 1, 264, "87539.12", "41965.11", ""),
    "subite__camt.053.001.08.nonconforming.2024-03-07.xml": (
        *("camt.053.001.08", OK, 2, 3, "21081222.58", "21903960.39", ""),
    ),
    "subite__camt.053.001.08.nonconforming.2024-03-08.xml": (
        *("camt.053.001.08", OK, 2, 4, "21903960.39", "27229398.96", ""),
    ),
    "subite__camt.053.001.08.nonconforming.2024-03-11.xml": (
        *("camt.053.001.08", OK, 2, 8, "27229398.96", "29194819.2", ""),
    ),
    "subite__camt.054.001.10.nonconforming.2024-03-08.xml": ("camt.054.001.10", OK, 1, 1, None, None, ""),
    "genkgo__camt052.v6.xml": ("camt.052.001.06", OK, 1, 1, None, None, ""),
    "genkgo__camt052.v8.xml": ("camt.052.001.08", OK, 1, 1, None, None, ""),
    "genkgo__camt053.v2.minimal.xml": (
        *("camt.053.001.02", HELD, 1, 1, "18.15", "-27.00"),
        "make 27.00 EUR, the statement closes at -27.00 SEK",
    ),
    "genkgo__camt053.v4.xml": ("camt.053.001.04", HELD, 1, 1, "18.15", "-27.00", "closes at -27.00 SEK. It is page 2"),
    "genkgo__camt053.v8.xml": ("camt.053.001.08", HELD, 1, 1, "18.15", "-27.00", "closes at -27.00 SEK. It is page 2"),
    "genkgo__camt053.v2.multi.statement.xml": ("camt.053.001.02", OK, 2, 2, "18.15", "20.00", ""),
    "genkgo__camt053.v2.all-balance-types.xml": (
        *("camt.053.001.02", HELD, 1, 1, "1.01", "4.04"),
        "make 9.860 EUR, the statement closes at 4.04 EUR",
    ),
    "genkgo__camt053.v2.five.decimals.xml": (
        *("camt.053.001.02", HELD, 1, 1, "18.150", "27.050"),
        "make 27.000 EUR, the statement closes at 27.050 EUR",
    ),
    "genkgo__camt53.only-Dt-with-DtTm.xml": (
        *("camt.053.001.02", HELD, 1, 0, "5442.09000", None),
        "the closing balance (booked) missing",
    ),
    "genkgo__camt054.v2.xml": ("camt.054.001.02", OK, 1, 1, None, None, ""),
    "genkgo__camt054.v8.xml": ("camt.054.001.08", OK, 1, 1, None, None, ""),
    "genkgo__camt054.v8-with-UETR.xml": ("camt.054.001.08", OK, 1, 1, None, None, ""),
    "prowide__camt.053.001.07.with-AppHdr.xml": (
        *("camt.053.001.07", HELD, 1, 0, None, None),
        "the opening balance and the closing balance (booked) missing",
    ),
}
OTHERS = {"mt940__": "MT940", "mt942__": "MT942", "csv__ccb-debit.xls": "XLS", "csv__": "CSV"}


def one(samples: Path, name: str) -> list[Statement]:
    return [statement for statement, _ in read_file((samples / "bank" / name).read_bytes(), CET).judged]


def lines(samples: Path, name: str) -> list[Line]:
    return [line for statement in one(samples, name) for line in statement.lines]


@pytest.mark.parametrize("name", CAMT)
def test_camt_files_end_as_they_should(samples: Path, name: str) -> None:
    check = check_file(name, (samples / "bank" / name).read_bytes(), CET)
    row = check.as_json()
    expected = CAMT[name]
    got = tuple(row[key] for key in ("format", "status", "statements", "lines", "opening", "closing"))
    assert got == expected[:6]
    assert expected[6] in row["reason"]
    assert bool(row["reason"]) == bool(row["reason_zh"]) == (check.status != OK)


def test_every_camt_sample_is_in_the_table(samples: Path) -> None:
    found = {path.name for path in (samples / "bank").glob("*.xml")}
    assert found == set(CAMT)


def test_other_formats_are_refused_by_name(samples: Path) -> None:
    others = [path for path in (samples / "bank").iterdir() if path.suffix not in {".xml", ".md"}]
    assert len(others) >= 14
    for path in others:
        expected = next(word for prefix, word in OTHERS.items() if path.name.startswith(prefix))
        check = check_file(path.name, path.read_bytes(), CET)
        assert (check.format, check.status) == (expected, REFUSED), path.name
        assert "camt.053" in check.reason and "camt.053" in check.reason_zh


def test_keys_are_unique_in_every_file(samples: Path) -> None:
    for name in CAMT:
        keys = [line.key for line in lines(samples, name)]
        assert len(keys) == len(set(keys)), name


def test_the_same_business_day_in_three_messages(samples: Path) -> None:
    by = {number: lines(samples, f"iso__business_sample_camt.{number}.001.04.xml") for number in ("052", "053", "054")}
    keys = {number: {line.key for line in found} for number, found in by.items()}
    assert keys["052"] < keys["053"]
    assert {line.status for line in by["052"] + by["054"]} == {"pending"}
    assert {line.status for line in by["053"]} == {"booked"}
    assert [line.amount for line in by["053"]] == [Decimal("105678.50"), Decimal(-200000), Decimal(30000)]
    assert [line.batch_of for line in by["053"]] == [None, 20, None]
    assert by["053"][0].counterparty.name == "MUELLER"


def test_a_batch_is_split_only_when_its_details_add_up(samples: Path) -> None:
    split = lines(samples, "abnamro__camt.053.001.02.xml")
    assert len(split) == 29  # 13 entries, three batches of 10, 2 and 7 taken apart
    whole = [line for line in split if line.batch_of]
    assert [(line.amount, line.batch_of) for line in whole] == [(Decimal("-2.00"), 2), (Decimal("7.00"), 7)]
    kept = lines(samples, "genkgo__camt054.v8.xml")
    assert [(line.amount, line.batch_of, len(line.details)) for line in kept] == [(Decimal(-200000), 2, 3)]
    summed = lines(samples, "subite__camt.053.001.08.nonconforming.2024-03-08.xml")
    assert [line.batch_of for line in summed] == [2, 94, 6, 2]
    signs = lines(samples, "subite__camt.054.001.10.nonconforming.2024-03-08.xml")
    assert {line.amount > 0 for line in signs} == {True, False}
    assert sum(line.amount for line in signs) == Decimal("27773.35")


def test_a_reversal_keeps_the_sign_of_its_indicator(samples: Path) -> None:
    taken_back = [line for line in lines(samples, "ing__camt.053.001.02.xml") if line.reversal]
    assert [line.amount for line in taken_back] == [Decimal("-30.00")]


def test_equal_payments_of_a_day_are_two(samples: Path) -> None:
    """ING gives two entries one reference, the December file has pairs that differ in TxId alone."""
    refs = [line.key for line in lines(samples, "ing__camt.053.001.02.xml") if line.bank_ref == "98888208N8"]
    assert len(refs) == 2 and refs[1] == refs[0] + "#2"
    december = lines(samples, "subite__camt.053.001.02.month-2024-12.xml")
    assert sum(line.amount for line in december) == Decimal("41965.11") - Decimal("87539.12")


def test_months_chain_and_share_no_line(samples: Path) -> None:
    months = [one(samples, f"subite__camt.053.001.02.month-2024-{month}.xml")[0] for month in (11, 12)]
    assert months[0].closing and months[1].opening and months[0].closing.amount == months[1].opening.amount
    assert not {line.key for line in months[0].lines} & {line.key for line in months[1].lines}
    early = [line for line in months[1].lines if line.booked_on.month == 11]
    assert [line.booked_on.isoformat() for line in early] == ["2024-11-30"] * 10


def test_one_message_id_for_three_days_makes_three_statements(samples: Path) -> None:
    days = ("07", "08", "11")
    keys = [
        statement.key
        for day in days
        for statement in one(samples, f"subite__camt.053.001.08.nonconforming.2024-03-{day}.xml")
    ]
    assert len(set(keys)) == 6


def test_versions_of_one_statement_agree(samples: Path) -> None:
    def facts(name: str) -> tuple[object, ...]:
        (line,) = lines(samples, name)
        return line.amount, line.booked_on, line.value_on, line.counterparty, line.remittance

    assert facts("genkgo__camt053.v4.xml") == facts("genkgo__camt053.v8.xml")
    assert facts("genkgo__camt053.v8.xml")[3].name == "NAME NAME"  # type: ignore[attr-defined]
